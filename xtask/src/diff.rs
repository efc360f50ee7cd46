//! `cargo xtask diff OLD NEW`.

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use rumpclient_codegen::diff::Diff;

use crate::{Failure, codegen, output};

const USAGE: &str = "\
Usage: cargo xtask diff OLD NEW

Says which calls the new table adds, removes, renumbers or changes, and what that means for those
who use them.
";

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some([old, new]) = files(args)? else {
        output::report(USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    match (codegen::table(&old)?, codegen::table(&new)?) {
        (Ok(old), Ok(new)) => {
            output::report(&Diff::between(&old, &new).to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        (old, new) => {
            for errors in [old.err(), new.err()].into_iter().flatten() {
                eprint!("{errors}");
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn files(mut args: lexopt::Parser) -> Result<Option<[PathBuf; 2]>, Failure> {
    let mut files = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Value(file) => files.push(PathBuf::from(file)),
            other => return Err(other.unexpected().into()),
        }
    }
    let files: [PathBuf; 2] =
        files.try_into().map_err(|_| "diff takes two files, the old table and the new one")?;
    Ok(Some(files))
}
