//! Signals from the server.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Peer, Way};

use super::RUST;

/// Raises signals before answering a call, and once more before answering another.
fn raise(
    program: &'static str,
    signals: impl Iterator<Item = u32> + Clone + Send + 'static,
) -> Case {
    let script = move |peer: &mut Peer| {
        for _ in 0..2 {
            let Some(call) = peer.read_frame() else { return };
            peer.in_one_piece(|peer| {
                signals.clone().for_each(|signal| peer.raise(signal));
                peer.answer(call.header.reqno, 0, 0);
            });
        }
    };
    let script = move |peer: &mut Peer| {
        peer.greet();
        script(peer);
    };
    Case::new(program, script)
}

/// What a program that handles no signals does about one of the host's.
enum Default {
    Ignore,
    Stop,
    End,
}

fn default_of(signal: i32) -> Default {
    match signal {
        libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => Default::Ignore,
        // Rust's runtime has it ignored.
        libc::SIGPIPE => Default::Ignore,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => Default::Stop,
        _ => Default::End,
    }
}

/// Raises this one alone, during each of two calls: Rust's runtime takes the first SIGBUS or SIGSEGV
/// for a fault of the stack that is going to come again.
fn raise_alone(signal: u32) -> Case {
    let host = rumpclient::netbsd::signal::to_host(signal as i32);
    let default = host.map_or(Default::Ignore, default_of);
    let stops = matches!(default, Default::Stop);
    let script = move |peer: &mut Peer| {
        peer.greet();
        for _ in 0..2 {
            let Some(call) = peer.read_frame() else { return };
            peer.raise(signal);
            if stops {
                peer.wait_until_stopped();
            }
            peer.answer(call.header.reqno, 0, 0);
        }
    };
    let case = Case::new("getpid getpid", script);
    match (host, default) {
        (Some(host), Default::End) => case.killed(host),
        _ => case,
    }
}

/// As [`raise_alone`], for each number there is and a few that are none.
fn each() -> impl Iterator<Item = Case> {
    (0..=66).map(raise_alone)
}

hostile! {
    raise_0: raise("getpid getpid", [0].into_iter());
    raise_64: raise("getpid getpid", [64].into_iter());
    raise_65: raise("getpid getpid", [65].into_iter());
    raise_1000: raise("getpid getpid", [1000].into_iter());
    raise_minus_1: raise("getpid getpid", [u32::MAX].into_iter());
    raise_2_to_the_31: raise("getpid getpid", [1 << 31].into_iter());

    /// By default the server can do what a kernel can.
    raise_9_kill: raise("getpid getpid", [9].into_iter()).killed(libc::SIGKILL);
    /// By its name, not its number: 30 is SIGPWR on Linux.
    raise_30_user: raise("getpid getpid", [30].into_iter()).killed(libc::SIGUSR1);
    raise_of_each_number_does_what_the_signal_does: each().map(|case| case.only(&[Way::C]));
    raise_of_each_number_but_one_does_what_the_signal_does:
        each().enumerate().filter(|(signal, _)| *signal != 12).map(|(_, case)| case.only(RUST));

    /// A kernel raises it for calls that it has not: a Rust program hears ENOSYS instead.
    raise_12_system_call: raise("getpid getpid", [12].into_iter()).only(RUST);
    raise_12_system_call_in_c: raise("getpid getpid", [12].into_iter())
        .only(&[Way::C])
        .killed(libc::SIGSYS);

    raise_of_every_number_to_a_program_that_takes_none:
        raise("getpid getpid raise=ignore", 0..=300).only(RUST);

    raise_of_every_number_to_a_function:
        raise("getpid getpid raise=count", 0..=300).only(RUST).check(|report| {
            let mut raised = report.raised.clone();
            raised.sort();
            let expected: Vec<_> = (1..=64).flat_map(|signal| [signal; 2]).collect();
            assert_eq!(raised, expected);
        });

    raise_before_the_handshake_is_answered: {
        let script = |peer: &mut Peer| {
            peer.send_bytes(&rumpclient_tests::peer::good_banner());
            peer.expect_frame();
            peer.raise(15);
            peer.close();
        };
        Case::new("getpid raise=count", script).only(RUST).refused("Closed { stage: Handshake }", libc::ENOTCONN)
    };
}
