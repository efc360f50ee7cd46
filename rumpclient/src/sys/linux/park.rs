//! Sleeping until another thread says so.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::event::Timespec;
use rustix::thread::futex;

/// Longer than any wait. One without any limit would start over after a handler installed with
/// SA_RESTART, instead of returning.
const ENDLESS: Timespec = Timespec { tv_sec: 1 << 30, tv_nsec: 0 };

/// A place where one thread sleeps until woken. Holds no lock while it sleeps, so a signal handler
/// may run on top of a sleeper and do as it likes.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    woken: AtomicU32,
}

impl Parker {
    /// Forgets earlier wake-ups. The caller rules out, by a lock, that a wanted one is among them.
    pub(crate) fn reset(&self) {
        self.woken.store(0, Ordering::Release);
    }

    /// Makes the current or next [`park`](Self::park) return. Whether a thread was asleep in it
    /// just now: one that is running a signal handler instead was not.
    pub(crate) fn wake(&self) -> bool {
        self.woken.store(1, Ordering::Release);
        futex::wake(&self.woken, futex::Flags::PRIVATE, 1).is_ok_and(|woken| woken > 0)
    }

    /// Sleeps until woken, until `deadline`, or until a signal handler has run, which may have
    /// forked; may also return early.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        if self.woken.load(Ordering::Acquire) != 0 {
            return;
        }
        let timeout = deadline.map_or(ENDLESS, super::poll::until);
        // Whatever made it return, the caller looks at what it waits for.
        let _ = futex::wait(&self.woken, futex::Flags::PRIVATE, 0, Some(&timeout));
    }
}
