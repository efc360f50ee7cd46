//! Making and connecting sockets: `socket(2)`, `bind(2)`, `connect(2)`, `listen(2)`, `accept(2)`,
//! `getsockname(2)`, `shutdown(2)`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, SockAddr};
use rustix::event::PollFlags;
use rustix::net::{
    AddressFamily, Protocol, Shutdown, SocketAddrUnix, SocketFlags, SocketType, acceptfrom_with,
    socket_with, sockopt,
};

use super::sockaddr::{Address, from_host, local_address, loopback};
use super::{Answer, Call, Handlers};
use crate::server::kernel::namei::Follow;
use crate::server::kernel::socket::{Names, Socket, internet_address};
use crate::server::kernel::{Access, Object, OpenFile, Result, Wake};

pub(super) const HANDLERS: Handlers = &[
    ("socket30", socket),
    ("socketpair", socketpair),
    ("bind", bind),
    ("connect", connect),
    ("listen", listen),
    ("accept", |call| accept(call, 0)),
    ("paccept", |call| accept(call, call.int("flags")?)),
    ("getsockname", getsockname),
    ("getpeername", getpeername),
    ("shutdown", shutdown),
];

/// What the host's sockets are made with.
const HOST_FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// What a call asks of a new socket.
struct Request {
    domain: i32,
    socket_type: i32,
    protocol: i32,
    /// As for open(2).
    flags: i32,
}

impl Request {
    fn of(call: &Call<'_>) -> Result<Self> {
        let typed = call.int("type")?;
        Ok(Self {
            domain: call.int("domain")?,
            socket_type: typed & !nb::SOCK_FLAGS_MASK,
            protocol: call.int("protocol")?,
            flags: open_flags(typed),
        })
    }

    /// Family, type and protocol of the host's socket.
    ///
    /// # Errors
    /// EAFNOSUPPORT, EPROTONOSUPPORT.
    fn host(&self) -> Result<(AddressFamily, SocketType, Option<Protocol>)> {
        let family = match self.domain {
            nb::AF_LOCAL => AddressFamily::UNIX,
            nb::AF_INET => AddressFamily::INET,
            nb::AF_INET6 => AddressFamily::INET6,
            _ => return Err(Errno::EAFNOSUPPORT.into()),
        };
        let socket_type = match self.socket_type {
            nb::SOCK_STREAM => SocketType::STREAM,
            nb::SOCK_DGRAM => SocketType::DGRAM,
            nb::SOCK_SEQPACKET if self.domain == nb::AF_LOCAL => SocketType::SEQPACKET,
            _ => return Err(Errno::EPROTONOSUPPORT.into()),
        };
        // Protocols have the same numbers everywhere.
        let usual = match (self.domain, self.socket_type) {
            (nb::AF_LOCAL, _) => 0,
            (_, nb::SOCK_STREAM) => nb::IPPROTO_TCP,
            _ => nb::IPPROTO_UDP,
        };
        match self.protocol {
            0 => Ok((family, socket_type, None)),
            protocol if protocol == usual => {
                let protocol = NonZeroU32::new(protocol as u32).map(Protocol::from_raw);
                Ok((family, socket_type, protocol))
            }
            _ => Err(Errno::EPROTONOSUPPORT.into()),
        }
    }

    fn open(&self, fd: OwnedFd, connected: bool) -> std::sync::Arc<OpenFile> {
        let socket = Socket::new(fd, self.domain, self.socket_type, self.protocol);
        socket.settings.lock().connected = connected;
        OpenFile::new(Object::Socket(socket), Access::BOTH, self.flags)
    }
}

/// The flags that come with a socket's type, as open(2) would have them.
fn open_flags(typed: i32) -> i32 {
    let mut flags = 0;
    for (socket_flag, open_flag) in [
        (nb::SOCK_CLOEXEC, nb::O_CLOEXEC),
        (nb::SOCK_NONBLOCK, nb::O_NONBLOCK),
        (nb::SOCK_NOSIGPIPE, nb::O_NOSIGPIPE),
    ] {
        if typed & socket_flag != 0 {
            flags |= open_flag;
        }
    }
    flags
}

fn socket(call: &Call<'_>) -> Result<Answer> {
    let request = Request::of(call)?;
    let (family, socket_type, protocol) = request.host()?;
    let fd = socket_with(family, socket_type, HOST_FLAGS, protocol)?;
    let file = request.open(fd, false);
    Ok(call.install(file, request.flags & nb::O_CLOEXEC != 0)?.into())
}

fn socketpair(call: &Call<'_>) -> Result<Answer> {
    let request = Request::of(call)?;
    let (family, socket_type, protocol) = request.host()?;
    if request.domain != nb::AF_LOCAL {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let (one, other) = rustix::net::socketpair(family, socket_type, HOST_FLAGS, protocol)?;
    let files = [request.open(one, true), request.open(other, true)];
    let fds = call.install_pair(files, request.flags)?;
    call.copyout(call.word("rsv")?, &fds.map(i32::to_ne_bytes).concat())?;
    Ok(().into())
}

fn bind(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let socket = file.socket()?;
    let len = call.unsigned("namelen")? as usize;
    match call.socket_address(socket, call.word("name")?, len)? {
        Address::Unspecified => Err(Errno::EAFNOSUPPORT.into()),
        Address::Internet(address) => bind_internet(socket, address),
        Address::Local(path) => bind_local(call, socket, &path),
    }
}

/// The wildcard address becomes the loopback: nobody outside is to connect.
fn bind_internet(socket: &Socket, address: SocketAddr) -> Result<Answer> {
    let host = loopback(address).ok_or(Errno::EADDRNOTAVAIL)?;
    rustix::net::bind(&socket.fd, &host)?;
    socket.settings.lock().wildcard = address.ip().is_unspecified();
    Ok(().into())
}

/// The host's socket is bound under its number in the hidden directory and moved from there.
fn bind_local(call: &Call<'_>, socket: &Socket, path: &[u8]) -> Result<Answer> {
    let mut names = socket.names.lock();
    if names.own.is_some() {
        return Err(Errno::EINVAL.into());
    }
    let place = call.lookup(None, path, Follow::No)?;
    call.kernel.tree.check_socket_name(&place)?;
    let name = call.kernel.names.add(path.to_vec());
    rustix::net::bind(&socket.fd, &SocketAddrUnix::new(name.host_path())?)?;
    call.kernel.tree.name_socket(&name.host_name(), &place, call.new_file_mode(0o777))?;
    names.own = Some(name);
    Ok(().into())
}

fn connect(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let socket = file.socket()?;
    let len = call.unsigned("namelen")? as usize;
    let address = call.socket_address(socket, call.word("name")?, len)?;
    if matches!(address, Address::Unspecified) {
        rustix::net::connect_unspec(&socket.fd)?;
        socket.settings.lock().connected = false;
        return Ok(().into());
    }
    // The host would call the second connect of a connection that it has just made a success.
    if socket.socket_type != nb::SOCK_DGRAM && rustix::net::getpeername(&socket.fd).is_ok() {
        return Err(Errno::EISCONN.into());
    }
    let host = call.reach(&address)?;
    match rustix::net::connect(&socket.fd, &host.address) {
        Ok(()) => {}
        Err(rustix::io::Errno::INPROGRESS) if file.is_nonblocking() => {
            socket.settings.lock().connected = true;
            return Err(Errno::EINPROGRESS.into());
        }
        Err(rustix::io::Errno::INPROGRESS) => wait_connected(call, socket)?,
        // The host means that the listener's queue is full.
        Err(rustix::io::Errno::AGAIN) => return Err(Errno::ECONNREFUSED.into()),
        Err(error) => return Err(error.into()),
    }
    socket.settings.lock().connected = true;
    if socket.domain == nb::AF_LOCAL {
        let peer = rustix::net::getpeername(&socket.fd)?;
        socket.names.lock().peer = peer.and_then(|peer| call.kernel.names.find(&peer));
    }
    Ok(().into())
}

fn wait_connected(call: &Call<'_>, socket: &Socket) -> Result<()> {
    let deadline = socket.send_deadline();
    let ready = [(std::os::fd::AsFd::as_fd(&socket.fd), PollFlags::OUT)];
    if call.lwp.block(&ready, deadline)? == Wake::TimedOut {
        return Err(Errno::EINPROGRESS.into());
    }
    Ok(sockopt::socket_error(&socket.fd)??)
}

fn listen(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let socket = file.socket()?;
    let backlog = call.int("backlog")?.clamp(0, nb::SOMAXCONN);
    rustix::net::listen(&socket.fd, backlog)?;
    socket.settings.lock().listening = true;
    Ok(().into())
}

fn accept(call: &Call<'_>, flags: i32) -> Result<Answer> {
    let file = call.file("s")?;
    let listener = file.socket()?;
    if !listener.settings.lock().listening {
        return Err(Errno::EINVAL.into());
    }
    call.process.descriptors.lock().check_room(1)?;
    let fd = std::os::fd::AsFd::as_fd(&listener.fd);
    let deadline = listener.receive_deadline();
    let (accepted, peer) =
        call.lwp.retry(fd, PollFlags::IN, file.is_nonblocking(), deadline, || {
            acceptfrom_with(fd, HOST_FLAGS)
        })?;
    let request = Request {
        domain: listener.domain,
        socket_type: listener.socket_type,
        protocol: listener.protocol,
        flags: open_flags(flags),
    };
    let address = match &peer {
        Some(peer) => from_host(&call.kernel.names, listener.domain, peer),
        None => local_address(None),
    };
    let file = request.open(accepted, true);
    let own = listener.names.lock().own.clone();
    let peer = peer.and_then(|peer| call.kernel.names.find(&peer));
    *file.socket()?.names.lock() = Names { own, peer };
    let fd = call.install(file, flags & nb::SOCK_CLOEXEC != 0)?;
    call.put_socket_address("name", "anamelen", &address)?;
    Ok(fd.into())
}

fn getsockname(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fdes")?;
    let socket = file.socket()?;
    let address = match socket.domain {
        nb::AF_LOCAL => local_address(socket.names.lock().own.as_deref()),
        _ => own_internet_address(socket)?,
    };
    call.put_socket_address("asa", "alen", &address)?;
    Ok(().into())
}

/// A socket that was bound to the wildcard says so until it is connected.
fn own_internet_address(socket: &Socket) -> Result<SockAddr> {
    let host = rustix::net::getsockname(&socket.fd)?;
    let mut address = internet_address(&host).ok_or(Errno::EINVAL)?;
    let settings = *socket.settings.lock();
    if settings.wildcard && !settings.connected {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
    }
    Ok(address.into())
}

fn getpeername(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fdes")?;
    let socket = file.socket()?;
    let host = rustix::net::getpeername(&socket.fd)?;
    let address = match (socket.domain, host) {
        (nb::AF_LOCAL, _) => local_address(socket.names.lock().peer.as_deref()),
        (domain, Some(host)) => from_host(&call.kernel.names, domain, &host),
        (_, None) => return Err(Errno::ENOTCONN.into()),
    };
    call.put_socket_address("asa", "alen", &address)?;
    Ok(().into())
}

fn shutdown(call: &Call<'_>) -> Result<Answer> {
    let how = match call.int("how")? {
        nb::SHUT_RD => Shutdown::Read,
        nb::SHUT_WR => Shutdown::Write,
        nb::SHUT_RDWR => Shutdown::Both,
        _ => return Err(Errno::EINVAL.into()),
    };
    let file = call.file("s")?;
    rustix::net::shutdown(&file.socket()?.fd, how)?;
    Ok(().into())
}
