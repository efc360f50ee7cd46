//! Frames that mean something, but not here or not now.

use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Outcome, Peer};
use rumpclient_tests::peer::good_banner;

const OK: Outcome = Outcome::Ok(0);
const LOST: Outcome = Outcome::Lost;

/// An answer under a number that is the request's, changed.
fn answer_to(change: fn(u64) -> u64) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.answer(change(call.header.reqno), 0, 0);
    };
    Case::new("getpid getpid", script).lost("UnexpectedResponse")
}

/// An answer of another type than the request.
fn answer_of(kind: Kind, body: &'static [u8]) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send(Class::Response, kind, call.header.reqno, 0, body);
    };
    Case::new("getpid getpid", script).lost("UnexpectedResponse")
}

hostile! {
    response_to_nobody: answer_to(|reqno| reqno ^ 0xffff);
    response_to_the_next_request: answer_to(|reqno| reqno + 1);
    response_to_the_slots_next_request: answer_to(|reqno| reqno + (1 << 32));
    response_to_number_0: answer_to(|_| 0);
    response_to_all_ones: answer_to(|_| u64::MAX);
    response_to_a_call_of_type_handshake: answer_of(Kind::Handshake, &[0; 4]);
    response_to_a_call_of_type_prefork: answer_of(Kind::Prefork, &[0; 16]);

    error_to_nobody: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.send(Class::Error, Kind::Syscall, call.header.reqno + 1, 1, &[]);
        };
        Case::new("getpid getpid", script).lost("UnexpectedResponse")
    };

    response_to_the_handshake_of_type_syscall: {
        let script = |peer: &mut Peer| {
            peer.send_bytes(&good_banner());
            let hello = peer.expect_frame();
            peer.answer(hello.header.reqno, 0, 0);
        };
        Case::new("getpid", script).refused("UnexpectedResponse", libc::EPROTO)
    };

    response_to_the_handshake_twice: {
        let script = |peer: &mut Peer| {
            peer.greet_along_with(|peer, hello| {
                peer.send(Class::Response, Kind::Handshake, hello, 0, &[0; 4]);
            });
        };
        Case::new("getpid getpid", script).lost("UnexpectedResponse")
    };

    response_twice_in_one_piece: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.in_one_piece(|peer| {
                peer.answer(call.header.reqno, 0, 0);
                peer.answer(call.header.reqno, 0, 0);
            });
        };
        Case::new("getpid getpid", script).outcomes_then_lost(&[OK, LOST], "UnexpectedResponse")
    };

    response_twice_with_another_call_between: {
        let script = |peer: &mut Peer| {
            let first = peer.greet_and_wait();
            peer.answer(first.header.reqno, 0, 0);
            let second = peer.expect_frame();
            peer.answer(second.header.reqno, 0, 0);
            peer.expect_frame();
            peer.answer(first.header.reqno, 0, 0);
        };
        Case::new("getpid getpid getpid getpid", script)
            .outcomes_then_lost(&[OK, OK, LOST, LOST], "UnexpectedResponse")
    };

    response_and_error: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.in_one_piece(|peer| {
                peer.answer(call.header.reqno, 0, 0);
                peer.send(Class::Error, Kind::Syscall, call.header.reqno, 1, &[]);
            });
        };
        Case::new("getpid getpid", script).outcomes_then_lost(&[OK, LOST], "UnexpectedResponse")
    };

    response_before_the_request: {
        let script = |peer: &mut Peer| {
            // The number that the first call is going to have.
            peer.greet_along_with(|peer, hello| peer.answer(hello + (1 << 32), 0, 0));
        };
        Case::new("getpid getpid", script).lost("UnexpectedResponse")
    };

    /// Who has much to send has to listen, too: this server goes on talking, and takes nothing before it
    /// has come to an end.
    response_before_the_data_that_it_asked_for: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            peer.ask_copyin(1, call.word(1), call.word(2));
            peer.wait_for_bytes();
            // Signals that there are not, more of them than a socket holds.
            (0..20_000).for_each(|_| peer.raise(0));
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write-large large=8388608", script).outcomes(&[OK]).lends_everything()
    };

    handshake_answered_ahead_of_the_banner: {
        let script = |peer: &mut Peer| {
            let hello = peer.expect_frame();
            peer.send(Class::Response, Kind::Handshake, hello.header.reqno, 0, &[0; 4]);
            peer.send_bytes(&good_banner());
        };
        Case::new("getpid", script).refused("Malformed", libc::EPROTONOSUPPORT)
    };

    the_banner_twice: {
        let script = |peer: &mut Peer| {
            peer.send_bytes(&good_banner());
            peer.send_bytes(&good_banner());
        };
        Case::new("getpid", script).refused("FrameTooLong", libc::EPROTO)
    };

    a_banner_instead_of_an_answer: {
        let script = |peer: &mut Peer| {
            peer.greet_and_wait();
            peer.send_bytes(&good_banner());
        };
        Case::new("getpid getpid", script).lost("FrameTooLong")
    };

    /// The numbers of the two sides are counted separately.
    a_request_under_the_calls_own_number: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let reqno = call.header.reqno;
            assert_eq!(peer.copyin(reqno, call.word(1), 8), b"lentlent");
            assert_eq!(peer.copyin(reqno, call.word(1), 4), b"lent");
            peer.answer(reqno, 0, 0);
        };
        Case::new("write", script)
    };

    /// Calls overlap: the server asks for pieces of all of them in turn, answers last to first.
    copyins_for_several_calls_interleaved: {
        const WRITERS: usize = 8;
        const PIECES: usize = 16;
        const PIECE: usize = rumpclient_tests::hostile::LENT / PIECES;
        let script = |peer: &mut Peer| {
            peer.greet();
            let calls: Vec<_> = (0..WRITERS).map(|_| peer.expect_frame()).collect();
            let ask = |peer: &mut Peer, piece: usize| {
                for (at, call) in calls.iter().enumerate() {
                    let reqno = (at * PIECES + piece) as u64;
                    peer.ask_copyin(reqno, call.word(1) + piece * PIECE, PIECE);
                }
            };
            peer.in_one_piece(|peer| (0..PIECES).rev().for_each(|piece| ask(peer, piece)));
            let mut written = vec![None; WRITERS];
            for _ in 0..WRITERS * PIECES {
                let answer = peer.expect_frame();
                assert_eq!(answer.body.len(), PIECE);
                let writer = &mut written[answer.header.reqno as usize / PIECES];
                let whose = *writer.get_or_insert(answer.body[0]);
                assert!(answer.body.iter().all(|&byte| byte == whose), "{:?}", answer.body);
            }
            written.sort();
            assert_eq!(written, (1..=WRITERS as u8).map(Some).collect::<Vec<_>>());
            for call in calls.iter().rev() {
                peer.answer(call.header.reqno, 0, 0);
            }
        };
        Case::new("writers=8", script)
    };
}
