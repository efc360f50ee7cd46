//! Exec: another program image goes on with the same process in the kernel.
//!
//! The old image leaves the connection open and announces it in the environment:
//! `RUMPCLIENT__EXECFD=<socket>,<signal watch>`, and `RUMP__PARSEDSERVER` with the server's address,
//! which still holds after a chdir. The new image finds both when it connects from the
//! environment, checks that the descriptor is what was announced, and tells the kernel of the
//! exec; the kernel then closes descriptors marked FD_CLOEXEC.

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::Client;
use crate::error::{Error, Stage};
use crate::options::{RetryPolicy, Settings};
use crate::proto::address::Address;
use crate::session::{Frozen, Hello, Session};
use crate::sys::{self, Fd, SignalsBlocked, StringArray};
use crate::transport;

/// Names the connection that the program before exec left.
const EXEC_FD: &str = "RUMPCLIENT__EXECFD";
/// Binds that name to this process and this connection: no other process takes it for its own, and
/// no later program takes what has come to have the descriptor's number since.
const EXEC_PID: &str = "RUMPCLIENT__EXECPID";
/// The server's address in a form that does not depend on the working directory.
pub(crate) const PARSED_SERVER: &str = "RUMP__PARSEDSERVER";

impl Client {
    /// Replaces the program, as `execve(2)` does; the new one goes on as the same process in the
    /// kernel, with its descriptors there but for those marked FD_CLOEXEC:
    /// `rumpclient_exec()` of `rumpclient(3)`. The new program finds its connection by
    /// [`Client::from_env`]. Returns only on failure; the client works on then.
    ///
    /// # Errors
    /// [`Error::Io`] with the host's reason, e.g. that there is no such program;
    /// [`Error::Closed`] or [`Error::TimedOut`] when there is no connection to hand on;
    /// [`Error::Forked`] in a child of the process that made the client, vforked ones included.
    pub fn exec(&self, path: &CStr, argv: &[&CStr], envp: &[&CStr]) -> Result<Infallible, Error> {
        self.exec_with(path, argv.iter().copied(), envp.iter().copied())
    }

    /// As [`exec`](Self::exec). For the C library, which has no slices to give.
    #[doc(hidden)]
    pub fn exec_with<'s>(
        &self,
        path: &CStr,
        argv: impl IntoIterator<Item = &'s CStr>,
        envp: impl IntoIterator<Item = &'s CStr>,
    ) -> Result<Infallible, Error> {
        if !self.link().is_of_this_process() {
            return Err(Error::Forked);
        }
        let session = self.link().lease();
        let io = |source| Error::Io { stage: Stage::Calls, source };
        let mut signals = SignalsBlocked::new();
        // Those that are pending now need not find the stream frozen.
        signals.unblocked(|| ());
        let frozen = session.freeze(&signals, self.settings().handshake_deadline())?;
        let leases = self.link().leases();
        let argv = leases.take(Arc::new(StringArray::new(argv)));
        let env = leases.take(Arc::new(environment_after(&frozen, self.address(), envp)));
        let keep = |keep: bool| {
            sys::set_cloexec(frozen.stream(), !keep)?;
            sys::set_cloexec(frozen.watch(), !keep)
        };
        let error = match keep(true) {
            Ok(()) => sys::exec(path, &argv, &env, &mut signals),
            Err(error) => error,
        };
        keep(false).map_err(io)?;
        Err(io(error))
    }

    /// The environment of this process, as [`exec`](Self::exec) takes it.
    pub fn environment() -> Vec<CString> {
        sys::environment()
    }
}

/// `envp` with what announces the connection.
fn environment_after<'s>(
    frozen: &Frozen<'_>,
    address: &Address,
    envp: impl IntoIterator<Item = &'s CStr>,
) -> StringArray {
    let announced = announcement(frozen, address);
    let others = envp.into_iter().filter(|entry| !is_announcement(entry.to_bytes()));
    // Mapped to what lives as long as the announcement.
    let others = others.map(|entry| -> &CStr { entry });
    StringArray::new(others.chain(announced.iter().map(CString::as_c_str)))
}

fn announcement(frozen: &Frozen<'_>, address: &Address) -> [CString; 3] {
    let (stream, watch) = (sys::number(frozen.stream()), sys::number(frozen.watch()));
    let mut server = format!("{PARSED_SERVER}=").into_bytes();
    server.extend(OsString::from(address).into_vec());
    [
        format!("{EXEC_FD}={stream},{watch}").into_bytes(),
        format!("{EXEC_PID}={}", mark(frozen.stream())).into_bytes(),
        server,
    ]
    // An address without NUL is one of Address's promises.
    .map(|entry| CString::new(entry).unwrap_or_default())
}

/// What tells a connection of this process from every other.
fn mark(stream: &impl AsFd) -> String {
    format!("{},{}", sys::process_id(), sys::stream_identity(stream))
}

/// Whether an entry of the environment is one that announces a connection.
pub(crate) fn is_announcement(entry: &[u8]) -> bool {
    [EXEC_FD, EXEC_PID, PARSED_SERVER].iter().any(|name| {
        let rest = entry.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.first() == Some(&b'='))
    })
}

/// Takes the connection over that the program before exec left in the environment, if there is one
/// and it is good. Once per program.
pub(crate) fn inherited_stream() -> Option<Fd> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let announced = std::env::var(EXEC_FD).ok()?;
    if sys::is_privileged() || TAKEN.swap(true, Ordering::AcqRel) {
        return None;
    }
    let (stream, watch) = announced.split_once(',')?;
    // The C library leaves no mark.
    let marked = std::env::var_os(EXEC_PID);
    let is_ours = |stream: BorrowedFd<'_>| marked.is_none_or(|marked| marked == *mark(&stream));
    let stream = sys::inherit_stream(stream.parse().ok()?, is_ours)?;
    if let Ok(watch) = watch.parse() {
        sys::close_inherited_watch(watch);
    }
    Some(stream)
}

/// Goes on with the connection of the program before exec.
pub(crate) fn resume(
    stream: Fd,
    address: Address,
    settings: Arc<Settings>,
    retry: RetryPolicy,
) -> Result<Client, Error> {
    let deadline = settings.handshake_deadline();
    transport::check_peer(&address, &stream, &settings)?;
    let session = Session::establish(stream, Arc::clone(&settings), &Hello::Exec, deadline)?;
    Ok(Client::from_session(address, settings, retry, session))
}
