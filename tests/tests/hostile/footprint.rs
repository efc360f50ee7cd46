//! How much memory much data takes: little besides the caller's own.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Outcome, Peer};

use super::EFAULT;

/// Almost what a frame may hold.
const LARGE: usize = 60 << 20;

/// The most memory that the library may take to move it, bytes: its own buffer and small change.
const LITTLE: usize = 4 << 20;

fn moves(program: &'static str, script: fn(&mut Peer)) -> Case {
    Case::new(program, script)
        .lends_everything()
        .check(|report| assert!(report.growth < LITTLE, "took {} KiB", report.growth >> 10))
}

hostile! {
    a_copyin_of_60_mib: moves("write-large large=62914560", |peer| {
        let call = peer.greet_and_wait();
        assert_eq!(call.word(2), LARGE);
        let bytes = peer.copyin(1, call.word(1), LARGE);
        assert_eq!(bytes.len(), LARGE);
        peer.answer(call.header.reqno, 0, LARGE as isize);
    })
    .outcomes(&[Outcome::Ok(LARGE as isize)]);

    a_copyout_of_60_mib: moves("read-large large=62914560", |peer| {
        let call = peer.greet_and_wait();
        peer.copyout(call.word(1), &vec![b'x'; LARGE]);
        peer.answer(call.header.reqno, 0, LARGE as isize);
    })
    .outcomes(&[Outcome::Ok(LARGE as isize)])
    .changes(&["large"]);

    /// Zeros stand in for it.
    a_copyin_of_60_mib_that_are_not_lent: moves("write", |peer| {
        let call = peer.greet_and_wait();
        let bytes = peer.copyin(1, call.word(1), LARGE);
        assert!(bytes.len() == LARGE && bytes == vec![0; LARGE]);
        peer.answer(call.header.reqno, 0, 0);
    })
    .outcomes(&[EFAULT]);

    /// Nobody takes it.
    a_copyout_of_60_mib_to_nowhere: moves("read", |peer| {
        let call = peer.greet_and_wait();
        peer.copyout(call.word(1), &vec![b'x'; LARGE]);
        peer.answer(call.header.reqno, 0, 0);
    })
    .outcomes(&[EFAULT]);
}
