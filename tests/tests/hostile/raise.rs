//! Signals from the server.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Peer, Way};

use super::RUST;

/// The host's numbers of signals that end a program.
mod host {
    pub(super) const SIGHUP: i32 = 1;
    pub(super) const SIGKILL: i32 = 9;
    pub(super) const SIGUSR1: i32 = 10;
    pub(super) const SIGTERM: i32 = 15;
    pub(super) const SIGSYS: i32 = 31;
}

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

hostile! {
    raise_0: raise("getpid getpid", [0].into_iter());
    raise_64: raise("getpid getpid", [64].into_iter());
    raise_65: raise("getpid getpid", [65].into_iter());
    raise_1000: raise("getpid getpid", [1000].into_iter());
    raise_minus_1: raise("getpid getpid", [u32::MAX].into_iter());
    raise_2_to_the_31: raise("getpid getpid", [1 << 31].into_iter());

    /// By default the server can do what a kernel can.
    raise_1_hangup: raise("getpid getpid", [1].into_iter()).killed(host::SIGHUP);
    raise_9_kill: raise("getpid getpid", [9].into_iter()).killed(host::SIGKILL);
    raise_15_terminate: raise("getpid getpid", [15].into_iter()).killed(host::SIGTERM);
    /// By its name, not its number: 30 is SIGPWR on Linux.
    raise_30_user: raise("getpid getpid", [30].into_iter()).killed(host::SIGUSR1);
    raise_28_window_change: raise("getpid getpid", [28].into_iter());

    /// A kernel raises it for calls that it has not: a Rust program hears ENOSYS instead.
    raise_12_system_call: raise("getpid getpid", [12].into_iter()).only(RUST);
    raise_12_system_call_in_c: raise("getpid getpid", [12].into_iter())
        .only(&[Way::C])
        .killed(host::SIGSYS);

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
