//! Everything at once, for as long as it is told to: `rump-stress [--minutes N] [--seed N]`, which
//! `cargo xtask stress` builds and runs.
//!
//! Rounds follow one another, each with a kernel of its own and two programs that load it, one in
//! Rust and one in C. In every second round the kernel is killed and started again all the time.
//! A round's programs check every answer and what they leave behind; the first failure ends it all.

mod round;
mod worker;

use std::collections::BTreeMap;
use std::panic;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use round::{LENGTH, Load, Round};

const USAGE: &str = "usage: rump-stress [--minutes N] [--seed N]";

/// How much of what has been done, by name.
type Counts = BTreeMap<String, u64>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["load", load, seconds, seed] = args[..] {
        let numbers = (seconds.parse(), seed.parse());
        let (Ok(seconds), Ok(seed)) = numbers else { return usage() };
        worker::run(Load::named(load), Duration::from_secs(seconds), seed);
        return ExitCode::SUCCESS;
    }
    let (mut minutes, mut seed) = (10, fastrand::u32(..).into());
    for option in args.chunks(2) {
        match *option {
            ["--minutes", number] => minutes = number.parse().unwrap_or_default(),
            ["--seed", number] => match number.parse() {
                Ok(number) => seed = number,
                Err(_) => return usage(),
            },
            _ => return usage(),
        }
    }
    if minutes == 0 {
        return usage();
    }
    stress(Duration::from_secs(60 * minutes), seed)
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn stress(time: Duration, seed: u64) -> ExitCode {
    println!("seed {seed}");
    let (began, mut total, mut rounds) = (Instant::now(), Counts::new(), 0_u64);
    while began.elapsed() + LENGTH <= time || rounds == 0 {
        let load = if rounds % 2 == 0 { Load::Steady } else { Load::Restarts };
        let seed = seed.wrapping_add(rounds);
        rounds += 1;
        let Ok(counts) = panic::catch_unwind(|| Round::new(load, seed).run()) else {
            eprintln!("rump-stress: round {rounds} failed, {load} with seed {seed}");
            return ExitCode::FAILURE;
        };
        for (name, count) in counts {
            *total.entry(name).or_default() += count;
        }
        println!("{:4} s  round {rounds}, {load}: {}", began.elapsed().as_secs(), shown(&total));
    }
    println!("{rounds} rounds without a finding");
    ExitCode::SUCCESS
}

fn shown(counts: &Counts) -> String {
    let counts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    counts.join(", ")
}
