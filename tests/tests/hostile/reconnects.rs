//! Lost links, and what is found in the lost server's place.

use rumpclient::proto::header::{Class, Kind};
use rumpclient::table::entry;
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, LENT, Outcome, Peer};
use rumpclient_tests::peer::{Frame, copyout_frame, good_banner};

const OK: Outcome = Outcome::Ok(0);
const LOST: Outcome = Outcome::Lost;

/// What a server does instead of serving.
type Welcome = fn(&mut Peer);

/// A server that dies in the first call, whereupon each attempt to find it is met like this.
fn found(program: &'static str, welcome: Welcome) -> Case {
    let script = move |peer: &mut Peer| {
        peer.greet_and_wait();
        for _ in 0..6 {
            peer.next_connection();
            welcome(peer);
            peer.close();
        }
    };
    Case::new(program, script).lost("Closed { stage: Calls }")
}

/// A server that dies like this in the first call. The second reaches its successor.
fn dies(program: &'static str, death: fn(&mut Peer, &Frame)) -> Case {
    let script = move |peer: &mut Peer| {
        let first = peer.greet_and_wait();
        death(peer, &first);
        peer.next_connection();
        let second = peer.greet_and_wait();
        assert_eq!(second.header.aux, entry::GETPID.number, "what may have run runs once");
        peer.answer(second.header.reqno, 0, 0);
    };
    Case::new(program, script).outcomes(&[LOST, OK])
}

const SIX: &str = "write write write write write write retry=once";

hostile! {
    hangs_up_at_once: found(SIX, |_| ());
    hangs_up_behind_the_banner: found(SIX, |peer| peer.send_bytes(&good_banner()));
    is_another_kind_of_server:
        found(SIX, |peer| peer.send_bytes(b"220 mail.example.org ESMTP\r\n"));
    refuses_the_handshake: found(SIX, |peer| {
        peer.send_bytes(&good_banner());
        let hello = peer.expect_frame();
        peer.send(Class::Error, Kind::Handshake, hello.header.reqno, 2, &[]);
    });
    sends_a_frame_without_end: found(SIX, |peer| {
        peer.send_bytes(&good_banner());
        peer.send_header(u64::MAX, 1, 0, 0, 0);
    });
    is_silent: found("write write write write write write retry=once handshake-limit", |peer| {
        // The client hangs up first.
        peer.wait_for_hangup();
    })
    .waits();

    /// A search goes on past servers that are no good.
    is_no_good_until_it_is: {
        let script = |peer: &mut Peer| {
            peer.greet_and_wait();
            for bad in [&b""[..], b"SSH-2.0-OpenSSH_9.9\r\n", &good_banner()] {
                peer.next_connection();
                peer.send_bytes(bad);
            }
            peer.next_connection();
            let call = peer.greet_and_wait();
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write getpid retry=20", script).outcomes(&[LOST, OK])
    };

    dies_before_it_answers: dies("write getpid retry=20", |_, _| ());
    dies_in_an_answer: dies("write getpid retry=20", |peer, call| {
        peer.send_header(48, Class::Response as u16, Kind::Syscall as u16, call.header.reqno, 0);
    });
    dies_in_a_copyout: dies("read getpid retry=20", |peer, call| {
        peer.send_bytes(&copyout_frame(call.word(1), &[b'x'; LENT])[..100]);
    })
    .check(|report| {
        assert_eq!((&report.buffer[..60], &report.buffer[60..64]), (&[b'x'; 60][..], &b"...."[..]));
    });
    dies_behind_a_copyin: dies("write getpid retry=20", |peer, call| {
        assert_eq!(peer.copyin(1, call.word(1), 4), b"lent");
    });
    dies_of_its_own_protocol_error: dies("write getpid retry=20", |peer, _| {
        peer.send_header(1 << 63, 1, 1, 0, 0);
        peer.wait_for_hangup();
    });
}
