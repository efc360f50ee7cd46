//! How a client behaves: everything its [`Builder`](crate::Builder) can set.

use std::ffi::CString;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::lend::MemoryPolicy;
use crate::netbsd;
use crate::proto::DEFAULT_FRAME_CAP;
use crate::sys;

/// The time a server has for connection, banner and handshake together, by default.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a thread that waits for the kernel stays awake at most, by default.
pub(crate) const SPIN: Duration = Duration::from_micros(100);

/// What a session needs to know; shared by all sessions of a client.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) command: CString,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) frame_cap: usize,
    pub(crate) memory: MemoryPolicy,
    pub(crate) raise: RaisePolicy,
    pub(crate) allow_foreign_banner: bool,
    pub(crate) peer_uid: Option<u32>,
    pub(crate) spin: Duration,
    pub(crate) observer: Option<Observer>,
}

impl Settings {
    pub(crate) fn new() -> Self {
        Self {
            command: sys::command_name(),
            handshake_timeout: Some(HANDSHAKE_TIMEOUT),
            call_timeout: None,
            frame_cap: DEFAULT_FRAME_CAP,
            memory: MemoryPolicy::default(),
            raise: RaisePolicy::default(),
            allow_foreign_banner: false,
            peer_uid: None,
            spin: SPIN,
            observer: None,
        }
    }

    /// When a connection that is begun now must be up.
    pub(crate) fn handshake_deadline(&self) -> Option<Instant> {
        within(self.handshake_timeout)
    }
}

/// When something that is begun now must be over. A limit that is further off than the clock goes
/// is none.
pub(crate) fn within(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

/// What a client does when its connection to the kernel is lost, as
/// `rumpclient_setconnretry()` of `rumpclient(3)` sets it.
///
/// After a reconnect the process in the kernel is a new one: descriptors and all other state of
/// the old one are gone. A call is made again on the new kernel if the lost one cannot have seen
/// it, or if it only asks: for the ids of the process and its user, for clocks, for limits, or for
/// a `sysctl(3)` value without setting one. Any other fails with
/// [`Errno::LINK_LOST`](netbsd::Errno::LINK_LOST), also when the reconnect succeeds, since it may
/// have been carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryPolicy {
    /// No reconnection: this call and all later ones fail.
    #[default]
    Never,
    /// Try for this long, then fail. The next call gets as much time again.
    For(Duration),
    /// Try until it works.
    Forever,
    /// Try exactly once for each call.
    Once,
    /// End the program with `exit(3)`, status 1. Calls that exit handlers make fail; calls of other
    /// threads do not return before the end, unless it takes longer than 5 seconds.
    Die,
}

/// What a client tells its observer about the connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkEvent {
    /// The kernel is gone, with all state this process had in it.
    Lost {
        /// Why.
        reason: Arc<crate::Error>,
    },
    /// The connection crosses a network in plain text: whoever is on the way can read and change
    /// what passes. Told once, when the client is made; `ssh://` addresses avoid it.
    Exposed {
        /// The other end.
        peer: SocketAddr,
    },
    /// There is a kernel again, and a new process in it.
    Regained {
        /// Counts the kernels this client has had, from 1.
        generation: u64,
    },
}

/// A function that hears of [`LinkEvent`]s; called on a thread that makes or waits for a call,
/// with nothing of the library locked.
#[derive(Clone)]
pub(crate) struct Observer(pub(crate) Arc<dyn Fn(&LinkEvent) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(..)")
    }
}

/// What to do with signals that the kernel raises for the process, such as SIGPIPE for a write
/// into a broken pipe, or an expired `setitimer(2)`.
///
/// A signal arrives while some thread of the client waits for a call.
#[derive(Clone)]
#[non_exhaustive]
pub enum RaisePolicy {
    /// Send the host's signal of the same name to this process, for those in the set; drop the
    /// others and any the host does not have.
    Deliver(SignalSet),
    /// Call a function with the NetBSD signal number. It runs on a thread that waits for a call,
    /// may make calls itself, and should be quick.
    Callback(Arc<dyn Fn(i32) + Send + Sync>),
}

impl Default for RaisePolicy {
    /// Delivers everything but SIGSYS: a kernel raises that together with ENOSYS for calls which
    /// its release has dropped, and its default action would kill the program.
    fn default() -> Self {
        Self::Deliver(SignalSet::all().without(netbsd::SIGSYS))
    }
}

impl fmt::Debug for RaisePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(set) => f.debug_tuple("Deliver").field(set).finish(),
            Self::Callback(_) => f.write_str("Callback(..)"),
        }
    }
}

impl RaisePolicy {
    pub(crate) fn deliver(&self, signo: i32) {
        match self {
            Self::Deliver(set) if set.contains(signo) => {
                if let Some(signal) = netbsd::signal::to_host(signo) {
                    // It fails for no signal that the translation knows.
                    let _ = sys::raise_process(signal);
                }
            }
            Self::Deliver(_) => {}
            Self::Callback(callback) => callback(signo),
        }
    }
}

/// A set of NetBSD signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Every signal, 1 to 63.
    pub const fn all() -> Self {
        Self(u64::MAX >> 1)
    }

    const fn bit(signo: i32) -> u64 {
        if signo >= 1 && signo <= 63 { 1 << (signo - 1) } else { 0 }
    }

    /// The set and one more signal, by NetBSD number; numbers outside 1 to 63 change nothing.
    #[must_use]
    pub const fn with(self, signo: i32) -> Self {
        Self(self.0 | Self::bit(signo))
    }

    /// The set without one signal, by NetBSD number.
    #[must_use]
    pub const fn without(self, signo: i32) -> Self {
        Self(self.0 & !Self::bit(signo))
    }

    /// Whether the signal is in the set.
    pub const fn contains(self, signo: i32) -> bool {
        self.0 & Self::bit(signo) != 0
    }
}
