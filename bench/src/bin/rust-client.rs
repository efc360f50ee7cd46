//! `rust-client WORK MILLISECONDS SERVER-PID`: what `client.c` does, for what only Rust's interface has.

use std::process::ExitCode;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use rumpclient::Client;

/// Calls made by one turn of a kind of work, and the turn.
type Turn<'a> = (u64, Box<dyn FnMut() + 'a>);

/// The kinds of work.
fn turn<'a>(work: &str, kernel: &'a Client) -> Option<Turn<'a>> {
    Some(match work {
        "null" => (
            1,
            Box::new(|| {
                kernel.rump_sys_getppid().expect("the kernel answers");
            }),
        ),
        "batch" => (
            BATCH as u64,
            Box::new(|| {
                kernel.batch(|batch| {
                    let calls: [_; BATCH] = std::array::from_fn(|_| batch.rump_sys_getppid());
                    for call in calls {
                        call.wait().expect("the kernel answers");
                    }
                });
            }),
        ),
        _ => return None,
    })
}

/// How many calls make a batch.
const BATCH: usize = 32;

/// How long to go on.
enum Span {
    Time(Duration),
    Calls(u64),
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((work, span, server)) = parse(&args) else {
        eprintln!("usage: rust-client WORK MILLISECONDS|calls=N SERVER-PID");
        return ExitCode::from(2);
    };
    let kernel = Client::from_env().expect("RUMP_SERVER names a kernel");
    let Some((calls, turn)) = turn(work, &kernel) else {
        eprintln!("rust-client: no such work: {work}");
        return ExitCode::from(2);
    };
    measure(calls, turn, &span, server);
    ExitCode::SUCCESS
}

fn parse(args: &[String]) -> Option<(&str, Span, Option<ClockId>)> {
    let [work, span, pid] = args else { return None };
    let span = match span.strip_prefix("calls=") {
        Some(calls) => Span::Calls(calls.parse().ok()?),
        None => Span::Time(Duration::from_millis(span.parse().ok()?)),
    };
    let server = match pid.parse().ok()? {
        0 => None,
        pid => Some(clock_getcpuclockid(Pid::from_raw(pid)).ok()?),
    };
    Some((work, span, server))
}

fn measure(calls: u64, mut turn: Box<dyn FnMut() + '_>, span: &Span, server: Option<ClockId>) {
    const ROOM: usize = 1 << 18;
    let mut samples: Vec<Duration> = Vec::with_capacity(ROOM);
    if let Span::Time(time) = span {
        let end = now(ClockId::CLOCK_MONOTONIC) + *time / 4;
        while now(ClockId::CLOCK_MONOTONIC) < end {
            turn();
        }
    }
    let server_before = server.map(now);
    let cpu_before = now(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    let begin = now(ClockId::CLOCK_MONOTONIC);
    let mut last = begin;
    let mut done = 0;
    while match span {
        Span::Time(time) => last - begin < *time,
        Span::Calls(limit) => done < *limit,
    } {
        turn();
        done += calls;
        let end = now(ClockId::CLOCK_MONOTONIC);
        if samples.len() < ROOM {
            samples.push(end - last);
        }
        last = end;
    }
    let cpu = now(ClockId::CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
    let server = server.map(|clock| now(clock) - server_before.unwrap_or_default());
    samples.sort_unstable();
    let percentile = |percent: usize| samples[samples.len() * percent / 100].as_nanos();
    let server = server.map_or("null".to_owned(), |time| time.as_nanos().to_string());
    println!(
        r#"{{"calls": {done}, "wall": {}, "client_cpu": {}, "server_cpu": {server}, "p50": {}, "p99": {}}}"#,
        (last - begin).as_nanos(),
        cpu.as_nanos(),
        percentile(50),
        percentile(99),
    );
}

fn now(clock: ClockId) -> Duration {
    clock.now().map(TimeSpec::into).expect("the clock can be read")
}
