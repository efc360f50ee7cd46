//! `cargo xtask hostile`: has programs meet hostile servers under a memory checker.

use std::process::{Command, ExitCode};

use lexopt::prelude::*;

use crate::{Failure, cargo, output};

const USAGE: &str = "\
Usage: cargo xtask hostile [--valgrind] [FILTER]

Runs the cases of tests/tests/hostile, or those with FILTER in their names, with AddressSanitizer
in the library, the programs that use it, and the servers.

  --valgrind   the C library's cases, under valgrind: slower, but sees what host calls touch, too
";

/// Signals are the program's, as they are without: some cases are about what they do.
const ASAN_OPTIONS: &str = "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0";

const VALGRIND: &str = "valgrind -q --error-exitcode=99 --leak-check=full \
                        --errors-for-leak-kinds=definite";

/// What valgrind cannot run.
const SKIPPED: [&str; 8] = [
    // Bad pointers of the program's own, which valgrind reports before the host kernel refuses them.
    "lent::copyin_from_a_null_buffer",
    "lent::copyin_from_an_unmapped_buffer",
    "lent::copyout_to_a_null_buffer",
    "lent::copyout_to_an_unmapped_buffer",
    "lent::everything_during_an_opaque_call_only",
    // SIGSYS ends the program: by valgrind, which takes it for its own, with exit code 1.
    "raise::raise_12_system_call_in_c",
    "raise::raise_of_each_number_does_what_the_signal_does",
    // A million frames before the handshake's answer take longer than the client gives a handshake.
    "resumed::a_million_answers_for_the_old_program",
];

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut valgrind, mut filter) = (false, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("valgrind") => valgrind = true,
            Short('h') | Long("help") => {
                output::report(USAGE)?;
                return Ok(ExitCode::SUCCESS);
            }
            Value(text) if filter.is_none() => filter = Some(text.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let mut test = cargo::command(&["test", "--package", "rumpclient-tests", "--test", "hostile"]);
    if valgrind {
        // Those of the other ways would take twice as long again.
        test.args(["--", "--skip", "::methods", "--skip", "::numbers"]);
        for case in SKIPPED {
            test.args(["--skip", case]);
        }
        test.env("HOSTILE_CHECKER", VALGRIND);
    } else {
        sanitize(&mut test)?;
        test.arg("--");
        // Limits of time and memory are for programs that nothing slows down.
        test.env("HOSTILE_CHECKER", "env").env("ASAN_OPTIONS", ASAN_OPTIONS);
    }
    // It runs valgrind by itself.
    test.args(["--skip", "memcheck::"]).args(filter);
    Ok(if test.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has cargo build with AddressSanitizer.
fn sanitize(command: &mut Command) -> Result<(), Failure> {
    // A target that is named keeps the flags away from what runs while building.
    command.args(["--target", &cargo::rustc("host")?]);
    // Libraries take the sanitizer's functions from the program that loads them.
    command.env("RUSTFLAGS", "-Zsanitizer=address -Clink-arg=-rdynamic");
    // Sanitizers are unstable, and all that is needed of an unstable compiler.
    command.env("RUSTC_BOOTSTRAP", "1");
    // A sanitizer's checks take time where nothing is optimised: servers send a million frames.
    command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    Ok(())
}
