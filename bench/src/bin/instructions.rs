//! `instructions WORK TIMES`: does it so many times, for `cargo xtask instructions` to count.

use std::process::ExitCode;

use rumpclient_bench::Work;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let work = args.next().and_then(|name| Work::named(&name));
    let times = args.next().and_then(|times| times.parse::<u32>().ok());
    let (Some(work), Some(times)) = (work, times) else {
        for work in &rumpclient_bench::WORKS {
            println!("{work}");
        }
        return ExitCode::SUCCESS;
    };
    let mut once = work.prepare();
    for _ in 0..times {
        once();
    }
    ExitCode::SUCCESS
}
