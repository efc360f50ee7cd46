//! Which client a call goes to: the process's own, or in a vforked child the child's.
//!
//! No locks: a forked child must never meet one that another thread of its parent held.

use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use rumpclient::Client;

use crate::vforked;

/// The process's client.
static PROCESS: ArcSwapOption<Client> = ArcSwapOption::const_empty();

/// The client that calls go to now.
pub(crate) enum Current {
    Process(Guard<Option<Arc<Client>>>),
    VforkedChild(&'static Client),
}

/// The client that calls go to now, if there is one.
pub(crate) fn get() -> Option<Current> {
    if let Some(client) = vforked::client() {
        return Some(Current::VforkedChild(client));
    }
    let client = PROCESS.load();
    client.is_some().then_some(Current::Process(client))
}

impl Deref for Current {
    type Target = Client;

    fn deref(&self) -> &Client {
        match self {
            Self::Process(client) => client.as_deref().expect("get() has looked"),
            Self::VforkedChild(client) => client,
        }
    }
}

/// Makes `client` this process's.
pub(crate) fn set(client: Client) {
    if vforked::is_child() {
        vforked::set(client);
        return;
    }
    vforked::forget();
    let Some(old) = PROCESS.swap(Some(Arc::new(client))) else { return };
    if !old.is_own() {
        // A parent process made it. The connection is the parent's, and threads that this process
        // does not have may hold its locks.
        old.close_inherited();
        mem::forget(old);
    }
}
