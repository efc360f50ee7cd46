//! `cargo xtask instructions [--update]`: instructions that the library spends in its own process,
//! against a baseline. Unlike times, they are the same on a busy machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use lexopt::prelude::*;

use crate::{Failure, cargo, output, workspace};

const USAGE: &str = "\
Usage: cargo xtask instructions [--update]

Counts, by valgrind, the instructions of the work in bench/src, and fails where one takes 10 % more
than bench/instructions.txt says.

  --update   write that file
";

const BASELINE: &str = "bench/instructions.txt";
/// How much more than the baseline passes: a tenth, and what a few instructions of noise need.
const TOLERANCE: f64 = 0.1;
const NOISE: f64 = 4.0;

/// Instructions by the name of the work.
type Counts = BTreeMap<String, f64>;

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut update = false;
    while let Some(arg) = args.next()? {
        match arg {
            Long("update") => update = true,
            Short('h') | Long("help") => {
                output::report(USAGE)?;
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return Ok(ExitCode::SUCCESS);
    }
    let program = cargo::release_program(&["--package", "rumpclient-bench", "--bin", PROGRAM])?;
    let counts = count_all(&program)?;
    let file = workspace::root().join(BASELINE);
    let compiler = compiler()?;
    if update {
        workspace::write(&file, &baseline(&compiler, &counts))?;
        println!("wrote {BASELINE}");
        return Ok(ExitCode::SUCCESS);
    }
    let text = String::from_utf8(workspace::read(&file)?)?;
    let (theirs, before) = read_baseline(&text).ok_or(format!("{BASELINE}: not understood"))?;
    let comparable = theirs == compiler;
    if !comparable {
        println!("{BASELINE} is of {theirs}, this is {compiler}: shown, not judged");
    }
    let grown = compare(&before, &counts)?;
    if comparable && grown {
        eprintln!("more instructions than {BASELINE} has: make it less, or run with --update");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

const PROGRAM: &str = "instructions";

/// Compiler and target.
fn compiler() -> Result<String, Failure> {
    Ok(format!("rustc {} {}", cargo::rustc("release")?, cargo::rustc("host")?))
}

fn count_all(program: &Path) -> Result<Counts, Failure> {
    let list = Command::new(program).output()?;
    let names = String::from_utf8(list.stdout)?;
    names.lines().map(|name| Ok((name.to_owned(), count(program, name)?))).collect()
}

/// What one time takes, by the difference between few and many.
fn count(program: &Path, name: &str) -> Result<f64, Failure> {
    const FEW: u32 = 50;
    const MANY: u32 = 250;
    let (few, many) = (total(program, name, FEW)?, total(program, name, MANY)?);
    Ok((many - few) / f64::from(MANY - FEW))
}

/// Instructions of the main thread of a run.
fn total(program: &Path, name: &str, times: u32) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--separate-threads=yes"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args([name, &times.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let profile = String::from_utf8(workspace::read(&file.with_file_name("out-01"))?)?;
    let line = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = line.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| format!("{name}: valgrind has not counted anything").into())
}

fn baseline(compiler: &str, counts: &Counts) -> String {
    let mut text = format!("# Instructions by `cargo xtask instructions --update`.\n{compiler}\n");
    for (name, count) in counts {
        let _ = writeln!(text, "{name} {count:.0}");
    }
    text
}

/// The compiler it was made with, and the counts.
fn read_baseline(text: &str) -> Option<(&str, Counts)> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let compiler = lines.next()?;
    let counts = lines.map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    Some((compiler, counts.collect::<Option<_>>()?))
}

/// Prints both; whether anything has grown too much.
fn compare(before: &Counts, now: &Counts) -> Result<bool, Failure> {
    let mut text = format!("{:<16} {:>10} {:>10}\n", "work", "baseline", "now");
    let mut any = false;
    for (name, &count) in now {
        let _ = write!(text, "{name:<16} ");
        match before.get(name) {
            None => {
                let _ = writeln!(text, "{:>10} {count:>10.0}", "-");
            }
            Some(&before) => {
                let grown = count > before * (1.0 + TOLERANCE) + NOISE;
                let mark = if grown { "  too much" } else { "" };
                let _ = writeln!(text, "{before:>10.0} {count:>10.0}{mark}");
                any |= grown;
            }
        }
    }
    output::report(&text)?;
    Ok(any)
}
