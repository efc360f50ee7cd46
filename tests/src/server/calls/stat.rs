//! File status: `stat(2)`, `fstat(2)`, `lstat(2)`, `fstatat(2)`, in today's layout and in that of
//! NetBSD 5.

use rumpclient::netbsd::{self as nb, timespec};

use super::layout::encode;
use super::path::follow_by_flags;
use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;
use crate::server::kernel::namei::{Follow, Place};
use crate::server::kernel::status::FileStatus;

pub(super) const HANDLERS: Handlers = &[
    ("stat50", |call| answer(call, "ub", of_path(call, Follow::Yes)?, encode_stat)),
    ("lstat50", |call| answer(call, "ub", of_path(call, Follow::No)?, encode_stat)),
    ("fstat50", |call| answer(call, "sb", of_descriptor(call)?, encode_stat)),
    ("fstatat", |call| answer(call, "buf", of_path_at(call)?, encode_stat)),
    ("stat30", |call| answer(call, "ub", of_path(call, Follow::Yes)?, encode_stat30)),
    ("lstat30", |call| answer(call, "ub", of_path(call, Follow::No)?, encode_stat30)),
    ("fstat30", |call| answer(call, "sb", of_descriptor(call)?, encode_stat30)),
];

fn answer(
    call: &Call<'_>,
    buffer: &str,
    status: FileStatus,
    encode: fn(&FileStatus) -> Vec<u8>,
) -> Result<Answer> {
    call.copyout(call.word(buffer)?, &encode(&status))?;
    Ok(().into())
}

fn of_path(call: &Call<'_>, follow: Follow) -> Result<FileStatus> {
    of_place(call, &call.place("path", follow)?)
}

fn of_path_at(call: &Call<'_>) -> Result<FileStatus> {
    let follow = follow_by_flags(call.int("flag")?);
    of_place(call, &call.place_at("fd", "path", follow)?)
}

fn of_place(call: &Call<'_>, place: &Place) -> Result<FileStatus> {
    Ok(call.kernel.tree.status(place.existing()?))
}

fn of_descriptor(call: &Call<'_>) -> Result<FileStatus> {
    call.file("fd")?.status()
}

fn encode_stat(status: &FileStatus) -> Vec<u8> {
    encode!(nb::stat {
        st_dev: status.device,
        st_mode: status.mode,
        st_ino: status.inode,
        st_nlink: status.links,
        st_uid: status.uid,
        st_gid: status.gid,
        st_rdev: status.special.0,
        st_atim.tv_sec: status.accessed.tv_sec,
        st_atim.tv_nsec: status.accessed.tv_nsec,
        st_mtim.tv_sec: status.modified.tv_sec,
        st_mtim.tv_nsec: status.modified.tv_nsec,
        st_ctim.tv_sec: status.changed.tv_sec,
        st_ctim.tv_nsec: status.changed.tv_nsec,
        st_birthtim.tv_sec: status.born.tv_sec,
        st_birthtim.tv_nsec: status.born.tv_nsec,
        st_size: status.size,
        st_blocks: status.blocks,
        st_blksize: status.block_size,
        st_flags: status.flags,
    })
}

/// Numbers that have grown since are cut.
fn encode_stat30(status: &FileStatus) -> Vec<u8> {
    let seconds = |time: timespec| time.tv_sec as i32;
    encode!(nb::stat30 {
        st_dev: status.device as u32,
        st_mode: status.mode,
        st_ino: status.inode,
        st_nlink: status.links,
        st_uid: status.uid,
        st_gid: status.gid,
        st_rdev: status.special.0 as u32,
        st_atim.tv_sec: seconds(status.accessed),
        st_atim.tv_nsec: status.accessed.tv_nsec,
        st_mtim.tv_sec: seconds(status.modified),
        st_mtim.tv_nsec: status.modified.tv_nsec,
        st_ctim.tv_sec: seconds(status.changed),
        st_ctim.tv_nsec: status.changed.tv_nsec,
        st_birthtim.tv_sec: seconds(status.born),
        st_birthtim.tv_nsec: status.born.tv_nsec,
        st_size: status.size,
        st_blocks: status.blocks,
        st_blksize: status.block_size,
        st_flags: status.flags,
    })
}
