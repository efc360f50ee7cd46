//! Sessions that are kept for those who may never come back to give them up.
//!
//! An exec that works does not return. In a vforked child the memory stays all the same, being the
//! parent's, and nobody would ever drop what the child's frames own. So an exec takes its session on
//! lease: the link owns it, and frees it with itself.

#![allow(unsafe_code)]

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::session::Session;
use crate::sys::SignalsBlocked;

/// The sessions that are leased, once for each lease. The lock is taken under [`SignalsBlocked`].
#[derive(Default)]
pub(crate) struct Leases(Mutex<Vec<Arc<Session>>>);

/// A session that [`Leases`] owns meanwhile.
pub(crate) struct Lease<'l> {
    leases: &'l Leases,
    session: *const Session,
}

impl Leases {
    pub(crate) fn take(&self, session: Arc<Session>) -> Lease<'_> {
        let _signals = SignalsBlocked::new();
        let lease = Lease { leases: self, session: Arc::as_ptr(&session) };
        self.lock().push(session);
        lease
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Lease<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        // SAFETY: the list, which is borrowed for as long, has one reference to the session for
        // each lease, and drops it when the lease is dropped.
        unsafe { &*self.session }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let _signals = SignalsBlocked::new();
        let mut sessions = self.leases.lock();
        let ours = sessions.iter().position(|session| Arc::as_ptr(session) == self.session);
        let session = ours.map(|index| sessions.swap_remove(index));
        // Dropping the last reference closes descriptors, which is not for under a lock.
        drop(sessions);
        drop(session);
    }
}
