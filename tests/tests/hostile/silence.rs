//! Servers that stop talking: what has a time limit ends by it.

use rumpclient::Errno;
use rumpclient::proto::header::{Class, Header, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, LENT, Outcome, Peer, Transport};
use rumpclient_tests::peer::{copyout_frame, good_banner, words};
use rustix::process::Signal;

use super::errno;

/// A server that says this of its introduction, and no more.
fn introduction(said: &'static [u8], reason: &'static str) -> Case {
    let script = move |peer: &mut Peer| peer.send_bytes(said);
    Case::new("getpid handshake-limit", script).refused(reason, libc::ETIMEDOUT).waits()
}

fn in_the_handshake(answer: &'static [u8]) -> Case {
    let script = move |peer: &mut Peer| {
        peer.send_bytes(&good_banner());
        let hello = peer.expect_frame();
        let header = 28_u64.to_ne_bytes();
        let frame = [&header[..], &hello.header.reqno.to_ne_bytes(), answer].concat();
        peer.send_bytes(&frame);
    };
    Case::new("getpid handshake-limit", script)
        .refused("TimedOut { stage: Handshake", libc::ETIMEDOUT)
        .waits()
}

/// A server that does this when called, and no more.
fn during(program: &'static str, script: fn(&mut Peer, u64)) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        script(peer, call.header.reqno);
    };
    Case::new(program, script).outcomes(&[errno(Errno::ETIMEDOUT)]).waits()
}

hostile! {
    before_the_banner: introduction(b"", "TimedOut { stage: Banner");
    before_the_banner_over_tcp: introduction(b"", "TimedOut { stage: Banner").over(Transport::Tcp);
    in_the_banner: introduction(b"RUMPSP-0.4-", "TimedOut { stage: Banner");
    before_the_handshakes_answer: {
        let script = |peer: &mut Peer| peer.send_bytes(&good_banner());
        Case::new("getpid handshake-limit", script)
            .refused("TimedOut { stage: Handshake", libc::ETIMEDOUT)
            .waits()
    };
    in_the_header_of_the_handshakes_answer: in_the_handshake(b"");
    behind_the_header_of_the_handshakes_answer: in_the_handshake(&[1, 0, 0, 0, 0, 0, 0, 0]);

    /// Saying something every now and then gains no time.
    a_banner_that_trickles: {
        let script = |peer: &mut Peer| peer.trickle(b"RUMPSP-0.4-NetBSD-11.0.");
        Case::new("getpid handshake-limit", script)
            .refused("TimedOut { stage: Banner", libc::ETIMEDOUT)
            .waits()
    };

    before_an_answer: during("getpid call-limit", |_, _| ());
    in_the_header_of_an_answer: during("getpid call-limit", |peer, _| {
        peer.send_bytes(&48_u64.to_ne_bytes());
    });
    behind_the_header_of_an_answer: during("getpid call-limit", |peer, reqno| {
        peer.send_header(48, Class::Response as u16, Kind::Syscall as u16, reqno, 0);
    });
    in_a_copyout: during("read call-limit", |peer, _| {
        let buffer = peer.landmarks.get("buffer");
        peer.send_bytes(&copyout_frame(buffer.address, &[b'x'; 200])[..100]);
    });
    in_a_large_copyout: during("read call-limit", |peer, _| {
        peer.send_header(60 << 20, Class::Request as u16, Kind::Copyout as u16, 0, 0);
        let buffer = peer.landmarks.get("buffer");
        peer.send_bytes(&words(&[(60 << 20) - 40, buffer.address]));
        peer.send_bytes(&[b'x'; 100_000]);
    });
    after_a_copyin: during("write call-limit", |peer, _| {
        let buffer = peer.landmarks.get("buffer");
        assert_eq!(peer.copyin(1, buffer.address, 4), b"lent");
    });

    /// What comes after all is for nobody, and touches nothing.
    until_nobody_waits_any_more: {
        let script = |peer: &mut Peer| {
            let read = peer.greet_and_wait();
            // The program has given up by the time it makes its next call.
            let getpid = peer.expect_frame();
            peer.copyout(read.word(1), b"late");
            peer.answer(read.header.reqno, 0, 4);
            peer.answer(getpid.header.reqno, 0, 0);
        };
        Case::new("read getpid call-limit", script)
            .outcomes(&[errno(Errno::ETIMEDOUT), Outcome::Ok(0)])
            .check(|report| assert_eq!(report.buffer[..4], *b"...."))
            .waits()
    };
}

/// What a server does before it says nothing more.
type Stage = fn(&mut Peer);

/// The program is sent a signal while it waits: no server keeps it from ending.
fn killed(program: &'static str, stage: Stage) -> Case {
    let script = move |peer: &mut Peer| {
        stage(peer);
        peer.signal(Signal::TERM);
    };
    Case::new(program, script).killed(libc::SIGTERM)
}

hostile! {
    a_copyout_that_trickles: during("read call-limit", |peer, _| {
        let buffer = peer.landmarks.get("buffer");
        let frame = copyout_frame(buffer.address, &[b'x'; LENT]);
        peer.send_bytes(&frame[..LENT]);
        peer.trickle(b"x");
    });
    a_frame_that_trickles: during("getpid call-limit", |peer, _| {
        let len = rumpclient::proto::DEFAULT_FRAME_CAP as u64;
        peer.send_header(len, Class::Request as u16, Kind::Copyout as u16, 0, 0);
        peer.send_bytes(&words(&[len as usize - 40, 0]));
        peer.trickle(b"x");
    });
    frames_without_end: during("read call-limit", |peer, _| {
        let heap = peer.landmarks.get("heap");
        peer.send_without_end(&copyout_frame(heap.address, &[b'x'; 4096]));
    });
    signals_without_end: during("getpid call-limit", |peer, _| {
        // Window changes: ignored unless asked for.
        let raise = Header::new(Class::Request, Kind::Raise, 0, 28, 0).encode();
        peer.send_without_end(&raise.repeat(100));
    });
    /// What was asked for is not taken.
    behind_a_large_copyin: during("write-large large=8388608 call-limit", |peer, _| {
        let large = peer.landmarks.get("large");
        peer.ask_copyin(1, large.address, large.len);
    })
    .lends_everything();

    killed_before_the_banner: killed("getpid", |peer| drop(peer.expect_frame()));
    killed_in_the_banner: killed("getpid", |peer| {
        peer.expect_frame();
        peer.send_bytes(b"RUMPSP-0.4-");
    });
    killed_before_the_handshakes_answer: killed("getpid", |peer| {
        peer.expect_frame();
        peer.send_bytes(&good_banner());
    });
    killed_before_an_answer: killed("getpid", |peer| drop(peer.greet_and_wait()));
    killed_in_an_answer: killed("getpid", |peer| {
        peer.greet_and_wait();
        peer.send_bytes(&48_u64.to_ne_bytes());
    });
    killed_in_a_copyout: killed("read", |peer| {
        let call = peer.greet_and_wait();
        peer.send_bytes(&copyout_frame(call.word(1), &[b'x'; LENT])[..100]);
    });
    killed_behind_a_large_copyin: killed("write-large large=8388608", |peer| {
        let call = peer.greet_and_wait();
        peer.ask_copyin(1, call.word(1), call.word(2));
    })
    .lends_everything();
    killed_with_many_calls: killed("writers=16", |peer| {
        peer.greet();
        (0..16).for_each(|_| drop(peer.expect_frame()));
    });
}
