//! The cookies of `rumpclient_prefork()`: processes that the kernel has forked and that wait for
//! their child on the host.
//!
//! A cookie points at the key by which the kernel knows the process, as it does in NetBSD's library.
//! The places that cookies point at are never freed, and used again only in turn, so one used twice
//! is found empty. There are no locks: a forked child must never meet one that another thread of its
//! parent held.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rumpclient::Prefork;

/// What a cookie points at.
#[repr(C)]
struct Place {
    /// What C sees, and may change.
    key: UnsafeCell<[u32; 4]>,
    /// A box, or null.
    waiting: AtomicPtr<Waiting>,
}

/// A process that waits for its child on the host.
struct Waiting {
    prefork: Prefork,
    maker: u32,
}

// SAFETY: the key is only used by whoever puts a process there or has taken it out, and by C code
// that was given the cookie.
unsafe impl Sync for Place {}

/// How many cookies there can be. The parent need not say that its child has come (NetBSD's header
/// does not, after a fork), so when all have been given out the oldest is taken to be claimed.
const PLACES: usize = 1024;

static ALL: [Place; PLACES] =
    [const { Place { key: UnsafeCell::new([0; 4]), waiting: AtomicPtr::new(ptr::null_mut()) } };
        PLACES];

/// Whose turn it is.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Keeps `prefork` for whoever comes with its cookie.
pub(crate) fn keep(prefork: Prefork) -> *mut u32 {
    let place = &ALL[NEXT.fetch_add(1, Ordering::Relaxed) % PLACES];
    if let Some(oldest) = place.take() {
        oldest.prefork.hand_over();
    }
    let key = place.key.get();
    // SAFETY: a place's turn comes to one thread at a time, and the cookie before is void.
    unsafe { key.write(prefork.key()) };
    let waiting = Waiting { prefork, maker: process::id() };
    place.waiting.store(Box::into_raw(Box::new(waiting)), Ordering::Release);
    key.cast()
}

/// Takes what was kept under `cookie`, with the process that made it; nothing if it has been taken,
/// or is no cookie.
pub(crate) fn take(cookie: *mut u32) -> Option<(Prefork, u32)> {
    let place = ALL.iter().find(|place| place.key.get().cast() == cookie)?;
    let Waiting { mut prefork, maker } = place.take()?;
    // SAFETY: the process has been taken out, so this thread is the one to use its key.
    prefork.set_key(unsafe { place.key.get().read() });
    Some((prefork, maker))
}

impl Place {
    fn take(&self) -> Option<Waiting> {
        let waiting = self.waiting.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: not null, so made by Box::into_raw() in keep() and taken out by nobody else.
        (!waiting.is_null()).then(|| *unsafe { Box::from_raw(waiting) })
    }
}
