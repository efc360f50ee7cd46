//! `cargo xtask codegen [--master FILE] [--check]`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;
use rumpclient_codegen::{Diagnostics, File, Generated, Table};
use similar::TextDiff;

use crate::{Failure, workspace};

const USAGE: &str = "\
Usage: cargo xtask codegen [--master FILE] [--check]

Makes the generated files of rumpclient and rumpclient-sys from syscalls.master.

  --master FILE   read this table instead of the workspace's
  --check         write nothing; show what would change and fail if something would
";

struct Options {
    master: Option<PathBuf>,
    check: bool,
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = options(args)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let root = workspace::root();
    let master = options.master.unwrap_or_else(|| root.join("syscalls.master"));
    match generate(&root, &master)? {
        Ok(generated) => {
            for note in &generated.notes {
                eprintln!("{note}");
            }
            if options.check {
                check(&root, &generated.files)
            } else {
                update(&root, &generated.files)
            }
        }
        Err(errors) => {
            eprint!("{errors}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn options(mut args: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options { master: None, check: false };
    while let Some(arg) = args.next()? {
        match arg {
            Long("master") => options.master = Some(args.value()?.into()),
            Long("check") => options.check = true,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(options))
}

/// Reads a table, named in errors as the user would.
pub(crate) fn table(path: &Path) -> Result<Result<Table, Diagnostics>, Failure> {
    let bytes = workspace::read(path)?;
    Ok(rumpclient_codegen::parse(&bytes, &workspace::shown(path)))
}

fn generate(root: &Path, master: &Path) -> Result<Result<Generated, Diagnostics>, Failure> {
    let lending = root.join("codegen/lending.txt");
    let text = String::from_utf8(workspace::read(&lending)?)
        .map_err(|error| format!("{}: {error}", lending.display()))?;
    Ok(table(master)?
        .and_then(|table| rumpclient_codegen::generate(&table, &text, &workspace::shown(&lending))))
}

/// Writes the files that are not what they should be.
fn update(root: &Path, files: &[File]) -> Result<ExitCode, Failure> {
    for file in files {
        let path = root.join(file.path);
        if current(&path) != file.contents {
            workspace::write(&path, &file.contents)?;
            println!("wrote {}", file.path);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what [`update`] would change.
fn check(root: &Path, files: &[File]) -> Result<ExitCode, Failure> {
    let mut stale = false;
    for file in files {
        let current = current(&root.join(file.path));
        if current != file.contents {
            stale = true;
            let diff = TextDiff::from_lines(&current, &file.contents);
            print!("{}", diff.unified_diff().header(file.path, "as generated"));
        }
    }
    if stale {
        eprintln!("generated files are stale: run `cargo xtask codegen`");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A generated file as it is; one that is missing or unreadable is stale in any case.
fn current(path: &Path) -> String {
    workspace::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
