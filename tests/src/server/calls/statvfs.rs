//! The file system: `statvfs(2)`, `fstatvfs(2)`, `getvfsstat(2)`, in today's layout and in that up
//! to NetBSD 9.

use rumpclient::netbsd::{self as nb, CharArray};
use rustix::fs::{StatVfs, fstatvfs};

use super::layout::encode;
use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;
use crate::server::kernel::namei::{Follow, NAME_MAX};

pub(super) const HANDLERS: Handlers = &[
    ("statvfs190", |call| of_path(call, encode_statvfs)),
    ("fstatvfs190", |call| of_descriptor(call, encode_statvfs)),
    ("getvfsstat90", |call| of_all(call, encode_statvfs)),
    ("statvfs1", |call| of_path(call, encode_statvfs90)),
    ("fstatvfs1", |call| of_descriptor(call, encode_statvfs90)),
    ("getvfsstat", |call| of_all(call, encode_statvfs90)),
];

type Encode = fn(&StatVfs) -> Vec<u8>;

/// What the file system is called; it is NetBSD's name for a rump kernel's root.
const TYPE_NAME: &[u8] = b"rumpfs";

fn of_path(call: &Call<'_>, encode: Encode) -> Result<Answer> {
    call.place("path", Follow::Yes)?.existing()?;
    answer(call, encode)
}

fn of_descriptor(call: &Call<'_>, encode: Encode) -> Result<Answer> {
    call.file("fd")?;
    answer(call, encode)
}

/// Every file is on the one file system.
fn answer(call: &Call<'_>, encode: Encode) -> Result<Answer> {
    let status = encode(&fstatvfs(call.kernel.tree.sockets())?);
    call.copyout(call.word("buf")?, &status)?;
    Ok(().into())
}

/// Answers with the number of file systems; stores what there is room for.
fn of_all(call: &Call<'_>, encode: Encode) -> Result<Answer> {
    const MOUNTED: i32 = 1;
    let status = encode(&fstatvfs(call.kernel.tree.sockets())?);
    if let Some(buffer) = call.pointer("buf")? {
        if call.word("bufsize")? < status.len() {
            return Ok(0i32.into());
        }
        call.copyout(buffer, &status)?;
    }
    Ok(MOUNTED.into())
}

/// The structs differ in their tails; this fills what they have in common.
macro_rules! encode_common {
    ($type:ty, $host:expr) => {{
        let host: &StatVfs = $host;
        encode!($type {
            f_flag: nb::MNT_LOCAL as core::ffi::c_ulong,
            f_bsize: host.f_bsize as core::ffi::c_ulong,
            f_frsize: host.f_frsize as core::ffi::c_ulong,
            f_iosize: host.f_bsize as core::ffi::c_ulong,
            f_blocks: host.f_blocks,
            f_bfree: host.f_bfree,
            f_bavail: host.f_bavail,
            f_bresvd: host.f_bfree.saturating_sub(host.f_bavail),
            f_files: host.f_files,
            f_ffree: host.f_ffree,
            f_favail: host.f_favail,
            f_fresvd: host.f_ffree.saturating_sub(host.f_favail),
            f_fsid: host.f_fsid as core::ffi::c_ulong,
            f_namemax: NAME_MAX as core::ffi::c_ulong,
            f_fstypename: CharArray::truncated(TYPE_NAME),
            f_mntonname: CharArray::truncated(b"/"),
            f_mntfromname: CharArray::truncated(TYPE_NAME),
        })
    }};
}

fn encode_statvfs(host: &StatVfs) -> Vec<u8> {
    encode_common!(nb::statvfs, host)
}

fn encode_statvfs90(host: &StatVfs) -> Vec<u8> {
    encode_common!(nb::statvfs90, host)
}
