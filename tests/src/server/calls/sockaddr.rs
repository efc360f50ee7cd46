//! Socket addresses: NetBSD's in the client's memory, the host's behind the sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use rumpclient::Errno;
use rumpclient::netbsd::{AF_INET, AF_INET6, AF_LOCAL, AF_UNSPEC, SockAddr};
use rustix::fs::{Mode, OFlags, openat};
use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::Call;
use crate::server::kernel::namei::Follow;
use crate::server::kernel::socket::{LocalName, Socket, internet_address};
use crate::server::kernel::{LocalNames, Result};

/// The longest address that a client may pass (`SOCK_MAXADDRLEN`).
const ADDRESS_MAX: usize = 255;

/// An address that a client passes.
pub(super) enum Address {
    /// Of no family: dissolves a connection of datagrams.
    Unspecified,
    Internet(SocketAddr),
    /// The path of a local socket.
    Local(Vec<u8>),
}

/// An address to reach on the host.
pub(super) struct HostAddress {
    pub(super) address: SocketAddrAny,
    /// Keeps the file open that the address of a local socket leads through.
    _path: Option<OwnedFd>,
}

impl Call<'_> {
    /// The address at `address` in the client's memory.
    ///
    /// # Errors
    /// EINVAL for a length that no address has, EAFNOSUPPORT for one of another family than the
    /// socket's.
    pub(super) fn socket_address(
        &self,
        socket: &Socket,
        address: usize,
        len: usize,
    ) -> Result<Address> {
        if !(2..=ADDRESS_MAX).contains(&len) {
            return Err(Errno::EINVAL.into());
        }
        let bytes = self.copyin(address, len)?;
        let given = SockAddr::from_bytes(&bytes)?;
        let family = i32::from(given.family());
        match family {
            AF_UNSPEC => Ok(Address::Unspecified),
            _ if family != socket.domain => Err(Errno::EAFNOSUPPORT.into()),
            AF_LOCAL => Ok(Address::Local(given.unix_path().unwrap_or_default().to_vec())),
            _ => Ok(Address::Internet(given.to_socket_addr().ok_or(Errno::EINVAL)?)),
        }
    }

    /// What to send to, or connect to, on the host.
    ///
    /// # Errors
    /// EHOSTUNREACH for an address outside this machine; as for a path walk, and ENOTSOCK when a
    /// path does not lead to a socket.
    pub(super) fn reach(&self, address: &Address) -> Result<HostAddress> {
        match address {
            Address::Unspecified => Err(Errno::EAFNOSUPPORT.into()),
            Address::Internet(address) => {
                let address = loopback(*address).ok_or(Errno::EHOSTUNREACH)?;
                Ok(HostAddress { address: address.into(), _path: None })
            }
            Address::Local(path) => self.reach_local(path),
        }
    }

    /// A socket's file is pinned by a descriptor, so that what is checked is what is reached.
    fn reach_local(&self, path: &[u8]) -> Result<HostAddress> {
        let place = self.lookup(None, path, Follow::Yes)?;
        self.kernel.tree.check_socket(&place)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let pinned = openat(&place.directory, &place.name, flags, Mode::empty())?;
        let address = SocketAddrUnix::new(format!("/proc/self/fd/{}", pinned.as_raw_fd()))?;
        Ok(HostAddress { address: address.into(), _path: Some(pinned) })
    }

    /// Stores an address, as much of it as there is room for, and its length: the value-result
    /// pair of `accept(2)` and the like.
    pub(super) fn put_socket_address(
        &self,
        buffer: &str,
        length: &str,
        address: &SockAddr,
    ) -> Result<()> {
        let Some(buffer) = self.pointer(buffer)? else {
            return Ok(());
        };
        let length_at = self.word(length)?;
        let word = self.copyin(length_at, size_of::<u32>())?;
        let room = word.first_chunk().copied().map_or(0, u32::from_ne_bytes) as usize;
        let bytes = &address.as_bytes()[..address.len().min(room)];
        self.copyout(buffer, bytes)?;
        self.copyout(length_at, &(bytes.len() as u32).to_ne_bytes())
    }
}

/// The address with the wildcard replaced by the loopback. `None` when it leads elsewhere.
pub(super) fn loopback(address: SocketAddr) -> Option<SocketAddr> {
    let ip: IpAddr = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    ip.is_loopback().then(|| SocketAddr::new(ip, address.port()))
}

/// The address that a client is told of a local socket.
pub(super) fn local_address(name: Option<&LocalName>) -> SockAddr {
    let path = name.map_or(&[][..], |name| &name.path);
    // A name came from such an address, so it fits one.
    SockAddr::unix(path).unwrap_or_default()
}

/// What a client is told of an address that the host reports.
pub(super) fn from_host(names: &LocalNames, domain: i32, host: &SocketAddrAny) -> SockAddr {
    match domain {
        AF_INET | AF_INET6 => internet_address(host).map(SockAddr::from).unwrap_or_default(),
        _ => local_address(names.find(host).as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached() {
        let reached =
            |text: &str| loopback(text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(reached("127.0.0.1:1").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(reached("0.0.0.0:2").as_deref(), Some("127.0.0.1:2"));
        assert_eq!(reached("[::]:3").as_deref(), Some("[::1]:3"));
        for outside in ["10.0.0.1:1", "255.255.255.255:1", "[fe80::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(reached(outside), None, "{outside}");
        }
    }
}
