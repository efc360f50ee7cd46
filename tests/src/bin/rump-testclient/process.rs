//! Host processes: making them, and waiting for them.

#![allow(unsafe_code)]

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use rumpclient::{Client, Fork};

/// A forked child of this process.
#[must_use = "a child that nobody waits for fails unseen"]
pub(crate) struct Child(Pid);

impl Child {
    /// Its host pid.
    pub(crate) fn pid(&self) -> Pid {
        self.0
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&self) -> WaitStatus {
        waitpid(self.0, None).expect("a child can be waited for")
    }

    /// Waits for its good end.
    pub(crate) fn join(self) {
        assert_eq!(self.wait(), WaitStatus::Exited(self.0, 0));
    }
}

/// Forks with [`Client::fork`] and has the child do `run` and exit.
pub(crate) fn fork(client: &Client, run: impl FnOnce(Client)) -> Child {
    // SAFETY: what the scenarios do in a child allocates, which glibc allows, and takes no lock
    // that another thread of the scenario may hold.
    match unsafe { client.fork() }.expect("the process forks in the kernel and on the host") {
        Fork::Parent { child } => Child(Pid::from_raw(child)),
        Fork::Child(client) => {
            run(client.expect("the child has a process in the kernel"));
            std::process::exit(0)
        }
    }
}

/// Forks on the host only, as a program does with fork(2), and has the child do `run` and exit.
/// Both sides get `state`.
pub(crate) fn plain_fork<T>(state: T, run: impl FnOnce(T)) -> (Child, T) {
    // SAFETY: as in `fork`.
    match unsafe { nix::unistd::fork() }.expect("the host forks") {
        ForkResult::Parent { child } => (Child(child), state),
        ForkResult::Child => {
            run(state);
            std::process::exit(0)
        }
    }
}
