//! What stat(2) tells of a file.

use rumpclient::netbsd::{self as nb, timespec};

/// Bytes of a block in [`FileStatus::blocks`].
const BLOCK: i64 = 512;

/// The kinds of files, NetBSD's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileType {
    Fifo,
    Character,
    Directory,
    Block,
    Regular,
    Symlink,
    Socket,
}

impl FileType {
    /// The type in a file's mode, which all Unix systems write alike.
    pub(crate) fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & nb::S_IFMT {
            nb::S_IFIFO => Self::Fifo,
            nb::S_IFCHR => Self::Character,
            nb::S_IFDIR => Self::Directory,
            nb::S_IFBLK => Self::Block,
            nb::S_IFREG => Self::Regular,
            nb::S_IFLNK => Self::Symlink,
            nb::S_IFSOCK => Self::Socket,
            _ => return None,
        })
    }

    /// The bits of `st_mode`.
    pub(crate) fn mode(self) -> u32 {
        match self {
            Self::Fifo => nb::S_IFIFO,
            Self::Character => nb::S_IFCHR,
            Self::Directory => nb::S_IFDIR,
            Self::Block => nb::S_IFBLK,
            Self::Regular => nb::S_IFREG,
            Self::Symlink => nb::S_IFLNK,
            Self::Socket => nb::S_IFSOCK,
        }
    }

    /// The `d_type` of a directory entry: the same bits, shifted down.
    pub(crate) fn dirent_type(self) -> u8 {
        (self.mode() >> 12) as u8
    }
}

/// A NetBSD `dev_t` of a special file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceNumber(pub(crate) u64);

impl DeviceNumber {
    /// `/dev/null`: the memory device is major 2.
    pub(crate) const NULL: Self = Self::new(2, 2);
    /// `/dev/zero`.
    pub(crate) const ZERO: Self = Self::new(2, 12);

    /// `makedev(major, minor)`.
    const fn new(major: u64, minor: u64) -> Self {
        Self((major << 8 & 0xfff00) | (minor << 12 & 0xfff0_0000) | (minor & 0xff))
    }
}

/// What stat(2) tells of a file, apart from the layout it is told in.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileStatus {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Type and permissions.
    pub(crate) mode: u32,
    pub(crate) links: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The device that a special file stands for.
    pub(crate) special: DeviceNumber,
    pub(crate) accessed: timespec,
    pub(crate) modified: timespec,
    pub(crate) changed: timespec,
    pub(crate) born: timespec,
    /// Bytes.
    pub(crate) size: i64,
    /// Blocks of 512 bytes.
    pub(crate) blocks: i64,
    pub(crate) block_size: i32,
    /// `UF_` and `SF_` flags.
    pub(crate) flags: u32,
}

impl FileStatus {
    /// What the host tells, as it stands.
    pub(crate) fn from_host(host: &rustix::fs::Stat) -> Self {
        let time = |seconds, nanoseconds| timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        Self {
            device: host.st_dev,
            inode: host.st_ino,
            mode: host.st_mode,
            links: host.st_nlink as u32,
            uid: host.st_uid,
            gid: host.st_gid,
            special: DeviceNumber::default(),
            accessed: time(host.st_atime, host.st_atime_nsec as _),
            modified: time(host.st_mtime, host.st_mtime_nsec as _),
            changed: time(host.st_ctime, host.st_ctime_nsec as _),
            born: timespec::default(),
            size: host.st_size,
            blocks: host.st_blocks,
            block_size: host.st_blksize as i32,
            flags: 0,
        }
    }

    /// For something that is no file in the file system.
    pub(crate) fn anonymous(file_type: FileType, permissions: u32) -> Self {
        Self { mode: file_type.mode() | permissions, links: 1, block_size: 4096, ..Self::default() }
    }

    pub(crate) fn file_type(&self) -> Option<FileType> {
        FileType::from_mode(self.mode)
    }

    /// The same with a size, and the blocks that it takes.
    pub(crate) fn with_size(self, size: i64) -> Self {
        Self { size, blocks: (size + BLOCK - 1) / BLOCK, ..self }
    }
}
