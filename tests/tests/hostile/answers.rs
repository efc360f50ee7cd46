//! Answers of the right form with odd contents.

use rumpclient::Errno;
use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, LENT, Outcome, Peer, Way};
use rumpclient_tests::peer::good_banner;

use super::{RAW, errno};

/// The handshake is answered with this errno.
fn handshake_errno(error: i32, reason: &'static str, in_c: i32) -> Case {
    let script = move |peer: &mut Peer| {
        peer.send_bytes(&good_banner());
        let hello = peer.expect_frame();
        let reqno = hello.header.reqno;
        peer.send(Class::Response, Kind::Handshake, reqno, 0, &error.to_ne_bytes());
    };
    Case::new("getpid", script).refused(reason, in_c)
}

/// The handshake is answered with an ERROR of this code.
fn handshake_error(code: u32, reason: &'static str, in_c: i32) -> Case {
    let script = move |peer: &mut Peer| {
        peer.send_bytes(&good_banner());
        let hello = peer.expect_frame();
        peer.send(Class::Error, Kind::Handshake, hello.header.reqno, code, &[]);
    };
    Case::new("getpid", script).refused(reason, in_c)
}

/// A call is answered with this errno, and another one is made after it.
fn call_errno(error: i32, expected: Errno) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.answer(call.header.reqno, error, 5);
        let next = peer.expect_frame();
        peer.answer(next.header.reqno, 0, 0);
    };
    Case::new("write getpid", script).outcomes(&[errno(expected), Outcome::Ok(0)])
}

/// A call is answered with an ERROR of this code, and another one is made after it.
fn call_error(code: u32, expected: Errno) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send(Class::Error, Kind::Syscall, call.header.reqno, code, &[]);
        let next = peer.expect_frame();
        peer.answer(next.header.reqno, 0, 0);
    };
    Case::new("write getpid", script).outcomes(&[errno(expected), Outcome::Ok(0)])
}

/// A read is answered with this number of bytes.
fn read_count(count: isize) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.answer(call.header.reqno, 0, count);
    };
    Case::new("read", script)
}

hostile! {
    handshake_refused_with_an_errno: handshake_errno(1, "Kernel(Errno(EPERM))", libc::EPERM);
    /// The host has no such error.
    handshake_refused_with_errno_minus_1: handshake_errno(-1, "Kernel(", libc::EIO);
    handshake_refused_with_the_least_errno: handshake_errno(i32::MIN, "Kernel(Errno(EPROTO))", libc::EPROTO);
    handshake_refused_with_the_greatest_errno: handshake_errno(i32::MAX, "Kernel(", libc::EIO);

    handshake_error_0: handshake_error(0, "Refused(", libc::EIO);
    handshake_error_1: handshake_error(1, "Refused(TryAgain)", libc::EAGAIN);
    handshake_error_2: handshake_error(2, "Refused(Auth)", libc::EPERM);
    handshake_error_3: handshake_error(3, "Refused(InvalidPrefork)", libc::ESRCH);
    handshake_error_7: handshake_error(7, "Refused(MalformedRequest)", libc::EINVAL);
    handshake_error_8: handshake_error(8, "Refused(Unknown(8))", libc::EIO);
    handshake_error_of_all_ones: handshake_error(u32::MAX, "Refused(Unknown(4294967295))", libc::EIO);

    call_errno_of_netbsd: call_errno(35, Errno::EAGAIN);
    call_errno_minus_1: call_errno(-1, Errno::from_raw(-1));
    call_errno_10000: call_errno(10_000, Errno::from_raw(10_000));
    call_errno_of_all_ones_but_the_sign: call_errno(i32::MAX, Errno::from_raw(i32::MAX));
    /// What stands for a lost connection in Rust does not come from a server.
    call_errno_least: call_errno(i32::MIN, Errno::EPROTO);

    call_error_0: call_error(0, Errno::EIO);
    call_error_1: call_error(1, Errno::EAGAIN);
    call_error_2: call_error(2, Errno::EPERM);
    call_error_3: call_error(3, Errno::ESRCH);
    call_error_4: call_error(4, Errno::EIO);
    call_error_5: call_error(5, Errno::EBUSY);
    call_error_6: call_error(6, Errno::ENOMEM);
    call_error_7: call_error(7, Errno::EINVAL);
    call_error_of_all_ones: call_error(u32::MAX, Errno::EIO);

    /// A method's count can be sliced with; elsewhere registers are handed on as they are.
    read_of_1_too_many: read_count(LENT as isize + 1).only(&[Way::Methods]).outcomes(&[errno(Errno::EIO)]);
    read_of_all_of_memory: read_count(isize::MAX).only(&[Way::Methods]).outcomes(&[errno(Errno::EIO)]);
    read_of_minus_1: read_count(-1).only(&[Way::Methods]).outcomes(&[errno(Errno::EIO)]);
    read_of_the_least: read_count(isize::MIN).only(&[Way::Methods]).outcomes(&[errno(Errno::EIO)]);
    read_of_all_of_memory_in_registers:
        read_count(isize::MAX).only(RAW).outcomes(&[Outcome::Ok(isize::MAX)]);
    read_of_all_there_is: read_count(LENT as isize).outcomes(&[Outcome::Ok(LENT as isize)]);
}
