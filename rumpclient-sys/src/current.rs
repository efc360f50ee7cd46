//! Which client a call goes to: the process's own, or in a vforked child the child's.
//!
//! No locks: a forked child must never meet one that another thread of its parent held. And nothing
//! is freed: a client that has been replaced is either a parent process's, whose locks may be held
//! for ever, or one that other threads may be making calls on.

#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rumpclient::Client;

use crate::vforked;

/// A client that was made this process's.
struct Placed {
    client: Client,
    /// The one before, which stays.
    _replaced: Option<&'static Placed>,
}

/// The process's client: a box, or null.
static PROCESS: AtomicPtr<Placed> = AtomicPtr::new(ptr::null_mut());

/// The client that calls go to now, if there is one.
pub(crate) fn get() -> Option<&'static Client> {
    vforked::client().or_else(|| process().map(|placed| &placed.client))
}

fn process() -> Option<&'static Placed> {
    // SAFETY: null or made by Box::leak() in set(), and never freed.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
}

/// Makes `client` this process's.
pub(crate) fn set(client: Client) {
    if vforked::is_child() {
        vforked::set(client);
        return;
    }
    vforked::forget();
    let replaced = process();
    let placed = Box::new(Placed { client, _replaced: replaced });
    PROCESS.store(Box::leak(placed), Ordering::Release);
    match replaced {
        Some(old) if old.client.is_own() => old.client.close(),
        // The connection is the parent's.
        Some(old) => old.client.close_inherited(),
        None => {}
    }
}
