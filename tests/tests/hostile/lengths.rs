//! Lies about lengths: of frames, of bodies, and of what is to be copied.

use rumpclient::proto::body::{
    COPY_REQUEST, HANDSHAKE_RESPONSE, PREFORK_RESPONSE, SYSCALL_RESPONSE, WORD,
};
use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{BUFFER, Case, LENT, Outcome, Peer};
use rumpclient_tests::peer::{good_banner, words};

use super::EFAULT;

const CAP: u64 = rumpclient::proto::DEFAULT_FRAME_CAP as u64;

/// The answer to the handshake says that its frame has `len` bytes.
fn handshake_frame(len: u64, reason: &'static str) -> Case {
    let script = move |peer: &mut Peer| {
        peer.send_bytes(&good_banner());
        let hello = peer.expect_frame();
        peer.send_header(
            len,
            Class::Response as u16,
            Kind::Handshake as u16,
            hello.header.reqno,
            0,
        );
    };
    Case::new("getpid", script).refused(reason, libc::EPROTO)
}

/// The answer to a call says that its frame has `len` bytes.
fn answer_frame(len: u64, reason: &'static str) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send_header(len, Class::Response as u16, Kind::Syscall as u16, call.header.reqno, 0);
    };
    Case::new("getpid getpid", script).lost(reason)
}

hostile! {
    handshake_frame_of_0: handshake_frame(0, "FrameTooShort { len: 0 }");
    handshake_frame_of_23: handshake_frame(23, "FrameTooShort { len: 23 }");
    handshake_frame_above_the_cap: handshake_frame(CAP + 1, "FrameTooLong");
    handshake_frame_of_2_to_the_32: handshake_frame(1 << 32, "FrameTooLong");
    handshake_frame_of_2_to_the_63: handshake_frame(1 << 63, "FrameTooLong");
    handshake_frame_of_all_ones: handshake_frame(u64::MAX, "FrameTooLong");

    answer_frame_of_0: answer_frame(0, "FrameTooShort { len: 0 }");
    answer_frame_of_1: answer_frame(1, "FrameTooShort { len: 1 }");
    answer_frame_of_23: answer_frame(23, "FrameTooShort { len: 23 }");
    answer_frame_of_a_header: answer_frame(24, "BodyLength");
    answer_frame_at_the_cap: answer_frame(CAP, "BodyLength");
    answer_frame_above_the_cap: answer_frame(CAP + 1, "FrameTooLong");
    answer_frame_of_2_to_the_31: answer_frame(1 << 31, "FrameTooLong");
    answer_frame_of_2_to_the_32: answer_frame(1 << 32, "FrameTooLong");
    answer_frame_of_2_to_the_32_and_a_good_answer: answer_frame((1 << 32) + 48, "FrameTooLong");
    answer_frame_of_2_to_the_63: answer_frame(1 << 63, "FrameTooLong");
    answer_frame_of_all_ones: answer_frame(u64::MAX, "FrameTooLong");

    a_cap_of_the_programs_own: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.copyout(call.word(1), &[1; 128]);
        };
        Case::new("read frame-cap=100", script).lost("FrameTooLong { len: 168, cap: 100 }")
    };

    a_copyin_above_the_programs_own_cap: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            assert_eq!(peer.copyin(1, call.word(1), 76), b"lent".repeat(19));
            peer.ask_copyin(2, call.word(1), 77);
        };
        Case::new("write frame-cap=100", script).lost("CopyTooLong { len: 77, cap: 100 }")
    };
}

/// A frame of this type arrives with a body of `len` zeros.
fn body(class: Class, kind: Kind, len: usize) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send(class, kind, call.header.reqno, 0, &vec![0; len]);
    };
    Case::new("getpid getpid", script).lost("BodyLength")
}

/// One case for each body that falls short of `right` bytes.
fn short(class: Class, kind: Kind, right: usize) -> impl Iterator<Item = Case> {
    (0..right).map(move |len| body(class, kind, len))
}

hostile! {
    short_handshake_answers: short(Class::Response, Kind::Handshake, HANDSHAKE_RESPONSE);
    short_answers: short(Class::Response, Kind::Syscall, SYSCALL_RESPONSE);
    short_prefork_answers: short(Class::Response, Kind::Prefork, PREFORK_RESPONSE);
    short_copyins: short(Class::Request, Kind::Copyin, COPY_REQUEST);
    short_copyinstrs: short(Class::Request, Kind::Copyinstr, COPY_REQUEST);
    short_copyouts: short(Class::Request, Kind::Copyout, COPY_REQUEST);
    short_copyoutstrs: short(Class::Request, Kind::Copyoutstr, COPY_REQUEST);
    short_anonmmaps: short(Class::Request, Kind::Anonmmap, WORD);

    long_handshake_answer: body(Class::Response, Kind::Handshake, HANDSHAKE_RESPONSE + 1);
    long_answer: body(Class::Response, Kind::Syscall, SYSCALL_RESPONSE + 1);
    much_too_long_answer: body(Class::Response, Kind::Syscall, 100_000);
    long_prefork_answer: body(Class::Response, Kind::Prefork, PREFORK_RESPONSE + 1);
    long_copyin: body(Class::Request, Kind::Copyin, COPY_REQUEST + 1);
    long_copyinstr: body(Class::Request, Kind::Copyinstr, COPY_REQUEST + 1);
    long_anonmmap: body(Class::Request, Kind::Anonmmap, WORD + 1);
    raise_with_body: body(Class::Request, Kind::Raise, 1);
    error_with_body: body(Class::Error, Kind::Syscall, 4);
}

/// A copyout that says to have `said` bytes in a frame that has `sent`.
fn copyout(kind: Kind, said: usize, sent: usize) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        let body = [words(&[said, call.word(1)]), vec![b'x'; sent]].concat();
        peer.send(Class::Request, kind, 0, 0, &body);
    };
    Case::new("read getpid", script)
        .lost("BodyLength")
        .check(|report| assert_eq!(report.buffer, [BUFFER; LENT], "nothing of it may be stored"))
}

hostile! {
    copyout_saying_0: copyout(Kind::Copyout, 0, 8);
    copyout_saying_less: copyout(Kind::Copyout, 7, 8);
    copyout_saying_more: copyout(Kind::Copyout, 9, 8);
    copyout_saying_more_than_memory: copyout(Kind::Copyout, usize::MAX, 8);
    copyout_saying_2_to_the_63: copyout(Kind::Copyout, 1 << (usize::BITS - 1), 8);
    // 24 bytes of header and 16 of head, wrapped around.
    copyout_saying_almost_nothing_below_0: copyout(Kind::Copyout, 8_usize.wrapping_sub(16), 8);
    copyoutstr_saying_more: copyout(Kind::Copyoutstr, 9, 8);
    copyoutstr_saying_less: copyout(Kind::Copyoutstr, 7, 8);
}

/// A request to copy `len` bytes, which is more than a frame may hold.
fn copyin_beyond_the_cap(kind: Kind, len: usize) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send(Class::Request, kind, 1, 0, &words(&[len, call.word(1)]));
    };
    Case::new("write getpid", script).lost("CopyTooLong")
}

/// A request for `len` bytes at the buffer, which has fewer, is answered with nothing but zeros.
fn copyin_beyond_the_buffer(len: usize) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        let got = peer.copyin(1, call.word(1), len);
        assert_eq!(got.len(), len, "a server waits for all it has asked for");
        assert!(got.iter().all(|&byte| byte == 0));
        peer.answer(call.header.reqno, 0, 0);
    };
    Case::new("write", script).outcomes(&[EFAULT])
}

hostile! {
    copyin_above_the_cap: copyin_beyond_the_cap(Kind::Copyin, CAP as usize - 23);
    copyin_of_2_to_the_32: copyin_beyond_the_cap(Kind::Copyin, 1 << 32);
    copyin_of_2_to_the_63: copyin_beyond_the_cap(Kind::Copyin, 1 << 63);
    copyin_of_all_ones: copyin_beyond_the_cap(Kind::Copyin, usize::MAX);
    copyinstr_of_2_to_the_63: copyin_beyond_the_cap(Kind::Copyinstr, 1 << 63);
    copyinstr_of_all_ones: copyin_beyond_the_cap(Kind::Copyinstr, usize::MAX);
    copyin_of_1_too_many: copyin_beyond_the_buffer(LENT + 1);
    copyin_of_a_page_too_many: copyin_beyond_the_buffer(LENT + 4096);
    copyin_of_4_mib_too_many: copyin_beyond_the_buffer(4 << 20);

    copyin_of_nothing: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            assert_eq!(peer.copyin(1, call.word(1), 0), b"");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write", script)
    };

    copyinstr_of_nothing: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            assert_eq!(peer.copyinstr(1, call.word(0), 0), b"");
            assert_eq!(peer.copyinstr(2, call.word(0), 1024), b"/path\0");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("open", script)
    };

    copyinstr_shorter_than_the_string: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            for len in 1..=6 {
                assert_eq!(peer.copyinstr(1, call.word(0), len), &b"/path\0"[..len]);
            }
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("open", script)
    };

    copyinstr_as_long_as_a_frame: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            assert_eq!(peer.copyinstr(1, call.word(0), CAP as usize - 24), b"/path\0");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("open", script)
    };

    copyinstr_of_what_is_no_string: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let string = peer.copyinstr(1, call.word(1), 100_000);
            // The buffer ends before any NUL: no more than the buffer.
            assert_eq!(string, b"lent".repeat(LENT / 4));
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write", script).outcomes(&[Outcome::Ok(0)])
    };

    copyout_of_nothing: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.copyout(call.word(1), b"");
            peer.copyout(call.word(1) + LENT, b"");
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("read", script).check(|report| assert_eq!(report.buffer, [BUFFER; LENT]))
    };

    copyout_as_long_as_a_frame: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.copyout(call.word(1), &vec![b'x'; CAP as usize - 40]);
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("read", script)
            .outcomes(&[EFAULT])
            .check(|report| assert_eq!(report.buffer, [BUFFER; LENT], "not lent as a whole"))
    };
}
