//! Servers that say too much.

use rumpclient::proto::header::{Class, Header, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{BUFFER, Case, LENT, Outcome, Peer};
use rumpclient_tests::peer::{copyout_frame, words};

use super::EFAULT;

const MILLION: usize = 1_000_000;

/// Sends a frame over and over.
fn repeat(peer: &mut Peer, frame: &[u8], times: usize) {
    const AT_ONCE: usize = 1000;
    let batch = frame.repeat(AT_ONCE);
    for _ in 0..times / AT_ONCE {
        peer.send_bytes(&batch);
    }
}

/// Sends a frame over and over during a call, then its answer.
fn during(program: &'static str, times: usize, make: fn(&Peer) -> Vec<u8>) -> Case {
    let script = move |peer: &mut Peer| {
        let call = peer.greet_and_wait();
        let frame = make(peer);
        repeat(peer, &frame, times);
        peer.answer(call.header.reqno, 0, 0);
    };
    Case::new(program, script)
}

fn request(kind: Kind, aux: u32, body: &[usize]) -> Vec<u8> {
    let body = words(body);
    let header = Header::new(Class::Request, kind, 1, aux, body.len());
    [&header.encode()[..], &body].concat()
}

fn landmark(peer: &Peer, name: &str) -> usize {
    peer.landmarks.get(name).address
}

hostile! {
    a_million_signals_that_do_not_exist:
        during("getpid", MILLION, |_| request(Kind::Raise, 0, &[]));
    /// Window changes: ignored unless asked for.
    a_million_signals: during("getpid", MILLION, |_| request(Kind::Raise, 28, &[]));
    a_million_copyouts_of_nothing:
        during("read", MILLION, |peer| copyout_frame(landmark(peer, "buffer"), b""));
    a_million_copyouts_of_a_byte:
        during("read", MILLION, |peer| copyout_frame(landmark(peer, "buffer") + 5, b"x"))
            .check(|report| assert_eq!(report.buffer[4..7], *b".x."));
    copyouts_of_a_gigabyte: during("read", 4000, |peer| {
        copyout_frame(landmark(peer, "heap"), &[1; 256 << 10])
    })
        .outcomes(&[EFAULT])
        .check(|report| assert_eq!(report.buffer, [BUFFER; LENT]));

    copyins_without_reading_the_answers:
        during("write getpid", MILLION, |peer| {
            request(Kind::Copyin, 0, &[LENT, landmark(peer, "buffer")])
        })
        .lost("TooManyRequests");
    copyins_of_much_without_reading_the_answers:
        during("write getpid", MILLION, |peer| {
            request(Kind::Copyin, 0, &[32 << 20, landmark(peer, "heap")])
        })
        .lost("TooManyRequests");
    copyins_of_everything_without_reading_the_answers:
        during("opaque getpid large=8388608", MILLION, |peer| {
            request(Kind::Copyin, 0, &[8 << 20, landmark(peer, "large")])
        })
        .lends_everything()
        .lost("TooManyRequests");
    copyinstrs_without_reading_the_answers:
        during("open getpid", MILLION, |peer| {
            request(Kind::Copyinstr, 0, &[1024, landmark(peer, "heap")])
        })
        .lost("TooManyRequests");
    copyinstrs_of_everything_without_reading_the_answers:
        during("opaque getpid large=8388608", MILLION, |peer| {
            request(Kind::Copyinstr, 0, &[8 << 20, landmark(peer, "large")])
        })
        .lends_everything()
        .lost("TooManyRequests");
    anonmmaps_without_reading_the_answers:
        during("opaque getpid", MILLION, |_| request(Kind::Anonmmap, 0, &[4096]))
            .lends_everything()
            .lost("TooManyRequests");

    /// Slow but honest: every answer is read in the end.
    copyins_with_all_answers_read: {
        let script = |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let frame = request(Kind::Copyin, 0, &[LENT, call.word(1)]);
            for _ in 0..20 {
                repeat(peer, &frame, 1000);
                for _ in 0..1000 {
                    assert_eq!(peer.expect_frame().body.len(), LENT);
                }
            }
            peer.answer(call.header.reqno, 0, 0);
        };
        Case::new("write", script).outcomes(&[Outcome::Ok(0)])
    };
}
