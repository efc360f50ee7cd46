//! What the protocol says of frames, handshakes and refusals.

use rumpclient::Errno;
use rumpclient::proto::header::{Class, HandshakeKind, Header, Kind, ServerError};

use super::*;
use crate::server::Release;
use crate::server::frames::BODY_MAX;

#[test]
fn a_client_is_greeted_and_gets_a_process() {
    let kernel = server();
    let mut client = kernel.client();
    let pid = client.pid();
    let [process] = kernel.server.processes().try_into().unwrap();
    assert_eq!((process.pid, process.parent, process.name.as_str()), (pid, 1, "raw"));
    assert!(process.connected);
    let kinds: Vec<_> = process.descriptors.iter().map(|it| (it.fd, it.kind)).collect();
    assert_eq!(kinds, [(0, "console"), (1, "console"), (2, "console")]);
}

#[test]
fn whoever_does_not_begin_with_a_handshake_is_sent_away() {
    let kernel = server();
    for kind in [Kind::Syscall, Kind::Prefork, Kind::Copyin, Kind::Raise] {
        let mut client = kernel.greeted();
        let reqno = client.request(kind, 0, &[]);
        assert_eq!(client.answer(reqno), Answer::Refused(ServerError::Auth), "{kind:?}");
        assert!(client.is_closed());
    }
    for kind in [HandshakeKind::Auth, HandshakeKind::Exec] {
        let mut client = kernel.greeted();
        assert_eq!(client.handshake(kind, b"x\0"), Answer::Refused(ServerError::Auth), "{kind:?}");
        assert!(client.is_closed());
    }
    assert!(kernel.server.processes().is_empty());
}

#[test]
fn a_second_handshake_must_be_an_exec() {
    let kernel = server();
    for kind in [HandshakeKind::Guest, HandshakeKind::Auth, HandshakeKind::Fork] {
        let mut client = kernel.client();
        let answer = client.handshake(kind, b"again\0");
        assert_eq!(answer, Answer::Refused(ServerError::MalformedRequest), "{kind:?}");
        assert!(client.is_closed());
    }
    assert!(kernel.server.wait_for_processes(PATIENCE, |processes| processes.is_empty()));
}

#[test]
fn bad_frames_end_their_own_connection_only() {
    let kernel = server();
    let mut bystander = kernel.client();
    let frame = |len, class, kind| Header { len, reqno: 9, class, kind, aux: 0 };
    let bad = [
        frame(0, 0, 1),
        frame(23, 0, 1),
        frame((HEADER_SIZE + BODY_MAX) as u64 + 1, 0, 1),
        frame(u64::MAX, 0, 1),
        frame(24, 3, 1),
        // An answer that nobody waits for, and the refusal of a request that was never made.
        frame(24, Class::Response as u16, Kind::Copyin as u16),
        frame(24, Class::Error as u16, Kind::Copyin as u16),
    ];
    for header in bad {
        let mut client = kernel.client();
        client.send_frame(header, &[]);
        assert!(client.is_closed(), "{header:?}");
    }
    assert!(kernel.server.wait_for_processes(PATIENCE, |processes| processes.len() == 1));
    assert!(bystander.pid() > 1);
}

#[test]
fn an_unknown_request_is_refused_and_nothing_more() {
    let kernel = server();
    let mut client = kernel.client();
    let malformed = Answer::Refused(ServerError::MalformedRequest);
    for kind in [2, 8, 9, 0xffff] {
        let reqno = client.send(Class::Request as u16, kind, 0, &[]);
        assert_eq!(client.answer(reqno), malformed, "type {kind}");
    }
    assert!(client.pid() > 1);
}

#[test]
fn calls_that_are_not_there_fail_as_the_release_has_it() {
    let release = Release { dropped: vec![3], unknown: vec![4], ..Release::named("11.0") };
    let kernel = Running::new(Options { release, ..Options::default() });
    let mut client = kernel.client();
    for number in [1, 2, 4, 511, 512, u32::MAX] {
        let reqno = client.request(Kind::Syscall, number, &[0; 64]);
        assert_eq!(client.finish(reqno), Err(Errno::ENOSYS.raw()), "call {number}");
    }
    assert!(client.raised.is_empty());
    assert_eq!(client.call("read", &[]), Err(Errno::ENOSYS.raw()));
    assert_eq!(client.raised, [rumpclient::netbsd::SIGSYS as u32]);
}

#[test]
fn too_few_arguments_are_no_arguments() {
    let kernel = server();
    let mut client = kernel.client();
    let read = call_named("read");
    let reqno = client.request(Kind::Syscall, read.number, &vec![0; read.size - 1]);
    assert_eq!(client.finish(reqno), Err(Errno::EINVAL.raw()));
}

#[test]
fn a_full_server_closes_at_once_and_has_room_again_later() {
    let kernel = server();
    let mut clients: Vec<_> = (0..255).map(|_| kernel.client()).collect();
    let mut late = kernel.connect();
    assert!(late.is_closed());
    clients.pop();
    assert!(kernel.server.wait_for_processes(PATIENCE, |processes| processes.len() == 254));
    assert!(kernel.client().pid() > 1);
}

#[test]
fn a_client_that_gives_less_than_it_is_asked_for_gets_efault() {
    let kernel = server();
    let mut client = kernel.client();
    client.miserly = 1;
    let buffer = client.put(0, b"text");
    let result = client.call("write", &[("fd", 1), ("buf", buffer), ("nbyte", 4)]);
    assert_eq!(result, Err(Errno::EFAULT.raw()));
}

#[test]
fn file_data_goes_in_pages_and_zeros_in_smaller_pieces() {
    let kernel = server();
    let mut client = kernel.client();
    let path = client.put(0, b"/tmp/file\0");
    let flags = (rumpclient::netbsd::O_CREAT | rumpclient::netbsd::O_RDWR) as usize;
    let fd = client.get("open", &[("path", path), ("flags", flags), ("mode", 0o600)]);
    let buffer = client.put(4096, &[7; 10_000]);
    let nbyte = ("nbyte", 10_000);
    assert_eq!(client.get("write", &[("fd", fd), ("buf", buffer), nbyte]), 10_000);
    client.put(4096, &[0; 10_000]);
    assert_eq!(client.get("pread", &[("fd", fd), ("buf", buffer), nbyte]), 10_000);
    assert_eq!(client.copyouts, [4096, 4096, 1808]);
    assert!(client.memory[4096..][..10_000].iter().all(|&byte| byte == 7));
    let path = client.put(0, b"/dev/zero\0");
    let zero = client.get("open", &[("path", path)]);
    client.copyouts.clear();
    assert_eq!(client.get("read", &[("fd", zero), ("buf", buffer), ("nbyte", 1200)]), 1200);
    assert_eq!(client.copyouts, [512, 512, 176]);
}
