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
        self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP
            && futex::wake(&self.state, futex::Flags::PRIVATE, 1).is_ok_and(|woken| woken > 0)
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
        // Whatever made it return, the caller looks at what it waits for.
        let _ = futex::wait(&self.state, futex::Flags::PRIVATE, ASLEEP, Some(&timeout));
    }
}
