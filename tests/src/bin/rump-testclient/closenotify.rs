//! Programs that close or reuse descriptors which are not theirs.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rumpclient::{Client, CloseVariant};
use rustix::io::fcntl_dupfd_cloexec;

use crate::Scenario;
use crate::descriptors;

pub(crate) const SCENARIOS: [Scenario; 4] = [
    ("close-the-librarys", close_the_librarys),
    ("dup2-over-the-librarys", dup2_over_the_librarys),
    ("closefrom", closefrom),
    ("connect-without-standard-descriptors", connect_without_standard_descriptors),
];

/// Takes a descriptor over that is open, whoever opened it.
fn seize(fd: RawFd) -> OwnedFd {
    assert!(descriptors::flags(fd).is_some(), "{fd} is open");
    // SAFETY: the descriptor is open; that it may be another's is what these scenarios are about,
    // and that one has been told.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Closes the library's descriptors, again and again, while other threads make calls.
fn close_the_librarys(_: &[String]) {
    let (client, ours) = descriptors::connect_and_tell();
    amid_calls(&client, || {
        let others = &descriptors::open() - &ours;
        for _ in 0..200 {
            for fd in &descriptors::open() - &others {
                assert_eq!(client.close_notify(fd, CloseVariant::Close).unwrap(), fd);
                drop(seize(fd));
            }
        }
        assert_eq!(descriptors::open().len(), others.len() + ours.len());
    });
}

/// Puts a file in place of each of the library's descriptors.
fn dup2_over_the_librarys(_: &[String]) {
    let (client, ours) = descriptors::connect_and_tell();
    let file = File::open("/dev/null").unwrap();
    amid_calls(&client, || {
        for fd in ours {
            assert_eq!(client.close_notify(fd, CloseVariant::Dup2).unwrap(), fd);
            let mut place = seize(fd);
            rustix::io::dup2(&file, &mut place).unwrap();
            client.rump_sys_getpid().unwrap();
        }
    });
}

/// Does `work` while other threads make calls, and finds the client well afterwards.
fn amid_calls(client: &Client, work: impl FnOnce()) {
    let pid = client.rump_sys_getpid().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(client.rump_sys_getpid(), Ok(pid));
                }
            });
        }
        work();
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(client.rump_sys_getpid(), Ok(pid));
}

/// Closes everything from a number on, gaps and the library's descriptors among it.
fn closefrom(_: &[String]) {
    open_at(3);
    open_at(10);
    let (client, ours) = descriptors::connect_and_tell();
    let high = open_at(50);
    // The library's are below what is to be closed: it leaves all of that to the program.
    assert_eq!(client.close_notify(40, CloseVariant::FcloseM).unwrap(), 40);
    assert!(descriptors::flags(high).is_some());
    // They are within it: the library closes the rest up to its last, the program what follows.
    let last = *ours.last().unwrap();
    assert!((3..40).contains(&last));
    assert_eq!(client.close_notify(3, CloseVariant::FcloseM).unwrap(), last + 1);
    for fd in descriptors::open().into_iter().filter(|&fd| fd > last) {
        drop(seize(fd));
    }
    let left: BTreeSet<RawFd> = descriptors::open().into_iter().filter(|&fd| fd > 2).collect();
    assert_eq!(left, ours);
    client.rump_sys_getpid().unwrap();
}

/// Opens something with this number, or the next one that is free.
fn open_at(number: RawFd) -> RawFd {
    let null = File::open("/dev/null").unwrap();
    fcntl_dupfd_cloexec(&null, number).unwrap().into_raw_fd()
}

/// Connects while 0 to 2 are free, and leaves them so.
fn connect_without_standard_descriptors(_: &[String]) {
    let mut report = File::from(fcntl_dupfd_cloexec(std::io::stdout(), 100).unwrap());
    for fd in 0..3 {
        drop(seize(fd));
    }
    let (client, ours) = descriptors::connect_and_tell();
    client.rump_sys_getpid().unwrap();
    assert!(ours.len() >= 3, "a stream, a watch for signals, and a bell");
    writeln!(report, "{}", ours.iter().all(|&fd| fd > 2)).unwrap();
    let null = File::open("/dev/null").unwrap();
    assert_eq!(null.as_raw_fd(), 0, "the standard descriptors are free for the program");
    for fd in ours {
        client.close_notify(fd, CloseVariant::Close).unwrap();
        drop(seize(fd));
    }
    client.rump_sys_getpid().unwrap();
    let (moved, _) = (descriptors::open(), null);
    writeln!(report, "{}", moved.range(1..3).next().is_none()).unwrap();
}
