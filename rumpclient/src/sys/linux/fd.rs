//! Descriptors of the library.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::io::fcntl_dupfd_cloexec;

use super::syscall;

/// The lowest descriptor the library uses: 0 to 2 belong to the program, even when closed.
const LOWEST: RawFd = 3;

/// An owned descriptor, closed on drop past libc's interposable `close`, which is what std's
/// `OwnedFd` would call. Its number may change, when the program wants that number for itself.
#[derive(Debug)]
pub(crate) struct Fd(AtomicI32);

/// What a descriptor is once it has been given up: no descriptor at all.
const GONE: RawFd = -1;

impl Fd {
    /// Takes over `fd`, moving it above the standard descriptors if it landed among them.
    pub(crate) fn adopt(fd: OwnedFd) -> io::Result<Self> {
        let fd = Self(AtomicI32::new(fd.into_raw_fd()));
        if fd.as_raw_fd() >= LOWEST {
            return Ok(fd);
        }
        let above = fcntl_dupfd_cloexec(&fd, LOWEST)?;
        Ok(Self(AtomicI32::new(above.into_raw_fd())))
    }

    /// The same open file once more.
    #[cfg(feature = "tokio")]
    pub(crate) fn duplicate(&self) -> io::Result<Self> {
        Self::adopt(fcntl_dupfd_cloexec(self, LOWEST)?)
    }

    /// Goes on under another number. The old one stays open, for the program to close or replace.
    pub(crate) fn move_away(&self) -> io::Result<()> {
        let elsewhere = fcntl_dupfd_cloexec(self, LOWEST)?.into_raw_fd();
        self.0.store(elsewhere, Ordering::Release);
        Ok(())
    }

    /// Closes the descriptor ahead of time: what is done with it from now on fails.
    ///
    /// For a forked child, whose copy of its parent's connection would keep that alive.
    pub(crate) fn close(&self) {
        close_number(self.0.swap(GONE, Ordering::AcqRel));
    }

    /// Whether it has not been given up.
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Acquire) != GONE
    }

    /// Gives the descriptor up if somebody else has closed it.
    pub(crate) fn disown_if_closed(&self) {
        if !is_open(self.as_raw_fd()) {
            self.disown();
        }
    }

    /// Gives the descriptor up without closing it: its number is of another process's table.
    pub(crate) fn disown(&self) {
        self.0.store(GONE, Ordering::Release);
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // -1 is the one number that may not be borrowed; the highest one is never open.
        let number = match self.0.load(Ordering::Acquire) {
            GONE => RawFd::MAX,
            number => number,
        };
        // SAFETY: the descriptor is owned by self and stays open until self is dropped, or is a
        // number that calls refuse with EBADF.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        self.close();
    }
}

fn close_number(number: RawFd) {
    if number != GONE {
        // It fails when the program has closed it already; rustix would not have that.
        // SAFETY: the number was owned by an Fd that has just given it up.
        let _ = unsafe { syscall!(SYS_close, number) };
    }
}

/// Closes every descriptor from `first` to `last` but those in `keep`, on the program's behalf;
/// numbers that are not open are passed over.
pub(crate) fn close_range(first: RawFd, last: RawFd, keep: &[RawFd]) {
    for number in first.max(0)..=last {
        if !keep.contains(&number) && is_open(number) {
            close_number(number);
        }
    }
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: only asked about, for the time of the call.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) }).is_ok()
}
