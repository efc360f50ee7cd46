//! Host descriptors, and which of them are the library's.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{BorrowedFd, RawFd};

use rumpclient::Client;
use rustix::io::{FdFlags, fcntl_getfd};

use crate::kernel::connect;

/// The descriptors that this process has open.
pub(crate) fn open() -> BTreeSet<RawFd> {
    let listing = fs::read_dir("/proc/self/fd").expect("a process can list its descriptors");
    let names = listing.map(|entry| entry.expect("the listing goes on").file_name());
    let listed: BTreeSet<RawFd> =
        names.map(|name| name.to_string_lossy().parse().expect("a number")).collect();
    // The listing itself took one, which is closed by now.
    listed.into_iter().filter(|&fd| flags(fd).is_some()).collect()
}

/// Connects, and tells which descriptors the library took for it.
pub(crate) fn connect_and_tell() -> (Client, BTreeSet<RawFd>) {
    let before = open();
    let client = connect();
    (client, &open() - &before)
}

/// The flags of a descriptor; `None` if it is not open.
pub(crate) fn flags(fd: RawFd) -> Option<FdFlags> {
    // SAFETY: only asked about, and a number that is not open is refused.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl_getfd(fd).ok()
}

/// Whether every one of these is closed by exec.
pub(crate) fn are_close_on_exec<'a>(fds: impl IntoIterator<Item = &'a RawFd>) -> bool {
    fds.into_iter().all(|&fd| flags(fd).is_some_and(|flags| flags.contains(FdFlags::CLOEXEC)))
}
