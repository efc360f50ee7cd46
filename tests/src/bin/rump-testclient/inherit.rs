//! What a program inherits of another's connection, and what it must not take for one.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{ErrorKind, Read, pipe};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{env, fs};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, socket};

use crate::Scenario;
use crate::descriptors;
use crate::exec::{exec_as, myself};
use crate::kernel::connect;

pub(crate) const SCENARIOS: [Scenario; 7] = [
    ("print-descriptors", print_descriptors),
    ("children-inherit-nothing", children_inherit_nothing),
    ("forged-descriptor", forged_descriptor),
    ("forged-text", forged_text),
    ("stale-announcement", stale_announcement),
    ("see-stale-announcement", see_stale_announcement),
    ("ignore-announcement", ignore_announcement),
];

/// Names the connection that a program leaves to the one that it execs.
const EXEC_FD: &str = "RUMPCLIENT__EXECFD";

fn print_descriptors(_: &[String]) {
    println!("{:?}", descriptors::open());
}

/// The descriptors that a child program sees.
pub(crate) fn childs_descriptors() -> String {
    let child = this_program().arg("print-descriptors").output().expect("a child can run");
    assert!(child.status.success());
    String::from_utf8(child.stdout).expect("numbers are text")
}

fn this_program() -> Command {
    Command::new(env::current_exe().expect("a program can find itself"))
}

/// A child program sees the same descriptors with and without a client in its parent.
fn children_inherit_nothing(_: &[String]) {
    let before = childs_descriptors();
    let client = connect();
    client.rump_sys_getpid().unwrap();
    assert_eq!(childs_descriptors(), before);
}

/// Announces a descriptor of this kind to a program that must see that it is no connection.
fn forged_descriptor(args: &[String]) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("socket");
    let fd: OwnedFd = match args[0].as_str() {
        "file" => File::open("/proc/self/exe").unwrap().into(),
        "folder" => File::open("/").unwrap().into(),
        "pipe" => pipe().unwrap().0.into(),
        "listening" => UnixListener::bind(&path).unwrap().into(),
        "datagram" => UnixDatagram::pair().unwrap().0.into(),
        "unconnected" => socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap(),
        kind => panic!("no descriptor of kind {kind}"),
    };
    fs::remove_dir_all(folder).unwrap();
    let fd = leave_open(fd);
    let program = &mut this_program();
    program.args(["ignore-announcement", &fd.to_string()]).env(EXEC_FD, format!("{fd},{fd}"));
    panic!("{}", program.exec());
}

/// Has a descriptor stay open over exec.
fn leave_open(fd: OwnedFd) -> RawFd {
    fcntl_setfd(&fd, FdFlags::empty()).unwrap();
    fd.into_raw_fd()
}

/// Announces whatever the argument says, with a connected socket as standard input.
fn forged_text(args: &[String]) {
    let (stdin, _peer) = UnixStream::pair().unwrap();
    rustix::stdio::dup2_stdin(&stdin).unwrap();
    let program = &mut this_program();
    program.args(["ignore-announcement", "0"]).env(EXEC_FD, &args[0]);
    panic!("{}", program.exec());
}

/// Connects as if nothing had been announced, and leaves the descriptor alone that was.
fn ignore_announcement(args: &[String]) {
    let fd = args[0].parse().expect("a descriptor is a number");
    let before = descriptors::open();
    let client = connect();
    client.rump_sys_getpid().expect("the connection is a new one, to a kernel");
    drop(client);
    assert_eq!(descriptors::open(), before, "what was announced is still open");
    assert!(before.contains(&fd));
}

/// Execs into a program that takes the connection over, drops it, and execs in its turn, as
/// programs do that know nothing of kernels: with the announcement still there, and with another
/// connection under the number that it tells.
fn stale_announcement(args: &[String]) {
    let client = connect();
    let pid = client.rump_sys_getpid().unwrap().to_string();
    let [before] = args else {
        panic!("{}", exec_as(&client, &myself(), &["hopper", "stale-announcement", &pid]));
    };
    assert_eq!(pid, *before);
    let (ours, peer) = UnixStream::pair().unwrap();
    drop(client);
    let announced = env::var(EXEC_FD).unwrap();
    let number = announced.split(',').next().unwrap().parse().unwrap();
    let ours = fcntl_dupfd_cloexec(&ours, number).unwrap();
    assert_eq!(ours.as_raw_fd(), number, "the library has closed it");
    let [peer, ours] = [peer.into(), ours].map(leave_open);
    let program = &mut this_program();
    program.args(["see-stale-announcement", &ours.to_string(), &peer.to_string()]);
    panic!("{}", program.exec());
}

/// Connects as if nothing had been announced, and says nothing to the other connection's peer.
fn see_stale_announcement(args: &[String]) {
    ignore_announcement(args);
    let peer = args[1].parse().expect("a descriptor is a number");
    // SAFETY: the program before has left it open for this, and nobody else uses it.
    let peer: UnixStream = unsafe { OwnedFd::from_raw_fd(peer) }.into();
    peer.set_nonblocking(true).unwrap();
    let heard = (&peer).read(&mut [0]);
    assert_eq!(heard.unwrap_err().kind(), ErrorKind::WouldBlock);
}
