//! `cargo xtask model`: tries the orders in which a session's threads may meet, by shuttle.

use std::process::ExitCode;

use lexopt::prelude::*;

use crate::{Failure, cargo, output, workspace};

const USAGE: &str = "\
Usage: cargo xtask model [--orders N] [FILTER]

Runs the checks in rumpclient/src/session/model.rs, or those with FILTER in their names, on threads
whose order a model checker decides. A failure tells its seed: SHUTTLE_RANDOM_SEED=SEED and
--orders 1 bring it back, SHUTTLE_CAPTURE_BACKTRACE=1 shows where each thread stands.

  --orders N   how many orders of each kind are tried
";

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut test = cargo::command(&["test", "--locked", "--lib"]);
    let mut filter = None;
    while let Some(arg) = args.next()? {
        match arg {
            Long("orders") => {
                test.env("MODEL_ORDERS", args.value()?.parse::<u32>()?.to_string());
            }
            Short('h') | Long("help") => {
                output::report(USAGE)?;
                return Ok(ExitCode::SUCCESS);
            }
            Value(text) if filter.is_none() => filter = Some(text.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let filter = format!("session::model::{}", filter.unwrap_or_default());
    test.current_dir(workspace::root().join("model")).arg(filter);
    // The sources take shuttle's threads for std's then; nothing else is built so.
    test.env("RUSTFLAGS", "--cfg rumpclient_model");
    Ok(if test.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
