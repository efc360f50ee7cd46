//! Opening files: `open(2)`, `openat(2)`.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rumpclient::Errno;
use rumpclient::netbsd as nb;

use super::{Answer, Call, Handlers};
use crate::server::kernel::namei::{Follow, Place, is_directory};
use crate::server::kernel::{Access, Object, OpenFile, OpenHow, Result, host_status_flags};

pub(super) const HANDLERS: Handlers = &[("open", open), ("openat", openat)];

/// How often a file is looked up again that was created or removed between look-up and opening.
const RACES_MAX: usize = 16;

fn open(call: &Call<'_>) -> Result<Answer> {
    open_file(call, None, call.int("flags")?)
}

fn openat(call: &Call<'_>) -> Result<Answer> {
    let start = call.start("fd")?;
    open_file(call, start.as_ref(), call.int("oflags")?)
}

fn open_file(call: &Call<'_>, start: Option<&Arc<OwnedFd>>, flags: i32) -> Result<Answer> {
    let path = call.path("path")?;
    let mode = call.unsigned("mode")?;
    call.process.descriptors.lock().check_room(1)?;
    let file = open_path(call, start, &path, flags, mode)?;
    let fd = call.install(file, flags & nb::O_CLOEXEC != 0)?;
    Ok(fd.into())
}

/// Opens the existing file at `path` for writing.
pub(super) fn for_writing(call: &Call<'_>, path: &[u8]) -> Result<Arc<OpenFile>> {
    open_path(call, None, path, nb::O_WRONLY, 0)
}

fn open_path(
    call: &Call<'_>,
    start: Option<&Arc<OwnedFd>>,
    path: &[u8],
    flags: i32,
    mode: u32,
) -> Result<Arc<OpenFile>> {
    let access = Access::from_open_flags(flags)?;
    let exclusive = flags & (nb::O_CREAT | nb::O_EXCL) == nb::O_CREAT | nb::O_EXCL;
    let follow = match exclusive || flags & nb::O_NOFOLLOW != 0 {
        true => Follow::No,
        false => Follow::Yes,
    };
    for _ in 0..RACES_MAX {
        let place = call.lookup(start, path, follow)?;
        let result = match &place.found {
            Some(_) if exclusive => return Err(Errno::EEXIST.into()),
            Some(_) => open_existing(call, &place, access, flags),
            None => create(call, &place, flags, mode),
        };
        match result {
            Err(failure) if failure.0 == Errno::ENOENT && place.found.is_some() => {}
            Err(failure) if failure.0 == Errno::EEXIST && !exclusive => {}
            result => {
                let object = result?;
                if flags & nb::O_REGULAR != 0 && !matches!(object, Object::Regular(_)) {
                    return Err(Errno::EFTYPE.into());
                }
                let file = OpenFile::new(object, access, flags);
                take_lock(call, &file, flags)?;
                return Ok(file);
            }
        }
    }
    Err(Errno::ENOENT.into())
}

fn open_existing(call: &Call<'_>, place: &Place, access: Access, flags: i32) -> Result<Object> {
    let host = place.existing()?;
    if flags & nb::O_DIRECTORY != 0 && !is_directory(host) {
        return Err(Errno::ENOTDIR.into());
    }
    if flags & nb::O_CREAT != 0 && is_directory(host) {
        return Err(Errno::EISDIR.into());
    }
    let how = OpenHow {
        access,
        truncate: flags & nb::O_TRUNC != 0,
        host_flags: host_status_flags(flags),
    };
    let may_wait = flags & nb::O_NONBLOCK == 0;
    call.kernel.tree.open(place, how, may_wait.then_some(&call.lwp))
}

fn create(call: &Call<'_>, place: &Place, flags: i32, mode: u32) -> Result<Object> {
    if flags & nb::O_CREAT == 0 {
        return Err(Errno::ENOENT.into());
    }
    if flags & nb::O_DIRECTORY != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mode = call.new_file_mode(mode);
    call.kernel.tree.create(place, mode, host_status_flags(flags))
}

/// The flock(2) that open(2) can take along.
fn take_lock(call: &Call<'_>, file: &Arc<OpenFile>, flags: i32) -> Result<()> {
    if flags & (nb::O_SHLOCK | nb::O_EXLOCK) == 0 {
        return Ok(());
    }
    let may_wait = flags & nb::O_NONBLOCK == 0;
    let exclusive = flags & nb::O_EXLOCK != 0;
    file.lock(&call.kernel.locks)?.acquire(exclusive, may_wait.then_some(&call.lwp))
}
