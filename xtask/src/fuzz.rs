//! `cargo xtask fuzz`: runs the fuzzers of `/fuzz`, by cargo-fuzz.

use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode};

use lexopt::prelude::*;

use crate::Failure;
use crate::workspace;

/// How long each target runs unless told otherwise, in seconds.
const SECONDS: u64 = 60;

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut chosen, mut seconds) = (None, SECONDS);
    while let Some(arg) = args.next()? {
        match arg {
            Long("seconds") => seconds = args.value()?.parse()?,
            Value(target) if chosen.is_none() => chosen = Some(target.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let known = Command::new("cargo").args(["fuzz", "--version"]).output()?;
    if !known.status.success() {
        return Err("cargo-fuzz is not installed: cargo install cargo-fuzz --locked".into());
    }
    let targets = targets()?;
    if let Some(target) = chosen.iter().find(|target| !targets.contains(target)) {
        return Err(format!("no target `{target}`; there are {}", targets.join(", ")).into());
    }
    for target in chosen.map_or(targets, |target| vec![target]) {
        if !fuzz(&target, seconds)? {
            eprintln!("cargo xtask fuzz: {target} found something, see above");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The targets: each has a folder of seeds.
fn targets() -> Result<Vec<String>, Failure> {
    let listing = fs::read_dir(workspace::root().join("fuzz/seeds"))?;
    let names = listing.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>, Failure>>()?;
    names.sort();
    Ok(names)
}

/// Runs one target; whether it found nothing.
fn fuzz(target: &str, seconds: u64) -> Result<bool, Failure> {
    let fuzz = workspace::root().join("fuzz");
    // New inputs go to the first folder.
    let corpora = [fuzz.join("corpus").join(target), fuzz.join("seeds").join(target)];
    fs::create_dir_all(&corpora[0])?;
    let mut command = Command::new("cargo");
    command.current_dir(&fuzz).args(["fuzz", "run", target]).args(corpora.map(OsString::from));
    command.args(["--", "-max_len=4096", &format!("-max_total_time={seconds}")]);
    // The sanitizers' flags are unstable, and all that is needed of an unstable compiler.
    command.env("RUSTC_BOOTSTRAP", "1");
    Ok(command.status()?.success())
}
