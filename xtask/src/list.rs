//! `cargo xtask list [--json | --tsv] [FILE]`.

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use rumpclient_codegen::{Table, list};

use crate::{Failure, codegen, output, workspace};

const USAGE: &str = "\
Usage: cargo xtask list [--json | --tsv] [FILE]

Shows the calls of FILE, by default the workspace's syscalls.master: number, name, C symbol and
arguments. Calls without a symbol are not served by rump kernels.

  --json   everything the table says, for programs
  --tsv    the calls that rump kernels serve, as tab-separated values under a header line
";

struct Options {
    format: Option<fn(&Table) -> String>,
    master: Option<PathBuf>,
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = options(args)? else {
        output::report(USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let master = options.master.unwrap_or_else(|| workspace::root().join("syscalls.master"));
    match codegen::table(&master)? {
        Ok(table) => {
            output::report(&options.format.unwrap_or(list::text)(&table))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => {
            eprint!("{errors}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn options(mut args: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options { format: None, master: None };
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") if options.format.is_none() => options.format = Some(list::json),
            Long("tsv") if options.format.is_none() => options.format = Some(list::tsv),
            Short('h') | Long("help") => return Ok(None),
            Value(file) if options.master.is_none() => options.master = Some(file.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(options))
}
