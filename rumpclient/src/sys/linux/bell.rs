//! Telling somebody who waits for descriptors.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{Fd, syscall};
use crate::sync::atomic::{AtomicU8, Ordering};

/// A descriptor that is readable once somebody has rung. Ringing takes no lock and does not wait: a
/// signal handler may do it.
#[derive(Debug)]
pub(crate) struct Bell {
    fd: Fd,
    state: AtomicU8,
}

const RUNG: u8 = 1;
const HELD: u8 = 2;

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK;
        // SAFETY: the call touches no memory and returns a descriptor to us alone.
        let fd = unsafe { OwnedFd::from_raw_fd(syscall!(SYS_eventfd2, 0, flags)? as i32) };
        Ok(Self { fd: Fd::adopt(fd)?, state: AtomicU8::new(0) })
    }

    /// Makes the descriptor readable, unless it is already, or the bell is held.
    pub(crate) fn ring(&self) {
        if self.state.fetch_or(RUNG, Ordering::AcqRel) == 0 {
            let one = 1_u64;
            // It fails only where somebody has closed the descriptor.
            // SAFETY: the call reads the eight bytes of `one`.
            let _ = unsafe { syscall!(SYS_write, self.fd.as_raw_fd(), &raw const one, 8_usize) };
        }
    }

    /// Silences the descriptor if it has been rung. Nobody may be about to ring it.
    pub(crate) fn reset(&self) {
        if self.state.load(Ordering::Acquire) != 0 {
            self.silence();
            self.state.store(0, Ordering::Release);
        }
    }

    /// The descriptor.
    pub(crate) fn descriptor(&self) -> &Fd {
        &self.fd
    }

    /// Has ringing leave the descriptor alone: who holds the bell looks what it was rung for.
    pub(crate) fn hold(&self) {
        self.state.swap(HELD, Ordering::AcqRel);
    }

    /// Lets the bell be rung again; whether somebody has while it was held.
    pub(crate) fn release(&self) -> bool {
        self.state.swap(0, Ordering::AcqRel) & RUNG != 0
    }

    /// Silences the descriptor.
    pub(crate) fn silence(&self) {
        let mut count = 0_u64;
        // It fails where the bell has not been rung.
        // SAFETY: the call writes the eight bytes of `count`.
        let _ = unsafe { syscall!(SYS_read, self.fd.as_raw_fd(), &raw mut count, 8_usize) };
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn a_bell_is_heard_once() {
        let bell = Bell::new().unwrap();
        let rings = || {
            let mut polled = [PollFd::new(&bell.fd, PollFlags::IN)];
            poll(&mut polled, Some(&Timespec::default())) == Ok(1)
        };
        assert!(!rings());
        bell.ring();
        bell.ring();
        assert!(rings());
        bell.hold();
        bell.silence();
        bell.ring();
        assert!(!rings(), "who holds it looks without being told");
        assert!(bell.release());
        assert!(!bell.release());
        bell.ring();
        assert!(rings());
        bell.reset();
        assert!(!rings());
    }
}
