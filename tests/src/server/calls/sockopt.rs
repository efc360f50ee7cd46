//! Socket options: `getsockopt(2)`, `setsockopt(2)`.

use std::time::Duration;

use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, timespec};
use rustix::net::sockopt as host;

use super::layout::{encode, field};
use super::time::{TimeLayout, duration, time_of};
use super::{Answer, Call, Handlers};
use crate::server::kernel::socket::Socket;
use crate::server::kernel::{OpenFile, Result};

pub(super) const HANDLERS: Handlers =
    &[("getsockopt", getsockopt), ("getsockopt2", getsockopt), ("setsockopt", setsockopt)];

/// Most bytes of an option's value.
const VALUE_MAX: usize = 256;

fn getsockopt(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let value = get(&file, file.socket()?, call.int("level")?, call.int("name")?)?;
    let Some(buffer) = call.pointer("val")? else {
        return Ok(().into());
    };
    let length_at = call.word("avalsize")?;
    let word = call.copyin(length_at, size_of::<u32>())?;
    let room = word.first_chunk().copied().map_or(0, u32::from_ne_bytes) as usize;
    let value = &value[..value.len().min(room)];
    call.copyout(buffer, value)?;
    call.copyout(length_at, &(value.len() as u32).to_ne_bytes())?;
    Ok(().into())
}

fn setsockopt(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let socket = file.socket()?;
    let length = call.unsigned("valsize")? as usize;
    if length > VALUE_MAX {
        return Err(Errno::EINVAL.into());
    }
    let value = call.copyin(call.word("val")?, length)?;
    set(&file, socket, call.int("level")?, call.int("name")?, &value)?;
    Ok(().into())
}

/// An option's value as bytes.
fn get(file: &OpenFile, socket: &Socket, level: i32, name: i32) -> Result<Vec<u8>> {
    let settings = *socket.settings.lock();
    Ok(match (level, name) {
        (nb::SOL_SOCKET, nb::SO_LINGER) => {
            encode!(nb::linger {
                l_onoff: i32::from(settings.linger.is_some()),
                l_linger: settings.linger.map_or(0, |time| time.as_secs() as i32),
            })
        }
        (nb::SOL_SOCKET, nb::SO_RCVTIMEO) => encode_timeout(settings.receive_timeout),
        (nb::SOL_SOCKET, nb::SO_SNDTIMEO) => encode_timeout(settings.send_timeout),
        (nb::SOL_SOCKET, nb::SO_NOSIGPIPE) => int(file.declines_sigpipe().into()),
        _ => int(get_int(socket, level, name)?),
    })
}

fn set(file: &OpenFile, socket: &Socket, level: i32, name: i32, value: &[u8]) -> Result<()> {
    match (level, name) {
        (nb::SOL_SOCKET, nb::SO_LINGER) => set_linger(socket, value),
        (nb::SOL_SOCKET, nb::SO_RCVTIMEO) => {
            socket.settings.lock().receive_timeout = decode_timeout(value)?;
            Ok(())
        }
        (nb::SOL_SOCKET, nb::SO_SNDTIMEO) => {
            socket.settings.lock().send_timeout = decode_timeout(value)?;
            Ok(())
        }
        _ => {
            check_size(value, size_of::<i32>())?;
            let value = value.first_chunk().copied().map_or(0, i32::from_ne_bytes);
            if (level, name) == (nb::SOL_SOCKET, nb::SO_NOSIGPIPE) {
                file.set_declines_sigpipe(value != 0);
                return Ok(());
            }
            set_int(socket, level, name, value)
        }
    }
}

/// Only what a close does at once is the host's business: nobody is to wait for it there.
fn set_linger(socket: &Socket, value: &[u8]) -> Result<()> {
    check_size(value, size_of::<nb::linger>())?;
    let seconds = u64::try_from(field!(value, nb::linger, l_linger)).map_err(|_| Errno::EINVAL)?;
    let on = field!(value, nb::linger, l_onoff) != 0;
    let linger = on.then(|| Duration::from_secs(seconds));
    host::set_socket_linger(&socket.fd, linger.filter(Duration::is_zero))?;
    socket.settings.lock().linger = linger;
    Ok(())
}

fn check_size(value: &[u8], size: usize) -> Result<()> {
    if value.len() < size { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

fn int(value: i32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn encode_timeout(timeout: Option<Duration>) -> Vec<u8> {
    TimeLayout::Timeval.encode(timeout.map_or(timespec::default(), time_of))
}

/// No time at all means no limit.
fn decode_timeout(value: &[u8]) -> Result<Option<Duration>> {
    check_size(value, TimeLayout::Timeval.size())?;
    let timeout = duration(TimeLayout::Timeval.decode(value)).map_err(|_| Errno::EDOM)?;
    Ok(Some(timeout).filter(|timeout| !timeout.is_zero()))
}

/// The options that are an `int`.
fn get_int(socket: &Socket, level: i32, name: i32) -> Result<i32> {
    let fd = &socket.fd;
    let seconds = |time: Duration| time.as_secs() as i32;
    Ok(match (level, name) {
        (nb::SOL_SOCKET, nb::SO_TYPE) => socket.socket_type,
        (nb::SOL_SOCKET, nb::SO_ACCEPTCONN) => host::socket_acceptconn(fd)?.into(),
        (nb::SOL_SOCKET, nb::SO_ERROR) => match host::socket_error(fd)? {
            Ok(()) => 0,
            Err(error) => crate::server::kernel::Failure::from(error).0.raw(),
        },
        (nb::SOL_SOCKET, nb::SO_REUSEADDR) => host::socket_reuseaddr(fd)?.into(),
        (nb::SOL_SOCKET, nb::SO_REUSEPORT) => host::socket_reuseport(fd)?.into(),
        (nb::SOL_SOCKET, nb::SO_KEEPALIVE) => host::socket_keepalive(fd)?.into(),
        (nb::SOL_SOCKET, nb::SO_BROADCAST) => host::socket_broadcast(fd)?.into(),
        (nb::SOL_SOCKET, nb::SO_OOBINLINE) => host::socket_oobinline(fd)?.into(),
        // The host doubles what it is asked for, for its own bookkeeping.
        (nb::SOL_SOCKET, nb::SO_SNDBUF) => (host::socket_send_buffer_size(fd)? / 2) as i32,
        (nb::SOL_SOCKET, nb::SO_RCVBUF) => (host::socket_recv_buffer_size(fd)? / 2) as i32,
        (nb::IPPROTO_TCP, nb::TCP_NODELAY) => host::tcp_nodelay(fd)?.into(),
        (nb::IPPROTO_TCP, nb::TCP_KEEPIDLE) => seconds(host::tcp_keepidle(fd)?),
        (nb::IPPROTO_TCP, nb::TCP_KEEPINTVL) => seconds(host::tcp_keepintvl(fd)?),
        (nb::IPPROTO_TCP, nb::TCP_KEEPCNT) => host::tcp_keepcnt(fd)? as i32,
        (nb::IPPROTO_IP, nb::IP_TTL) => host::ip_ttl(fd)? as i32,
        (nb::IPPROTO_IP, nb::IP_TOS) => host::ip_tos(fd)?.into(),
        (nb::IPPROTO_IPV6, nb::IPV6_V6ONLY) => host::ipv6_v6only(fd)?.into(),
        (nb::IPPROTO_IPV6, nb::IPV6_UNICAST_HOPS) => host::ipv6_unicast_hops(fd)?.into(),
        _ => return Err(Errno::ENOPROTOOPT.into()),
    })
}

fn set_int(socket: &Socket, level: i32, name: i32, value: i32) -> Result<()> {
    let fd = &socket.fd;
    let on = value != 0;
    let seconds = Duration::from_secs(value.max(0) as u64);
    match (level, name) {
        (nb::SOL_SOCKET, nb::SO_REUSEADDR) => host::set_socket_reuseaddr(fd, on)?,
        (nb::SOL_SOCKET, nb::SO_REUSEPORT) => host::set_socket_reuseport(fd, on)?,
        (nb::SOL_SOCKET, nb::SO_KEEPALIVE) => host::set_socket_keepalive(fd, on)?,
        (nb::SOL_SOCKET, nb::SO_BROADCAST) => host::set_socket_broadcast(fd, on)?,
        (nb::SOL_SOCKET, nb::SO_OOBINLINE) => host::set_socket_oobinline(fd, on)?,
        (nb::SOL_SOCKET, nb::SO_SNDBUF | nb::SO_RCVBUF) if value <= 0 => {
            return Err(Errno::EINVAL.into());
        }
        (nb::SOL_SOCKET, nb::SO_SNDBUF) => host::set_socket_send_buffer_size(fd, value as usize)?,
        (nb::SOL_SOCKET, nb::SO_RCVBUF) => host::set_socket_recv_buffer_size(fd, value as usize)?,
        (nb::IPPROTO_TCP, nb::TCP_NODELAY) => host::set_tcp_nodelay(fd, on)?,
        (nb::IPPROTO_TCP, nb::TCP_KEEPIDLE) => host::set_tcp_keepidle(fd, seconds)?,
        (nb::IPPROTO_TCP, nb::TCP_KEEPINTVL) => host::set_tcp_keepintvl(fd, seconds)?,
        (nb::IPPROTO_TCP, nb::TCP_KEEPCNT) => host::set_tcp_keepcnt(fd, value as u32)?,
        (nb::IPPROTO_IP, nb::IP_TTL) => host::set_ip_ttl(fd, value as u32)?,
        (nb::IPPROTO_IP, nb::IP_TOS) => host::set_ip_tos(fd, value as u8)?,
        (nb::IPPROTO_IPV6, nb::IPV6_V6ONLY) => host::set_ipv6_v6only(fd, on)?,
        (nb::IPPROTO_IPV6, nb::IPV6_UNICAST_HOPS) => {
            host::set_ipv6_unicast_hops(fd, u8::try_from(value).ok())?;
        }
        _ => return Err(Errno::ENOPROTOOPT.into()),
    }
    Ok(())
}
