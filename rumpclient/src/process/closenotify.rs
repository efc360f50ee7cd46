//! Getting out of the way of a program that is about to use the library's descriptors' numbers.

use std::os::fd::RawFd;

use smallvec::SmallVec;

use crate::client::Client;
use crate::error::Error;
use crate::netbsd::Errno;
use crate::sys::{self, SignalsBlocked};

/// What a program is about to do with a host descriptor: the variants of
/// `rumpclient__closenotify()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseVariant {
    /// `close(2)`.
    Close,
    /// Make it the target of `dup2(2)`.
    Dup2,
    /// Close it and every higher one, as `closefrom(3)` or F_CLOSEM do.
    FcloseM,
}

impl Client {
    /// To be told before the program closes host descriptors which it has not opened itself.
    ///
    /// For [`CloseVariant::Close`] and [`CloseVariant::Dup2`], a descriptor of the library with
    /// the number `fd` moves to another number, which takes one round trip to the kernel; the old
    /// one stays open for the program to close or replace. For [`CloseVariant::FcloseM`] the library closes what is open from `fd` up to its
    /// own highest descriptor, except its own; the program goes on from the number returned. In
    /// the other cases that is `fd` itself.
    ///
    /// # Errors
    /// [`Error::Io`] when the host has no other number left; EBADF to close the descriptor in a
    /// vforked child, for whom exec will. Such a child may put another descriptor in its place, but
    /// make no calls from then on.
    pub fn close_notify(&self, fd: RawFd, variant: CloseVariant) -> Result<RawFd, Error> {
        let session = self.link().session();
        session.check_process().map_err(|failure| self.failure_error(failure))?;
        let ours: SmallVec<[RawFd; 4]> = session.descriptors().map(sys::number).collect();
        match variant {
            CloseVariant::FcloseM => {
                let _signals = SignalsBlocked::new();
                let last = ours.iter().copied().max().unwrap_or(fd);
                sys::close_range(fd, last, &ours);
                Ok(fd.max(last.saturating_add(1)))
            }
            _ if !ours.contains(&fd) => Ok(fd),
            // In a vforked child only a copy could move, and its parent's threads would follow.
            CloseVariant::Close if self.is_borrowed() => Err(Error::Kernel(Errno::EBADF)),
            CloseVariant::Dup2 if self.is_borrowed() => Ok(fd),
            CloseVariant::Close | CloseVariant::Dup2 => {
                session.vacate(fd)?;
                Ok(fd)
            }
        }
    }
}
