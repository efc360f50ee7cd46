//! Where a caller sleeps, and where its answer is left for it.
//!
//! A sleeper lets signals in, and takes its answer without holding them back again: a handler on top
//! of it may make a call and, receiving for all, find the very answer that the caller below is about
//! to take. So a seat has no lock, only words that are written once and then announced.

use std::time::Instant;

use crate::marshal::Register;
use crate::proto::inbound::Reply;
use crate::sync::atomic::{AtomicBool, AtomicI32, AtomicIsize, Ordering};
use crate::sys::Parker;

/// A caller's place while its call runs.
#[derive(Debug, Default)]
pub(super) struct Seat {
    parker: Parker,
    error: AtomicI32,
    retval: [AtomicIsize; 2],
    /// The answer is here, and the call off the books.
    answered: AtomicBool,
}

impl Seat {
    /// Leaves the answer to a system call. Its caller is still to be woken.
    pub(super) fn leave_answer(&self, error: i32, retval: [Register; 2]) {
        self.error.store(error, Ordering::Relaxed);
        for (cell, register) in self.retval.iter().zip(retval) {
            cell.store(register, Ordering::Relaxed);
        }
        self.answered.store(true, Ordering::Release);
    }

    /// The answer, if there is one. The seat is free then, for another caller.
    pub(super) fn take_answer(&self) -> Option<Reply> {
        if self.is_free() {
            return None;
        }
        let error = self.error.load(Ordering::Relaxed);
        let retval = [0, 1].map(|at| self.retval[at].load(Ordering::Relaxed));
        self.answered.store(false, Ordering::Release);
        Some(Reply::Syscall { error, retval })
    }

    /// Whether the answer that was left has been taken.
    pub(super) fn is_free(&self) -> bool {
        !self.answered.load(Ordering::Acquire)
    }

    /// See [`Parker::reset`].
    pub(super) fn reset(&self) {
        self.parker.reset();
    }

    /// See [`Parker::wake`].
    pub(super) fn wake(&self) -> bool {
        self.parker.wake()
    }

    /// See [`Parker::park`].
    pub(super) fn park(&self, deadline: Option<Instant>) {
        self.parker.park(deadline);
    }
}
