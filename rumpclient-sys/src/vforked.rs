//! The clients of vforked children, which run in their parent's memory and on its thread's stack.
//!
//! Such a child makes its client where the parent finds it later. It never leaves its own frames,
//! since it ends by exec or `_exit`, so it borrows the client and has no share in it; the parent
//! frees it once the child is gone.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::os::unix::process::parent_id;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rumpclient::Client;

/// A vforked child that has a client.
struct Child {
    pid: u32,
    client: Client,
    /// Who was in this thread's place before: the child that vforked this one, or null.
    below: *mut Child,
}

/// How many there may be in this memory; at 0, as nearly always, nobody looks further.
static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The innermost child in this thread's place, or null. Other threads of the parent are not
    /// concerned.
    static TOP: Cell<*mut Child> = const { Cell::new(ptr::null_mut()) };
}

/// Makes `client` that of this process, a vforked child.
pub(crate) fn set(client: Client) {
    clear_away();
    let child = Child { pid: process::id(), client, below: TOP.get() };
    COUNT.fetch_add(1, Ordering::Relaxed);
    TOP.set(Box::into_raw(Box::new(child)));
}

/// The client of this process, if it is a vforked child, or of its parent, if that is one and this
/// process has none of its own yet.
pub(crate) fn client() -> Option<&'static Client> {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return None;
    }
    clear_away();
    // SAFETY: clear_away() has left null or a child that nobody frees before the process that runs
    // here, and every frame which could hold this reference, is gone.
    unsafe { TOP.get().as_ref() }.map(|child| &child.client)
}

/// Whether this process is a vforked child that has a client.
pub(crate) fn is_child() -> bool {
    // SAFETY: as in client().
    client().is_some() && unsafe { TOP.get().as_ref() }.is_some_and(|top| top.pid == process::id())
}

/// Frees the clients of children that are gone. So the parent gets its own back, even in a program
/// whose compiler took `rumpclient_fork_vparent()` for unreachable.
pub(crate) fn clear_away() {
    let mut top = TOP.get();
    // SAFETY: the list holds boxes, which only this thread frees.
    while let Some(child) = unsafe { top.as_ref() } {
        if child.pid == process::id() || child.pid == parent_id() {
            break;
        }
        let below = child.below;
        TOP.set(below);
        COUNT.fetch_sub(1, Ordering::Relaxed);
        // The descriptors were in the child's table.
        child.client.disown_descriptors();
        // SAFETY: made by Box::into_raw() in set() and not in the list any more. The child that
        // could borrow it has ended or become another program: a parent does not run before.
        drop(unsafe { Box::from_raw(top) });
        top = below;
    }
}

/// Leaves behind what a forked child has copies of.
pub(crate) fn forget() {
    TOP.set(ptr::null_mut());
}
