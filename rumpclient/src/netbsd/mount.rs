//! Mounted file systems: `<sys/mount.h>`, `<sys/fstypes.h>`, `<sys/statvfs.h>`; `mount(2)`,
//! `unmount(2)`, `statvfs(2)`, `getvfsstat(2)`.

use core::ffi::{c_char, c_int, c_ulong};

use super::macros::{constants, layouts};
use super::types::CharArray;
use super::{fsblkcnt_t, fsfilcnt_t, fsid_t, gid_t, ino_t, mode_t, off_t, uid_t};

/// Defines a `struct statvfs`: all releases begin it alike.
macro_rules! statvfs_structs {
    ($( $(#[$doc:meta])* $name:ident { $($end:tt)* } )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(C)]
        pub struct $name {
            /// `ST_` flags, the same as the `MNT_` ones.
            pub f_flag: c_ulong,
            /// Block size of the file system, bytes.
            pub f_bsize: c_ulong,
            /// Fragment size: the unit of the block counts, bytes.
            pub f_frsize: c_ulong,
            /// Best size of an access, bytes.
            pub f_iosize: c_ulong,
            /// Blocks in all, of `f_frsize` bytes each.
            pub f_blocks: fsblkcnt_t,
            /// Free blocks.
            pub f_bfree: fsblkcnt_t,
            /// Free blocks for everybody.
            pub f_bavail: fsblkcnt_t,
            /// Free blocks for the superuser alone.
            pub f_bresvd: fsblkcnt_t,
            /// Files (serial numbers) in all.
            pub f_files: fsfilcnt_t,
            /// Free files.
            pub f_ffree: fsfilcnt_t,
            /// Free files for everybody.
            pub f_favail: fsfilcnt_t,
            /// Free files for the superuser alone.
            pub f_fresvd: fsfilcnt_t,
            /// Synchronous reads since the mount.
            pub f_syncreads: u64,
            /// Synchronous writes since the mount.
            pub f_syncwrites: u64,
            /// Asynchronous reads since the mount.
            pub f_asyncreads: u64,
            /// Asynchronous writes since the mount.
            pub f_asyncwrites: u64,
            /// File system id.
            pub f_fsidx: fsid_t,
            /// File system id, the short form.
            pub f_fsid: c_ulong,
            /// Longest file name, bytes.
            pub f_namemax: c_ulong,
            /// Who mounted it.
            pub f_owner: uid_t,
            $($end)*
        }
    )*};
}

statvfs_structs! {
    /// Statistics of a mounted file system, `statvfs(2)`, as NetBSD 10 and later have it. Kernels
    /// up to NetBSD 9 fill a [`statvfs90`].
    statvfs {
        /// Unused.
        pub f_spare: [u64; 4],
        /// File system type, `"tmpfs"`.
        pub f_fstypename: CharArray<32>,
        /// Where it is mounted.
        pub f_mntonname: CharArray<1024>,
        /// What is mounted: a device, or what the file system says.
        pub f_mntfromname: CharArray<1024>,
        /// Label of the disk.
        pub f_mntfromlabel: CharArray<1024>,
    }

    /// [`statvfs`] up to NetBSD 9, where it is called so: calls of those releases that take a
    /// `struct statvfs` take this one.
    statvfs90 {
        /// Unused.
        pub f_spare: [u32; 4],
        /// File system type, `"tmpfs"`.
        pub f_fstypename: CharArray<32>,
        /// Where it is mounted.
        pub f_mntonname: CharArray<1024>,
        /// What is mounted: a device, or what the file system says.
        pub f_mntfromname: CharArray<1024>,
    }
}

/// `mount(2)` data of the FFS, LFS and ext2 file systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ufs_args {
    /// The block device to mount, NUL-terminated.
    pub fspec: *mut c_char,
}

/// `mount(2)` data of the tmpfs file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct tmpfs_args {
    /// [`TMPFS_ARGS_VERSION`].
    pub ta_version: c_int,
    /// Most files; 0 for what memory allows.
    pub ta_nodes_max: ino_t,
    /// Most memory, bytes; 0 for all there is.
    pub ta_size_max: off_t,
    /// Owner of its root.
    pub ta_root_uid: uid_t,
    /// Group of its root.
    pub ta_root_gid: gid_t,
    /// Permissions of its root.
    pub ta_root_mode: mode_t,
}

/// `mount(2)` data of the ptyfs file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct ptyfs_args {
    /// [`PTYFS_ARGSVERSION`].
    pub version: c_int,
    /// Group of the terminals.
    pub gid: gid_t,
    /// Permissions of the terminals.
    pub mode: mode_t,
    /// Flags.
    pub flags: c_int,
}

layouts! {
    statvfs: 3296 / 3268 {
        f_flag: 0 / 0, f_bsize: 8 / 4, f_frsize: 16 / 8, f_iosize: 24 / 12, f_blocks: 32 / 16,
        f_bfree: 40 / 24, f_bavail: 48 / 32, f_bresvd: 56 / 40, f_files: 64 / 48, f_ffree: 72 / 56,
        f_favail: 80 / 64, f_fresvd: 88 / 72, f_syncreads: 96 / 80, f_syncwrites: 104 / 88,
        f_asyncreads: 112 / 96, f_asyncwrites: 120 / 104, f_fsidx: 128 / 112, f_fsid: 136 / 120,
        f_namemax: 144 / 124, f_owner: 152 / 128, f_spare: 160 / 132, f_fstypename: 192 / 164,
        f_mntonname: 224 / 196, f_mntfromname: 1248 / 1220, f_mntfromlabel: 2272 / 2244,
    }
    statvfs90: 2256 / 2228 {
        f_flag: 0 / 0, f_bsize: 8 / 4, f_frsize: 16 / 8, f_iosize: 24 / 12, f_blocks: 32 / 16,
        f_bfree: 40 / 24, f_bavail: 48 / 32, f_bresvd: 56 / 40, f_files: 64 / 48, f_ffree: 72 / 56,
        f_favail: 80 / 64, f_fresvd: 88 / 72, f_syncreads: 96 / 80, f_syncwrites: 104 / 88,
        f_asyncreads: 112 / 96, f_asyncwrites: 120 / 104, f_fsidx: 128 / 112, f_fsid: 136 / 120,
        f_namemax: 144 / 124, f_owner: 152 / 128, f_spare: 156 / 132, f_fstypename: 172 / 148,
        f_mntonname: 204 / 180, f_mntfromname: 1228 / 1204,
    }
    ufs_args: 8 / 4 { fspec: 0 / 0 }
    tmpfs_args: 40 / 32 {
        ta_version: 0 / 0, ta_nodes_max: 8 / 4, ta_size_max: 16 / 12, ta_root_uid: 24 / 20,
        ta_root_gid: 28 / 24, ta_root_mode: 32 / 28,
    }
    ptyfs_args: 16 / 16 { version: 0 / 0, gid: 4 / 4, mode: 8 / 8, flags: 12 / 12 }
}

constants! {
    /// Flag of a mount, `mount(2)`, and as `ST_` of [`statvfs::f_flag`].
    c_int {
        /// Read only.
        MNT_RDONLY = 0x1;
        /// Written synchronously.
        MNT_SYNCHRONOUS = 0x2;
        /// No programs are executed.
        MNT_NOEXEC = 0x4;
        /// Set-user-id bits do not count.
        MNT_NOSUID = 0x8;
        /// Special files do not work.
        MNT_NODEV = 0x10;
        /// What is below the mount point shows through.
        MNT_UNION = 0x20;
        /// Written asynchronously.
        MNT_ASYNC = 0x40;
        /// No core dumps are written.
        MNT_NOCOREDUMP = 0x8000;
        /// Access times change only where the file changed since.
        MNT_RELATIME = 0x2_0000;
        /// Not listed by `df(1)`.
        MNT_IGNORE = 0x10_0000;
        /// NFSv4 access control lists; not in NetBSD 7.
        MNT_NFS4ACLS = 0x20_0000;
        /// Freed blocks are reported to the device.
        MNT_DISCARD = 0x80_0000;
        /// Extended attributes.
        MNT_EXTATTR = 0x100_0000;
        /// With a journal.
        MNT_LOG = 0x200_0000;
        /// Access times do not change.
        MNT_NOATIME = 0x400_0000;
        /// Mounted by `automountd(8)`; not in NetBSD 7.
        MNT_AUTOMOUNTED = 0x1000_0000;
        /// Permissions of symbolic links count.
        MNT_SYMPERM = 0x2000_0000;
        /// Modification times of devices do not change.
        MNT_NODEVMTIME = 0x4000_0000;
        /// Soft dependencies.
        MNT_SOFTDEP = 0x8000_0000_u32 as c_int;
        /// POSIX.1e access control lists; not in NetBSD 7.
        MNT_POSIX1EACLS = 0x800;
        /// Another name of `MNT_POSIX1EACLS`; not in NetBSD 7.
        MNT_ACLS = MNT_POSIX1EACLS;
        /// Mask of the flags above but `MNT_IGNORE`.
        MNT_BASIC_FLAGS = 0xf7a2_887f_u32 as c_int;
    }
    /// Flag of a mount that NFS exports.
    c_int {
        /// Read only.
        MNT_EXRDONLY = 0x80;
        /// It is exported.
        MNT_EXPORTED = 0x100;
        /// To the world.
        MNT_DEFEXPORTED = 0x200;
        /// Everybody is mapped to one user.
        MNT_EXPORTANON = 0x400;
        /// Users are mapped by Kerberos.
        MNT_EXKERB = 0x800;
        /// From any port.
        MNT_EXNORESPORT = 0x800_0000;
        /// Public.
        MNT_EXPUBLIC = 0x1000_0000;
    }
    /// Flag of a mount that the kernel sets.
    c_int {
        /// Its storage is local.
        MNT_LOCAL = 0x1000;
        /// Quotas are on.
        MNT_QUOTA = 0x2000;
        /// It is the root.
        MNT_ROOTFS = 0x4000;
        /// Mask of what `statvfs(2)` shows.
        MNT_VISFLAGMASK = 0xffb0_ffff_u32 as c_int;
    }
    /// What `mount(2)` or `unmount(2)` is to do.
    c_int {
        /// Change a mount.
        MNT_UPDATE = 0x1_0000;
        /// Read it anew from the device.
        MNT_RELOAD = 0x4_0000;
        /// Even though it is in use.
        MNT_FORCE = 0x8_0000;
        /// Get the file system's own data of a mount.
        MNT_GETARGS = 0x40_0000;
        /// Mask of these.
        MNT_OP_FLAGS = MNT_UPDATE | MNT_RELOAD | MNT_FORCE | MNT_GETARGS;
    }
    /// Flag of a mount inside the kernel.
    c_int {
        IMNT_GONE = 0x1;
        IMNT_UNMOUNT = 0x2;
        IMNT_WANTRDWR = 0x4;
        /// Not in NetBSD 7.
        IMNT_WANTRDONLY = 0x8;
        /// Not in NetBSD 7.
        IMNT_NCLOOKUP = 0x20;
        IMNT_DTYPE = 0x40;
        /// Not in NetBSD 7.
        IMNT_SHRLOOKUP = 0x80;
        IMNT_MPSAFE = 0x100;
        IMNT_CAN_RWTORO = 0x200;
        IMNT_ONWORKLIST = 0x400;
    }
    /// Whether to wait for fresh figures, `getvfsstat(2)`, `statvfs1(2)`.
    c_int {
        /// Wait.
        MNT_WAIT = 1;
        /// Take what is known.
        MNT_NOWAIT = 2;
        /// Inside the kernel: sync lazily.
        MNT_LAZY = 3;
    }
    /// Bytes of a mount's name in the struct before `statvfs`.
    usize {
        MNAMELEN = 90;
    }
    /// Variable below `CTL_VFS`, `sysctl(7)`.
    c_int {
        /// About all file systems.
        VFS_GENERIC = 0;
        /// Below `VFS_GENERIC`: the largest type number.
        VFS_MAXTYPENUM = 1;
        /// Below `VFS_GENERIC`: about one type.
        VFS_CONF = 2;
        /// Below `VFS_GENERIC`: whether users may mount.
        VFS_USERMOUNT = 3;
        /// Below `VFS_GENERIC`: whether symbolic links may hold variables.
        VFS_MAGICLINKS = 4;
        /// Below `VFS_GENERIC`: how precise times of files are; not in NetBSD 7.
        VFS_TIMESTAMP_PRECISION = 5;
    }
    /// What happened, for `EVFILT_FS`; not in NetBSD 7.
    u32 {
        /// A file system was mounted.
        VQ_MOUNT = 1;
        /// A file system was unmounted.
        VQ_UNMOUNT = 2;
    }
    /// Version of a file system's own `mount(2)` data.
    c_int {
        /// Of [`tmpfs_args`].
        TMPFS_ARGS_VERSION = 1;
        /// Of [`ptyfs_args`].
        PTYFS_ARGSVERSION = 2;
    }
}
