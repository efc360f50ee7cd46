//! Sending and receiving: `sendto(2)`, `recvfrom(2)`, `sendmsg(2)`, `recvmsg(2)` and their
//! relatives for several messages.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use core::ffi::c_void;
use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, ControlMessage, SockAddr, cmsgs, push_cmsg};
use rustix::cmsg_space;
use rustix::event::PollFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg as host_recvmsg, sendmsg as host_sendmsg,
    sendmsg_addr,
};

use super::io::end_of_writing;
use super::layout::{encode, field};
use super::readiness::Patience;
use super::sockaddr::{HostAddress, from_host};
use super::time::TimeLayout;
use super::transfer::{Buffers, CHUNK};
use super::{Answer, Call, Handlers, PAGE};
use crate::server::kernel::socket::Socket;
use crate::server::kernel::{OpenFile, Result};

pub(super) const HANDLERS: Handlers = &[
    ("recvfrom", recvfrom),
    ("recvmsg", recvmsg),
    ("recvmmsg", recvmmsg),
    ("sendto", sendto),
    ("sendmsg", sendmsg),
    ("sendmmsg", sendmmsg),
];

/// Most bytes of control data that a client may send.
const CONTROL_MAX: usize = 2048;

/// Most messages of a call.
const MESSAGES_MAX: u32 = 1024;

/// A `struct msghdr` of the client's.
struct MessageHeader {
    address: usize,
    name: usize,
    name_len: usize,
    iov: *mut nb::iovec,
    iov_len: i32,
    control: usize,
    control_len: usize,
}

impl MessageHeader {
    fn read(call: &Call<'_>, address: usize) -> Result<Self> {
        let bytes = call.copyin(address, size_of::<nb::msghdr>())?;
        let name: *mut c_void = field!(&bytes, nb::msghdr, msg_name);
        let control: *mut c_void = field!(&bytes, nb::msghdr, msg_control);
        Ok(Self {
            address,
            name: name.addr(),
            name_len: field!(&bytes, nb::msghdr, msg_namelen) as usize,
            iov: field!(&bytes, nb::msghdr, msg_iov),
            iov_len: field!(&bytes, nb::msghdr, msg_iovlen),
            control: control.addr(),
            control_len: field!(&bytes, nb::msghdr, msg_controllen) as usize,
        })
    }

    fn buffers(&self, call: &Call<'_>) -> Result<Buffers> {
        match self.iov_len {
            0 => Ok(Buffers::default()),
            count => Buffers::of_iovec(call, self.iov.addr(), count),
        }
    }

    /// Stores name and control data, and the header with their lengths and `flags`.
    fn answer(&self, call: &Call<'_>, received: &Received, files: &[u8], flags: i32) -> Result<()> {
        let name = received.from.as_ref().map_or(&[][..], SockAddr::as_bytes);
        let name = &name[..name.len().min(self.name_len)];
        if self.name != 0 {
            call.copyout(self.name, name)?;
        }
        call.copyout(self.control, files)?;
        let without = core::ptr::without_provenance_mut;
        let header = encode!(nb::msghdr {
            msg_name: without(self.name),
            msg_namelen: if self.name == 0 { 0 } else { name.len() as u32 },
            msg_iov: self.iov,
            msg_iovlen: self.iov_len,
            msg_control: without(self.control),
            msg_controllen: files.len() as u32,
            msg_flags: flags,
        });
        call.copyout(self.address, &header)
    }
}

/// What one receive gave.
struct Received {
    data: Vec<u8>,
    from: Option<SockAddr>,
    files: Vec<Arc<OpenFile>>,
    /// `MSG_` flags.
    flags: i32,
}

/// Receives once, waiting as the flags and the socket say.
fn receive_once(
    call: &Call<'_>,
    file: &OpenFile,
    socket: &Socket,
    room: usize,
    flags: i32,
) -> Result<Received> {
    let nonblocking = file.is_nonblocking() || flags & nb::MSG_DONTWAIT != 0;
    let host_flags = host_receive_flags(flags);
    let mut data = vec![0; room.min(CHUNK)];
    let mut tickets: Vec<OwnedFd> = Vec::new();
    let deadline = socket.receive_deadline();
    let fd = socket.fd.as_fd();
    let received = call.lwp.retry(fd, PollFlags::IN, nonblocking, deadline, || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let peeking = flags & nb::MSG_PEEK != 0;
        // To peek at descriptors would be to take them.
        let space = if peeking { &mut space[..0] } else { &mut space[..] };
        let mut control = RecvAncillaryBuffer::new(space);
        let mut parts = [IoSliceMut::new(&mut data)];
        let received = host_recvmsg(fd, &mut parts, &mut control, host_flags)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                tickets.extend(fds);
            }
        }
        Ok(received)
    })?;
    data.truncate(received.bytes);
    let names = &call.kernel.names;
    let from = received.address.as_ref().map(|host| from_host(names, socket.domain, host));
    let files = tickets.iter().flat_map(|ticket| call.kernel.rights.unpack(ticket)).collect();
    Ok(Received { data, from, files, flags: flags_from_host(received.flags) })
}

/// Receives into buffers: once, or until they are full if that is asked for.
fn receive_into(
    call: &Call<'_>,
    file: &OpenFile,
    socket: &Socket,
    buffers: &mut Buffers,
    flags: i32,
) -> Result<(usize, Received)> {
    let mut received = receive_once(call, file, socket, buffers.len(), flags)?;
    buffers.copyout(call, &received.data, PAGE)?;
    let mut done = received.data.len();
    let wait_for_all = flags & nb::MSG_WAITALL != 0 && flags & nb::MSG_PEEK == 0;
    while wait_for_all && !socket.is_message_based() && !buffers.is_empty() && done > 0 {
        match receive_once(call, file, socket, buffers.len(), flags) {
            Ok(more) if more.data.is_empty() => break,
            Ok(more) => {
                buffers.copyout(call, &more.data, PAGE)?;
                done += more.data.len();
                received.files.extend(more.files);
            }
            Err(failure) if [Errno::EAGAIN, Errno::EINTR].contains(&failure.0) => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok((done, received))
}

/// `read(2)` on a socket.
pub(super) fn receive(
    call: &Call<'_>,
    file: &OpenFile,
    socket: &Socket,
    mut buffers: Buffers,
) -> Result<Answer> {
    if buffers.is_empty() && !socket.is_message_based() {
        return Ok(0usize.into());
    }
    let (done, _) = receive_into(call, file, socket, &mut buffers, 0)?;
    Ok(done.into())
}

fn recvfrom(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let mut buffers = Buffers::one(call.word("buf")?, call.word("len")?)?;
    let flags = call.int("flags")?;
    let (done, received) = receive_into(call, &file, file.socket()?, &mut buffers, flags)?;
    let from = received.from.unwrap_or_default();
    call.put_socket_address("from", "fromlenaddr", &from)?;
    Ok(done.into())
}

fn recvmsg(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let header = MessageHeader::read(call, call.word("msg")?)?;
    Ok(receive_message(call, &file, &header, call.int("flags")?)?.into())
}

fn receive_message(
    call: &Call<'_>,
    file: &OpenFile,
    header: &MessageHeader,
    flags: i32,
) -> Result<usize> {
    let mut buffers = header.buffers(call)?;
    let (done, mut received) = receive_into(call, file, file.socket()?, &mut buffers, flags)?;
    let files = std::mem::take(&mut received.files);
    let (control, cut) = install_rights(call, files, header, flags)?;
    let flags = if cut { received.flags | nb::MSG_CTRUNC } else { received.flags };
    header.answer(call, &received, &control, flags)?;
    Ok(done)
}

/// Gives received files descriptors: the control message that names them, and whether some had no
/// room in it or in the process.
fn install_rights(
    call: &Call<'_>,
    mut files: Vec<Arc<OpenFile>>,
    header: &MessageHeader,
    flags: i32,
) -> Result<(Vec<u8>, bool)> {
    if files.is_empty() {
        return Ok((Vec::new(), false));
    }
    let room = if header.control == 0 { 0 } else { header.control_len };
    let fitting = room.saturating_sub(nb::CMSG_LEN(0)) / size_of::<i32>();
    let total = files.len();
    files.truncate(fitting);
    let close_on_exec = flags & nb::MSG_CMSG_CLOEXEC != 0;
    let fds: Vec<i32> =
        files.into_iter().map_while(|file| call.install(file, close_on_exec).ok()).collect();
    if fds.is_empty() {
        return Ok((Vec::new(), true));
    }
    let data: Vec<u8> = fds.iter().flat_map(|fd| fd.to_ne_bytes()).collect();
    let mut control = Vec::new();
    let message = ControlMessage { level: nb::SOL_SOCKET, kind: nb::SCM_RIGHTS, data: &data };
    push_cmsg(&mut control, &message)?;
    control.truncate(room);
    Ok((control, fds.len() < total))
}

fn recvmmsg(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let mut flags = call.unsigned("flags")? as i32;
    let deadline = Patience::for_time(call.time("timeout", TimeLayout::Timespec)?)?.deadline();
    let only_first_waits = flags & nb::MSG_WAITFORONE != 0;
    several(call, |header, done| {
        if done > 0 && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Errno::EAGAIN.into());
        }
        let received = receive_message(call, &file, header, flags)?;
        if only_first_waits {
            flags |= nb::MSG_DONTWAIT;
        }
        Ok(received)
    })
}

fn sendmmsg(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let flags = call.unsigned("flags")? as i32;
    several(call, |header, _| send_message(call, &file, header, flags))
}

/// Does something with each message of an array and notes its length there. Answers with how many
/// worked; an error counts only if it is the first.
fn several(
    call: &Call<'_>,
    mut act: impl FnMut(&MessageHeader, u32) -> Result<usize>,
) -> Result<Answer> {
    let array = call.word("mmsg")?;
    let count = call.unsigned("vlen")?.min(MESSAGES_MAX);
    for done in 0..count {
        let address = array.wrapping_add(done as usize * size_of::<nb::mmsghdr>());
        let result = MessageHeader::read(call, address).and_then(|header| act(&header, done));
        match result {
            Ok(len) => {
                let at = address.wrapping_add(core::mem::offset_of!(nb::mmsghdr, msg_len));
                call.copyout(at, &(len as u32).to_ne_bytes())?;
            }
            Err(failure) if done == 0 => return Err(failure),
            Err(_) => return Ok(done.into()),
        }
    }
    Ok(count.into())
}

/// What is to be sent beside the data.
#[derive(Default)]
struct Envelope {
    to: Option<HostAddress>,
    files: Vec<Arc<OpenFile>>,
    /// `MSG_` flags.
    flags: i32,
}

/// `write(2)` on a socket.
pub(super) fn send(
    call: &Call<'_>,
    file: &OpenFile,
    socket: &Socket,
    buffers: Buffers,
) -> Result<Answer> {
    send_from(call, file, socket, buffers, Envelope::default())
}

fn sendto(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let socket = file.socket()?;
    let buffers = Buffers::one(call.word("buf")?, call.word("len")?)?;
    let to = match call.pointer("to")? {
        Some(to) => {
            let len = call.unsigned("tolen")? as usize;
            Some(call.reach(&call.socket_address(socket, to, len)?)?)
        }
        None => None,
    };
    let envelope = Envelope { to, flags: call.int("flags")?, ..Envelope::default() };
    send_from(call, &file, socket, buffers, envelope)
}

fn sendmsg(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("s")?;
    let header = MessageHeader::read(call, call.word("msg")?)?;
    Ok(send_message(call, &file, &header, call.int("flags")?)?.into())
}

fn send_message(
    call: &Call<'_>,
    file: &OpenFile,
    header: &MessageHeader,
    flags: i32,
) -> Result<usize> {
    let socket = file.socket()?;
    let to = match header.name {
        0 => None,
        name => Some(call.reach(&call.socket_address(socket, name, header.name_len)?)?),
    };
    let files = files_to_send(call, socket, header)?;
    let envelope = Envelope { to, files, flags };
    let Answer([sent, _]) = send_from(call, file, socket, header.buffers(call)?, envelope)?;
    Ok(sent as usize)
}

/// The open files that the control data names.
fn files_to_send(
    call: &Call<'_>,
    socket: &Socket,
    header: &MessageHeader,
) -> Result<Vec<Arc<OpenFile>>> {
    if header.control == 0 || header.control_len == 0 {
        return Ok(Vec::new());
    }
    if header.control_len > CONTROL_MAX || socket.domain != nb::AF_LOCAL {
        return Err(Errno::EINVAL.into());
    }
    let control = call.copyin(header.control, header.control_len)?;
    cmsgs(&control)
        .flat_map(|message| message.descriptors().collect::<Vec<_>>())
        .map(|fd| call.open_file(fd))
        .collect()
}

/// Sends what is in the buffers: in one piece if the socket keeps messages apart.
fn send_from(
    call: &Call<'_>,
    file: &OpenFile,
    socket: &Socket,
    mut buffers: Buffers,
    mut envelope: Envelope,
) -> Result<Answer> {
    if envelope.to.is_some() && socket.settings.lock().connected {
        return Err(Errno::EISCONN.into());
    }
    if socket.is_message_based() && buffers.len() > CHUNK {
        return Err(Errno::EMSGSIZE.into());
    }
    let signal = envelope.flags & nb::MSG_NOSIGNAL == 0 && !file.declines_sigpipe();
    let mut done = 0;
    loop {
        let data = buffers.copyin(call, CHUNK)?;
        let mut rest = data.as_slice();
        loop {
            match send_once(call, file, socket, rest, &envelope) {
                Ok(sent) => {
                    done += sent;
                    rest = &rest[sent..];
                    envelope.files.clear();
                }
                Err(failure) => {
                    return end_of_writing(call, broken(socket, failure.0), done, signal);
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        if buffers.is_empty() {
            return Ok(done.into());
        }
    }
}

/// The host says of a stream that was never connected that it is broken.
fn broken(socket: &Socket, error: Errno) -> Errno {
    match error {
        Errno::EPIPE if !socket.settings.lock().connected => Errno::ENOTCONN,
        other => other,
    }
}

fn send_once(
    call: &Call<'_>,
    file: &OpenFile,
    socket: &Socket,
    data: &[u8],
    envelope: &Envelope,
) -> Result<usize> {
    let ticket = match envelope.files.as_slice() {
        [] => None,
        files => Some(call.kernel.rights.pack(files.to_vec())?),
    };
    let fds: Vec<_> = ticket.iter().map(AsFd::as_fd).collect();
    let nonblocking = file.is_nonblocking() || envelope.flags & nb::MSG_DONTWAIT != 0;
    let flags = host_send_flags(envelope.flags);
    let fd = socket.fd.as_fd();
    call.lwp.retry(fd, PollFlags::OUT, nonblocking, socket.send_deadline(), || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            // There is room for one.
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        let parts = [IoSlice::new(data)];
        match &envelope.to {
            Some(to) => sendmsg_addr(fd, &to.address, &parts, &mut control, flags),
            None => host_sendmsg(fd, &parts, &mut control, flags),
        }
    })
}

fn host_send_flags(flags: i32) -> SendFlags {
    let mut host = SendFlags::NOSIGNAL;
    for (flag, host_flag) in [
        (nb::MSG_OOB, SendFlags::OOB),
        (nb::MSG_DONTROUTE, SendFlags::DONTROUTE),
        (nb::MSG_EOR, SendFlags::EOR),
    ] {
        if flags & flag != 0 {
            host |= host_flag;
        }
    }
    host
}

fn host_receive_flags(flags: i32) -> RecvFlags {
    let mut host = RecvFlags::CMSG_CLOEXEC;
    for (flag, host_flag) in [(nb::MSG_OOB, RecvFlags::OOB), (nb::MSG_PEEK, RecvFlags::PEEK)] {
        if flags & flag != 0 {
            host |= host_flag;
        }
    }
    host
}

fn flags_from_host(host: ReturnFlags) -> i32 {
    let mut flags = 0;
    for (host_flag, flag) in [
        (ReturnFlags::OOB, nb::MSG_OOB),
        (ReturnFlags::EOR, nb::MSG_EOR),
        (ReturnFlags::TRUNC, nb::MSG_TRUNC),
        (ReturnFlags::CTRUNC, nb::MSG_CTRUNC),
    ] {
        if host.contains(host_flag) {
            flags |= flag;
        }
    }
    flags
}
