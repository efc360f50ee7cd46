//! Streams that come in bits, or end in the middle of something: at every byte of it.

use rumpclient::proto::header::{Class, Header, Kind};
use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{BUFFER, Case, LENT, Outcome, Peer, Transport};
use rumpclient_tests::peer::{copyout_frame, good_banner, syscall_body, words};

/// Bytes of a frame.
fn frame(class: Class, kind: Kind, reqno: u64, body: &[u8]) -> Vec<u8> {
    [&Header::new(class, kind, reqno, 0, body.len()).encode()[..], body].concat()
}

/// A server that hangs up behind `sent` bytes of its introduction.
fn introduction(sent: usize) -> Case {
    let script = move |peer: &mut Peer| {
        let hello = peer.expect_frame();
        let answer = frame(Class::Response, Kind::Handshake, hello.header.reqno, &[0; 4]);
        peer.send_bytes(&[good_banner(), answer].concat()[..sent]);
        peer.close();
    };
    let stage = match sent < good_banner().len() {
        true => "Closed { stage: Banner }",
        false => "Closed { stage: Handshake }",
    };
    Case::new("getpid", script).refused(stage, libc::ENOTCONN)
}

/// A server that hangs up behind `sent` bytes of the frame that `make` makes, of `len`, during a
/// call.
fn during(
    program: &'static str,
    len: usize,
    make: fn(&Peer, u64) -> Vec<u8>,
) -> impl Iterator<Item = Case> {
    (0..len).map(move |sent| {
        let script = move |peer: &mut Peer| {
            let call = peer.greet_and_wait();
            let frame = make(peer, call.header.reqno);
            assert_eq!(frame.len(), len);
            peer.send_bytes(&frame[..sent]);
            peer.close();
        };
        Case::new(program, script).lost("Closed { stage: Calls }")
    })
}

fn buffer(peer: &Peer) -> usize {
    peer.landmarks.get("buffer").address
}

/// A whole conversation, byte by byte.
fn byte_by_byte(peer: &mut Peer) {
    let drip =
        |peer: &mut Peer, bytes: &[u8]| bytes.chunks(1).for_each(|byte| peer.send_bytes(byte));
    drip(peer, &good_banner());
    let hello = peer.expect_frame();
    drip(peer, &frame(Class::Response, Kind::Handshake, hello.header.reqno, &[0; 4]));
    let write = peer.expect_frame();
    drip(peer, &frame(Class::Request, Kind::Copyin, 1, &words(&[8, buffer(peer)])));
    assert_eq!(peer.expect_frame().body, b"lentlent");
    drip(peer, &frame(Class::Response, Kind::Syscall, write.header.reqno, &syscall_body(0, 8)));
    let read = peer.expect_frame();
    drip(peer, &copyout_frame(buffer(peer), &[b'x'; LENT]));
    drip(peer, &frame(Class::Response, Kind::Syscall, read.header.reqno, &syscall_body(0, 256)));
}

hostile! {
    introduction_cut_at_every_byte: (0..good_banner().len() + 28).map(introduction);

    answer_cut_at_every_byte: during("getpid getpid", 48, |_, reqno| {
        frame(Class::Response, Kind::Syscall, reqno, &syscall_body(0, 0))
    });

    copyin_cut_at_every_byte: during("write getpid", 40, |peer, _| {
        frame(Class::Request, Kind::Copyin, 1, &words(&[8, buffer(peer)]))
    });

    copyinstr_cut_at_every_byte: during("open getpid", 40, |peer, _| {
        frame(Class::Request, Kind::Copyinstr, 1, &words(&[8, buffer(peer)]))
    });

    copyout_cut_at_every_byte: during("read getpid", 60, |peer, _| {
        copyout_frame(buffer(peer), &[b'x'; 20])
    })
    .enumerate()
    .map(|(sent, case)| {
        case.check(move |report| {
            let (stored, rest) = report.buffer.split_at(sent.saturating_sub(40));
            assert!(stored.iter().all(|&byte| byte == b'x'));
            assert!(rest.iter().all(|&byte| byte == BUFFER));
        })
    });

    anonmmap_cut_at_every_byte: during("opaque getpid", 32, |_, _| {
        frame(Class::Request, Kind::Anonmmap, 1, &words(&[4096]))
    });

    raise_cut_at_every_byte: during("getpid getpid", 24, |_, _| {
        frame(Class::Request, Kind::Raise, 1, &[])
    });

    error_cut_at_every_byte: during("getpid getpid", 24, |_, reqno| {
        frame(Class::Error, Kind::Syscall, reqno, &[])
    });

    everything_one_byte_at_a_time: Case::new("write read", byte_by_byte)
        .outcomes(&[Outcome::Ok(8), Outcome::Ok(256)])
        .check(|report| assert_eq!(report.buffer, [b'x'; LENT]));

    everything_one_byte_at_a_time_over_tcp: Case::new("write read", byte_by_byte)
        .over(Transport::Tcp)
        .outcomes(&[Outcome::Ok(8), Outcome::Ok(256)]);
}
