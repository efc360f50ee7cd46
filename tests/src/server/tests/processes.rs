//! Prefork, fork, exec, signals, the end.

use std::net::Shutdown;

use rumpclient::Errno;
use rumpclient::netbsd::{F_SETFD, FD_CLOEXEC, SIGUSR1};
use rumpclient::proto::header::{HandshakeKind, Kind, ServerError};

use super::*;

/// Whether a number of processes is there, in time.
fn count(kernel: &Running, count: usize) -> bool {
    kernel.server.wait_for_processes(PATIENCE, |processes| processes.len() == count)
}

fn pipe(client: &mut RawClient) -> [usize; 2] {
    client.call("pipe", &[]).unwrap().map(|fd| fd as usize)
}

#[test]
fn a_child_has_its_parents_files_even_when_the_parent_is_gone() {
    let kernel = server();
    let mut parent = kernel.client();
    let parent_pid = parent.pid();
    let [from, to] = pipe(&mut parent);
    let word = parent.put(0, b"word");
    parent.get("write", &[("fd", to), ("buf", word), ("nbyte", 4)]);
    let key = parent.prefork();
    let mut child = kernel.greeted();
    assert_eq!(child.claim(&key, 0), Answer::Done(0));
    assert_eq!(child.call("getpid", &[]).unwrap()[1], parent_pid as isize);
    drop(parent);
    assert!(count(&kernel, 1));
    assert_eq!(child.call("getpid", &[]).unwrap()[1], 1, "orphans are init's");
    assert_eq!(child.get("read", &[("fd", from), ("buf", MEMORY), ("nbyte", 9)]), 4);
    assert_eq!(&child.memory[..4], b"word");
}

#[test]
fn a_prefork_outlives_its_parent_and_is_used_once() {
    let kernel = server();
    let mut parent = kernel.client();
    let key = parent.prefork();
    drop(parent);
    assert!(kernel.server.wait_for_processes(PATIENCE, |processes| {
        processes.len() == 1 && !processes[0].connected
    }));
    let mut child = kernel.greeted();
    assert_eq!(child.claim(&key, 0), Answer::Done(0));
    let mut thief = kernel.greeted();
    assert_eq!(thief.claim(&key, 0), Answer::Refused(ServerError::InvalidPrefork));
    assert!(thief.is_closed());
    drop(child);
    assert!(count(&kernel, 0));
}

#[test]
fn a_cancelled_prefork_is_gone() {
    let kernel = server();
    let mut parent = kernel.client();
    let key = parent.prefork();
    assert_eq!(kernel.server.processes().len(), 2);
    assert_eq!(kernel.greeted().claim(&key, 1), Answer::Closed);
    assert!(count(&kernel, 1));
    let refused = kernel.greeted().claim(&key, 0);
    assert_eq!(refused, Answer::Refused(ServerError::InvalidPrefork));
}

#[test]
fn claims_of_another_form_are_refused() {
    let kernel = server();
    let key = kernel.client().prefork();
    for body in [&key[..], &[&key[..], &[0; 5]].concat(), &[]] {
        let answer = kernel.greeted().handshake(HandshakeKind::Fork, body);
        assert_eq!(answer, Answer::Refused(ServerError::MalformedRequest));
    }
}

#[test]
fn exec_keeps_the_process_and_closes_what_it_should() {
    let kernel = server();
    let mut client = kernel.client();
    let pid = client.pid();
    let [from, to] = pipe(&mut client);
    let close_on_exec = ("arg", FD_CLOEXEC as usize);
    client.get("fcntl", &[("fd", from), ("cmd", F_SETFD as usize), close_on_exec]);
    let answer = client.handshake(HandshakeKind::Exec, b"a-program-with-a-long-name\0");
    assert_eq!(answer, Answer::Done(0));
    assert_eq!(client.pid(), pid);
    let [process] = kernel.server.processes().try_into().unwrap();
    assert_eq!(process.name, "a-program-with-a");
    let open: Vec<usize> = process.descriptors.iter().map(|it| it.fd as usize).collect();
    assert_eq!(open, [0, 1, 2, to]);
}

#[test]
fn exec_waits_for_the_calls_that_it_ends() {
    let kernel = server();
    let mut client = kernel.client();
    let [from, _to] = pipe(&mut client);
    let read = client.begin("read", &[("fd", from), ("buf", MEMORY), ("nbyte", 1)]);
    assert!(kernel.server.wait_until_blocked(1, PATIENCE));
    let exec = client.request(Kind::Handshake, HandshakeKind::Exec as u32, b"next\0");
    // The ended call is answered first; then the exec is done.
    assert_eq!(client.finish(read), Err(Errno::EINTR.raw()));
    assert_eq!(client.answer(exec), Answer::Done(0));
    assert!(client.pid() > 1);
}

#[test]
fn signals_reach_the_client_of_the_other_process() {
    let kernel = server();
    let (mut one, mut other) = (kernel.client(), kernel.client());
    let pid = other.pid() as usize;
    let kill = |client: &mut RawClient, pid, signum| {
        client.call("kill", &[("pid", pid), ("signum", signum)]).map(|_| ())
    };
    assert_eq!(kill(&mut one, pid, 0), Ok(()));
    assert_eq!(kill(&mut one, pid, SIGUSR1 as usize), Ok(()));
    assert_eq!(kill(&mut one, pid, 64), Err(Errno::EINVAL.raw()));
    assert_eq!(kill(&mut one, 9999, 0), Err(Errno::ESRCH.raw()));
    other.pid();
    assert_eq!(other.raised, [SIGUSR1 as u32]);
    assert!(one.raised.is_empty());
}

#[test]
fn a_lost_client_takes_its_blocked_calls_along() {
    let kernel = server();
    let mut client = kernel.client();
    let [from, _to] = pipe(&mut client);
    for _ in 0..10 {
        client.begin("read", &[("fd", from), ("buf", MEMORY), ("nbyte", 1)]);
    }
    assert!(kernel.server.wait_until_blocked(10, PATIENCE));
    drop(client);
    assert!(kernel.server.wait_until_blocked(0, PATIENCE));
    assert!(count(&kernel, 0));
}

#[test]
fn a_client_that_says_no_more_is_lost_too() {
    let kernel = server();
    let mut client = kernel.client();
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed());
    assert!(count(&kernel, 0));
}

#[test]
fn new_clients_are_served_while_every_thread_is_busy() {
    let kernel = server();
    let mut client = kernel.client();
    let [from, _to] = pipe(&mut client);
    for _ in 0..200 {
        client.begin("read", &[("fd", from), ("buf", MEMORY), ("nbyte", 1)]);
    }
    assert!(kernel.server.wait_until_blocked(128, PATIENCE));
    let mut other = kernel.client();
    let key = other.prefork();
    assert_eq!(kernel.greeted().claim(&key, 0), Answer::Done(0));
}

#[test]
fn reboot_is_answered_and_stops_the_server() {
    let kernel = server();
    let (mut client, mut other) = (kernel.client(), kernel.client());
    assert_eq!(client.call("reboot", &[]), Ok([0, 0]));
    assert!(client.is_closed() && other.is_closed());
    assert!(kernel.server.wait_until_stopped(PATIENCE));
    assert!(!kernel.path.exists());
    assert!(kernel.server.processes().is_empty());
}
