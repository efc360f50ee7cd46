//! Directories as places to be and to list: `chdir(2)`, `chroot(2)`, `getcwd(3)`, `getdents(2)`.

use std::sync::Arc;

use rumpclient::Errno;
use rumpclient::netbsd::{DT_UNKNOWN, DirEntry};

use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;
use crate::server::kernel::directory::Entry;
use crate::server::kernel::namei::{Follow, open_passage};
use crate::server::kernel::status::FileType;

pub(super) const HANDLERS: Handlers = &[
    ("chdir", chdir),
    ("fchdir", fchdir),
    ("chroot", chroot),
    ("fchroot", fchroot),
    ("__getcwd", getcwd),
    ("getdents30", getdents),
];

fn chdir(call: &Call<'_>) -> Result<Answer> {
    let directory = call.kernel.tree.enter(&call.place("path", Follow::Yes)?)?;
    call.process.standing.lock().cwd = directory;
    Ok(().into())
}

fn fchdir(call: &Call<'_>) -> Result<Answer> {
    let directory = open_passage(&call.file("fd")?.directory()?.fd)?;
    call.process.standing.lock().cwd = directory.into();
    Ok(().into())
}

fn chroot(call: &Call<'_>) -> Result<Answer> {
    call.check_root()?;
    let directory = call.kernel.tree.enter(&call.place("path", Follow::Yes)?)?;
    call.process.standing.lock().root = directory;
    Ok(().into())
}

/// The working directory moves along.
fn fchroot(call: &Call<'_>) -> Result<Answer> {
    call.check_root()?;
    let directory = Arc::new(open_passage(&call.file("fd")?.directory()?.fd)?);
    let mut standing = call.process.standing.lock();
    standing.root = Arc::clone(&directory);
    standing.cwd = directory;
    Ok(().into())
}

/// Answers with the length of the path, its NUL included.
fn getcwd(call: &Call<'_>) -> Result<Answer> {
    let standing = call.process.standing.lock().clone();
    let mut path = call.kernel.tree.path_of(&standing, &standing.cwd)?;
    path.push(0);
    if path.len() > call.word("length")? {
        return Err(Errno::ERANGE.into());
    }
    call.copyout(call.word("bufp")?, &path)?;
    Ok(path.len().into())
}

/// Stores as many whole entries as there is room for.
fn getdents(call: &Call<'_>) -> Result<Answer> {
    let file = call.file("fd")?;
    file.readable()?;
    let directory = file.directory().map_err(|_| Errno::EINVAL)?;
    let room = call.length("count")?;
    let mut records = Vec::new();
    let mut full = false;
    directory.read(|entry| {
        let before = records.len();
        // A name that no record can hold would be longer than the host's longest.
        let pushed = record(entry).push_to(&mut records).is_ok();
        full = !pushed || records.len() > room;
        if full {
            records.truncate(before);
        }
        !full
    })?;
    if full && records.is_empty() {
        return Err(Errno::EINVAL.into());
    }
    call.copyout(call.word("buf")?, &records)?;
    Ok(records.len().into())
}

fn record(entry: &Entry) -> DirEntry<'_> {
    let kind = entry.file_type.map_or(DT_UNKNOWN, FileType::dirent_type);
    DirEntry { fileno: entry.inode, kind, name: &entry.name }
}
