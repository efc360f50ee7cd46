//! Going into the background.

#![allow(unsafe_code)]

use std::env;
use std::fs::{self, File};
use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::path::PathBuf;

use crate::Scenario;
use crate::kernel::connect;

pub(crate) const SCENARIOS: [Scenario; 1] = [("daemon", daemon)];

/// `daemon NOCHDIR NOCLOSE`, each `true` or `false`: tells what the process that goes on is like,
/// on what was standard output before.
fn daemon(args: &[String]) {
    let [nochdir, noclose] = [0, 1].map(|at: usize| args[at].parse().expect("true or false"));
    let mut report = File::from(stdout().as_fd().try_clone_to_owned().unwrap());
    let client = connect();
    let [read, write] = client.rump_sys_pipe().unwrap();
    client.rump_sys_write(write, b"still there").unwrap();
    // SAFETY: there are no other threads.
    let daemon = unsafe { client.daemon(nochdir, noclose) }.unwrap();
    drop(client);
    let mut bytes = [0; 11];
    assert_eq!(daemon.rump_sys_read(read, &mut bytes), Ok(11));
    daemon.rump_sys_close(write).unwrap();
    assert_eq!(daemon.rump_sys_read(read, &mut bytes), Ok(0), "the process that forked is gone");
    let leader = nix::unistd::getsid(None).unwrap() == nix::unistd::getpid();
    let silent = (0..3).all(|fd| standard(fd).is_ok_and(|file| file == *"/dev/null"));
    let folder = env::current_dir().unwrap();
    writeln!(report, "session leader: {leader}, silent: {silent}, in {}", folder.display())
        .unwrap();
}

/// What a standard descriptor is open on.
fn standard(fd: i32) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{fd}"))
}
