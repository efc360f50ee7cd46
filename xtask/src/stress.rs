//! `cargo xtask stress`: loads kernels with all that a client can do, for a while.

use std::process::ExitCode;

use lexopt::prelude::*;

use crate::{Failure, cargo, output};

const USAGE: &str = "\
Usage: cargo xtask stress [--minutes N] [--seed N] [--release]

Runs clients in Rust and C that make calls in many threads, take signals, fork, and lose their
kernel, against the test server, or RUMP_SERVER_BIN. Ends at the first failure.

  --minutes N   for how long; 10 by default
  --seed N      what to start from: that of a run before, to get the same mix again
  --release     programs as they are meant to be run, instead of ones with all checks
";

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut options, mut profile) = (Vec::new(), None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("minutes") => options.extend(["--minutes".into(), args.value()?]),
            Long("seed") => options.extend(["--seed".into(), args.value()?]),
            Long("release") => profile = Some("--release"),
            Short('h') | Long("help") => {
                output::report(USAGE)?;
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    // The library for C is not linked, and is built by naming it.
    let packages = ["--package", "rumpclient-tests", "--package", "rumpclient-sys"];
    let build = cargo::command(&["build", "--quiet"]).args(profile).args(packages).status()?;
    if !build.success() {
        return Err("the programs do not build".into());
    }
    let run = ["run", "--quiet", "--package", "rumpclient-tests", "--bin", "rump-stress"];
    let status = cargo::command(&run).args(profile).arg("--").args(options).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
