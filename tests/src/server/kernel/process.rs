//! Rump processes.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rumpclient::Errno;

use super::limits::Limits;
use super::namei::Standing;
use super::{Descriptors, Result, Waker};
use crate::server::connection::Connection;

/// Longest name of a process (`MAXCOMLEN`), bytes.
const NAME_MAX: usize = 16;

/// A process of the kernel: one for each connection, and one for each prefork that waits to be
/// claimed.
///
/// # Locking rules
/// None of the locks is held while another of them is taken, or while the process blocks.
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) descriptors: Mutex<Descriptors>,
    /// Where paths start, and what new files may not allow.
    pub(crate) standing: Mutex<Standing>,
    pub(crate) identity: Mutex<Identity>,
    pub(crate) limits: Mutex<Limits>,
    activity: Mutex<Activity>,
    connection: Mutex<Weak<Connection>>,
}

/// Who a process is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// What it runs, at most [`NAME_MAX`] bytes.
    pub(crate) name: Vec<u8>,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) credentials: Credentials,
}

/// In whose name a process acts. Every client starts as root.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) ruid: u32,
    pub(crate) euid: u32,
    pub(crate) rgid: u32,
    pub(crate) egid: u32,
    pub(crate) groups: Vec<u32>,
}

impl Credentials {
    pub(crate) fn is_root(&self) -> bool {
        self.euid == 0
    }

    pub(crate) fn has_group(&self, group: u32) -> bool {
        self.egid == group || self.groups.contains(&group)
    }

    /// The same with the real ids in effect, as access(2) looks at files.
    pub(crate) fn real(&self) -> Self {
        Self { euid: self.ruid, egid: self.rgid, ..self.clone() }
    }
}

/// The calls of a process that are in progress.
#[derive(Default)]
struct Activity {
    /// Calls that have come in and are not answered.
    calls: usize,
    /// Those of them that a thread is busy with.
    running: Vec<Arc<Waker>>,
    fate: Fate,
}

/// What happens when the last call in progress has ended.
#[derive(Default)]
enum Fate {
    /// Nothing.
    #[default]
    Live,
    /// An exec is finished by this.
    Exec(Box<dyn FnOnce() + Send>),
    /// The process is gone.
    Exit,
}

impl Process {
    /// Counts a call in, for [`end_call`](Self::end_call) to count out.
    ///
    /// # Errors
    /// EBUSY while the process is in exec or on its way out.
    pub(crate) fn begin_call(&self) -> Result<()> {
        let mut activity = self.activity.lock();
        match activity.fate {
            Fate::Live => {
                activity.calls += 1;
                Ok(())
            }
            Fate::Exec(_) | Fate::Exit => Err(Errno::EBUSY.into()),
        }
    }

    /// Lets the call that begins to run be interrupted. False when it should not even start.
    pub(crate) fn attach(&self, waker: &Arc<Waker>) -> bool {
        let mut activity = self.activity.lock();
        activity.running.push(Arc::clone(waker));
        matches!(activity.fate, Fate::Live)
    }

    /// Counts a call out, which ran with `waker` if it ran at all. When it was the last, an exec or
    /// exit that waits for it takes place. True when the process is to be forgotten.
    #[must_use]
    pub(crate) fn end_call(&self, waker: Option<&Arc<Waker>>) -> bool {
        let mut activity = self.activity.lock();
        if let Some(waker) = waker {
            activity.running.retain(|other| !Arc::ptr_eq(other, waker));
        }
        activity.calls -= 1;
        if activity.calls > 0 {
            return false;
        }
        match std::mem::take(&mut activity.fate) {
            Fate::Live => false,
            Fate::Exec(finish) => {
                drop(activity);
                finish();
                false
            }
            Fate::Exit => {
                activity.fate = Fate::Exit;
                true
            }
        }
    }

    /// Whether an exec is under way.
    pub(crate) fn is_in_exec(&self) -> bool {
        matches!(self.activity.lock().fate, Fate::Exec(_))
    }

    /// Interrupts every call in progress and does `finish` when all have ended: at once if there
    /// are none.
    pub(crate) fn exec(&self, finish: Box<dyn FnOnce() + Send>) {
        let mut activity = self.activity.lock();
        if activity.calls == 0 {
            drop(activity);
            return finish();
        }
        activity.fate = Fate::Exec(finish);
        activity.interrupt();
    }

    /// Closes what exec closes and takes the new program's name: the part of exec that follows
    /// when no call is in progress any more.
    pub(crate) fn become_program(&self, name: &[u8]) {
        let closed = self.descriptors.lock().take_close_on_exec();
        drop(closed);
        self.identity.lock().name = command_name(name);
    }

    /// Interrupts every call in progress, for good. True when there are none, and the process is
    /// to be forgotten now; otherwise the last call's end tells.
    #[must_use]
    pub(crate) fn exit(&self) -> bool {
        let mut activity = self.activity.lock();
        activity.fate = Fate::Exit;
        activity.interrupt();
        activity.calls == 0
    }

    /// Sends the process's client a signal. Lost if it has none, as before a prefork is claimed.
    pub(crate) fn raise(&self, signo: i32) {
        if let Some(connection) = self.connection.lock().upgrade() {
            connection.raise(signo);
        }
    }

    /// Ties the process to the connection of its client.
    pub(crate) fn connect(&self, connection: &Arc<Connection>) {
        *self.connection.lock() = Arc::downgrade(connection);
    }

    /// Ends the client's connection, and with it soon the process.
    pub(crate) fn disconnect(&self) {
        if let Some(connection) = self.connection.lock().upgrade() {
            connection.close();
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.lock().strong_count() > 0
    }
}

impl Activity {
    fn interrupt(&self) {
        for waker in &self.running {
            waker.interrupt();
        }
    }
}

/// A client's command as a process's name: up to its NUL, cut to what the kernel keeps.
fn command_name(command: &[u8]) -> Vec<u8> {
    let name = command.split(|&byte| byte == 0).next().unwrap_or_default();
    name[..name.len().min(NAME_MAX)].to_vec()
}

/// All processes, by number.
///
/// # Locking rules
/// The table's lock is taken before any process's, never after.
pub(crate) struct Processes {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    processes: BTreeMap<i32, Arc<Process>>,
    /// Login names, by session.
    logins: BTreeMap<i32, Vec<u8>>,
    last: i32,
}

/// The process whose child every client is, and who inherits orphans.
const INIT: i32 = 1;

/// Process numbers start anew beyond this, as in NetBSD (`PID_MAX`).
const PID_MAX: i32 = 30000;

impl Default for Processes {
    fn default() -> Self {
        let table = Table { last: INIT, ..Table::default() };
        Self { table: Mutex::new(table) }
    }
}

impl Processes {
    /// Makes a child of init with nothing but these descriptors.
    pub(crate) fn spawn(
        &self,
        command: &[u8],
        standing: Standing,
        descriptors: Descriptors,
    ) -> Arc<Process> {
        self.add(descriptors, standing, Limits::default(), |pid| Identity {
            name: command_name(command),
            parent: INIT,
            group: pid,
            session: pid,
            credentials: Credentials::default(),
        })
    }

    /// Makes a child of `parent` that shares its open files.
    pub(crate) fn fork(&self, parent: &Process) -> Arc<Process> {
        let descriptors = parent.descriptors.lock().fork();
        let standing = parent.standing.lock().clone();
        let limits = parent.limits.lock().clone();
        let identity = parent.identity.lock().clone();
        self.add(descriptors, standing, limits, |_| Identity { parent: parent.pid, ..identity })
    }

    fn add(
        &self,
        descriptors: Descriptors,
        standing: Standing,
        limits: Limits,
        identity: impl FnOnce(i32) -> Identity,
    ) -> Arc<Process> {
        let mut table = self.table.lock();
        let pid = table.next_pid();
        let process = Arc::new(Process {
            pid,
            descriptors: Mutex::new(descriptors),
            standing: Mutex::new(standing),
            identity: Mutex::new(identity(pid)),
            limits: Mutex::new(limits),
            activity: Mutex::default(),
            connection: Mutex::default(),
        });
        table.processes.insert(pid, Arc::clone(&process));
        process
    }

    /// Forgets a process and closes its descriptors. Its children become init's.
    pub(crate) fn remove(&self, process: &Process) {
        let files = process.descriptors.lock().take_all();
        drop(files);
        let mut table = self.table.lock();
        table.processes.remove(&process.pid);
        table.logins.remove(&process.pid);
        for other in table.processes.values() {
            let mut identity = other.identity.lock();
            if identity.parent == process.pid {
                identity.parent = INIT;
            }
        }
    }

    pub(crate) fn get(&self, pid: i32) -> Option<Arc<Process>> {
        self.table.lock().processes.get(&pid).cloned()
    }

    /// The login name of a session; empty when none was set.
    pub(crate) fn login(&self, session: i32) -> Vec<u8> {
        self.table.lock().logins.get(&session).cloned().unwrap_or_default()
    }

    pub(crate) fn set_login(&self, session: i32, name: Vec<u8>) {
        self.table.lock().logins.insert(session, name);
    }

    /// Every process, by number.
    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        self.table.lock().processes.values().cloned().collect()
    }
}

impl Table {
    /// The next number that no process has, and that names no group or session either.
    fn next_pid(&mut self) -> i32 {
        let taken = |pid: i32| {
            self.processes.contains_key(&pid)
                || self.processes.values().any(|process| {
                    let identity = process.identity.lock();
                    identity.group == pid || identity.session == pid
                })
        };
        // There are far fewer processes than numbers.
        loop {
            self.last = if self.last < PID_MAX { self.last + 1 } else { INIT + 1 };
            if !taken(self.last) {
                return self.last;
            }
        }
    }
}
