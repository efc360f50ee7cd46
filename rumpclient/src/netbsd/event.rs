//! Kernel events: `<sys/event.h>`; `kqueue(2)`, `kevent(2)`.

use core::ffi::{c_char, c_ulong};

use super::_IOWR;
use super::macros::{constants, layouts};

/// A kernel event or a change to the list of those watched, `kevent(2)`, as NetBSD 11 has it.
/// Kernels up to NetBSD 10 use a [`kevent100`](super::kevent100).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct kevent {
    /// What is watched: a descriptor, a signal, a process, a timer's name.
    pub ident: usize,
    /// An `EVFILT_` constant. 32 bits and never negative, unlike on other systems.
    pub filter: u32,
    /// `EV_` flags.
    pub flags: u32,
    /// Flags of the filter, `NOTE_` constants.
    pub fflags: u32,
    /// Data of the filter.
    pub data: i64,
    /// The caller's own value, handed back unchanged. A pointer in C.
    pub udata: usize,
    /// Extension, unused.
    pub ext: [u64; 4],
}

/// Name and number of a filter, for `KFILTER_BYFILTER` and `KFILTER_BYNAME`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct kfilter_mapping {
    /// The name, NUL-terminated, or room for it.
    pub name: *mut c_char,
    /// Bytes of that room.
    pub len: usize,
    /// The number, an `EVFILT_` constant.
    pub filter: u32,
}

layouts! {
    kfilter_mapping: 24 / 12 { name: 0 / 0, len: 8 / 4, filter: 16 / 8 }
    kevent: 72 / 60 {
        ident: 0 / 0, filter: 8 / 4, flags: 12 / 8, fflags: 16 / 12, data: 24 / 16, udata: 32 / 24,
        ext: 40 / 28,
    }
}

constants! {
    /// Filter: what is watched, [`kevent::filter`].
    u32 {
        /// A descriptor can be read.
        EVFILT_READ = 0;
        /// A descriptor can be written.
        EVFILT_WRITE = 1;
        /// Asynchronous I/O.
        EVFILT_AIO = 2;
        /// Something happens to a file.
        EVFILT_VNODE = 3;
        /// Something happens to a process.
        EVFILT_PROC = 4;
        /// A signal is sent to the process.
        EVFILT_SIGNAL = 5;
        /// A timer expires.
        EVFILT_TIMER = 6;
        /// Something happens to a file system; not in NetBSD 7.
        EVFILT_FS = 7;
        /// The application triggers it itself; not in NetBSD 7.
        EVFILT_USER = 8;
        /// The send buffer is empty; not in NetBSD 7.
        EVFILT_EMPTY = 9;
        /// Number of filters; 7 in NetBSD 7.
        EVFILT_SYSCOUNT = 10;
    }
    /// Action or state, [`kevent::flags`].
    u32 {
        /// Add the event, or change it.
        EV_ADD = 0x1;
        /// Delete the event.
        EV_DELETE = 0x2;
        /// Enable the event.
        EV_ENABLE = 0x4;
        /// Disable the event without deleting it.
        EV_DISABLE = 0x8;
        /// Delete the event once it is reported.
        EV_ONESHOT = 0x10;
        /// Reset the state once it is reported.
        EV_CLEAR = 0x20;
        /// Answer every change with `EV_ERROR`, also the ones that worked.
        EV_RECEIPT = 0x40;
        /// Disable the event once it is reported.
        EV_DISPATCH = 0x80;
        /// Mask of what the system keeps for itself.
        EV_SYSFLAGS = 0xf000;
        /// The filter's own.
        EV_FLAG1 = 0x2000;
        /// End of file.
        EV_EOF = 0x8000;
        /// An error; its number is in [`kevent::data`].
        EV_ERROR = 0x4000;
    }
    /// For `EVFILT_USER`, [`kevent::fflags`]; not in NetBSD 7.
    u32 {
        /// Leave the stored flags as they are.
        NOTE_FFNOP = 0x0;
        /// "And" them with these.
        NOTE_FFAND = 0x4000_0000;
        /// "Or" them with these.
        NOTE_FFOR = 0x8000_0000;
        /// Replace them with these.
        NOTE_FFCOPY = 0xc000_0000;
        /// Mask of the four operations.
        NOTE_FFCTRLMASK = 0xc000_0000;
        /// Mask of the flags.
        NOTE_FFLAGSMASK = 0x00ff_ffff;
        /// Trigger the event.
        NOTE_TRIGGER = 0x0100_0000;
    }
    /// For `EVFILT_READ` and `EVFILT_WRITE`, [`kevent::fflags`].
    u32 {
        /// Report from this many bytes on, in [`kevent::data`].
        NOTE_LOWAT = 0x1;
    }
    /// For `EVFILT_VNODE`, [`kevent::fflags`].
    u32 {
        /// The file was deleted.
        NOTE_DELETE = 0x1;
        /// Its data changed.
        NOTE_WRITE = 0x2;
        /// It grew.
        NOTE_EXTEND = 0x4;
        /// Its attributes changed.
        NOTE_ATTRIB = 0x8;
        /// Its link count changed.
        NOTE_LINK = 0x10;
        /// It was renamed.
        NOTE_RENAME = 0x20;
        /// Access to it was revoked.
        NOTE_REVOKE = 0x40;
        /// It was opened; not in NetBSD 7.
        NOTE_OPEN = 0x80;
        /// It was closed after having been open for reading; not in NetBSD 7.
        NOTE_CLOSE = 0x100;
        /// It was closed after having been open for writing; not in NetBSD 7.
        NOTE_CLOSE_WRITE = 0x200;
        /// It was read; not in NetBSD 7.
        NOTE_READ = 0x400;
    }
    /// For `EVFILT_PROC`, [`kevent::fflags`].
    u32 {
        /// The process ended.
        NOTE_EXIT = 0x8000_0000;
        /// It forked.
        NOTE_FORK = 0x4000_0000;
        /// It executed a program.
        NOTE_EXEC = 0x2000_0000;
        /// Mask of these.
        NOTE_PCTRLMASK = 0xf000_0000;
        /// Mask of the process id in what is reported.
        NOTE_PDATAMASK = 0x000f_ffff;
        /// Watch the children as well.
        NOTE_TRACK = 0x1;
        /// A child could not be watched.
        NOTE_TRACKERR = 0x2;
        /// This is a child of a watched process.
        NOTE_CHILD = 0x4;
    }
    /// Unit of time for `EVFILT_TIMER`, [`kevent::fflags`]; NetBSD 7 knows milliseconds only.
    u32 {
        /// Milliseconds.
        NOTE_MSECONDS = 0x0;
        /// Seconds.
        NOTE_SECONDS = 0x1;
        /// Microseconds.
        NOTE_USECONDS = 0x2;
        /// Nanoseconds.
        NOTE_NSECONDS = 0x3;
        /// The time is absolute.
        NOTE_ABSTIME = 0x10;
    }
    /// `ioctl(2)` request on a queue: between a filter's name and its number, [`kfilter_mapping`].
    c_ulong {
        /// Name of the filter with this number.
        KFILTER_BYFILTER = _IOWR::<kfilter_mapping>(b'k', 0);
        /// Number of the filter with this name.
        KFILTER_BYNAME = _IOWR::<kfilter_mapping>(b'k', 1);
    }
}
