//! What the tests of process life run in programs of their own: `rump-testclient SCENARIO [ARG…]`.
//!
//! A scenario is a client of the kernel in `RUMP_SERVER`. It forks, execs, takes signals or closes
//! descriptors, panics when it sees anything but what it should, and prints what only the test can
//! judge.

mod closenotify;
mod connect;
mod daemon;
mod descriptors;
mod exec;
mod exit;
mod fork;
mod inherit;
mod kernel;
mod reconnect;
mod signals;

use std::process::ExitCode;

/// What a scenario is called, and what it does with the arguments that follow.
type Scenario = (&'static str, fn(&[String]));

const SCENARIOS: [&[Scenario]; 9] = [
    &closenotify::SCENARIOS,
    &connect::SCENARIOS,
    &daemon::SCENARIOS,
    &exec::SCENARIOS,
    &exit::SCENARIOS,
    &fork::SCENARIOS,
    &inherit::SCENARIOS,
    &reconnect::SCENARIOS,
    &signals::SCENARIOS,
];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let name = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match SCENARIOS.iter().copied().flatten().find(|(known, _)| *known == name) {
        Some((_, run)) => {
            run(&rest);
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("rump-testclient: no scenario {name:?}");
            ExitCode::FAILURE
        }
    }
}
