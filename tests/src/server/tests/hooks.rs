//! What tests can do to a server.

use super::*;
use crate::server::{BannerFault, BlockedCall, Faults};

#[test]
fn calls_are_held_up_and_let_go() {
    let kernel = server();
    let mut client = kernel.client();
    kernel.server.pause();
    let held: Vec<u64> = (0..3).map(|_| client.begin("getpid", &[])).collect();
    assert!(kernel.server.wait_until_blocked(3, PATIENCE));
    let [BlockedCall { pid, call }, ..] = kernel.server.blocked_calls()[..] else { panic!() };
    assert_eq!((pid > 1, call), (true, "getpid"));
    kernel.server.resume();
    // They end in any order.
    let mut answered: Vec<u64> =
        held.iter().map(|_| client.read_frame().unwrap().0.reqno).collect();
    answered.sort_unstable();
    assert_eq!(answered, held);
    assert_eq!(kernel.server.calls("getpid"), 3);
    assert!(kernel.server.wait_until_called("getpid", 3, PATIENCE));
}

#[test]
fn a_test_can_raise_any_signal() {
    let kernel = server();
    let mut client = kernel.client();
    let pid = client.pid();
    for signo in [0, 9, 64, -1] {
        assert!(kernel.server.raise(pid, signo));
    }
    client.pid();
    assert_eq!(client.raised, [0, 9, 64, u32::MAX]);
    assert!(!kernel.server.raise(pid + 1, 1));
}

#[test]
fn faults_are_for_those_who_come_later() {
    let kernel = server();
    let mut before = kernel.client();
    let gap = Duration::from_millis(1);
    let banner = BannerFault::Pieces { size: 5, gap };
    kernel.server.set_faults(Faults { banner, mute_handshake: true, ..Faults::default() });
    let mut mute = kernel.greeted();
    mute.request(Kind::Handshake, HandshakeKind::Guest as u32, b"mute\0");
    assert!(kernel.server.wait_for_processes(PATIENCE, |processes| processes.len() == 2));
    let faults = Faults { close_after_frames: Some(2), ..Faults::default() };
    kernel.server.set_faults(faults);
    let mut cut = kernel.client();
    cut.request(Kind::Prefork, 0, &[]);
    assert!(cut.is_closed());
    assert!(before.pid() > 1);
}

#[test]
fn a_banner_that_never_comes_is_not_followed_by_anything_else() {
    let faults = Faults { banner: BannerFault::Never, ..Faults::default() };
    let mut kernel = Running::new(Options { faults, ..Options::default() });
    let mut client = kernel.connect();
    client.request(Kind::Handshake, HandshakeKind::Guest as u32, b"silence\0");
    kernel.server.shutdown();
    assert!(client.read_frame().is_none());
}

#[test]
fn all_connections_can_be_cut() {
    let kernel = server();
    let mut clients = [kernel.client(), kernel.client(), kernel.client()];
    kernel.server.disconnect_all();
    assert!(clients.iter_mut().all(RawClient::is_closed));
    assert!(kernel.server.wait_for_processes(PATIENCE, |processes| processes.is_empty()));
    assert!(kernel.client().pid() > 1);
}

#[test]
fn a_server_stops_whatever_goes_on_and_starts_again_where_it_was() {
    let mut kernel = server();
    let mut client = kernel.client();
    let path = client.put(0, b"/tmp/dir\0");
    client.get("mkdir", &[("path", path), ("mode", 0o755)]);
    let [from, _to] = client.call("pipe", &[]).unwrap();
    client.begin("read", &[("fd", from as usize), ("buf", MEMORY), ("nbyte", 1)]);
    let week = client.put(64, &[&604_800i64.to_ne_bytes()[..], &[0; 8]].concat());
    client.begin("nanosleep50", &[("rqtp", week)]);
    // The server asks for the time before it sleeps.
    let (header, body) = client.read_frame().unwrap();
    client.serve(&header, &body);
    client.prefork();
    assert!(kernel.server.wait_until_blocked(2, PATIENCE));
    kernel.server.restart().unwrap();
    assert!(client.is_closed());
    assert!(kernel.server.processes().is_empty());
    let mut client = kernel.client();
    let path = client.put(0, b"/tmp/dir\0");
    client.get("mkdir", &[("path", path), ("mode", 0o755)]);
}

#[test]
fn the_files_go_with_the_server() {
    let parent = tempfile::tempdir().unwrap();
    let root_parent = Some(parent.path().to_owned());
    let kernel = Running::new(Options { root_parent, ..Options::default() });
    let count = || std::fs::read_dir(parent.path()).unwrap().count();
    assert_eq!(count(), 1);
    drop(kernel);
    assert_eq!(count(), 0);
}
