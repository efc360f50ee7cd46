//! Where a server listens.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{SocketFlags, accept_with, sockopt};

/// A listening socket, and the address to reach it by.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    url: Url,
}

/// A parsed server address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Url {
    Unix(PathBuf),
    Inet(SocketAddr),
}

impl Listener {
    /// Listens at `unix://PATH`, `tcp://ADDRESS:PORT` or `tcp6://[ADDRESS]:PORT`. Port 0 takes a
    /// free one. A socket file that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// InvalidInput for an address of another form, and the host's errors.
    pub(crate) fn bind(url: &str) -> io::Result<Self> {
        let (socket, url) = match Url::parse(url)? {
            Url::Unix(path) => {
                let path = std::path::absolute(path)?;
                (OwnedFd::from(bind_unix(&path)?), Url::Unix(path))
            }
            Url::Inet(address) => {
                let listener = TcpListener::bind(address)?;
                let url = Url::Inet(listener.local_addr()?);
                (OwnedFd::from(listener), url)
            }
        };
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Self { socket, url })
    }

    /// The address for clients: with an absolute path, and with the port taken.
    pub(crate) fn url(&self) -> String {
        self.url.to_string()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A client that has connected, if there is one, as a stream that does not block.
    pub(crate) fn accept(&self) -> Option<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let stream = accept_with(&self.socket, flags).ok()?;
        if matches!(self.url, Url::Inet(_)) {
            // An answer should not wait for the client's acknowledgement of a copyout.
            let _ = sockopt::set_tcp_nodelay(&stream, true);
        }
        Some(stream)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Url::Unix(path) = &self.url {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Url {
    fn parse(url: &str) -> io::Result<Self> {
        if let Some(path) = url.strip_prefix("unix://").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        let inet = url.strip_prefix("tcp://").or_else(|| url.strip_prefix("tcp6://"));
        let inet = inet.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        match inet.and_then(|rest| rest.parse().ok()) {
            Some(address) => Ok(Self::Inet(address)),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "server address \"{url}\": use unix://PATH, tcp://ADDRESS:PORT or \
                     tcp6://[ADDRESS]:PORT, with a numeric address"
                ),
            )),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Inet(SocketAddr::V4(address)) => write!(f, "tcp://{address}/"),
            Self::Inet(SocketAddr::V6(address)) => write!(f, "tcp6://{address}/"),
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        result => result,
    }
}

/// Whether `path` is a socket that nobody listens on, as a killed server leaves it.
fn is_stale(path: &Path) -> bool {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    UnixStream::connect(path).is_err_and(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let url = format!("unix://{}", path.display());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = Listener::bind(&url).unwrap();
        assert_eq!(listener.url(), url);
        assert_eq!(Listener::bind(&url).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_free_port_is_named_in_the_address() {
        let url = Listener::bind("tcp://127.0.0.1:0").unwrap().url();
        assert!(url.starts_with("tcp://127.0.0.1:") && !url.contains(":0/"), "{url}");
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in ["", "unix://", "tcp://localhost:1", "tcp://127.0.0.1", "http://127.0.0.1:1"] {
            assert_eq!(Listener::bind(url).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
