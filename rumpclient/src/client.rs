//! A process in a rump kernel, as its user sees it.

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::environment;
use crate::error::Error;
use crate::lend::{Lends, MemoryPolicy};
use crate::marshal::Register;
use crate::netbsd::Errno;
use crate::options::{LinkEvent, Observer, RaisePolicy, RetryPolicy, Settings, within};
use crate::process::exec;
use crate::process::reconnect::Link;
use crate::proto::address::Address;
use crate::proto::banner::Banner;
use crate::repeat;
use crate::session::{Failure, Hello, Session};
use crate::sys;
use crate::transport::{self, PeerCredentials};

/// A process in a rump kernel. Its `rump_sys_*` methods are that process's system calls.
///
/// Any number of threads may make calls at once. Dropping the last clone ends the process in the
/// kernel: its descriptors are closed and calls that still block are interrupted.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kernel = rumpclient::Client::connect("unix:///tmp/kernel.sock")?;
/// println!("process {} on {}", kernel.rump_sys_getpid()?, kernel.banner().unwrap());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    link: Arc<Link>,
    call_timeout: Option<Duration>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", self.link.address()).finish_non_exhaustive()
    }
}

/// Sets up a [`Client`]; made by [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before it connects"]
pub struct Builder {
    settings: Settings,
    retry: RetryPolicy,
}

impl Client {
    /// Connects to the kernel that the environment names: `RUMP_SERVER`, as `rumpclient(3)` and
    /// `rump_sp(7)` have it.
    ///
    /// # Errors
    /// [`Error::NoServer`] when it is not set, [`Error::Environment`] when another variable does
    /// not make sense, [`Error::Privileged`] when it names a program to start and this one has
    /// more rights than its user, and those of [`connect`](Self::connect).
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().from_env()
    }

    /// Connects to the kernel at `address`: `unix://PATH`, `tcp://HOST:PORT`,
    /// `tcp6://[ADDRESS]:PORT`, `ssh://[USER@]HOST[:PORT]/PATH` for a local socket on another
    /// machine, or `exec:COMMAND` for a program whose standard input and output are the stream.
    ///
    /// # Errors
    /// [`Error::Address`] names the part of the address that is wrong; the other kinds say what
    /// happened on the way to the kernel.
    pub fn connect(address: impl AsRef<OsStr>) -> Result<Self, Error> {
        Self::builder().connect(address)
    }

    /// A client with other than default settings.
    pub fn builder() -> Builder {
        Builder { settings: Settings::new(), retry: RetryPolicy::default() }
    }

    /// What the kernel said of itself: release, machine, protocol. `None` in a forked child, and
    /// for a connection inherited over exec.
    pub fn banner(&self) -> Option<Banner> {
        self.link.session().banner()
    }

    /// Where the kernel is; a relative path has been made absolute.
    pub fn address(&self) -> &Address {
        self.link.address()
    }

    /// Who runs the server, where the host knows: at the other end of a local socket. `None` for
    /// other connections, and in a forked child.
    pub fn peer_credentials(&self) -> Option<PeerCredentials> {
        let session = self.link.session();
        session.check_process().ok()?;
        transport::credentials(self.address(), session.stream())
    }

    /// Why there is no connection, if there is none. Calls fail with [`Errno::LINK_LOST`] then.
    pub fn link_error(&self) -> Option<Arc<Error>> {
        self.link.session().ended()
    }

    /// Counts the kernels this client has been connected to, from 1. When it grows, descriptors
    /// and all other kernel state are gone.
    pub fn generation(&self) -> u64 {
        self.link.generation()
    }

    /// What to do from now on when the connection is lost.
    pub fn set_retry(&self, policy: RetryPolicy) {
        self.link.set_retry(policy);
    }

    /// The same process, with a time limit of their own for the calls that are made through what
    /// this returns; `None` for any time. What a limit means stands at
    /// [`Builder::call_timeout`].
    ///
    /// ```no_run
    /// # fn read(kernel: rumpclient::Client, fd: i32) -> Result<usize, rumpclient::Errno> {
    /// let limit = std::time::Duration::from_secs(2);
    /// kernel.with_call_timeout(Some(limit)).rump_sys_read(fd, &mut [0; 512])
    /// # }
    /// ```
    #[must_use]
    pub fn with_call_timeout(&self, limit: Option<Duration>) -> Self {
        Self { link: Arc::clone(&self.link), call_timeout: limit }
    }

    /// Ends the connection, and with it the process in the kernel, for all clones. For the C
    /// library, which cannot tell when other threads are done with theirs.
    #[doc(hidden)]
    pub fn close(&self) {
        self.link.set_retry(RetryPolicy::Never);
        self.link.session().close();
    }

    /// A client on a session that is up.
    pub(crate) fn from_session(
        address: Address,
        settings: Arc<Settings>,
        retry: RetryPolicy,
        session: Arc<Session>,
    ) -> Self {
        let call_timeout = settings.call_timeout;
        Self { link: Arc::new(Link::new(address, settings, retry, session)), call_timeout }
    }

    /// The connection.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// The settings its sessions share.
    pub(crate) fn settings(&self) -> &Settings {
        self.link.settings()
    }

    /// How long each call may take.
    pub(crate) fn call_timeout(&self) -> Option<Duration> {
        self.call_timeout
    }

    /// When a call that is begun now must be over.
    pub(crate) fn call_deadline(&self) -> Option<Instant> {
        within(self.call_timeout)
    }

    /// Runs a call, over a reconnect if the kernel is lost before it can have seen the call, or if
    /// that makes no difference.
    pub(crate) fn run(
        &self,
        number: u32,
        args: &[u8],
        lends: impl Fn() -> Lends,
    ) -> Result<[Register; 2], Errno> {
        let deadline = self.call_deadline();
        let attempt = |session: &Session| {
            let result = session.syscall(number, args, lends(), deadline);
            result.map_err(|failure| repeat::judge(failure, number, args))
        };
        Ok(self.link.run(deadline, attempt)?)
    }
}

/// What a caller sees of a call's failure.
impl From<Failure> for Errno {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Kernel(errno) => errno,
            Failure::Refused(error) => error.into(),
            Failure::TimedOut => Self::ETIMEDOUT,
            Failure::Lost { .. } | Failure::Forked => Self::LINK_LOST,
        }
    }
}

impl Builder {
    /// The command name under which the kernel lists the process; the program's own name by
    /// default. Cut to 63 bytes.
    pub fn command(mut self, name: impl Into<CString>) -> Self {
        self.settings.command = name.into();
        self
    }

    /// How long connecting, banner and handshake may take together; `None` for any time. 30 s by
    /// default.
    pub fn handshake_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.handshake_timeout = limit;
        self
    }

    /// How long each call may take; `None`, the default, for any time. Single calls get another
    /// limit by [`Client::with_call_timeout`]. A call that takes longer
    /// fails with ETIMEDOUT. The kernel may still carry it out: what it sends for the call is
    /// discarded, and where it asks for the call's memory it gets zeros, since the protocol knows
    /// no refusal. A write that times out may therefore leave zeros in the file.
    pub fn call_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.call_timeout = limit;
        self
    }

    /// The largest frame accepted from the server, in bytes, and thereby the largest piece of
    /// memory moved at once. 64 MiB by default. A larger frame ends the connection.
    pub fn frame_cap(mut self, bytes: usize) -> Self {
        self.settings.frame_cap = bytes;
        self
    }

    /// How long a thread that waits for the kernel looks again and again before it sleeps, each
    /// time; zero for not at all. 100 µs by default. It halves the time of a quick call, and is done
    /// only where the kernel has another CPU to run on and while waits turn out that short.
    pub fn spin(mut self, limit: Duration) -> Self {
        self.settings.spin = limit;
        self
    }

    /// What to do when the connection is lost; [`RetryPolicy::Never`] by default.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How far the server's access to this process's memory goes; [`MemoryPolicy::Lent`] by
    /// default.
    pub fn memory(mut self, policy: MemoryPolicy) -> Self {
        self.settings.memory = policy;
        self
    }

    /// What to do with signals from the kernel; by default all but SIGSYS are delivered.
    pub fn raise(mut self, policy: RaisePolicy) -> Self {
        self.settings.raise = policy;
        self
    }

    /// Whether to go on with a server whose banner tells of another protocol version or machine.
    /// Their memory layouts may differ from this client's: calls may return nonsense. Off by
    /// default.
    pub fn allow_foreign_banner(mut self, allow: bool) -> Self {
        self.settings.allow_foreign_banner = allow;
        self
    }

    /// The user who must run the server; anybody, by default. Checked on every connection before
    /// anything is sent. Only local sockets tell who is there: others are refused.
    pub fn require_peer_uid(mut self, uid: u32) -> Self {
        self.settings.peer_uid = Some(uid);
        self
    }

    /// A function to hear of a lost and regained kernel. It runs on a thread that makes or waits
    /// for a call.
    pub fn on_link_event(mut self, hear: impl Fn(&LinkEvent) + Send + Sync + 'static) -> Self {
        self.settings.observer = Some(Observer(Arc::new(hear)));
        self
    }

    /// Connects to the kernel that the environment names. After [`Client::exec`] that is the
    /// connection which the program before has left; otherwise the server in `RUMP_SERVER`.
    ///
    /// Further variables go before this builder's settings: `RUMPCLIENT_HANDSHAKE_TIMEOUT` and
    /// `RUMPCLIENT_CALL_TIMEOUT`, in seconds, 0 for no limit; `RUMPCLIENT_FRAME_CAP`, in bytes;
    /// `RUMPCLIENT_SPIN_US`, in microseconds, see [`spin`](Self::spin); and `RUMPCLIENT_PEER_UID`,
    /// which counts where [`require_peer_uid`](Self::require_peer_uid) has not been said.
    ///
    /// # Errors
    /// As for [`Client::from_env`].
    pub fn from_env(mut self) -> Result<Client, Error> {
        let inherited = exec::inherited_stream();
        let address = environment::address()?;
        environment::apply(&mut self.settings, |name| std::env::var_os(name))?;
        match inherited {
            None => self.connect_to(address),
            Some(stream) => exec::resume(stream, address, Arc::new(self.settings), self.retry),
        }
    }

    /// Takes settings as [`from_env`](Self::from_env) does, out of variables that need not stand in
    /// the environment: for tests.
    #[doc(hidden)]
    pub fn variables(mut self, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        environment::apply(&mut self.settings, lookup)?;
        Ok(self)
    }

    /// Connects to the kernel at `address`.
    ///
    /// # Errors
    /// As for [`Client::connect`].
    pub fn connect(self, address: impl AsRef<OsStr>) -> Result<Client, Error> {
        self.connect_to(Address::parse(address)?)
    }

    fn connect_to(self, address: Address) -> Result<Client, Error> {
        let address = match address.is_relative() {
            true => {
                let cwd = sys::working_directory()
                    .map_err(|source| Error::Connect { address: address.clone(), source })?;
                address.absolute(&cwd)?
            }
            false => address,
        };
        let settings = Arc::new(self.settings);
        let session = open_session(&address, &settings, None)?;
        if let (Some(observer), Some(peer)) =
            (&settings.observer, transport::exposed_peer(&address, session.stream()))
        {
            (observer.0)(&LinkEvent::Exposed { peer });
        }
        Ok(Client::from_session(address, settings, self.retry, session))
    }
}

/// Connects and introduces this process as a new one, within the handshake's time limit and before
/// `until`.
pub(crate) fn open_session(
    address: &Address,
    settings: &Arc<Settings>,
    until: Option<Instant>,
) -> Result<Arc<Session>, Error> {
    let limit = settings.handshake_deadline();
    let deadline = [limit, until].into_iter().flatten().min();
    let stream = transport::open(address, settings, deadline)?;
    Session::establish(stream, Arc::clone(settings), &Hello::Guest, deadline)
}
