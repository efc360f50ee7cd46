//! Sleeping until another thread says so.

use std::time::Instant;

use rustix::event::Timespec;

use super::wait;
use crate::sync::atomic::{AtomicU32, Ordering};

/// Longer than any wait. One without any limit would start over after a handler installed with
/// SA_RESTART, instead of returning.
const ENDLESS: Timespec = Timespec { tv_sec: 1 << 30, tv_nsec: 0 };

/// A place where one thread sleeps until woken. Holds no lock while it sleeps, so a signal handler
/// may run on top of a sleeper and do as it likes.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    state: AtomicU32,
}

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const WOKEN: u32 = 2;

impl Parker {
    /// Forgets earlier wake-ups. The caller rules out, by a lock, that a wanted one is among them.
    pub(crate) fn reset(&self) {
        self.state.store(AWAKE, Ordering::Release);
    }

    /// Makes the current or next [`park`](Self::park) return. Whether a thread was asleep in it
    /// just now: one that is running a signal handler instead was not.
    pub(crate) fn wake(&self) -> bool {
        self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP && wait::wake(&self.state)
    }

    /// Sleeps until woken, until `deadline`, or until a signal handler has run, which may have
    /// forked; may also return early.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        let asleep =
            self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        if asleep == Err(WOKEN) {
            return;
        }
        let timeout = deadline.map_or(ENDLESS, super::poll::until);
        wait::sleep(&self.state, ASLEEP, &timeout);
    }
}
