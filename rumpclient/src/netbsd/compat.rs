//! Structs as they were in older releases: what the calls kept for old binaries use, and what the
//! kernels of those releases use in calls whose number or name did not change with the struct.
//!
//! | here | was called | until |
//! | --- | --- | --- |
//! | [`timeval50`], [`timespec50`] | `timeval`, `timespec` | NetBSD 5 |
//! | [`stat30`] | `stat` | NetBSD 5 |
//! | [`statvfs90`] | `statvfs` | NetBSD 9 |
//! | [`kevent100`] | `kevent` | NetBSD 10 |

use core::ffi::c_long;

use super::macros::layouts;
use super::{blkcnt_t, blksize_t, gid_t, ino_t, mode_t, nlink_t, off_t, uid_t};

pub use super::mount::statvfs90;

/// [`timeval`](super::timeval) up to NetBSD 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct timeval50 {
    /// Seconds.
    pub tv_sec: c_long,
    /// Microseconds.
    pub tv_usec: c_long,
}

/// [`timespec`](super::timespec) up to NetBSD 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct timespec50 {
    /// Seconds.
    pub tv_sec: i32,
    /// Nanoseconds.
    pub tv_nsec: c_long,
}

/// [`stat`](super::stat) up to NetBSD 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct stat30 {
    /// Device that holds the file.
    pub st_dev: u32,
    /// Type and permissions, `S_` constants.
    pub st_mode: mode_t,
    /// Serial number.
    pub st_ino: ino_t,
    /// Hard links.
    pub st_nlink: nlink_t,
    /// Owner.
    pub st_uid: uid_t,
    /// Group.
    pub st_gid: gid_t,
    /// Device that a special file stands for.
    pub st_rdev: u32,
    /// Last access.
    pub st_atim: timespec50,
    /// Last change of the data.
    pub st_mtim: timespec50,
    /// Last change of the status.
    pub st_ctim: timespec50,
    /// Creation.
    pub st_birthtim: timespec50,
    /// Bytes.
    pub st_size: off_t,
    /// Blocks of 512 bytes in use.
    pub st_blocks: blkcnt_t,
    /// Best size of an access, bytes.
    pub st_blksize: blksize_t,
    /// `UF_` and `SF_` flags.
    pub st_flags: u32,
    /// Generation number.
    pub st_gen: u32,
    /// Unused.
    pub st_spare: [u32; 2],
}

/// [`kevent`](super::kevent) up to NetBSD 10, where it is called so: calls of those releases that
/// take a `struct kevent` take this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct kevent100 {
    /// What is watched: a descriptor, a signal, a process, a timer's name.
    pub ident: usize,
    /// An `EVFILT_` constant.
    pub filter: u32,
    /// `EV_` flags.
    pub flags: u32,
    /// Flags of the filter, `NOTE_` constants.
    pub fflags: u32,
    /// Data of the filter.
    pub data: i64,
    /// The caller's own value, handed back unchanged. A pointer in C.
    pub udata: usize,
}

layouts! {
    timeval50: 16 / 8 { tv_sec: 0 / 0, tv_usec: 8 / 4 }
    timespec50: 16 / 8 { tv_sec: 0 / 0, tv_nsec: 8 / 4 }
    stat30: 136 / 100 {
        st_dev: 0 / 0, st_mode: 4 / 4, st_ino: 8 / 8, st_nlink: 16 / 16, st_uid: 20 / 20,
        st_gid: 24 / 24, st_rdev: 28 / 28, st_atim: 32 / 32, st_mtim: 48 / 40, st_ctim: 64 / 48,
        st_birthtim: 80 / 56, st_size: 96 / 64, st_blocks: 104 / 72, st_blksize: 112 / 80,
        st_flags: 116 / 84, st_gen: 120 / 88, st_spare: 124 / 92,
    }
    kevent100: 40 / 28 {
        ident: 0 / 0, filter: 8 / 4, flags: 12 / 8, fflags: 16 / 12, data: 24 / 16, udata: 32 / 24,
    }
}
