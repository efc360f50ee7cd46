//! Signals of the host's and of the kernel's.

use rumpclient::netbsd;
use rumpclient_tests::harness::{Kernel, is_at_least};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::{Ending, Program, run};
use rumpclient_tests::server::{Options, Release};

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

/// Starts a program that blocks in so many calls, and lets it go on when it does.
fn when_blocked(kernel: &Kernel, calls: usize, args: &[&str]) {
    let mut program = Program::start(CLIENT, kernel.url(), args);
    program.expect("blocked");
    kernel.expect_blocked(calls);
    program.say("go on");
    program.finish();
}

/// A call that NetBSD 11 has dropped, `__dup3` of earlier releases.
const DROPPED: u32 = 454;

on_every_kernel! {
    fn a_signal_is_taken_during_a_call_by_a_handler_that_makes_another(kernel) {
        when_blocked(kernel, 4, &["signal-in-each-thread"]);
    }

    fn a_storm_of_signals_changes_no_answer(kernel) {
        let lines = run(CLIENT, kernel.url(), &["signal-storm", "10"]);
        let handled: usize = lines[0].parse().unwrap();
        assert!(handled > 2000, "of 10000 signals {handled} were handled");
    }

    fn a_signal_that_the_program_blocks_stays_pending_and_costs_nothing(kernel) {
        run(CLIENT, kernel.url(), &["blocked-signal"]);
    }

    fn a_handler_that_takes_its_time_holds_nobody_up(kernel) {
        run(CLIENT, kernel.url(), &["long-handler", "2000"]);
    }

    fn a_handler_may_fork(kernel) {
        when_blocked(kernel, 2, &["fork-in-handler"]);
    }

    fn a_broken_pipe_is_signalled_as_the_policy_says(kernel) {
        run(CLIENT, kernel.url(), &["broken-pipe"]);
    }
}

/// NetBSD's signals that a program can handle and that are delivered by default, without the last
/// one that the program waits for, SIGTERM; with Linux's numbers.
const HOST_NUMBERS: [(i32, i32); 26] = [
    (netbsd::SIGHUP, 1),
    (netbsd::SIGINT, 2),
    (netbsd::SIGQUIT, 3),
    (netbsd::SIGILL, 4),
    (netbsd::SIGTRAP, 5),
    (netbsd::SIGABRT, 6),
    (netbsd::SIGFPE, 8),
    (netbsd::SIGBUS, 7),
    (netbsd::SIGSEGV, 11),
    (netbsd::SIGPIPE, 13),
    (netbsd::SIGALRM, 14),
    (netbsd::SIGURG, 23),
    (netbsd::SIGTSTP, 20),
    (netbsd::SIGCONT, 18),
    (netbsd::SIGCHLD, 17),
    (netbsd::SIGTTIN, 21),
    (netbsd::SIGTTOU, 22),
    (netbsd::SIGIO, 29),
    (netbsd::SIGXCPU, 24),
    (netbsd::SIGXFSZ, 25),
    (netbsd::SIGVTALRM, 26),
    (netbsd::SIGPROF, 27),
    (netbsd::SIGWINCH, 28),
    (netbsd::SIGUSR1, 10),
    (netbsd::SIGUSR2, 12),
    (netbsd::SIGPWR, 30),
];

#[test]
fn signals_of_the_kernel_are_translated_by_name() {
    let kernel = Kernel::test_server();
    let mut program = Program::start(CLIENT, kernel.url(), &["raised"]);
    let pid = program.next_line().unwrap().parse().unwrap();
    let unknown_here = [netbsd::SIGEMT, netbsd::SIGINFO, netbsd::SIGRTMIN];
    let known = HOST_NUMBERS.iter().map(|(signal, _)| *signal);
    for signal in known.chain(unknown_here).chain([netbsd::SIGTERM]) {
        assert!(kernel.hooks().raise(pid, signal));
    }
    let seen: Vec<i32> = program.finish().iter().map(|line| line.parse().unwrap()).collect();
    let mut expected: Vec<i32> = HOST_NUMBERS.iter().map(|(_, host)| *host).chain([15]).collect();
    expected.sort();
    assert_eq!(seen, expected);
}

/// Makes a call that the kernel has dropped, under both policies.
fn check_dropped_call(kernel: &Kernel) {
    let start = |policy| {
        let number = DROPPED.to_string();
        Program::start(CLIENT, kernel.url(), &["dropped-call", &number, policy])
    };
    start("default").finish();
    let sigsys = 31;
    assert_eq!(start("all").wait(), Ending::Killed(sigsys));
}

#[test]
fn a_call_that_the_kernel_has_dropped_kills_nobody_by_default() {
    let options = Options { release: Release::netbsd_11(), ..Options::default() };
    check_dropped_call(&Kernel::test_server_with(options));
    if let Some(kernel) = Kernel::real() {
        let banner = kernel.client().banner().unwrap();
        if is_at_least(&banner, &[11]) {
            check_dropped_call(&kernel);
        } else {
            println!("skipped: {banner} has dropped nothing");
        }
    }
}
