//! Open files: what descriptors lead to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;
use rumpclient::Errno;
use rumpclient::netbsd::{
    O_ACCMODE, O_APPEND, O_ASYNC, O_NONBLOCK, O_NOSIGPIPE, O_RDONLY, O_RDWR, O_SYNC, O_WRONLY,
};
use rustix::fs::{OFlags, Stat};

use super::attributes::Record;
use super::console::Console;
use super::directory::Directory;
use super::fifo::Fifo;
use super::kqueue::Kqueue;
use super::locks::{FileLock, Locks};
use super::socket::Socket;
use super::status::{FileStatus, FileType};
use super::{Inode, Result};

/// What a file was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Access {
    pub(crate) const READ: Self = Self { read: true, write: false };
    pub(crate) const WRITE: Self = Self { read: false, write: true };
    pub(crate) const BOTH: Self = Self { read: true, write: true };

    /// From the flags of open(2).
    ///
    /// # Errors
    /// EINVAL for the fourth, meaningless value.
    pub(crate) fn from_open_flags(flags: i32) -> Result<Self> {
        match flags & O_ACCMODE {
            O_RDONLY => Ok(Self::READ),
            O_WRONLY => Ok(Self::WRITE),
            O_RDWR => Ok(Self::BOTH),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// The flags of open(2) that ask for it.
    fn open_flags(self) -> i32 {
        match (self.read, self.write) {
            (_, false) => O_RDONLY,
            (false, true) => O_WRONLY,
            (true, true) => O_RDWR,
        }
    }
}

/// An open file. Descriptors share it after dup(2), fork(2), and passing it over a socket.
pub(crate) struct OpenFile {
    pub(crate) object: Object,
    pub(crate) access: Access,
    /// O_APPEND, O_NONBLOCK and the like, NetBSD's.
    status: AtomicI32,
    lock: Mutex<Option<Arc<FileLock>>>,
}

/// What is open.
pub(crate) enum Object {
    Regular(RegularFile),
    Directory(Directory),
    Fifo(Fifo, Record),
    Pipe(OwnedFd),
    Socket(Socket),
    Kqueue(Kqueue),
    Null(Record),
    Zero(Record),
    Console(Console),
}

/// An open regular file.
pub(crate) struct RegularFile {
    pub(crate) fd: OwnedFd,
    pub(crate) inode: Inode,
    record: Record,
    /// Held by whoever uses the offset, for as long as a whole call takes.
    pub(crate) offset: Mutex<()>,
}

impl RegularFile {
    pub(crate) fn new(fd: OwnedFd, host: &Stat, record: Record) -> Self {
        Self { fd, inode: Inode::from(host), record, offset: Mutex::default() }
    }
}

/// Status flags that F_SETFL of fcntl(2) may change.
const SETTABLE_FLAGS: i32 = O_APPEND | O_NONBLOCK | O_ASYNC | O_SYNC;

impl OpenFile {
    /// An open file with the status flags among `flags`.
    pub(crate) fn new(object: Object, access: Access, flags: i32) -> Arc<Self> {
        let status = AtomicI32::new(flags & (SETTABLE_FLAGS | O_NOSIGPIPE));
        Arc::new(Self { object, access, status, lock: Mutex::default() })
    }

    /// The flags as fcntl(2) reports them, access mode included.
    pub(crate) fn flags(&self) -> i32 {
        self.access.open_flags() | self.status.load(Ordering::Relaxed)
    }

    /// A file of nothing, for tests of what holds files.
    #[cfg(test)]
    pub(crate) fn null() -> Arc<Self> {
        Self::new(Object::Console(Console::new(false)), Access::BOTH, 0)
    }

    /// Sets those of `flags` that may be changed.
    pub(crate) fn set_flags(&self, flags: i32) -> Result<()> {
        if let Object::Regular(file) = &self.object {
            rustix::fs::fcntl_setfl(&file.fd, host_status_flags(flags))?;
        }
        let kept = self.status.load(Ordering::Relaxed) & !SETTABLE_FLAGS;
        self.status.store(kept | (flags & SETTABLE_FLAGS), Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.status.load(Ordering::Relaxed) & O_NONBLOCK != 0
    }

    pub(crate) fn set_nonblocking(&self, on: bool) {
        self.set_status_bit(O_NONBLOCK, on);
    }

    /// Whether writing to it when it is broken raises no SIGPIPE.
    pub(crate) fn declines_sigpipe(&self) -> bool {
        self.status.load(Ordering::Relaxed) & O_NOSIGPIPE != 0
    }

    pub(crate) fn set_declines_sigpipe(&self, on: bool) {
        self.set_status_bit(O_NOSIGPIPE, on);
    }

    fn set_status_bit(&self, bit: i32, on: bool) {
        match on {
            true => self.status.fetch_or(bit, Ordering::Relaxed),
            false => self.status.fetch_and(!bit, Ordering::Relaxed),
        };
    }

    /// The file, for a call that reads.
    ///
    /// # Errors
    /// EBADF when it is not open for that.
    pub(crate) fn readable(&self) -> Result<&Object> {
        if self.access.read { Ok(&self.object) } else { Err(Errno::EBADF.into()) }
    }

    /// The file, for a call that writes.
    ///
    /// # Errors
    /// EBADF when it is not open for that.
    pub(crate) fn writable(&self) -> Result<&Object> {
        if self.access.write { Ok(&self.object) } else { Err(Errno::EBADF.into()) }
    }

    /// The regular file that this is.
    ///
    /// # Errors
    /// EINVAL when it is something else.
    pub(crate) fn regular(&self) -> Result<&RegularFile> {
        match &self.object {
            Object::Regular(file) => Ok(file),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// The socket that this is.
    ///
    /// # Errors
    /// ENOTSOCK when it is something else.
    pub(crate) fn socket(&self) -> Result<&Socket> {
        match &self.object {
            Object::Socket(socket) => Ok(socket),
            _ => Err(Errno::ENOTSOCK.into()),
        }
    }

    /// The directory that this is.
    ///
    /// # Errors
    /// ENOTDIR when it is something else.
    pub(crate) fn directory(&self) -> Result<&Directory> {
        match &self.object {
            Object::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// What is noted of it, where it is in the file system.
    pub(crate) fn record(&self) -> Option<&Record> {
        match &self.object {
            Object::Regular(file) => Some(&file.record),
            Object::Directory(directory) => Some(&directory.record),
            Object::Fifo(_, record) | Object::Null(record) | Object::Zero(record) => Some(record),
            Object::Pipe(_) | Object::Socket(_) | Object::Kqueue(_) | Object::Console(_) => None,
        }
    }

    /// fstat(2).
    pub(crate) fn status(&self) -> Result<FileStatus> {
        let noted =
            |fd: &OwnedFd, record: &Record| Ok(record.lock().apply(&rustix::fs::fstat(fd)?));
        match &self.object {
            Object::Regular(file) => noted(&file.fd, &file.record),
            Object::Directory(directory) => noted(&directory.fd, &directory.record),
            Object::Fifo(fifo, record) => noted(&fifo.end, record),
            Object::Null(record) | Object::Zero(record) => Ok(record.lock().of_device()),
            Object::Pipe(end) => {
                let waiting = rustix::io::ioctl_fionread(end).unwrap_or(0);
                Ok(FileStatus::anonymous(FileType::Fifo, 0o600).with_size(waiting as i64))
            }
            Object::Socket(_) => Ok(FileStatus::anonymous(FileType::Socket, 0o666)),
            Object::Kqueue(_) => Ok(FileStatus::anonymous(FileType::Fifo, 0)),
            Object::Console(_) => Ok(FileStatus::anonymous(FileType::Character, 0o600)),
        }
    }

    /// The host's descriptor to poll for readiness. `None` for what is always ready.
    pub(crate) fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.object {
            Object::Fifo(fifo, _) => Some(fifo.end.as_fd()),
            Object::Pipe(end) => Some(end.as_fd()),
            Object::Socket(socket) => Some(socket.fd.as_fd()),
            Object::Kqueue(kqueue) => Some(kqueue.as_fd()),
            Object::Regular(_)
            | Object::Directory(_)
            | Object::Null(_)
            | Object::Zero(_)
            | Object::Console(_) => None,
        }
    }

    /// Bytes that can be read at once.
    ///
    /// # Errors
    /// ENOTTY for what one does not ask that of.
    pub(crate) fn bytes_waiting(&self) -> Result<i64> {
        match &self.object {
            Object::Regular(file) => {
                let size = rustix::fs::fstat(&file.fd)?.st_size;
                Ok(size.saturating_sub(rustix::fs::tell(&file.fd)? as i64))
            }
            Object::Fifo(Fifo { end, .. }, _) | Object::Pipe(end) => {
                Ok(rustix::io::ioctl_fionread(end)? as i64)
            }
            Object::Socket(socket) => Ok(socket.bytes_waiting()),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    /// Room for writing without waiting, as far as the host tells.
    pub(crate) fn bytes_writable(&self) -> i64 {
        match &self.object {
            Object::Fifo(Fifo { end, .. }, _) | Object::Pipe(end) => {
                let size = rustix::pipe::fcntl_getpipe_size(end).unwrap_or(0);
                size as i64 - rustix::io::ioctl_fionread(end).unwrap_or(0) as i64
            }
            Object::Socket(socket) => {
                rustix::net::sockopt::socket_send_buffer_size(&socket.fd).unwrap_or(0) as i64
            }
            _ => 0,
        }
    }

    /// The file's flock(2), made when it is first asked for.
    ///
    /// # Errors
    /// EOPNOTSUPP for files that have no locks.
    pub(crate) fn lock(&self, locks: &Arc<Locks>) -> Result<Arc<FileLock>> {
        let inode = self.lock_inode()?;
        let mut lock = self.lock.lock();
        Ok(Arc::clone(lock.get_or_insert_with(|| FileLock::new(locks, inode))))
    }

    /// What advisory locks on the file are kept under.
    ///
    /// # Errors
    /// EOPNOTSUPP for files that have no locks.
    pub(crate) fn lock_inode(&self) -> Result<Inode> {
        match &self.object {
            Object::Regular(file) => Ok(file.inode),
            Object::Directory(directory) => Ok(Inode::from(&rustix::fs::fstat(&directory.fd)?)),
            _ => Err(Errno::EOPNOTSUPP.into()),
        }
    }

    /// A word for what it is.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.object {
            Object::Regular(_) => "regular",
            Object::Directory(_) => "directory",
            Object::Fifo(..) => "fifo",
            Object::Pipe(_) => "pipe",
            Object::Socket(_) => "socket",
            Object::Kqueue(_) => "kqueue",
            Object::Null(_) => "null",
            Object::Zero(_) => "zero",
            Object::Console(_) => "console",
        }
    }
}

/// The status flags that the host keeps for regular files.
pub(crate) fn host_status_flags(flags: i32) -> OFlags {
    if flags & O_APPEND != 0 { OFlags::APPEND } else { OFlags::empty() }
}
