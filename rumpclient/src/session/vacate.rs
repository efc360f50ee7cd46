//! Leaving a descriptor's number to the program.

use std::os::fd::RawFd;
use std::time::Duration;

use super::Session;
use crate::error::{Error, Stage};
use crate::lend::Lends;
use crate::netbsd::Errno;
use crate::sync::PoisonError;
use crate::sys::{self, SignalsBlocked, Thread};
use crate::table::entry;

/// How long the kernel may take over the call that shows the receiver to be past the old number.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

impl Session {
    /// Has the session's descriptor with this number, if there is one, go on under another. The
    /// old one stays open, for the program to close or replace: no thread is about to use its
    /// number when this returns.
    ///
    /// # Errors
    /// [`Error::Io`] when the host has no other number left; EBUSY in a signal handler on top of
    /// an exec.
    pub(crate) fn vacate(&self, number: RawFd) -> Result<(), Error> {
        let ours = self.descriptors().find(|&descriptor| sys::number(descriptor) == number);
        let Some(descriptor) = ours else { return Ok(()) };
        let _books = self.with_books_open();
        {
            let _signals = SignalsBlocked::new();
            let frozen_by = self.lock_state().frozen_by;
            if frozen_by.is_some_and(|thread| thread == Thread::current()) {
                return Err(Error::Kernel(Errno::EBUSY));
            }
            // Nobody sends or receives by the old number then.
            let _rx = self.rx.lock().unwrap_or_else(PoisonError::into_inner);
            let _tx = self.tx.lock().unwrap_or_else(PoisonError::into_inner);
            let failed = |source| Error::Io { stage: Stage::Calls, source };
            descriptor.move_away().map_err(failed)?;
        }
        self.see_receiver_come_round();
        Ok(())
    }

    /// The receiver may have been about to poll by the old number, and may do so only as long as
    /// that is open. Whoever receives the answer to a call made now has come out of that poll.
    fn see_receiver_come_round(&self) {
        let deadline = Some(sys::now() + SETTLED_WITHIN);
        // Without a kernel that answers there is nothing more to be done.
        let _ = self.syscall(entry::GETPID.number, &[], Lends::default(), deadline);
    }
}
