//! Forks that the server answers wrongly, or not at all.

use rumpclient::Errno;
use rumpclient::proto::body::PREFORK_RESPONSE;
use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Outcome, Peer, Transport};
use rumpclient_tests::peer::{Frame, good_banner};

use super::errno;

const OK: Outcome = Outcome::Ok(0);
const KEY: [u8; PREFORK_RESPONSE] = [7; PREFORK_RESPONSE];

/// A server that answers a prefork in its way, and the call after it in the right one.
fn prefork(answer: fn(&mut Peer, &Frame)) -> Case {
    let script = move |peer: &mut Peer| {
        let request = peer.greet_and_wait();
        assert_eq!(request.header.kind, Kind::Prefork as u16);
        answer(peer, &request);
        if let Some(call) = peer.read_frame() {
            peer.answer(call.header.reqno, 0, 0);
        }
    };
    Case::new("prefork getpid", script)
}

fn refused(code: u32, expected: Errno) -> Case {
    let script = move |peer: &mut Peer| {
        let request = peer.greet_and_wait();
        peer.send(Class::Error, Kind::Prefork, request.header.reqno, code, &[]);
        let call = peer.expect_frame();
        peer.answer(call.header.reqno, 0, 0);
    };
    Case::new("prefork getpid", script).outcomes(&[errno(expected), OK])
}

fn ended(end: fn(&mut Peer)) -> Case {
    let script = move |peer: &mut Peer| {
        peer.greet_and_wait();
        end(peer);
    };
    Case::new("prefork getpid", script).lost("Closed { stage: Calls }")
}

/// Gives the key, and does this when the client comes back to have the new process dropped.
fn cancel(program: &'static str, then: fn(&mut Peer)) -> Case {
    let script = move |peer: &mut Peer| {
        let request = peer.greet_and_wait();
        peer.send(Class::Response, Kind::Prefork, request.header.reqno, 0, &KEY);
        // The first connection stays.
        let first = peer.put_aside();
        peer.next_connection();
        then(peer);
        peer.take_up(first);
        let call = peer.expect_frame();
        peer.answer(call.header.reqno, 0, 0);
    };
    Case::new(program, script).outcomes(&[OK, OK])
}

/// The handshake of somebody who claims or cancels; it shows the key.
fn expect_key(peer: &mut Peer) -> u64 {
    let hello = peer.expect_frame();
    assert!(hello.body.windows(KEY.len()).any(|part| part == KEY), "{:?}", hello.body);
    hello.header.reqno
}

hostile! {
    prefork_answered_well: prefork(|peer, request| {
        peer.send(Class::Response, Kind::Prefork, request.header.reqno, 0, &KEY);
    });
    prefork_answered_as_a_call: prefork(|peer, request| peer.answer(request.header.reqno, 0, 0))
        .lost("UnexpectedResponse");
    prefork_answered_as_a_handshake: prefork(|peer, request| {
        peer.send(Class::Response, Kind::Handshake, request.header.reqno, 0, &[0; 4]);
    })
    .lost("UnexpectedResponse");
    prefork_answered_too_short: prefork(|peer, request| {
        peer.send(Class::Response, Kind::Prefork, request.header.reqno, 0, &KEY[1..]);
    })
    .lost("BodyLength");
    prefork_answered_twice: prefork(|peer, request| {
        peer.in_one_piece(|peer| {
            for _ in 0..2 {
                peer.send(Class::Response, Kind::Prefork, request.header.reqno, 0, &KEY);
            }
        });
    })
    .outcomes_then_lost(&[OK, Outcome::Lost], "UnexpectedResponse");
    prefork_answered_for_another: prefork(|peer, request| {
        peer.send(Class::Response, Kind::Prefork, request.header.reqno + 1, 0, &KEY);
    })
    .lost("UnexpectedResponse");
    prefork_refused_for_now: refused(1, Errno::EAGAIN);
    prefork_refused_for_want_of_memory: refused(6, Errno::ENOMEM);
    prefork_refused_for_an_unknown_reason: refused(u32::MAX, Errno::EIO);
    close_during_a_prefork: ended(Peer::close);
    reset_during_a_prefork: ended(Peer::reset).over(Transport::Tcp);
    silent_during_a_prefork: {
        let script = |peer: &mut Peer| {
            let prefork = peer.greet_and_wait();
            let call = peer.expect_frame();
            peer.send(Class::Response, Kind::Prefork, prefork.header.reqno, 0, &KEY);
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("prefork getpid call-limit", script)
            .outcomes(&[errno(Errno::ETIMEDOUT), OK])
            .waits()
    };

    cancel_closed_in_order: cancel("cancel getpid", |peer| {
        peer.send_bytes(&good_banner());
        expect_key(peer);
        peer.close();
    });
    cancel_closed_at_once: cancel("cancel getpid", Peer::close);
    cancel_answered_as_nobody_expects: cancel("cancel getpid", |peer| {
        peer.send_bytes(&good_banner());
        let reqno = expect_key(peer);
        peer.answer(reqno, 0, 0);
    });
    cancel_met_by_another_server: cancel("cancel getpid", |peer| {
        peer.send_bytes(b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    cancel_met_by_silence:
        cancel("cancel getpid handshake-limit", |peer| peer.wait_for_hangup()).waits();
}
