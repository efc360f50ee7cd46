//! Stream sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{
    Timeout, set_socket_timeout, set_tcp_nodelay, socket_error, socket_peercred,
};
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, getpeername, getsockname,
};

use super::{Fd, Interest, poll_stream, syscall, wait};

/// A piece of memory in a scatter/gather list. The address may be a caller's, unchecked.
pub(crate) type IoVec = libc::iovec;

/// The outcome of a host call that does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// So many bytes were moved; 0 received is the end of the stream.
    Moved(usize),
    /// Nothing can be moved at the moment.
    WouldBlock,
    /// Memory in the list is not accessible, and nothing was moved.
    Fault,
}

fn stream_socket(family: AddressFamily, flags: SocketFlags) -> io::Result<Fd> {
    let flags = flags | SocketFlags::CLOEXEC;
    Fd::adopt(rustix::net::socket_with(family, SocketType::STREAM, flags, None)?)
}

fn time_left(deadline: Option<Instant>) -> io::Result<Option<Duration>> {
    let Some(deadline) = deadline else { return Ok(None) };
    let left = deadline.saturating_duration_since(Instant::now());
    // A timeout of 0 would mean none at all.
    if left < Duration::from_micros(1) {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(Some(left))
    }
}

/// Connects to a local socket.
///
/// # Errors
/// `TimedOut` when `deadline` passes while the server's queue is full.
pub(crate) fn connect_unix(path: &Path, deadline: Option<Instant>) -> io::Result<Fd> {
    let address = SocketAddrUnix::new(path)?;
    let socket = stream_socket(AddressFamily::UNIX, SocketFlags::NONBLOCK)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => {}
        Err(rustix::io::Errno::AGAIN) => queue_up(&socket, &address, deadline)?,
        Err(error) => return Err(error.into()),
    }
    Ok(socket)
}

/// Connects to a local socket whose queue is full. There is nothing to poll: connect(2) itself has to
/// wait, as long as the send timeout allows.
fn queue_up(socket: &Fd, address: &SocketAddrUnix, deadline: Option<Instant>) -> io::Result<()> {
    rustix::io::ioctl_fionbio(socket, false)?;
    loop {
        set_socket_timeout(socket, Timeout::Send, time_left(deadline)?)?;
        match rustix::net::connect(socket, address) {
            Ok(()) => break,
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(set_socket_timeout(socket, Timeout::Send, None)?)
}

/// Connects over TCP, with Nagle's delay off.
///
/// # Errors
/// `TimedOut` when `deadline` passes first.
pub(crate) fn connect_inet(address: SocketAddr, deadline: Option<Instant>) -> io::Result<Fd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = stream_socket(family, SocketFlags::NONBLOCK)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) => {}
        Err(rustix::io::Errno::INPROGRESS | rustix::io::Errno::INTR) => {
            let interest = Interest { read: false, write: true };
            while !poll_stream(&socket, interest, None, deadline)?.write {
                time_left(deadline)?;
            }
            socket_error(&socket)??;
        }
        Err(error) => return Err(error.into()),
    }
    set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

fn message(vectors: &mut [IoVec]) -> libc::msghdr {
    // SAFETY: msghdr is plain data for which zero bytes are valid: no name, no control.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = vectors.as_mut_ptr();
    message.msg_iovlen = vectors.len() as _;
    message
}

/// Sends what the list names, as much as the socket takes without waiting.
///
/// The memory is only read, and by the host kernel: a bad address is [`Io::Fault`], never a
/// signal. A closed connection is EPIPE, never SIGPIPE.
pub(crate) fn send(socket: &Fd, vectors: &mut [IoVec]) -> io::Result<Io> {
    let message = message(vectors);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the header and its list are live; the kernel checks the memory that the list names.
    outcome(unsafe { syscall!(SYS_sendmsg, socket.as_raw_fd(), &raw const message, flags) })
}

/// Receives into what the list names, as much as has arrived, without waiting.
///
/// # Safety
/// Every vector that names mapped, writable memory must name memory that may be overwritten now.
/// Others may name anything: [`Io::Fault`], and nothing is taken off the stream.
pub(crate) unsafe fn recv_vectored(socket: &Fd, vectors: &mut [IoVec]) -> io::Result<Io> {
    let mut message = message(vectors);
    // SAFETY: the header and its list are live; the caller vouches for the memory it names.
    outcome(unsafe {
        syscall!(SYS_recvmsg, socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT)
    })
}

/// Receives into `buffer`, as much as has arrived, without waiting.
pub(crate) fn recv(socket: &Fd, buffer: &mut [u8]) -> io::Result<Io> {
    let mut vectors = [IoVec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() }];
    // SAFETY: the one vector is an exclusively borrowed slice.
    unsafe { recv_vectored(socket, &mut vectors) }
}

pub(super) fn outcome(result: io::Result<usize>) -> io::Result<Io> {
    match result {
        Ok(moved) => Ok(Io::Moved(moved)),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Ok(Io::WouldBlock),
            Some(libc::EFAULT) => Ok(Io::Fault),
            _ => Err(error),
        },
    }
}

/// Process, user and group of who listened at the other end of a local socket, at that time.
pub(crate) fn peer_credentials(socket: &Fd) -> io::Result<(i32, u32, u32)> {
    let peer = socket_peercred(socket)?;
    Ok((peer.pid.as_raw_nonzero().get(), peer.uid.as_raw(), peer.gid.as_raw()))
}

/// The address at the other end of a TCP connection.
pub(crate) fn peer_address(socket: &Fd) -> Option<SocketAddr> {
    getpeername(socket).ok()??.try_into().ok()
}

/// Whether a TCP connection leads to another host, as far as its addresses tell.
pub(crate) fn is_peer_elsewhere(socket: &Fd) -> bool {
    let here = getsockname(socket).ok().and_then(|here| SocketAddr::try_from(here).ok());
    let there = peer_address(socket);
    here.zip(there)
        .is_some_and(|(here, there)| here.ip() != there.ip() && !there.ip().is_loopback())
}

/// Ends both directions: whoever waits for the stream, in this process or another, sees its end.
pub(crate) fn shutdown(socket: &Fd) {
    // It fails only when the connection is gone already.
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
    wait::host_call();
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::sys::PrivateFolder;

    /// A listener whose queue has no more room, and the connections in there.
    fn full(path: &Path) -> (UnixListener, Vec<Fd>) {
        let listener = UnixListener::bind(path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut queued = Vec::new();
        loop {
            match connect_unix(path, Some(Instant::now())) {
                Ok(socket) => queued.push(socket),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return (listener, queued);
                }
            }
        }
    }

    #[test]
    fn a_full_queue_is_waited_for_until_the_deadline() {
        let folder = PrivateFolder::new(&std::env::temp_dir()).unwrap();
        let (_listener, queued) = full(&folder.socket());
        assert!(!queued.is_empty());
        let limit = Duration::from_millis(50);
        let deadline = Instant::now() + limit;
        let error = connect_unix(&folder.socket(), Some(deadline)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn room_in_the_queue_is_taken() {
        let folder = PrivateFolder::new(&std::env::temp_dir()).unwrap();
        let (listener, queued) = full(&folder.socket());
        let path = folder.socket();
        let late = thread::spawn(move || connect_unix(&path, None));
        // As many as there were, and the one that waits.
        for _ in 0..=queued.len() {
            listener.accept().unwrap();
        }
        late.join().unwrap().unwrap();
    }
}
