//! Servers that hang up, in order or by a reset, at every stage.

use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Peer, Transport};
use rumpclient_tests::peer::{copyout_frame, good_banner, syscall_body, words};

/// How to hang up.
type End = fn(&mut Peer);

const CLOSE: End = Peer::close;
const RESET: End = Peer::reset;

/// At once: what the client has sent is left unread.
fn at_once(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        peer.wait_for_input();
        end(peer);
    };
    Case::new("getpid", script).refused("Closed { stage: Banner }", libc::ENOTCONN)
}

fn after_the_banner(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        peer.expect_frame();
        peer.send_bytes(&good_banner());
        end(peer);
    };
    Case::new("getpid", script).refused("Closed { stage: ", libc::ENOTCONN)
}

fn after_the_handshake(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        peer.greet();
        end(peer);
    };
    Case::new("getpid getpid", script).refused_or_lost("Closed { stage: ", libc::ENOTCONN)
}

fn during_a_call(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        peer.greet_and_wait();
        end(peer);
    };
    Case::new("getpid getpid", script).lost("Closed { stage: Calls }")
}

fn in_an_answer(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        let len = 24 + syscall_body(0, 0).len() as u64;
        peer.send_header(len, Class::Response as u16, Kind::Syscall as u16, call.header.reqno, 0);
        end(peer);
    };
    Case::new("getpid getpid", script).lost("Closed { stage: Calls }")
}

fn in_a_copyout(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        let frame = copyout_frame(call.word(1), &[b'x'; 200]);
        peer.send_bytes(&frame[..100]);
        end(peer);
    };
    Case::new("read getpid", script).lost("Closed { stage: Calls }")
}

/// The answer to its own question is left unread.
fn after_a_copyin(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        peer.send(Class::Request, Kind::Copyin, 1, 0, &words(&[16, call.word(1)]));
        peer.wait_for_input();
        end(peer);
    };
    Case::new("write getpid", script).lost("Closed { stage: Calls }")
}

/// With many calls under way.
fn during_many_calls(end: End) -> Case {
    let script = move |peer: &mut Peer| {
        peer.greet();
        for _ in 0..16 {
            peer.expect_frame();
        }
        end(peer);
    };
    Case::new("writers=16 getpid", script).lost("Closed { stage: Calls }")
}

hostile! {
    close_at_once: at_once(CLOSE);
    close_after_the_banner: after_the_banner(CLOSE);
    close_after_the_handshake: after_the_handshake(CLOSE);
    close_during_a_call: during_a_call(CLOSE);
    close_in_an_answer: in_an_answer(CLOSE);
    close_in_a_copyout: in_a_copyout(CLOSE);
    close_after_a_copyin: after_a_copyin(CLOSE);
    close_during_many_calls: during_many_calls(CLOSE);

    close_at_once_over_tcp: at_once(CLOSE).over(Transport::Tcp);
    close_during_a_call_over_tcp: during_a_call(CLOSE).over(Transport::Tcp);

    reset_at_once: at_once(RESET).over(Transport::Tcp);
    reset_after_the_banner: after_the_banner(RESET).over(Transport::Tcp);
    reset_after_the_handshake: after_the_handshake(RESET).over(Transport::Tcp);
    reset_during_a_call: during_a_call(RESET).over(Transport::Tcp);
    reset_in_an_answer: in_an_answer(RESET).over(Transport::Tcp);
    reset_in_a_copyout: in_a_copyout(RESET).over(Transport::Tcp);
    reset_after_a_copyin: after_a_copyin(RESET).over(Transport::Tcp);
    reset_during_many_calls: during_many_calls(RESET).over(Transport::Tcp);
}
