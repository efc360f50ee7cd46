//! File status: `<sys/stat.h>`; `stat(2)`, `chmod(2)`, `chflags(2)`, `mknod(2)`, `utimensat(2)`.

use core::ffi::c_long;

use super::macros::{constants, layouts};
use super::{blkcnt_t, blksize_t, dev_t, gid_t, ino_t, mode_t, nlink_t, off_t, timespec, uid_t};

/// Status of a file, `stat(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct stat {
    /// Device that holds the file.
    pub st_dev: dev_t,
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
    pub st_rdev: dev_t,
    /// Last access.
    pub st_atim: timespec,
    /// Last change of the data.
    pub st_mtim: timespec,
    /// Last change of the status.
    pub st_ctim: timespec,
    /// Creation.
    pub st_birthtim: timespec,
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

layouts! {
    stat: 152 / 124 {
        st_dev: 0 / 0, st_mode: 8 / 8, st_ino: 16 / 12, st_nlink: 24 / 20, st_uid: 28 / 24,
        st_gid: 32 / 28, st_rdev: 40 / 32, st_atim: 48 / 40, st_mtim: 64 / 52, st_ctim: 80 / 64,
        st_birthtim: 96 / 76, st_size: 112 / 88, st_blocks: 120 / 96, st_blksize: 128 / 104,
        st_flags: 132 / 108, st_gen: 136 / 112, st_spare: 140 / 116,
    }
}

constants! {
    /// Permission or mode bit of a file, [`stat::st_mode`], `chmod(2)`.
    mode_t {
        /// Set user id on execution.
        S_ISUID = 0o4000;
        /// Set group id on execution.
        S_ISGID = 0o2000;
        /// Sticky bit.
        S_ISTXT = 0o1000;
        /// Sticky bit.
        S_ISVTX = 0o1000;
        /// Everything, for the owner.
        S_IRWXU = 0o700;
        /// Read, for the owner.
        S_IRUSR = 0o400;
        /// Write, for the owner.
        S_IWUSR = 0o200;
        /// Execute or search, for the owner.
        S_IXUSR = 0o100;
        /// Older name of `S_IRUSR`.
        S_IREAD = S_IRUSR;
        /// Older name of `S_IWUSR`.
        S_IWRITE = S_IWUSR;
        /// Older name of `S_IXUSR`.
        S_IEXEC = S_IXUSR;
        /// Everything, for the group.
        S_IRWXG = 0o070;
        /// Read, for the group.
        S_IRGRP = 0o040;
        /// Write, for the group.
        S_IWGRP = 0o020;
        /// Execute or search, for the group.
        S_IXGRP = 0o010;
        /// Everything, for others.
        S_IRWXO = 0o007;
        /// Read, for others.
        S_IROTH = 0o004;
        /// Write, for others.
        S_IWOTH = 0o002;
        /// Execute or search, for others.
        S_IXOTH = 0o001;
        /// All permissions for all.
        ACCESSPERMS = 0o777;
        /// All permissions and the three bits above them.
        ALLPERMS = 0o7777;
        /// Read and write for all: what files are created with.
        DEFFILEMODE = 0o666;
    }
    /// Type of a file, in [`stat::st_mode`].
    mode_t {
        /// Mask of the type.
        S_IFMT = 0o170000;
        /// FIFO.
        S_IFIFO = 0o010000;
        /// Character device.
        S_IFCHR = 0o020000;
        /// Directory.
        S_IFDIR = 0o040000;
        /// Block device.
        S_IFBLK = 0o060000;
        /// Regular file.
        S_IFREG = 0o100000;
        /// Symbolic link.
        S_IFLNK = 0o120000;
        /// Socket.
        S_IFSOCK = 0o140000;
        /// Whiteout of a union mount.
        S_IFWHT = 0o160000;
        /// First bit for use by archivers.
        S_ARCH1 = 0o200000;
        /// Second bit for use by archivers.
        S_ARCH2 = 0o400000;
    }
    /// The same name without the leading underscore.
    mode_t {
        _S_IFMT = S_IFMT;
        _S_IFIFO = S_IFIFO;
        _S_IFCHR = S_IFCHR;
        _S_IFDIR = S_IFDIR;
        _S_IFBLK = S_IFBLK;
        _S_IFREG = S_IFREG;
        _S_IFLNK = S_IFLNK;
        _S_ISVTX = S_ISVTX;
        _S_IFSOCK = S_IFSOCK;
        _S_IFWHT = S_IFWHT;
        _S_ARCH1 = S_ARCH1;
        _S_ARCH2 = S_ARCH2;
    }
    /// Unit of [`stat::st_blocks`], bytes.
    blkcnt_t {
        S_BLKSIZE = 512;
    }
    /// Flag of a file, [`stat::st_flags`], `chflags(2)`.
    u32 {
        /// Mask of what the owner may change.
        UF_SETTABLE = 0xffff;
        /// Not to be dumped.
        UF_NODUMP = 0x1;
        /// Cannot be changed.
        UF_IMMUTABLE = 0x2;
        /// Can only be appended to.
        UF_APPEND = 0x4;
        /// A directory that hides what is below it in a union mount.
        UF_OPAQUE = 0x8;
        /// Mask of what only the superuser may change.
        SF_SETTABLE = 0xffff_0000;
        /// Archived.
        SF_ARCHIVED = 0x1_0000;
        /// Cannot be changed.
        SF_IMMUTABLE = 0x2_0000;
        /// Can only be appended to.
        SF_APPEND = 0x4_0000;
        /// A snapshot.
        SF_SNAPSHOT = 0x20_0000;
        /// A journal.
        SF_LOG = 0x40_0000;
        /// A snapshot that is no longer valid.
        SF_SNAPINVAL = 0x80_0000;
    }
    /// Special [`timespec::tv_nsec`] of `utimensat(2)` and `futimens(2)`.
    c_long {
        /// The current time.
        UTIME_NOW = 0x3fff_ffff;
        /// Leave this time as it is.
        UTIME_OMIT = 0x3fff_fffe;
    }
}

macro_rules! file_types {
    ($( $(#[$doc:meta])* $name:ident: $type:ident; )*) => {$(
        $(#[$doc])*
        pub const fn $name(mode: mode_t) -> bool {
            mode & S_IFMT == $type
        }
    )*};
}

file_types! {
    /// Whether a mode is that of a FIFO.
    S_ISFIFO: S_IFIFO;
    /// Whether a mode is that of a character device.
    S_ISCHR: S_IFCHR;
    /// Whether a mode is that of a directory.
    S_ISDIR: S_IFDIR;
    /// Whether a mode is that of a block device.
    S_ISBLK: S_IFBLK;
    /// Whether a mode is that of a regular file.
    S_ISREG: S_IFREG;
    /// Whether a mode is that of a symbolic link.
    S_ISLNK: S_IFLNK;
    /// Whether a mode is that of a socket.
    S_ISSOCK: S_IFSOCK;
    /// Whether a mode is that of a whiteout.
    S_ISWHT: S_IFWHT;
}
