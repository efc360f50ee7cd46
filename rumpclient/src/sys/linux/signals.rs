//! Blocking signals while the library's state is in flux, and letting them in while it waits.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use super::wait::set_mask;
use super::{Fd, syscall};

/// A kernel signal set: signal `n` is bit `n - 1`.
pub(super) type Set = u64;

const fn bit(signal: i32) -> Set {
    1 << (signal - 1)
}

/// All signals but those that a fault raises in the faulting thread itself (blocking them would
/// turn a handled fault into death) and the two that libc's threads use among themselves.
pub(super) const BLOCKED: Set = !(bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGILL)
    | bit(libc::SIGTRAP)
    | bit(32)
    | bit(33)
    | bit(34));

/// While it lives, this thread takes no signals: the library's locks are only held under one of
/// these, so that a handler which makes a rump call never finds its own thread holding a lock.
#[derive(Debug)]
pub(crate) struct SignalsBlocked {
    caller: Set,
    // The mask belongs to this thread.
    not_send: PhantomData<*const ()>,
}

impl SignalsBlocked {
    pub(crate) fn new() -> Self {
        Self { caller: set_mask(libc::SIG_BLOCK, BLOCKED), not_send: PhantomData }
    }

    /// The mask that the caller had.
    pub(super) fn callers(&self) -> &u64 {
        &self.caller
    }

    /// Runs `f` with the caller's own mask: pending signals are delivered. No lock may be held.
    pub(crate) fn unblocked<R>(&mut self, f: impl FnOnce() -> R) -> R {
        set_mask(libc::SIG_SETMASK, self.caller);
        let result = f();
        // A handler may have changed what the caller wants blocked.
        self.caller = set_mask(libc::SIG_BLOCK, BLOCKED);
        result
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        set_mask(libc::SIG_SETMASK, self.caller);
    }
}

/// Tells the thread that waits for the stream about signals which its caller would take.
#[derive(Debug)]
pub(crate) struct SignalWatch {
    fd: Fd,
    watched: AtomicU64,
}

impl SignalWatch {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: -1 asks for a new descriptor, which the call returns to us alone.
        let fd = unsafe { OwnedFd::from_raw_fd(signalfd(-1, 0)?) };
        Ok(Self { fd: Fd::adopt(fd)?, watched: AtomicU64::new(0) })
    }

    /// The descriptor it uses.
    pub(crate) fn descriptor(&self) -> &Fd {
        &self.fd
    }

    /// Watches what `blocked` holds back and its caller does not block itself: those signals stay
    /// pending, as they would without the library, and must not wake anybody.
    pub(crate) fn watch(&self, blocked: &SignalsBlocked) -> io::Result<()> {
        let set = BLOCKED & !blocked.caller;
        if self.watched.swap(set, Ordering::Relaxed) != set {
            signalfd(self.fd.as_raw_fd(), set)?;
        }
        Ok(())
    }
}

impl AsFd for SignalWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn signalfd(fd: i32, set: Set) -> io::Result<i32> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the set is a live u64, and the size given is its own.
    let fd = unsafe { syscall!(SYS_signalfd4, fd, &raw const set, size_of::<Set>(), flags) }?;
    Ok(fd as i32)
}

/// Sends a host signal to this process, as `kill(getpid(), signal)` does.
pub(crate) fn raise_process(signal: i32) -> io::Result<()> {
    let pid = super::process_id();
    // SAFETY: kill touches no memory; the target is this process.
    unsafe { syscall!(SYS_kill, pid, signal) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_mask_comes_back() {
        let query = || set_mask(libc::SIG_BLOCK, 0);
        let before = query();
        let mut blocked = SignalsBlocked::new();
        assert_eq!(query() & BLOCKED, BLOCKED & !bit(libc::SIGKILL) & !bit(libc::SIGSTOP));
        blocked.unblocked(|| assert_eq!(query(), before));
        {
            let _nested = SignalsBlocked::new();
        }
        assert_ne!(query(), before);
        drop(blocked);
        assert_eq!(query(), before);
    }
}
