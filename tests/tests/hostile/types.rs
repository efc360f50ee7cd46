//! Frames that a client never receives.

use rumpclient::Errno;
use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, LENT, Peer};
use rumpclient_tests::peer::copyout_frame;

use super::errno;

/// A frame of this class and type, as numbers, instead of an answer.
fn frame(class: u16, kind: u16, reason: &'static str) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send_raw(class, kind, call.header.reqno, 0, &[]);
    };
    Case::new("getpid getpid", script).lost(reason)
}

fn request(kind: u16) -> Case {
    frame(Class::Request as u16, kind, "UnexpectedType")
}

fn response(kind: u16) -> Case {
    frame(Class::Response as u16, kind, "UnexpectedType")
}

hostile! {
    class_3: frame(3, 0, "UnknownClass(3)");
    class_256: frame(256, Kind::Syscall as u16, "UnknownClass(256)");
    class_of_all_ones: frame(u16::MAX, Kind::Syscall as u16, "UnknownClass(65535)");
    request_9: request(9);
    request_256: request(256);
    request_of_all_ones: request(u16::MAX);
    request_handshake: request(Kind::Handshake as u16);
    request_syscall: request(Kind::Syscall as u16);
    request_prefork: request(Kind::Prefork as u16);
    response_9: response(9);
    response_of_all_ones: response(u16::MAX);
    response_copyin: response(Kind::Copyin as u16);
    response_copyinstr: response(Kind::Copyinstr as u16);
    response_copyout: response(Kind::Copyout as u16);
    response_copyoutstr: response(Kind::Copyoutstr as u16);
    response_anonmmap: response(Kind::Anonmmap as u16);
    response_raise: response(Kind::Raise as u16);

    class_3_in_the_handshake: {
        let script = |peer: &mut Peer| {
            peer.send_bytes(&rumpclient_tests::peer::good_banner());
            peer.expect_frame();
            peer.send_raw(3, 0, 0, 0, &[]);
        };
        Case::new("getpid", script).refused("UnknownClass(3)", libc::EPROTO)
    };

    // The type of an ERROR frame says nothing that its number does not.
    error_of_an_unknown_type: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.send_raw(Class::Error as u16, 999, call.header.reqno, 6, &[]);
        };
        Case::new("getpid", script).outcomes(&[errno(Errno::ENOMEM)])
    };

    descriptors_along_with_a_copyout: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let copyout = copyout_frame(call.word(1), &[b'x'; LENT]);
            for byte in copyout {
                peer.send_with_descriptor(&[byte]);
            }
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("read", script).check(|report| assert_eq!(report.buffer, [b'x'; LENT]))
    };
}
