//! Servers that turn on a program when it goes on with the connection of the one before exec.

use rumpclient::proto::header::{Class, HandshakeKind, Header, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, LENT, Peer};
use rumpclient_tests::peer::good_banner;

/// A server that does this before it answers the handshake, and then all calls well.
fn before(program: &'static str, lie: fn(&mut Peer, u64)) -> Case {
    let script = move |peer: &mut Peer| {
        let reqno = expect_exec(peer);
        lie(peer, reqno);
        peer.send(Class::Response, Kind::Handshake, reqno, 0, &[0; 4]);
        while let Some(call) = peer.read_frame() {
            peer.answer(call.header.reqno, 0, 0);
        }
    };
    Case::new(program, script)
}

/// A server that does this instead of answering the handshake.
fn instead(program: &'static str, lie: fn(&mut Peer, u64)) -> Case {
    let script = move |peer: &mut Peer| {
        let reqno = expect_exec(peer);
        lie(peer, reqno);
    };
    Case::new(program, script)
}

/// The handshake's request number.
fn expect_exec(peer: &mut Peer) -> u64 {
    let hello = peer.expect_frame();
    assert_eq!(hello.header.kind, Kind::Handshake as u16);
    assert_eq!(HandshakeKind::from_wire(hello.header.aux), Some(HandshakeKind::Exec));
    hello.header.reqno
}

hostile! {
    /// What may still come for calls of the old program is nothing.
    nothing: before("getpid resumed", |_, _| ());
    answers_for_the_old_program: before("getpid resumed", |peer, _| {
        for reqno in [0, 2, 77, 1 << 32, u64::MAX] {
            peer.answer(reqno, 0, 1);
            peer.send(Class::Response, Kind::Prefork, reqno, 0, &[7; 16]);
        }
    });
    /// The old program has counted its calls from the same number.
    answer_for_the_old_program_by_the_same_number:
        before("getpid resumed", |peer, reqno| peer.answer(reqno, 0, 1));
    a_million_answers_for_the_old_program: before("getpid resumed", |peer, _| {
        peer.in_one_piece(|peer| (0..1_000_000).for_each(|reqno| peer.answer(reqno << 33, 0, 1)));
    });
    copyin_for_the_old_program: before("getpid resumed", |peer, _| {
        let place = peer.landmarks.get("buffer").address;
        assert_eq!(peer.copyin(1, place, LENT), [0; LENT]);
    });
    copyinstr_for_the_old_program: before("getpid resumed", |peer, _| {
        let place = peer.landmarks.get("buffer").address;
        assert_eq!(peer.copyinstr(1, place, LENT), [0]);
    });
    copyout_for_the_old_program: before("getpid resumed", |peer, _| {
        let place = peer.landmarks.get("buffer").address;
        peer.copyout(place, &[b'x'; LENT]);
    });

    /// A connection that is resumed has had its banner: this one is read as a frame.
    another_banner: instead("getpid resumed", |peer, _| peer.send_bytes(&good_banner()))
        .refused("FrameTooLong", libc::EPROTO);
    refusal: instead("getpid resumed", |peer, reqno| {
        peer.send(Class::Error, Kind::Handshake, reqno, 5, &[]);
    })
    .refused("Inexec", libc::EBUSY);
    failure: instead("getpid resumed", |peer, reqno| {
        peer.send(Class::Response, Kind::Handshake, reqno, 0, &12_i32.to_ne_bytes());
    })
    .refused("ENOMEM", libc::ENOMEM);
    close: instead("getpid resumed", |peer, _| peer.close()).refused("Closed { stage: Handshake }", libc::ENOTCONN);
    close_in_the_answer: instead("getpid resumed", |peer, reqno| {
        peer.send_header(28, Class::Response as u16, Kind::Handshake as u16, reqno, 0);
        peer.close();
    })
    .refused("Closed { stage: Handshake }", libc::ENOTCONN);
    silence: instead("getpid resumed handshake-limit", |peer, _| peer.wait_for_hangup())
        .refused("TimedOut", libc::ETIMEDOUT)
        .waits();
    endless_answers_for_the_old_program:
        instead("getpid resumed handshake-limit", |peer, _| {
            let header = Header::new(Class::Response, Kind::Prefork, 77, 0, 16);
            peer.send_without_end(&[&header.encode()[..], &[7; 16]].concat());
        })
        .refused("TimedOut", libc::ETIMEDOUT)
        .waits();

    /// Once the handshake is over, nobody else's answers are due.
    answer_for_the_old_program_too_late: {
        let script = |peer: &mut Peer| {
            let reqno = expect_exec(peer);
            peer.send(Class::Response, Kind::Handshake, reqno, 0, &[0; 4]);
            let call = peer.expect_frame();
            peer.answer(call.header.reqno + (1 << 32), 0, 0);
        };
        Case::new("getpid resumed", script).lost("UnexpectedResponse")
    };
    handshake_answered_twice: {
        let script = |peer: &mut Peer| {
            let reqno = expect_exec(peer);
            let answer = |peer: &mut Peer| {
                peer.send(Class::Response, Kind::Handshake, reqno, 0, &[0; 4]);
            };
            answer(peer);
            let call = peer.expect_frame();
            answer(peer);
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("getpid resumed", script).lost("UnexpectedResponse")
    };
}
