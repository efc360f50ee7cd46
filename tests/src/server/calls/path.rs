//! Names in the file system: `link(2)`, `unlink(2)`, `rename(2)`, `symlink(2)`, `mkdir(2)`,
//! `mknod(2)`, … and their `at` forms.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rumpclient::Errno;
use rumpclient::netbsd::{AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW};

use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;
use crate::server::kernel::attributes::NewFile;
use crate::server::kernel::namei::{self, Follow, Place, Viewer};
use crate::server::kernel::process::Credentials;
use crate::server::kernel::status::{DeviceNumber, FileType};

pub(super) const HANDLERS: Handlers = &[
    ("link", link),
    ("linkat", linkat),
    ("unlink", unlink),
    ("unlinkat", unlinkat),
    ("rmdir", rmdir),
    ("rename", rename),
    ("__posix_rename", posix_rename),
    ("renameat", renameat),
    ("symlink", symlink),
    ("symlinkat", symlinkat),
    ("readlink", readlink),
    ("readlinkat", readlinkat),
    ("mkdir", mkdir),
    ("mkdirat", mkdirat),
    ("mkfifo", mkfifo),
    ("mkfifoat", mkfifoat),
    ("mknod", mknod),
    ("mknod50", mknod50),
    ("mknodat", mknodat),
];

/// Where an `at` call starts; `None` for the working directory.
pub(super) type Start = Option<Arc<OwnedFd>>;

impl Call<'_> {
    /// Where the descriptor argument of an `at` call says to start.
    ///
    /// # Errors
    /// EBADF, and ENOTDIR when it is no directory.
    pub(super) fn start(&self, name: &str) -> Result<Start> {
        let fd = self.int(name)?;
        if fd == AT_FDCWD {
            return Ok(None);
        }
        let file = self.open_file(fd)?;
        Ok(Some(Arc::new(namei::open_passage(&file.directory()?.fd)?)))
    }

    /// Finds a path.
    pub(super) fn lookup(
        &self,
        start: Option<&Arc<OwnedFd>>,
        path: &[u8],
        follow: Follow,
    ) -> Result<Place> {
        let viewer = Viewer {
            standing: self.process.standing.lock().clone(),
            credentials: self.credentials(),
        };
        self.kernel.tree.lookup(&viewer, start, path, follow)
    }

    /// In whose name the call is made.
    pub(super) fn credentials(&self) -> Credentials {
        self.process.identity.lock().credentials.clone()
    }

    /// Checks that the call is made by root.
    ///
    /// # Errors
    /// EPERM.
    pub(super) fn check_root(&self) -> Result<()> {
        if self.credentials().is_root() { Ok(()) } else { Err(Errno::EPERM.into()) }
    }

    /// Finds the path in an argument, from the working directory.
    pub(super) fn place(&self, name: &str, follow: Follow) -> Result<Place> {
        self.lookup(None, &self.path(name)?, follow)
    }

    /// Finds the path in an argument, from the descriptor in another.
    pub(super) fn place_at(&self, start: &str, name: &str, follow: Follow) -> Result<Place> {
        let start = self.start(start)?;
        self.lookup(start.as_ref(), &self.path(name)?, follow)
    }

    /// The permissions of a new file: what is asked for, less the umask.
    pub(super) fn new_file_mode(&self, mode: u32) -> u32 {
        mode & !self.process.standing.lock().umask
    }
}

/// What the flags of an `at` call say of a symbolic link at the end of the path.
pub(super) fn follow_by_flags(flags: i32) -> Follow {
    if flags & AT_SYMLINK_NOFOLLOW != 0 { Follow::No } else { Follow::Yes }
}

fn link(call: &Call<'_>) -> Result<Answer> {
    let from = call.place("path", Follow::Yes)?;
    let to = call.place("link", Follow::No)?;
    Ok(call.kernel.tree.link(&from, &to)?.into())
}

fn linkat(call: &Call<'_>) -> Result<Answer> {
    let follow = match call.int("flags")? & AT_SYMLINK_FOLLOW {
        0 => Follow::No,
        _ => Follow::Yes,
    };
    let from = call.place_at("fd1", "name1", follow)?;
    let to = call.place_at("fd2", "name2", Follow::No)?;
    Ok(call.kernel.tree.link(&from, &to)?.into())
}

fn unlink(call: &Call<'_>) -> Result<Answer> {
    Ok(call.kernel.tree.unlink(&call.place("path", Follow::No)?)?.into())
}

fn unlinkat(call: &Call<'_>) -> Result<Answer> {
    let place = call.place_at("fd", "path", Follow::No)?;
    match call.int("flag")? & AT_REMOVEDIR {
        0 => call.kernel.tree.unlink(&place)?,
        _ => call.kernel.tree.remove_directory(&place)?,
    }
    Ok(().into())
}

fn rmdir(call: &Call<'_>) -> Result<Answer> {
    Ok(call.kernel.tree.remove_directory(&call.place("path", Follow::No)?)?.into())
}

fn rename(call: &Call<'_>) -> Result<Answer> {
    let from = call.place("from", Follow::No)?;
    let to = call.place("to", Follow::No)?;
    Ok(call.kernel.tree.rename(&from, &to)?.into())
}

fn posix_rename(call: &Call<'_>) -> Result<Answer> {
    let from = call.place("from", Follow::No)?;
    let to = call.place("to", Follow::No)?;
    Ok(call.kernel.tree.posix_rename(&from, &to)?.into())
}

/// It came after POSIX and does as that says.
fn renameat(call: &Call<'_>) -> Result<Answer> {
    let from = call.place_at("fromfd", "from", Follow::No)?;
    let to = call.place_at("tofd", "to", Follow::No)?;
    Ok(call.kernel.tree.posix_rename(&from, &to)?.into())
}

fn symlink(call: &Call<'_>) -> Result<Answer> {
    let target = call.path("path")?;
    let place = call.place("link", Follow::No)?;
    Ok(call.kernel.tree.make_symlink(&place, &target)?.into())
}

fn symlinkat(call: &Call<'_>) -> Result<Answer> {
    let target = call.path("path1")?;
    let place = call.place_at("fd", "path2", Follow::No)?;
    Ok(call.kernel.tree.make_symlink(&place, &target)?.into())
}

fn readlink(call: &Call<'_>) -> Result<Answer> {
    let place = call.place("path", Follow::No)?;
    read_link(call, &place, call.length("count")?)
}

fn readlinkat(call: &Call<'_>) -> Result<Answer> {
    let place = call.place_at("fd", "path", Follow::No)?;
    read_link(call, &place, call.length("bufsize")?)
}

/// Stores what fits of a link's target, without a NUL.
fn read_link(call: &Call<'_>, place: &Place, room: usize) -> Result<Answer> {
    if !namei::is_symlink(place.existing()?) {
        return Err(Errno::EINVAL.into());
    }
    let target = rustix::fs::readlinkat(&place.directory, &place.name, Vec::new())?.into_bytes();
    let target = &target[..target.len().min(room)];
    call.copyout(call.word("buf")?, target)?;
    Ok(target.len().into())
}

fn mkdir(call: &Call<'_>) -> Result<Answer> {
    make_directory(call, &call.place("path", Follow::No)?)
}

fn mkdirat(call: &Call<'_>) -> Result<Answer> {
    make_directory(call, &call.place_at("fd", "path", Follow::No)?)
}

fn make_directory(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let mode = call.new_file_mode(call.unsigned("mode")?);
    Ok(call.kernel.tree.make_directory(place, mode)?.into())
}

fn mkfifo(call: &Call<'_>) -> Result<Answer> {
    make_fifo(call, &call.place("path", Follow::No)?)
}

fn mkfifoat(call: &Call<'_>) -> Result<Answer> {
    make_fifo(call, &call.place_at("fd", "path", Follow::No)?)
}

fn make_fifo(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let mode = call.new_file_mode(call.unsigned("mode")?);
    Ok(call.kernel.tree.make_fifo(place, mode)?.into())
}

/// The form before NetBSD 6, with a device number of 32 bits.
fn mknod(call: &Call<'_>) -> Result<Answer> {
    make_node(call, &call.place("path", Follow::No)?, call.unsigned("dev")?.into())
}

fn mknod50(call: &Call<'_>) -> Result<Answer> {
    make_node(call, &call.place("path", Follow::No)?, call.wide("dev")? as u64)
}

fn mknodat(call: &Call<'_>) -> Result<Answer> {
    make_node(call, &call.place_at("fd", "path", Follow::No)?, call.wide("dev")? as u64)
}

fn make_node(call: &Call<'_>, place: &Place, device: u64) -> Result<Answer> {
    let mode = call.unsigned("mode")?;
    match FileType::from_mode(mode) {
        Some(FileType::Fifo) => make_fifo(call, place),
        Some(file_type @ (FileType::Character | FileType::Block)) => {
            let new = NewFile::new(file_type, call.new_file_mode(mode));
            let device = NewFile { special: DeviceNumber(device), ..new };
            Ok(call.kernel.tree.make_device(place, device)?.into())
        }
        _ => Err(Errno::EINVAL.into()),
    }
}
