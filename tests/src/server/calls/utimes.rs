//! Times of files: `utimes(2)`, `futimes(2)`, `lutimes(2)`, `utimensat(2)`, `futimens(2)`.

use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, timespec};
use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::path::follow_by_flags;
use super::time::{TimeLayout, duration};
use super::{Answer, Call, Handlers};
use crate::server::kernel::attributes::{Record, Want};
use crate::server::kernel::namei::{Follow, Place};
use crate::server::kernel::status::FileStatus;
use crate::server::kernel::{Object, Result};

pub(super) const HANDLERS: Handlers = &[
    ("utimes50", |call| of_path(call, Follow::Yes, TimeLayout::Timeval)),
    ("lutimes50", |call| of_path(call, Follow::No, TimeLayout::Timeval)),
    ("futimes50", |call| of_descriptor(call, TimeLayout::Timeval)),
    ("utimes", |call| of_path(call, Follow::Yes, TimeLayout::Timeval50)),
    ("lutimes", |call| of_path(call, Follow::No, TimeLayout::Timeval50)),
    ("futimes", |call| of_descriptor(call, TimeLayout::Timeval50)),
    ("futimens", |call| of_descriptor(call, TimeLayout::Timespec)),
    ("utimensat", utimensat),
];

fn of_path(call: &Call<'_>, follow: Follow, layout: TimeLayout) -> Result<Answer> {
    set_times(call, &call.place("path", follow)?, layout)
}

fn utimensat(call: &Call<'_>) -> Result<Answer> {
    let follow = follow_by_flags(call.int("flag")?);
    set_times(call, &call.place_at("fd", "path", follow)?, TimeLayout::Timespec)
}

fn set_times(call: &Call<'_>, place: &Place, layout: TimeLayout) -> Result<Answer> {
    let record = call.kernel.tree.record(place.existing()?);
    let times = permitted_times(call, Some(&record), layout)?;
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(&place.directory, &place.name, &times, flags)?;
    let host = rustix::fs::statat(&place.directory, &place.name, flags)?;
    record.lock().link_accessed = FileStatus::from_host(&host).accessed;
    Ok(().into())
}

fn of_descriptor(call: &Call<'_>, layout: TimeLayout) -> Result<Answer> {
    let file = call.file("fd")?;
    let times = permitted_times(call, file.record(), layout)?;
    match &file.object {
        Object::Regular(file) => rustix::fs::futimens(&file.fd, &times)?,
        Object::Directory(directory) => rustix::fs::futimens(&directory.fd, &times)?,
        Object::Fifo(fifo, _) => rustix::fs::futimens(&fifo.end, &times)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(().into())
}

/// The times to set. Only a file's owner may choose them; now may be set by all who may write.
fn permitted_times(
    call: &Call<'_>,
    record: Option<&Record>,
    layout: TimeLayout,
) -> Result<Timestamps> {
    let times = timestamps(call, layout)?;
    let who = call.credentials();
    if let Some(record) = record {
        let attributes = *record.lock();
        match call.pointer("tptr")? {
            Some(_) => attributes.check_owner(&who)?,
            None => {
                attributes.check_owner(&who).or_else(|_| attributes.check(&who, Want::Write))?
            }
        }
    }
    Ok(times)
}

/// Access and modification time from the two that `tptr` points at; now, if that is null.
fn timestamps(call: &Call<'_>, layout: TimeLayout) -> Result<Timestamps> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let Some(address) = call.pointer("tptr")? else {
        return Ok(Timestamps { last_access: now, last_modification: now });
    };
    let times = call.copyin(address, 2 * layout.size())?;
    let (accessed, modified) = times.split_at(layout.size());
    Ok(Timestamps {
        last_access: host_time(layout.decode(accessed))?,
        last_modification: host_time(layout.decode(modified))?,
    })
}

fn host_time(time: timespec) -> Result<Timespec> {
    Ok(match time.tv_nsec {
        nb::UTIME_NOW => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        nb::UTIME_OMIT => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        _ => {
            duration(timespec { tv_sec: 0, ..time })?;
            Timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec as _ }
        }
    })
}
