//! The kernel behind the protocol: processes, descriptors and files, made of what the host has.
//!
//! Nothing here knows of call numbers, argument structs or layouts; that is
//! [`calls`](super::calls)' business.

pub(crate) mod attributes;
mod console;
mod descriptors;
pub(crate) mod directory;
mod fifo;
mod file;
pub(crate) mod kqueue;
pub(crate) mod limits;
pub(crate) mod locks;
pub(crate) mod namei;
pub(crate) mod process;
mod rights;
pub(crate) mod socket;
pub(crate) mod status;
mod tree;
mod wait;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use rumpclient::Errno;

pub(crate) use console::Console;
pub(crate) use descriptors::{DESCRIPTORS_MAX, Descriptors, Slot};
pub(crate) use file::{Access, Object, OpenFile, RegularFile, host_status_flags};
pub(crate) use kqueue::Kqueue;
pub(crate) use locks::Locks;
pub(crate) use process::{Process, Processes};
pub(crate) use rights::Rights;
pub(crate) use socket::LocalNames;
pub(crate) use tree::{OpenHow, Tree};
pub(crate) use wait::{Lwp, WaitList, Wake, Waker};

use super::connection::Gone;
use super::hooks::Hooks;
use super::options::Options;
use super::release::Release;
use attributes::Inode;

/// Why a system call fails: a NetBSD error number. The host's errors become NetBSD's by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) Errno);

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self(Errno::from_host(error.raw_os_error()).unwrap_or(Errno::EIO))
    }
}

impl From<Gone> for Failure {
    /// A client's memory is out of reach when the client is.
    fn from(_: Gone) -> Self {
        Self(Errno::EFAULT)
    }
}

/// The state that all processes share.
pub(crate) struct Kernel {
    pub(crate) release: Release,
    pub(crate) hooks: Hooks,
    pub(crate) processes: Processes,
    pub(crate) tree: Tree,
    pub(crate) locks: Arc<Locks>,
    pub(crate) names: Arc<LocalNames>,
    pub(crate) rights: Rights,
    pub(crate) booted: SystemTime,
    pub(crate) variables: Mutex<Variables>,
    console: Console,
    halting: AtomicBool,
}

/// What clients may set for the whole kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    pub(crate) hostname: Vec<u8>,
    pub(crate) domainname: Vec<u8>,
    pub(crate) hostid: i32,
}

impl Kernel {
    pub(crate) fn new(options: &Options) -> std::io::Result<Self> {
        let tree = Tree::new(options.root_parent.as_deref())?;
        let names = Arc::new(LocalNames::new(tree.sockets()));
        Ok(Self {
            release: options.release.clone(),
            hooks: Hooks::new(options.faults.clone()),
            processes: Processes::default(),
            tree,
            locks: Arc::default(),
            names,
            rights: Rights::default(),
            booted: SystemTime::now(),
            variables: Mutex::new(Variables {
                hostname: b"rump-testserver".to_vec(),
                ..Variables::default()
            }),
            console: Console::new(options.console),
            halting: AtomicBool::new(false),
        })
    }

    /// Makes a process for a new client: a child of init with the console open.
    pub(crate) fn spawn(&self, command: &[u8]) -> Arc<Process> {
        let console = OpenFile::new(Object::Console(self.console), Access::WRITE, 0);
        let mut descriptors = Descriptors::default();
        for fd in 0..3 {
            let slot = Slot { file: Arc::clone(&console), close_on_exec: false };
            let vacant = descriptors.place(fd, slot);
            debug_assert!(vacant.is_ok_and(|before| before.is_none()));
        }
        let process = self.processes.spawn(command, self.tree.standing(), descriptors);
        self.hooks.note_change();
        process
    }

    /// Makes a copy of a process.
    pub(crate) fn fork(&self, parent: &Process) -> Arc<Process> {
        let child = self.processes.fork(parent);
        self.hooks.note_change();
        child
    }

    /// Ends a process: its calls are interrupted, and with the last of them it is gone.
    pub(crate) fn exit(&self, process: &Process) {
        if process.exit() {
            self.forget(process);
        }
    }

    /// Counts a call of a process out, which ran with `waker` if it ran at all.
    pub(crate) fn end_call(&self, process: &Process, waker: Option<&Arc<Waker>>) {
        if process.end_call(waker) {
            self.forget(process);
        }
    }

    fn forget(&self, process: &Process) {
        self.processes.remove(process);
        self.locks.release_owner(locks::Owner::Process(process.pid));
        self.hooks.note_change();
    }

    /// Has the server stop once the call that asks for it is answered.
    pub(crate) fn halt(&self) {
        self.halting.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_halting(&self) -> bool {
        self.halting.load(Ordering::SeqCst)
    }
}
