//! Descriptors: `close(2)`, `dup(2)`, `fcntl(2)`, `flock(2)`, `pipe(2)`.

use std::sync::Arc;

use rumpclient::Errno;
use rumpclient::netbsd as nb;
use rustix::pipe::{PipeFlags, pipe_with};

use super::layout::{encode, field};
use super::{Answer, Call, Handlers};
use crate::server::kernel::locks::{Lock, Owner};
use crate::server::kernel::namei::PATH_MAX;
use crate::server::kernel::{Access, Object, OpenFile, Result, Slot};

pub(super) const HANDLERS: Handlers = &[
    ("close", close),
    ("dup", dup),
    ("dup2", dup2),
    ("dup3", dup3),
    ("dup3100", dup3100),
    ("fcntl", fcntl),
    ("flock", flock),
    ("pipe", pipe),
    ("pipe2", pipe2),
];

impl Call<'_> {
    /// Gives two files descriptors, both or neither.
    pub(super) fn install_pair(&self, files: [Arc<OpenFile>; 2], flags: i32) -> Result<[i32; 2]> {
        let close_on_exec = flags & nb::O_CLOEXEC != 0;
        let mut descriptors = self.process.descriptors.lock();
        descriptors.check_room(2)?;
        let [first, second] = files.map(|file| Slot { file, close_on_exec });
        Ok([descriptors.allocate(0, first)?, descriptors.allocate(0, second)?])
    }

    /// Does what closing a descriptor entails beside taking it out of the table: event queues stop
    /// watching it, and the process loses its record locks on the file.
    fn finish_close(&self, fd: i32, slot: Slot) {
        let queues: Vec<_> = {
            let descriptors = self.process.descriptors.lock();
            let is_queue = |slot: &Slot| matches!(slot.file.object, Object::Kqueue(_));
            descriptors.iter().filter(|(_, s)| is_queue(s)).map(|(_, s)| s.clone()).collect()
        };
        for queue in &queues {
            if let Object::Kqueue(kqueue) = &queue.file.object {
                kqueue.forget_descriptor(fd);
            }
        }
        if let Ok(inode) = slot.file.lock_inode() {
            let range = Lock::whole(Owner::Process(self.process.pid), true);
            self.kernel.locks.release(inode, &range);
        }
    }

    /// Makes `to` lead to the file that `from` leads to.
    fn duplicate(&self, from: i32, to: i32, close_on_exec: bool) -> Result<Answer> {
        let mut descriptors = self.process.descriptors.lock();
        let file = Arc::clone(&descriptors.get(from)?.file);
        let replaced = descriptors.place(to, Slot { file, close_on_exec })?;
        drop(descriptors);
        if let Some(slot) = replaced.filter(|_| from != to) {
            self.finish_close(to, slot);
        }
        Ok(to.into())
    }
}

fn close(call: &Call<'_>) -> Result<Answer> {
    let fd = call.int("fd")?;
    let slot = call.process.descriptors.lock().remove(fd)?;
    call.finish_close(fd, slot);
    Ok(().into())
}

fn dup(call: &Call<'_>) -> Result<Answer> {
    Ok(call.install(call.file("fd")?, false)?.into())
}

fn dup2(call: &Call<'_>) -> Result<Answer> {
    let (from, to) = (call.int("from")?, call.int("to")?);
    if from == to {
        call.open_file(from)?;
        return Ok(to.into());
    }
    call.duplicate(from, to, false)
}

/// The form up to NetBSD 10, which takes the same descriptor twice.
fn dup3(call: &Call<'_>) -> Result<Answer> {
    let flags = call.int("flags")?;
    if flags & !(nb::O_CLOEXEC | nb::O_NONBLOCK | nb::O_NOSIGPIPE) != 0 {
        return Err(Errno::EINVAL.into());
    }
    call.duplicate(call.int("from")?, call.int("to")?, flags & nb::O_CLOEXEC != 0)
}

fn dup3100(call: &Call<'_>) -> Result<Answer> {
    if call.int("from")? == call.int("to")? {
        return Err(Errno::EINVAL.into());
    }
    dup3(call)
}

fn fcntl(call: &Call<'_>) -> Result<Answer> {
    let (fd, command) = (call.int("fd")?, call.int("cmd")?);
    let argument = call.word("arg")?;
    match command {
        nb::F_CLOSEM => return close_from(call, fd),
        nb::F_MAXFD => return highest(call),
        _ => {}
    }
    let file = call.open_file(fd)?;
    match command {
        nb::F_DUPFD => duplicate_from(call, file, argument, false),
        nb::F_DUPFD_CLOEXEC => duplicate_from(call, file, argument, true),
        nb::F_GETFD => {
            let close_on_exec = call.process.descriptors.lock().get(fd)?.close_on_exec;
            Ok(i32::from(close_on_exec).into())
        }
        nb::F_SETFD => {
            let close_on_exec = argument as i32 & nb::FD_CLOEXEC != 0;
            call.process.descriptors.lock().get_mut(fd)?.close_on_exec = close_on_exec;
            Ok(().into())
        }
        nb::F_GETFL => Ok(file.flags().into()),
        nb::F_SETFL => Ok(file.set_flags(argument as i32)?.into()),
        nb::F_GETNOSIGPIPE => Ok(i32::from(file.declines_sigpipe()).into()),
        nb::F_SETNOSIGPIPE => {
            file.set_declines_sigpipe(argument != 0);
            Ok(().into())
        }
        nb::F_GETPATH => path(call, &file, argument),
        nb::F_GETLK => record_lock(call, &file, argument, report_lock),
        nb::F_SETLK => {
            record_lock(call, &file, argument, |call, file, lock| set_lock(call, file, lock, false))
        }
        nb::F_SETLKW => {
            record_lock(call, &file, argument, |call, file, lock| set_lock(call, file, lock, true))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

fn duplicate_from(
    call: &Call<'_>,
    file: Arc<OpenFile>,
    lowest: usize,
    close_on_exec: bool,
) -> Result<Answer> {
    let slot = Slot { file, close_on_exec };
    Ok(call.process.descriptors.lock().allocate(lowest as i32, slot)?.into())
}

/// F_CLOSEM: closes this descriptor and all above.
fn close_from(call: &Call<'_>, lowest: i32) -> Result<Answer> {
    if lowest < 0 {
        return Err(Errno::EBADF.into());
    }
    let all: Vec<i32> = call.process.descriptors.lock().iter().map(|(fd, _)| fd).collect();
    for fd in all.into_iter().filter(|&fd| fd >= lowest) {
        // Another thread may have been faster.
        let removed = call.process.descriptors.lock().remove(fd);
        if let Ok(slot) = removed {
            call.finish_close(fd, slot);
        }
    }
    Ok(().into())
}

/// F_MAXFD: the highest descriptor that is open, -1 when none is.
fn highest(call: &Call<'_>) -> Result<Answer> {
    let highest = call.process.descriptors.lock().iter().next_back().map(|(fd, _)| fd);
    Ok(highest.unwrap_or(-1).into())
}

/// F_GETPATH: stores the file's path, with a NUL.
fn path(call: &Call<'_>, file: &OpenFile, address: usize) -> Result<Answer> {
    let file = match &file.object {
        Object::Regular(regular) => &regular.fd,
        Object::Directory(directory) => &directory.fd,
        _ => return Err(Errno::EOPNOTSUPP.into()),
    };
    let standing = call.process.standing.lock().clone();
    let mut path = call.kernel.tree.path_of_file(&standing, file)?;
    path.push(0);
    if path.len() > PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    call.copyout(address, &path)?;
    Ok(().into())
}

/// A record lock that a client asks for, with `None` for unlocking in place of the kind.
struct RecordLock {
    address: usize,
    lock: Lock,
    unlock: bool,
}

fn record_lock(
    call: &Call<'_>,
    file: &OpenFile,
    address: usize,
    act: impl FnOnce(&Call<'_>, &OpenFile, &RecordLock) -> Result<()>,
) -> Result<Answer> {
    let bytes = call.copyin(address, size_of::<nb::flock>())?;
    let kind = field!(&bytes, nb::flock, l_type);
    if ![nb::F_RDLCK, nb::F_WRLCK, nb::F_UNLCK].contains(&kind) {
        return Err(Errno::EINVAL.into());
    }
    let (start, last) = lock_range(
        file,
        field!(&bytes, nb::flock, l_whence).into(),
        field!(&bytes, nb::flock, l_start),
        field!(&bytes, nb::flock, l_len),
    )?;
    let owner = Owner::Process(call.process.pid);
    let lock = Lock { owner, exclusive: kind == nb::F_WRLCK, start, last };
    act(call, file, &RecordLock { address, lock, unlock: kind == nb::F_UNLCK })?;
    Ok(().into())
}

/// First and last byte of a lock.
fn lock_range(file: &OpenFile, whence: i32, start: i64, len: i64) -> Result<(i64, i64)> {
    let regular = &file.regular()?.fd;
    let base = match whence {
        nb::SEEK_SET => 0,
        nb::SEEK_CUR => rustix::fs::tell(regular)? as i64,
        nb::SEEK_END => rustix::fs::fstat(regular)?.st_size,
        _ => return Err(Errno::EINVAL.into()),
    };
    let range = || {
        let start = base.checked_add(start)?;
        Some(match len {
            0 => (start, i64::MAX),
            1.. => (start, start.checked_add(len - 1)?),
            _ => (start.checked_add(len)?, start.checked_sub(1)?),
        })
    };
    range().filter(|&(start, _)| start >= 0).ok_or_else(|| Errno::EINVAL.into())
}

/// F_GETLK: tells who is in the way.
fn report_lock(call: &Call<'_>, file: &OpenFile, wanted: &RecordLock) -> Result<()> {
    if wanted.unlock {
        return Err(Errno::EINVAL.into());
    }
    let found = match call.kernel.locks.conflict(file.lock_inode()?, &wanted.lock) {
        None => {
            let lock = &wanted.lock;
            encode!(nb::flock { l_type: nb::F_UNLCK, l_start: lock.start, l_len: length(lock) })
        }
        Some(lock) => encode!(nb::flock {
            l_start: lock.start,
            l_len: length(&lock),
            l_pid: match lock.owner {
                Owner::Process(pid) => pid,
                Owner::File(_) => -1,
            },
            l_type: if lock.exclusive { nb::F_WRLCK } else { nb::F_RDLCK },
        }),
    };
    call.copyout(wanted.address, &found)
}

/// `l_len` of a lock: 0 up to the end of the file.
fn length(lock: &Lock) -> i64 {
    if lock.last == i64::MAX { 0 } else { lock.last - lock.start + 1 }
}

/// F_SETLK, F_SETLKW.
fn set_lock(call: &Call<'_>, file: &OpenFile, wanted: &RecordLock, may_wait: bool) -> Result<()> {
    let inode = file.lock_inode()?;
    if wanted.unlock {
        call.kernel.locks.release(inode, &wanted.lock);
        return Ok(());
    }
    if wanted.lock.exclusive {
        file.writable()?
    } else {
        file.readable()?
    };
    call.kernel.locks.acquire(inode, wanted.lock, may_wait.then_some(&call.lwp))
}

fn flock(call: &Call<'_>) -> Result<Answer> {
    let how = call.int("how")?;
    let lock = call.file("fd")?.lock(&call.kernel.locks)?;
    let lwp = (how & nb::LOCK_NB == 0).then_some(&call.lwp);
    match how & !nb::LOCK_NB {
        nb::LOCK_UN => lock.release(),
        nb::LOCK_EX => lock.acquire(true, lwp)?,
        nb::LOCK_SH => lock.acquire(false, lwp)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(().into())
}

/// The descriptors are the two results.
fn pipe(call: &Call<'_>) -> Result<Answer> {
    let [read, write] = make_pipe(call, 0)?;
    Ok((read, write).into())
}

fn pipe2(call: &Call<'_>) -> Result<Answer> {
    let flags = call.int("flags")?;
    if flags & !(nb::O_CLOEXEC | nb::O_NONBLOCK | nb::O_NOSIGPIPE) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let ends = make_pipe(call, flags)?;
    call.copyout(call.word("fildes")?, &ends.map(i32::to_ne_bytes).concat())?;
    Ok(().into())
}

fn make_pipe(call: &Call<'_>, flags: i32) -> Result<[i32; 2]> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let read = OpenFile::new(Object::Pipe(read), Access::READ, flags);
    let write = OpenFile::new(Object::Pipe(write), Access::WRITE, flags);
    call.install_pair([read, write], flags)
}
