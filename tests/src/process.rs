//! Host processes: making them, and waiting for them.

#![allow(unsafe_code)]

use std::panic::{self, AssertUnwindSafe};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use rumpclient::{Client, Error, Fork};

/// A forked child of this process.
#[derive(Debug)]
#[must_use = "a child that nobody waits for fails unseen"]
pub struct Child(Pid);

impl Child {
    /// Its host pid.
    pub fn pid(&self) -> Pid {
        self.0
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When somebody else has waited for it.
    pub fn wait(&self) -> WaitStatus {
        waitpid(self.0, None).expect("a child can be waited for")
    }

    /// Waits for its good end.
    ///
    /// # Panics
    /// When it ends otherwise.
    pub fn join(self) {
        assert_eq!(self.wait(), WaitStatus::Exited(self.0, 0));
    }
}

/// Forks with [`Client::fork`] and has the child do `run` and exit.
///
/// # Panics
/// When that does not work.
pub fn fork(client: &Client, run: impl FnOnce(Client)) -> Child {
    let run = |client: Result<Client, Error>| {
        run(client.expect("the child has a process in the kernel"));
    };
    try_fork(client, run).expect("the process forks in the kernel and on the host")
}

/// As [`fork`], where it need not work: neither for the parent, nor for the child.
///
/// # Errors
/// The parent's.
pub fn try_fork(client: &Client, run: impl FnOnce(Result<Client, Error>)) -> Result<Child, Error> {
    // SAFETY: what the tests do in a child allocates, which glibc allows, and takes no lock that
    // another thread of the test may hold.
    match unsafe { client.fork() }? {
        Fork::Parent { child } => Ok(Child(Pid::from_raw(child))),
        Fork::Child(client) => end_in_child(|| run(client)),
    }
}

/// Forks on the host only, as a program does with fork(2), and has the child do `run` and exit.
/// Both sides get `state`.
///
/// # Panics
/// When the host does not fork.
pub fn plain_fork<T>(state: T, run: impl FnOnce(T)) -> (Child, T) {
    // SAFETY: as in `try_fork`.
    match unsafe { nix::unistd::fork() }.expect("the host forks") {
        ForkResult::Parent { child } => (Child(child), state),
        ForkResult::Child => end_in_child(|| run(state)),
    }
}

/// A panic ends the child whichever thread forked: the others are gone.
fn end_in_child(run: impl FnOnce()) -> ! {
    let status = match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => 0,
        Err(_) => 101,
    };
    std::process::exit(status)
}
