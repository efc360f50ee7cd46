//! Reading and writing: `read(2)`, `pwrite(2)`, `readv(2)`, `lseek(2)`, `ftruncate(2)`,
//! `fsync(2)`, ….

use std::os::fd::{AsFd, BorrowedFd};

use rumpclient::Errno;
use rumpclient::netbsd::{SEEK_CUR, SEEK_END, SEEK_SET, SIGPIPE};
use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::fs::SeekFrom;

use super::transfer::{Buffers, CHUNK};
use super::{Answer, Call, Handlers, PAGE, message};
use crate::server::kernel::{Object, OpenFile, RegularFile, Result};

pub(super) const HANDLERS: Handlers = &[
    ("read", read),
    ("write", write),
    ("readv", readv),
    ("writev", writev),
    ("pread", pread),
    ("pwrite", pwrite),
    ("preadv", preadv),
    ("pwritev", pwritev),
    ("lseek", lseek),
    ("ftruncate", ftruncate),
    ("truncate", truncate),
    ("fsync", fsync),
    ("fdatasync", fsync),
    ("fsync_range", fsync),
    ("posix_fadvise50", posix_fadvise),
    ("posix_fallocate", posix_fallocate),
    ("fdiscard", fdiscard),
];

/// Bytes of `/dev/zero` that go in one copy, as in NetBSD.
const ZERO_PIECE: usize = 512;

/// Where in a file a call reads or writes.
#[derive(Clone, Copy)]
enum Position {
    /// At the file's offset, which moves.
    Current,
    /// Here, and the offset stays.
    At(i64),
}

fn read(call: &Call<'_>) -> Result<Answer> {
    let buffers = Buffers::one(call.word("buf")?, call.word("nbyte")?)?;
    read_file(call, &*call.file("fd")?, buffers, Position::Current)
}

fn readv(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    read_file(call, &file, iovec(call)?, Position::Current)
}

fn pread(call: &Call<'_>) -> Result<Answer> {
    let buffers = Buffers::one(call.word("buf")?, call.word("nbyte")?)?;
    read_file(call, &*call.file("fd")?, buffers, Position::At(call.wide("offset")?))
}

fn preadv(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    read_file(call, &file, iovec(call)?, Position::At(call.wide("offset")?))
}

fn write(call: &Call<'_>) -> Result<Answer> {
    let buffers = Buffers::one(call.word("buf")?, call.word("nbyte")?)?;
    write_file(call, &*call.file("fd")?, buffers, Position::Current)
}

fn writev(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    write_file(call, &file, iovec(call)?, Position::Current)
}

fn pwrite(call: &Call<'_>) -> Result<Answer> {
    let buffers = Buffers::one(call.word("buf")?, call.word("nbyte")?)?;
    write_file(call, &*call.file("fd")?, buffers, Position::At(call.wide("offset")?))
}

fn pwritev(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    write_file(call, &file, iovec(call)?, Position::At(call.wide("offset")?))
}

fn iovec(call: &Call<'_>) -> Result<Buffers> {
    Buffers::of_iovec(call, call.word("iovp")?, call.int("iovcnt")?)
}

fn read_file(
    call: &Call<'_>,
    file: &OpenFile,
    mut buffers: Buffers,
    position: Position,
) -> Result<Answer> {
    match file.readable()? {
        Object::Regular(regular) => read_regular(call, regular, buffers, position),
        Object::Directory(_) => Err(Errno::EISDIR.into()),
        Object::Null(_) => Ok(0usize.into()),
        Object::Zero(_) => {
            let len = buffers.len();
            while !buffers.is_empty() {
                let zeros = vec![0; buffers.len().min(CHUNK)];
                buffers.copyout(call, &zeros, ZERO_PIECE)?;
            }
            Ok(len.into())
        }
        _ if matches!(position, Position::At(_)) => Err(Errno::ESPIPE.into()),
        Object::Pipe(end) => read_stream(call, file, end.as_fd(), buffers),
        Object::Fifo(fifo, _) => read_stream(call, file, fifo.end.as_fd(), buffers),
        Object::Socket(socket) => message::receive(call, file, socket, buffers),
        Object::Kqueue(_) => Err(Errno::ENXIO.into()),
        Object::Console(_) => Ok(0usize.into()),
    }
}

fn read_regular(
    call: &Call<'_>,
    file: &RegularFile,
    mut buffers: Buffers,
    position: Position,
) -> Result<Answer> {
    let _offset = matches!(position, Position::Current).then(|| file.offset.lock());
    let mut done = 0;
    while !buffers.is_empty() {
        let mut data = Vec::with_capacity(buffers.len().min(CHUNK));
        match position {
            Position::Current => rustix::io::read(&file.fd, spare_capacity(&mut data))?,
            Position::At(offset) => {
                let at = host_offset(offset, done)?;
                rustix::io::pread(&file.fd, spare_capacity(&mut data), at)?
            }
        };
        if data.is_empty() {
            break;
        }
        done += data.len();
        buffers.copyout(call, &data, PAGE)?;
    }
    Ok(done.into())
}

/// Reads what there is, once there is something.
fn read_stream(
    call: &Call<'_>,
    file: &OpenFile,
    end: BorrowedFd<'_>,
    mut buffers: Buffers,
) -> Result<Answer> {
    if buffers.is_empty() {
        return Ok(0usize.into());
    }
    let mut data = Vec::with_capacity(buffers.len().min(CHUNK));
    call.lwp.retry(end, PollFlags::IN, file.is_nonblocking(), None, || {
        rustix::io::read(end, spare_capacity(&mut data))
    })?;
    buffers.copyout(call, &data, PAGE)?;
    Ok(data.len().into())
}

fn write_file(
    call: &Call<'_>,
    file: &OpenFile,
    mut buffers: Buffers,
    position: Position,
) -> Result<Answer> {
    match file.writable()? {
        Object::Regular(regular) => write_regular(call, regular, buffers, position),
        Object::Null(_) | Object::Zero(_) => Ok(buffers.len().into()),
        _ if matches!(position, Position::At(_)) => Err(Errno::ESPIPE.into()),
        Object::Pipe(end) => write_stream(call, file, end.as_fd(), buffers),
        Object::Fifo(fifo, _) => write_stream(call, file, fifo.end.as_fd(), buffers),
        Object::Socket(socket) => message::send(call, file, socket, buffers),
        Object::Console(console) => {
            let len = buffers.len();
            while !buffers.is_empty() {
                console.write(&buffers.copyin(call, PAGE)?);
            }
            Ok(len.into())
        }
        Object::Directory(_) => Err(Errno::EISDIR.into()),
        Object::Kqueue(_) => Err(Errno::ENXIO.into()),
    }
}

fn write_regular(
    call: &Call<'_>,
    file: &RegularFile,
    mut buffers: Buffers,
    position: Position,
) -> Result<Answer> {
    let _offset = matches!(position, Position::Current).then(|| file.offset.lock());
    let mut done = 0;
    while !buffers.is_empty() {
        let data = buffers.copyin(call, CHUNK)?;
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let written = match position {
                Position::Current => rustix::io::write(&file.fd, rest)?,
                Position::At(offset) => {
                    rustix::io::pwrite(&file.fd, rest, host_offset(offset, done)?)?
                }
            };
            done += written;
            rest = &rest[written..];
        }
    }
    Ok(done.into())
}

/// Writes everything; only as much as fits if the file may not block.
fn write_stream(
    call: &Call<'_>,
    file: &OpenFile,
    end: BorrowedFd<'_>,
    mut buffers: Buffers,
) -> Result<Answer> {
    let (nonblocking, signal) = (file.is_nonblocking(), !file.declines_sigpipe());
    let mut done = 0;
    while !buffers.is_empty() {
        let data = buffers.copyin(call, CHUNK)?;
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let write = || rustix::io::write(end, rest);
            match call.lwp.retry(end, PollFlags::OUT, nonblocking, None, write) {
                Ok(written) => {
                    done += written;
                    rest = &rest[written..];
                }
                Err(failure) => return end_of_writing(call, failure.0, done, signal),
            }
        }
    }
    Ok(done.into())
}

/// What a write to a stream answers that has stopped at an error: what was written before counts,
/// if the error is only about time. A broken stream comes with a signal unless the file's owner
/// has declined that.
pub(super) fn end_of_writing(
    call: &Call<'_>,
    error: Errno,
    done: usize,
    signal: bool,
) -> Result<Answer> {
    if done > 0 && [Errno::EAGAIN, Errno::EINTR].contains(&error) {
        return Ok(done.into());
    }
    if error == Errno::EPIPE && signal {
        call.raise(SIGPIPE);
    }
    Err(error.into())
}

fn host_offset(offset: i64, done: usize) -> Result<u64> {
    let at = u64::try_from(offset).ok().and_then(|offset| offset.checked_add(done as u64));
    at.ok_or_else(|| Errno::EINVAL.into())
}

fn lseek(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    let (offset, whence) = (call.wide("offset")?, call.int("whence")?);
    match &file.object {
        Object::Regular(regular) => {
            let _offset = regular.offset.lock();
            let to = match whence {
                SEEK_SET => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::EINVAL)?),
                SEEK_CUR => SeekFrom::Current(offset),
                SEEK_END => SeekFrom::End(offset),
                _ => return Err(Errno::EINVAL.into()),
            };
            Ok((rustix::fs::seek(&regular.fd, to)? as i64).into())
        }
        Object::Directory(directory) => {
            let base = match whence {
                SEEK_SET => 0,
                SEEK_CUR => directory.position() as i64,
                _ => return Err(Errno::EINVAL.into()),
            };
            let to = base.checked_add(offset).and_then(|to| usize::try_from(to).ok());
            let to = to.ok_or(Errno::EINVAL)?;
            directory.set_position(to);
            Ok((to as i64).into())
        }
        Object::Null(_) | Object::Zero(_) => Ok(0i64.into()),
        _ => Err(Errno::ESPIPE.into()),
    }
}

fn ftruncate(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    let regular = file.regular()?;
    if !file.access.write {
        return Err(Errno::EINVAL.into());
    }
    set_length(regular, call.wide("length")?)
}

fn truncate(call: &Call<'_>) -> Result<Answer> {
    let file = super::open::for_writing(call, &call.path("path")?)?;
    set_length(file.regular()?, call.wide("length")?)
}

fn set_length(file: &RegularFile, length: i64) -> Result<Answer> {
    let length = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    rustix::fs::ftruncate(&file.fd, length)?;
    Ok(().into())
}

/// Also `fdatasync(2)` and `fsync_range(2)`: writing more than asked is right as well.
fn fsync(call: &Call<'_>) -> Result<Answer> {
    match &call.file("fd")?.object {
        Object::Regular(file) => rustix::fs::fsync(&file.fd)?,
        Object::Directory(directory) => rustix::fs::fsync(&directory.fd)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(().into())
}

/// Answers with an error number as its result.
fn posix_fadvise(call: &Call<'_>) -> Result<Answer> {
    let error = match call.file("fd") {
        Err(failure) => failure.0.raw(),
        Ok(file) if matches!(file.object, Object::Pipe(_) | Object::Fifo(..)) => {
            Errno::ESPIPE.raw()
        }
        Ok(_) if !(0..=5).contains(&call.int("advice")?) => Errno::EINVAL.raw(),
        Ok(_) => 0,
    };
    Ok(error.into())
}

/// Answers with an error number as its result.
fn posix_fallocate(call: &Call<'_>) -> Result<Answer> {
    let allocate = || {
        let file = call.file("fd")?;
        let (start, len) = range(call)?;
        let flags = rustix::fs::FallocateFlags::empty();
        Ok(rustix::fs::fallocate(&file.regular()?.fd, flags, start, len)?)
    };
    let result: Result<()> = allocate();
    Ok(result.map_or_else(|failure| failure.0.raw(), |()| 0).into())
}

fn fdiscard(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    file.writable()?;
    let (start, len) = range(call)?;
    let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file.regular()?.fd, flags, start, len)?;
    Ok(().into())
}

/// The `pos` and `len` of a call.
fn range(call: &Call<'_>) -> Result<(u64, u64)> {
    let part =
        |name| -> Result<u64> { Ok(u64::try_from(call.wide(name)?).map_err(|_| Errno::EINVAL)?) };
    Ok((part("pos")?, part("len")?))
}
