//! The byte streams: from an address to a connected stream, and who is at its other end.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Stage};
use crate::options::Settings;
use crate::process::exec;
use crate::proto::address::{Address, SshTarget};
use crate::sys::{self, Fd, Interest, Spawned, StringArray};

/// Who is at the other end of a local socket, as the host knows it: the process that called
/// `listen(2)` on it, at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerCredentials {
    /// Its process id.
    pub pid: i32,
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
}

/// Connects, and makes sure of who is there; running out of time is told apart from the host's
/// other errors.
pub(crate) fn open(
    address: &Address,
    settings: &Settings,
    deadline: Option<Instant>,
) -> Result<Fd, Error> {
    if let (Some(required), false) = (settings.peer_uid, matches!(address, Address::Unix(_))) {
        // No need to start a program, or to connect, to find that out.
        return Err(Error::Peer { required, found: None });
    }
    let stream =
        connect(address, deadline).map_err(|error| match (error, settings.handshake_timeout) {
            (Error::Connect { source, .. }, Some(limit))
                if source.kind() == io::ErrorKind::TimedOut =>
            {
                Error::TimedOut { stage: Stage::Connect, limit }
            }
            (error, _) => error,
        })?;
    check_peer(address, &stream, settings)?;
    Ok(stream)
}

/// Makes sure that the peer is the one that the settings require, before a byte is sent to it.
pub(crate) fn check_peer(address: &Address, stream: &Fd, settings: &Settings) -> Result<(), Error> {
    let Some(required) = settings.peer_uid else { return Ok(()) };
    let found = credentials(address, stream).map(|peer| peer.uid);
    if found == Some(required) { Ok(()) } else { Err(Error::Peer { required, found }) }
}

/// Who is at the other end. Only a local socket that a server listens on can tell: one that leads
/// to a program of ours would name ourselves.
pub(crate) fn credentials(address: &Address, stream: &Fd) -> Option<PeerCredentials> {
    match address {
        Address::Unix(_) => {
            let (pid, uid, gid) = sys::peer_credentials(stream).ok()?;
            Some(PeerCredentials { pid, uid, gid })
        }
        _ => None,
    }
}

/// The address at the other end of a stream that crosses a network in plain text.
pub(crate) fn exposed_peer(address: &Address, stream: &Fd) -> Option<SocketAddr> {
    match address {
        Address::Inet(_) | Address::Named { .. } => {
            sys::peer_address(stream).filter(|peer| !peer.ip().to_canonical().is_loopback())
        }
        Address::Unix(_) | Address::Ssh(_) | Address::Command(_) => None,
    }
}

fn connect(address: &Address, deadline: Option<Instant>) -> Result<Fd, Error> {
    let failed = |source| Error::Connect { address: address.clone(), source };
    match address {
        Address::Unix(path) => sys::connect_unix(path, deadline).map_err(failed),
        Address::Inet(socket) => sys::connect_inet(*socket, deadline).map_err(failed),
        Address::Named { host, port, v6_only } => {
            let resolve = |source| Error::Resolve { address: address.clone(), source };
            let sockets = (host.as_str(), *port).to_socket_addrs().map_err(resolve)?;
            connect_any(sockets.filter(|socket| !v6_only || socket.is_ipv6()), deadline)
                .map_err(failed)
        }
        Address::Ssh(target) => connect_ssh(target, deadline).map_err(failed),
        Address::Command(words) => connect_command(words).map_err(failed),
    }
}

fn connect_any(
    sockets: impl Iterator<Item = SocketAddr>,
    deadline: Option<Instant>,
) -> io::Result<Fd> {
    let none = "the name has no address of the wanted kind";
    let mut last = io::Error::new(io::ErrorKind::NotFound, none);
    for socket in sockets {
        match sys::connect_inet(socket, deadline) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Starts a program with one end of a socket pair as its standard input and output.
fn connect_command(words: &[OsString]) -> io::Result<Fd> {
    let (ours, theirs) = sys::socket_pair()?;
    start(words, &theirs, &theirs)?;
    Ok(ours)
}

/// Has `ssh(1)` listen on a local socket, and connects to that.
///
/// ssh lives as long as the connection does, whoever holds it then: what it runs on the other
/// machine ends with its standard input, which this function holds, and ssh with its last
/// connection after that.
fn connect_ssh(target: &SshTarget, deadline: Option<Instant>) -> io::Result<Fd> {
    let folder = sys::PrivateFolder::new(&std::env::temp_dir())?;
    let local = folder.socket();
    let (input, held) = sys::pipe()?;
    let ssh = start(&target.command(&local), &input, &sys::open_null()?)?;
    drop(input);
    // One that waits for a password, or for a machine that is not there, does not look at its input.
    connect_when_there(&local, &held, deadline).inspect_err(|_| ssh.terminate())
}

/// How long ssh gets to listen before it is looked after again.
const PAUSE: Duration = Duration::from_millis(20);

/// Connects to a socket that a program is about to listen on, unless the program ends: then the
/// pipe to its standard input, `held`, is broken.
fn connect_when_there(path: &Path, held: &Fd, deadline: Option<Instant>) -> io::Result<Fd> {
    loop {
        match sys::connect_unix(path, deadline) {
            Err(error)
                if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                    .contains(&error.kind()) => {}
            result => return result,
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let pause = Instant::now() + PAUSE;
        let until = deadline.map_or(pause, |deadline| deadline.min(pause));
        // Nothing is of interest but the pipe's end, which is always reported.
        let interest = Interest { read: false, write: false };
        if sys::poll_stream(held, interest, None, Some(until))?.ended {
            return Err(io::Error::other("ssh ended without a connection"));
        }
    }
}

/// Starts a program, past any shell, that nobody has to wait for.
fn start(words: &[OsString], stdin: &Fd, stdout: &Fd) -> io::Result<Spawned> {
    let Some(name) = words.first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let program = c_string(find_program(name)?.into_os_string())?;
    let words = words.iter().cloned().map(c_string).collect::<io::Result<Vec<_>>>()?;
    let environment: Vec<_> =
        sys::environment().into_iter().filter(|entry| !is_for_clients(entry.as_bytes())).collect();
    let argv = StringArray::new(words.iter().map(CString::as_c_str));
    let envp = StringArray::new(environment.iter().map(CString::as_c_str));
    sys::spawn(&program, &argv, &envp, stdin, stdout)
}

fn c_string(text: OsString) -> io::Result<CString> {
    Ok(CString::new(text.into_vec())?)
}

/// Looks a program up as `execvp(3)` does, but never in a relative directory.
fn find_program(name: &OsStr) -> io::Result<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Ok(name.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| sys::is_executable(program))
        .ok_or_else(|| {
            let problem = format!("there is no program {} in PATH", name.display());
            io::Error::new(io::ErrorKind::NotFound, problem)
        })
}

/// Whether an entry of the environment would make the program that carries the stream a client of
/// the kernel itself.
fn is_for_clients(entry: &[u8]) -> bool {
    let name = entry.split(|&byte| byte == b'=').next().unwrap_or(entry);
    let names = [&b"RUMP_SERVER"[..], b"RUMPHIJACK", b"LD_PRELOAD"];
    names.contains(&name) || exec::is_announcement(entry)
}
