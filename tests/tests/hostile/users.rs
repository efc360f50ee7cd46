//! Servers run by somebody else than the program requires: nothing is said to them.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Peer};

hostile! {
    another_user: {
        let script = |peer: &mut Peer| {
            assert!(peer.read_frame().is_none(), "the client hangs up");
            assert_eq!(peer.heard(), b"");
        };
        Case::new("getpid peer-uid=other", script).refused("Peer { required: ", libc::EACCES)
    };
    the_right_user: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("getpid peer-uid=own", script)
    };
}
