//! Project commands: `cargo xtask COMMAND`.
//!
//! One file for each command; this one only picks it.

mod bench;
mod cargo;
mod codegen;
mod demo;
mod diff;
mod dist;
mod fuzz;
mod hostile;
mod instructions;
mod list;
mod masters;
mod model;
mod output;
mod server;
mod stress;
mod workspace;

use std::process::ExitCode;

use lexopt::prelude::*;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  codegen [--master FILE] [--check]    make the generated files from syscalls.master
  list [--json | --tsv] [FILE]         show the calls of a table
  diff OLD NEW                         say what changed between two tables
  demo                                 a tour of a rump kernel: RUMP_SERVER, or a test server
  bench [--quick] [--rows FILTER] …    measure calls, against the C library where it is given
  instructions [--update]              count instructions, against a baseline
  dist --prefix DIR [--destdir DIR]    build the C library and install it
  fuzz [TARGET] [--seconds N]          run the fuzzers, each for a while
  hostile [--valgrind] [FILTER]        meet hostile servers under a memory checker
  stress [--minutes N] [--seed N] …    load kernels with all that a client can do
  model [--orders N] [FILTER]          try the orders in which threads may meet
  check-masters [--test] [FILE ...]    compile, and test, a copy made from other tables
";

fn main() -> ExitCode {
    let mut args = lexopt::Parser::from_env();
    let outcome = match args.next() {
        Ok(Some(Value(command))) => run(&command.to_string_lossy(), args),
        Ok(Some(Short('h') | Long("help"))) | Ok(None) => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Ok(Some(other)) => Err(other.unexpected().into()),
        Err(error) => Err(error.into()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("cargo xtask: {error}");
        ExitCode::FAILURE
    })
}

fn run(command: &str, args: lexopt::Parser) -> Result<ExitCode, Failure> {
    match command {
        "codegen" => codegen::run(args),
        "list" => list::run(args),
        "diff" => diff::run(args),
        "bench" => bench::run(args),
        "instructions" => instructions::run(args),
        "dist" => dist::run(args),
        "demo" => demo::run(args),
        "fuzz" => fuzz::run(args),
        "hostile" => hostile::run(args),
        "model" => model::run(args),
        "stress" => stress::run(args),
        "check-masters" => masters::run(args),
        other => Err(format!("no command `{other}`; `cargo xtask --help` lists them").into()),
    }
}

/// An error that ends a command.
type Failure = Box<dyn std::error::Error>;
