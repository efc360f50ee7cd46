//! Forking: the process in the kernel first, then the one on the host.
//!
//! The kernel forks at once, by PREFORK, and keeps the twin under a random key until somebody
//! claims it over a new connection. So the parent may go on or exit as it likes, and descriptors
//! are as they were at the time of the prefork.

#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::error::{Error, Stage};
use crate::netbsd::Errno;
use crate::options::{RetryPolicy, Settings};
use crate::proto::address::Address;
use crate::proto::body::PreforkKey;
use crate::proto::header::ServerError;
use crate::session::{Failure, Hello, Session};
use crate::sys::{self, SignalsBlocked};
use crate::transport;

/// A process that the kernel has forked and keeps for whoever claims it: the cookie of
/// `rumpclient_prefork()`.
///
/// The child claims it with [`attach`](Self::attach). The parent, once the child exists, says so
/// with [`hand_over`](Self::hand_over). Dropped without either, in the process that made it, the
/// kernel's process is ended, as by [`cancel`](Self::cancel).
#[derive(Debug)]
#[must_use = "dropping a prefork ends the process it stands for"]
pub struct Prefork {
    key: PreforkKey,
    address: Address,
    settings: Arc<Settings>,
    retry: RetryPolicy,
    lineage: u32,
    spent: bool,
}

/// Which side of [`Client::fork`] this is.
#[derive(Debug)]
pub enum Fork {
    /// The process that called.
    Parent {
        /// The host's id of the new process.
        child: i32,
    },
    /// The new process, with its own process in the kernel; or why it has none.
    Child(Result<Client, Error>),
}

/// Has forks go through `fork`, which does what libc's `fork` does. For the C library: a preloaded
/// library may have put itself in place of libc's, and would ask for a process in the kernel once
/// more.
///
/// # Safety
/// `fork` must keep the contract of `fork(2)`, from whichever thread it is called.
#[doc(hidden)]
pub unsafe fn set_host_fork(fork: unsafe extern "C" fn() -> i32) {
    sys::set_host_fork(fork);
}

impl Client {
    /// Has the kernel fork this process: `rumpclient_prefork()` of `rumpclient(3)`.
    ///
    /// # Errors
    /// [`Error::Kernel`] or [`Error::Refused`] by the kernel; the end of the connection otherwise.
    pub fn prefork(&self) -> Result<Prefork, Error> {
        let key = self.prefork_key()?;
        Ok(self.cookie(key, self.link().retry()))
    }

    fn prefork_key(&self) -> Result<PreforkKey, Error> {
        let deadline = self.call_deadline();
        let prefork = |session: &Session| session.prefork(deadline);
        self.link().run(deadline, prefork).map_err(|failure| self.failure_error(failure))
    }

    fn cookie(&self, key: PreforkKey, retry: RetryPolicy) -> Prefork {
        Prefork {
            key,
            address: self.link().address().clone(),
            settings: self.link().shared_settings(),
            retry,
            lineage: sys::lineage(),
            spent: false,
        }
    }

    /// Forks this process, in the kernel and on the host: `rumpclient_fork()` of `rumpclient(3)`.
    /// The child has copies of the parent's descriptors in the kernel, and a client of its own.
    /// Clients that the child inherits stay the parent's: their calls fail with
    /// [`Errno::LINK_LOST`].
    ///
    /// # Safety
    /// As for `fork(2)` in a program with threads: only the calling thread lives on in the child,
    /// and locks that others held stay locked there. Until it execs or exits, the child may use
    /// what is async-signal-safe, what its libc allows beyond that (with glibc: allocation), and
    /// the client that this returns. This crate takes no lock in the child that another thread may
    /// have held.
    ///
    /// # Errors
    /// In the parent: those of [`prefork`](Self::prefork), and [`Error::Io`] when the host cannot
    /// fork. In the child: see [`Fork::Child`].
    pub unsafe fn fork(&self) -> Result<Fork, Error> {
        let key = self.prefork_key()?;
        // Only before the fork: another thread may have the lock in the child for ever.
        let retry = self.link().retry();
        // libc's fork holds its allocator's locks: no handler may come on top that makes a call.
        let signals = SignalsBlocked::new();
        // SAFETY: passed on from the caller.
        let forked = unsafe { sys::fork() };
        drop(signals);
        match forked {
            Ok(sys::Forked::Child) => {
                self.link().session().close_in_child();
                Ok(Fork::Child(self.cookie(key, retry).attach()))
            }
            // Nothing is written here that need not be: the host copies every page for the child.
            Ok(sys::Forked::Parent { child }) => Ok(Fork::Parent { child }),
            Err(source) => {
                drop(self.cookie(key, retry));
                Err(Error::Io { stage: Stage::Calls, source })
            }
        }
    }

    /// The error that stands for a failed request other than a call.
    pub(crate) fn failure_error(&self, failure: Failure) -> Error {
        match failure {
            Failure::Kernel(errno) => Error::Kernel(errno),
            Failure::Refused(error) => Error::Refused(error),
            Failure::Forked => Error::Forked,
            Failure::TimedOut => Error::TimedOut {
                stage: Stage::Calls,
                limit: self.call_timeout().unwrap_or_default(),
            },
            Failure::Lost { .. } => Error::Closed { stage: Stage::Calls },
        }
    }
}

impl Prefork {
    /// The key by which the kernel knows the process, and whoever shows it may claim it. For the C
    /// library, whose cookies begin with it.
    #[doc(hidden)]
    pub fn key(&self) -> [u32; 4] {
        self.key.0
    }

    /// Claims another process than the one that was forked, if the key is of one.
    #[doc(hidden)]
    pub fn set_key(&mut self, key: [u32; 4]) {
        self.key = PreforkKey(key);
    }

    /// Becomes the process that the kernel forked: `rumpclient_fork_init()` of `rumpclient(3)`,
    /// for the child of a `fork(2)`.
    ///
    /// # Errors
    /// [`Error::Kernel`] with ESRCH when the kernel does not know the process (any more): it has
    /// been claimed or cancelled. Otherwise those of [`Client::connect`].
    pub fn attach(mut self) -> Result<Client, Error> {
        self.spent = true;
        let session = self.open(&Hello::Fork(self.key))?;
        let settings = Arc::clone(&self.settings);
        Ok(Client::from_session(self.address.clone(), settings, self.retry, session))
    }

    /// Says that a child has taken the process over: dropping the cookie here does not end it.
    pub fn hand_over(mut self) {
        self.spent = true;
    }

    /// Ends the process that the kernel forked: `rumpclient_fork_cancel()` of `rumpclient(3)`.
    /// Returns when the kernel has dropped it.
    ///
    /// # Errors
    /// [`Error::Kernel`] with ESRCH when the kernel does not know the process (any more).
    pub fn cancel(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        self.spent = true;
        match self.open(&Hello::CancelFork(self.key)) {
            // The server hangs up when it is done. One that has no room hangs up sooner.
            Ok(_) | Err(Error::Closed { stage: Stage::Handshake }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn open(&self, hello: &Hello) -> Result<Arc<Session>, Error> {
        let deadline = self.settings.handshake_deadline();
        let stream = transport::open(&self.address, &self.settings, deadline)?;
        Session::establish(stream, Arc::clone(&self.settings), hello, deadline).map_err(|error| {
            match error {
                Error::Refused(ServerError::InvalidPrefork) => Error::Kernel(Errno::ESRCH),
                error => error,
            }
        })
    }
}

/// How long dropping a cookie may hold its thread up.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

impl Drop for Prefork {
    fn drop(&mut self) {
        if self.spent || self.lineage != sys::lineage() {
            return;
        }
        let mut settings = (*self.settings).clone();
        let limit = settings.handshake_timeout.unwrap_or(DROP_TIMEOUT).min(DROP_TIMEOUT);
        settings.handshake_timeout = Some(limit);
        self.settings = Arc::new(settings);
        // Without a server there is nothing left to end.
        let _ = self.end();
    }
}
