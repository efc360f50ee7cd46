//! Sockets: the host's, kept inside the machine and the private root.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rumpclient::netbsd as nb;
use rustix::net::{SocketAddrAny, SocketAddrUnix};

/// An open socket. The host's never blocks.
pub(crate) struct Socket {
    pub(crate) fd: OwnedFd,
    /// AF_LOCAL, AF_INET or AF_INET6.
    pub(crate) domain: i32,
    /// SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET.
    pub(crate) socket_type: i32,
    pub(crate) protocol: i32,
    pub(crate) settings: Mutex<Settings>,
    /// The names of a local socket and of the one it is connected to.
    pub(crate) names: Mutex<Names>,
}

/// What the host's socket does not know of itself, or not in the same way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) receive_timeout: Option<Duration>,
    pub(crate) send_timeout: Option<Duration>,
    /// SO_LINGER: how long a close is to wait.
    pub(crate) linger: Option<Duration>,
    /// It was bound to the wildcard address; on the host it is bound to the loopback.
    pub(crate) wildcard: bool,
    pub(crate) listening: bool,
    /// It is connected, was, or is about to be.
    pub(crate) connected: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) own: Option<Arc<LocalName>>,
    pub(crate) peer: Option<Arc<LocalName>>,
}

impl Socket {
    pub(crate) fn new(fd: OwnedFd, domain: i32, socket_type: i32, protocol: i32) -> Self {
        let (settings, names) = (Mutex::default(), Mutex::default());
        Self { fd, domain, socket_type, protocol, settings, names }
    }

    /// When a receive that begins now is to give up.
    pub(crate) fn receive_deadline(&self) -> Option<Instant> {
        Some(Instant::now() + self.settings.lock().receive_timeout?)
    }

    /// When a send that begins now is to give up.
    pub(crate) fn send_deadline(&self) -> Option<Instant> {
        Some(Instant::now() + self.settings.lock().send_timeout?)
    }

    /// Whether data on it comes in messages.
    pub(crate) fn is_message_based(&self) -> bool {
        self.socket_type != nb::SOCK_STREAM
    }

    /// Bytes to be received; for a listening socket 1, since the host does not tell how many
    /// connections there are.
    pub(crate) fn bytes_waiting(&self) -> i64 {
        if self.settings.lock().listening {
            return 1;
        }
        rustix::io::ioctl_fionread(&self.fd).unwrap_or(0) as i64
    }
}

/// The name a local socket is bound to.
#[derive(Debug)]
pub(crate) struct LocalName {
    /// The path as the client gave it.
    pub(crate) path: Vec<u8>,
    number: u64,
    names: Arc<LocalNames>,
}

/// The local sockets that have names.
///
/// The host knows each by a path of its own: under its number in a hidden directory, which is
/// named by way of that directory's descriptor, so that the path is short however deep the private
/// root lies. From the host's address of a peer its name is found again.
#[derive(Debug)]
pub(crate) struct LocalNames {
    prefix: String,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    names: HashMap<u64, Weak<LocalName>>,
}

impl LocalNames {
    pub(crate) fn new(directory: &OwnedFd) -> Self {
        let prefix = format!("/proc/self/fd/{}/", directory.as_raw_fd());
        Self { prefix, table: Mutex::default() }
    }

    /// A name for a client's path.
    pub(crate) fn add(self: &Arc<Self>, path: Vec<u8>) -> Arc<LocalName> {
        let mut table = self.table.lock();
        table.last += 1;
        let number = table.last;
        let name = Arc::new(LocalName { path, number, names: Arc::clone(self) });
        table.names.insert(number, Arc::downgrade(&name));
        name
    }

    /// The name behind an address of the host, while somebody has it.
    pub(crate) fn find(&self, host: &SocketAddrAny) -> Option<Arc<LocalName>> {
        let address = SocketAddrUnix::try_from(host.clone()).ok()?;
        let path = address.path()?;
        let number = path.to_str().ok()?.strip_prefix(&self.prefix)?.parse().ok()?;
        let table = self.table.lock();
        table.names.get(&number)?.upgrade()
    }
}

impl LocalName {
    /// Its name in the hidden directory.
    pub(crate) fn host_name(&self) -> String {
        self.number.to_string()
    }

    /// The path to bind the host's socket to.
    pub(crate) fn host_path(&self) -> String {
        format!("{}{}", self.names.prefix, self.number)
    }
}

impl Drop for LocalName {
    fn drop(&mut self) {
        self.names.table.lock().names.remove(&self.number);
    }
}

/// An internet address of the host, if it is one.
pub(crate) fn internet_address(host: &SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(host.clone()).ok()
}
