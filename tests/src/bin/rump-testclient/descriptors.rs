//! Host descriptors, and which of them are the library's.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{BorrowedFd, RawFd};

use rumpclient::marshal::{Args, MAX_ARGS_SIZE, Marshal};
use rumpclient::netbsd::timespec;
use rumpclient::table::entry;
use rumpclient::{Client, args};
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
    take_all(&client);
    (client, &open() - &before)
}

/// Has the library take all descriptors that it ever does: the last one for a file, once the kernel has
/// written to raw addresses often enough.
pub(crate) fn take_all(client: &Client) {
    for _ in 0..100 {
        let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
        let tp = &raw mut time;
        let mut bytes = [0; MAX_ARGS_SIZE];
        let args = args::sys___clock_gettime50_args { clock_id: 0.marshal(), tp: tp.marshal() };
        args.write(&mut bytes);
        // SAFETY: the kernel writes to the struct.
        unsafe { client.syscall(entry::CLOCK_GETTIME.number, &bytes, &mut [0; 2]) }.unwrap();
        assert_ne!(time.tv_sec, 0);
    }
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
