//! Servers run by somebody else than the program requires: nothing is said to them.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Peer, Transport};

/// A server that the program must not talk to.
fn hears_nothing(program: &'static str) -> Case {
    let script = |peer: &mut Peer| {
        assert!(peer.read_frame().is_none(), "the client hangs up");
        assert_eq!(peer.heard(), b"");
    };
    Case::new(program, script).refused("Peer { required: ", libc::EACCES)
}

hostile! {
    another_user: hears_nothing("getpid peer-uid=other");
    nobody_can_tell_over_tcp: hears_nothing("getpid peer-uid=own").over(Transport::Tcp);
    the_right_user: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("getpid peer-uid=own", script)
    };
}
