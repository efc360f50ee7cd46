//! Opening and controlling descriptors: `<fcntl.h>`; `open(2)`, `fcntl(2)`, `flock(2)`,
//! `openat(2)`, `posix_fadvise(2)`.

use core::ffi::{c_int, c_short};

use super::macros::{constants, layouts};
use super::{off_t, pid_t};

/// A record lock, `fcntl(2)` with `F_GETLK`, `F_SETLK`, `F_SETLKW`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct flock {
    /// First byte, counted from `l_whence`.
    pub l_start: off_t,
    /// Bytes; 0 up to the end of the file.
    pub l_len: off_t,
    /// Who holds the lock, from `F_GETLK`.
    pub l_pid: pid_t,
    /// `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
    pub l_type: c_short,
    /// `SEEK_SET`, `SEEK_CUR` or `SEEK_END`.
    pub l_whence: c_short,
}

layouts! {
    flock: 24 / 24 {
        l_start: 0 / 0, l_len: 8 / 8, l_pid: 16 / 16, l_type: 20 / 20, l_whence: 22 / 22,
    }
}

constants! {
    /// Access mode of `open(2)`.
    c_int {
        /// Read only.
        O_RDONLY = 0x0;
        /// Write only.
        O_WRONLY = 0x1;
        /// Read and write.
        O_RDWR = 0x2;
        /// Mask of the access mode.
        O_ACCMODE = 0x3;
        /// Execute only; not in NetBSD 7.
        O_EXEC = 0x400_0000;
        /// Search only, for directories that `openat(2)` and friends start at.
        O_SEARCH = 0x80_0000;
    }
    /// Flag of `open(2)` and `fcntl(2)`.
    c_int {
        /// Do not block, neither in opening nor in reading and writing.
        O_NONBLOCK = 0x4;
        /// Every write goes to the end of the file.
        O_APPEND = 0x8;
        /// Take a shared `flock(2)`.
        O_SHLOCK = 0x10;
        /// Take an exclusive `flock(2)`.
        O_EXLOCK = 0x20;
        /// Send `SIGIO` when data arrives.
        O_ASYNC = 0x40;
        /// Writes wait for data and status to be on disk.
        O_SYNC = 0x80;
        /// Fail with `EFTYPE` where the last component is a symbolic link.
        O_NOFOLLOW = 0x100;
        /// Create the file if it does not exist.
        O_CREAT = 0x200;
        /// Cut the file to size 0.
        O_TRUNC = 0x400;
        /// With `O_CREAT`: fail with `EEXIST` if the file exists.
        O_EXCL = 0x800;
        /// Do not make a terminal the controlling one.
        O_NOCTTY = 0x8000;
        /// Writes wait for the data to be on disk.
        O_DSYNC = 0x1_0000;
        /// Reads wait for pending writes, as far as `O_SYNC` or `O_DSYNC` say.
        O_RSYNC = 0x2_0000;
        /// Use the alternative I/O semantics of the file system.
        O_ALT_IO = 0x4_0000;
        /// Bypass the cache if possible.
        O_DIRECT = 0x8_0000;
        /// Fail with `ENOTDIR` if it is no directory.
        O_DIRECTORY = 0x20_0000;
        /// Close on exec.
        O_CLOEXEC = 0x40_0000;
        /// Writes to a broken pipe fail with `EPIPE` only, without `SIGPIPE`.
        O_NOSIGPIPE = 0x100_0000;
        /// Fail with `EFTYPE` if it is no regular file; not in NetBSD 7.
        O_REGULAR = 0x200_0000;
        /// Close on fork; not in NetBSD 7.
        O_CLOFORK = 0x800_0000;
    }
    /// Older name of a flag of `open(2)`.
    c_int {
        /// `O_APPEND`.
        FAPPEND = O_APPEND;
        /// `O_ASYNC`.
        FASYNC = O_ASYNC;
        /// `O_SYNC`.
        O_FSYNC = O_SYNC;
        /// `O_NONBLOCK`.
        FNDELAY = O_NONBLOCK;
        /// `O_NONBLOCK`.
        O_NDELAY = O_NONBLOCK;
    }
    /// Open mode as the kernel keeps it: the access mode plus one.
    c_int {
        /// Open for reading.
        FREAD = 0x1;
        /// Open for writing.
        FWRITE = 0x2;
    }
    /// Command of `fcntl(2)`.
    c_int {
        /// Duplicate to the lowest free descriptor not below the argument.
        F_DUPFD = 0;
        /// Get the descriptor's flags, `FD_CLOEXEC` and `FD_CLOFORK`.
        F_GETFD = 1;
        /// Set the descriptor's flags.
        F_SETFD = 2;
        /// Get the open file's flags, `O_` constants.
        F_GETFL = 3;
        /// Set the open file's flags.
        F_SETFL = 4;
        /// Get the process or (negative) group that gets `SIGIO` and `SIGURG`.
        F_GETOWN = 5;
        /// Set the process or (negative) group that gets `SIGIO` and `SIGURG`.
        F_SETOWN = 6;
        /// Ask which record lock is in the way; argument: a [`flock`].
        F_GETLK = 7;
        /// Set or clear a record lock; argument: a [`flock`].
        F_SETLK = 8;
        /// Set a record lock, wait for it; argument: a [`flock`].
        F_SETLKW = 9;
        /// Close this descriptor and all above.
        F_CLOSEM = 10;
        /// Get the highest open descriptor.
        F_MAXFD = 11;
        /// As `F_DUPFD`, with close-on-exec.
        F_DUPFD_CLOEXEC = 12;
        /// Get whether `SIGPIPE` is suppressed.
        F_GETNOSIGPIPE = 13;
        /// Set whether `SIGPIPE` is suppressed.
        F_SETNOSIGPIPE = 14;
        /// Get the path, 1024 bytes at the argument; not in NetBSD 7.
        F_GETPATH = 15;
        /// Add seals to a memory file; not in NetBSD 7.
        F_ADD_SEALS = 16;
        /// Get the seals of a memory file; not in NetBSD 7.
        F_GET_SEALS = 17;
        /// As `F_DUPFD`, with close-on-fork; not in NetBSD 7.
        F_DUPFD_CLOFORK = 18;
        /// As `F_DUPFD`, with close-on-exec and close-on-fork; not in NetBSD 7.
        F_DUPFD_CLOBOTH = 19;
    }
    /// Flag of a descriptor, `F_GETFD` and `F_SETFD` of `fcntl(2)`.
    c_int {
        /// Close on exec.
        FD_CLOEXEC = 1;
        /// Close on fork; not in NetBSD 7.
        FD_CLOFORK = 2;
    }
    /// Type of a record lock, [`flock::l_type`].
    c_short {
        /// Shared.
        F_RDLCK = 1;
        /// None: unlock.
        F_UNLCK = 2;
        /// Exclusive.
        F_WRLCK = 3;
    }
    /// Seal of a memory file, `F_ADD_SEALS` of `fcntl(2)`; not in NetBSD 7.
    c_int {
        /// No further seals.
        F_SEAL_SEAL = 0x1;
        /// The file cannot shrink.
        F_SEAL_SHRINK = 0x2;
        /// The file cannot grow.
        F_SEAL_GROW = 0x4;
        /// The file cannot be written.
        F_SEAL_WRITE = 0x8;
        /// The file cannot be mapped or opened for writing any more.
        F_SEAL_FUTURE_WRITE = 0x10;
    }
    /// Part of an `fcntl(2)` command for a file system: direction, length and number.
    c_int {
        /// Mask of the argument's length.
        F_PARAM_MASK = 0xfff;
        /// Longest argument, bytes.
        F_PARAM_MAX = 0xfff;
        /// The command is for the file system.
        F_FSCTL = 0x8000_0000_u32 as c_int;
        /// It has no argument.
        F_FSVOID = 0x4000_0000;
        /// Its argument is copied out.
        F_FSOUT = 0x2000_0000;
        /// Its argument is copied in.
        F_FSIN = 0x1000_0000;
        /// Its argument is copied both ways.
        F_FSINOUT = F_FSIN | F_FSOUT;
        /// Mask of the direction.
        F_FSDIRMASK = 0x7000_0000;
        /// The command is the file system's own.
        F_FSPRIV = 0x8000;
    }
    /// Operation of `flock(2)`.
    c_int {
        /// Shared lock.
        LOCK_SH = 0x1;
        /// Exclusive lock.
        LOCK_EX = 0x2;
        /// Do not wait: fail with `EAGAIN`.
        LOCK_NB = 0x4;
        /// Unlock.
        LOCK_UN = 0x8;
    }
    /// Advice of `posix_fadvise(2)`.
    c_int {
        /// No advice.
        POSIX_FADV_NORMAL = 0;
        /// Access in random order.
        POSIX_FADV_RANDOM = 1;
        /// Access from low to high offsets.
        POSIX_FADV_SEQUENTIAL = 2;
        /// Access soon.
        POSIX_FADV_WILLNEED = 3;
        /// No access soon.
        POSIX_FADV_DONTNEED = 4;
        /// Access once.
        POSIX_FADV_NOREUSE = 5;
    }
    /// For `openat(2)` and the other calls that take a directory's descriptor.
    c_int {
        /// In place of the descriptor: the current directory.
        AT_FDCWD = -100;
        /// `faccessat`: check with the effective ids.
        AT_EACCESS = 0x100;
        /// Do not follow a symbolic link at the end of the path.
        AT_SYMLINK_NOFOLLOW = 0x200;
        /// `linkat`: follow a symbolic link at the end of the path.
        AT_SYMLINK_FOLLOW = 0x400;
        /// `unlinkat`: remove a directory.
        AT_REMOVEDIR = 0x800;
    }
}
