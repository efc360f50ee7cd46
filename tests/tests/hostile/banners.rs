//! Banners that are not a rump kernel's, or not of one that this client can talk to.

use rumpclient_tests::hostile;
use rumpclient_tests::hostile::{Case, Peer};
use rumpclient_tests::peer::good_banner;

/// A server that says this, and then what a good one says behind its banner.
fn banner(line: impl Into<Vec<u8>>) -> Case {
    let line = line.into();
    let script = move |peer: &mut Peer| {
        peer.send_bytes(&line);
        if let Some(hello) = peer.read_frame() {
            peer.send_raw(1, 0, hello.header.reqno, 0, &[0; 4]);
        }
        while let Some(call) = peer.read_frame() {
            peer.answer(call.header.reqno, 0, 0);
        }
    };
    Case::new("getpid", script)
}

fn foreign(line: impl Into<Vec<u8>>, reason: &'static str) -> Case {
    banner(line).refused(reason, libc::EPROTONOSUPPORT)
}

fn malformed(line: impl Into<Vec<u8>>) -> Case {
    foreign(line, "Malformed")
}

hostile! {
    of_nothing_but_a_newline: malformed(b"\n");
    of_http: malformed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    of_ssh: malformed(b"SSH-2.0-OpenSSH_9.9\r\n");
    of_smtp: malformed(b"220 mail.example.org ESMTP\r\n");
    of_tls: malformed(b"\x15\x03\x01\x00\x02\x02\x46");
    of_zeros: malformed([0; 96]);
    of_x11: malformed(b"\x00\x0b\x00\x00\x00\x00");
    in_lower_case: malformed(b"rumpsp-0.4-netbsd-11.0/amd64\n");
    without_version: malformed(b"RUMPSP-NetBSD-11.0/amd64\n");
    with_half_a_version: malformed(b"RUMPSP-0-NetBSD-11.0/amd64\n");
    with_a_negative_version: malformed(b"RUMPSP--1.4-NetBSD-11.0/amd64\n");
    with_a_version_beyond_numbers: malformed(b"RUMPSP-0.99999999999-NetBSD-11.0/amd64\n");
    without_system: malformed(b"RUMPSP-0.4\n");
    without_release: malformed(b"RUMPSP-0.4-NetBSD-/amd64\n");
    without_machine: malformed(b"RUMPSP-0.4-NetBSD-11.0/\n");
    without_slash: malformed(b"RUMPSP-0.4-NetBSD-11.0\n");
    with_a_carriage_return: malformed(b"RUMPSP-0.4-NetBSD-11.0/amd64\r\n");
    with_a_nul: malformed(b"RUMPSP-0.4-NetBSD-11.0/am\0d64\n");
    with_an_escape_sequence: malformed(b"RUMPSP-0.4-\x1b[2JNetBSD-11.0/amd64\n");
    not_in_utf8: malformed(b"RUMPSP-0.4-NetBSD-\xff.0/amd64\n");
    of_another_protocol: foreign(b"RUMPSP-1.0-NetBSD-13.0/amd64\n", "Protocol { found: (1, 0) }");
    of_another_machine: foreign(b"RUMPSP-0.4-NetBSD-11.0/pdp11\n", "pdp11");
    of_the_other_byte_order: foreign(b"RUMPSP-0.4-NetBSD-11.0/sparc64\n", "sparc64");
    without_end: foreign(ENDLESS, "TooLong");
    of_97_bytes: foreign(long_line(97), "TooLong");
    /// The longest that the protocol allows.
    of_96_bytes: banner(long_line(96));
}

const ENDLESS: [u8; 4096] = {
    let mut line = [b'x'; 4096];
    line.split_at_mut(11).0.copy_from_slice(b"RUMPSP-0.4-");
    line
};

/// A good banner but for its `len` bytes.
fn long_line(len: usize) -> Vec<u8> {
    let good = good_banner();
    let mut line = good[..11].to_vec();
    line.resize(11 + len - good.len(), b'N');
    line.extend_from_slice(&good[11..]);
    assert_eq!(line.len(), len);
    line
}
