//! What is kept for those who may never come back to give it up.
//!
//! An exec that works does not return. In a vforked child the memory stays all the same, being the
//! parent's, and nobody would ever drop what the child's frames own. So an exec takes its session
//! and the new program's arguments on lease: the link owns them, and frees them with itself.

#![allow(unsafe_code)]

use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sys::SignalsBlocked;

/// What is leased, once for each lease. The lock is taken under [`SignalsBlocked`].
#[derive(Default)]
pub(crate) struct Leases(Mutex<Vec<Kept>>);

type Kept = Arc<dyn Any + Send + Sync>;

/// Something that [`Leases`] owns meanwhile.
pub(crate) struct Lease<'l, T> {
    leases: &'l Leases,
    kept: *const T,
}

impl Leases {
    pub(crate) fn take<T: Send + Sync + 'static>(&self, kept: Arc<T>) -> Lease<'_, T> {
        let _signals = SignalsBlocked::new();
        let lease = Lease { leases: self, kept: Arc::as_ptr(&kept) };
        self.lock().push(kept);
        lease
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for Lease<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the list, which is borrowed for as long, has one reference for each lease, and
        // drops it when the lease is dropped.
        unsafe { &*self.kept }
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        let _signals = SignalsBlocked::new();
        let mut kept = self.leases.lock();
        let ours = kept.iter().position(|kept| Arc::as_ptr(kept).cast() == self.kept);
        let ours = ours.map(|index| kept.swap_remove(index));
        // Dropping the last reference to a session closes descriptors, which is not for under a
        // lock.
        drop(kept);
        drop(ours);
    }
}
