//! The attributes of files that the host is not asked to keep: owner, permissions, flags, time of
//! creation, device numbers.
//!
//! Clients are root in their kernel; the server need not be root on its host. So every file of the
//! private root belongs to the server's user, who can always read and write it, and what the
//! clients made of it is noted here.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, timespec};
use rustix::fs::Stat;

use super::Result;
use super::process::Credentials;
use super::status::{DeviceNumber, FileStatus, FileType};

/// What identifies a file on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Inode {
    device: u64,
    number: u64,
}

impl From<&Stat> for Inode {
    fn from(host: &Stat) -> Self {
        Self { device: host.st_dev, number: host.st_ino }
    }
}

/// What is noted of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    /// Permissions, and the type where it is not the host's: devices are regular files there.
    mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) flags: u32,
    special: DeviceNumber,
    born: timespec,
    /// The access time of a symbolic link, which the host moves whenever a path leads through it.
    pub(crate) link_accessed: timespec,
}

/// What one may want to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Read,
    Write,
    /// Search, for a directory.
    Execute,
}

impl Want {
    /// The bit in the last digit of a mode.
    fn bit(self) -> u32 {
        match self {
            Self::Read => 0o4,
            Self::Write => 0o2,
            Self::Execute => 0o1,
        }
    }
}

/// What a new file is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewFile {
    pub(crate) file_type: FileType,
    /// Permissions.
    pub(crate) mode: u32,
    /// For devices.
    pub(crate) special: DeviceNumber,
}

impl NewFile {
    pub(crate) fn new(file_type: FileType, mode: u32) -> Self {
        Self { file_type, mode, special: DeviceNumber::default() }
    }
}

/// The permission bits of a mode.
pub(crate) fn permissions(mode: u32) -> u32 {
    mode & 0o7777
}

impl Attributes {
    /// Of a file that has just been made.
    pub(crate) fn new(host: &Stat, new: NewFile, uid: u32, gid: u32) -> Self {
        let NewFile { file_type, mode, special } = new;
        let mode = file_type.mode() | permissions(mode);
        Self { mode, special, uid, gid, ..Self::of_host(host) }
    }

    /// Of a file that nothing has been noted of.
    fn of_host(host: &Stat) -> Self {
        let FileStatus { mode, changed, accessed, .. } = FileStatus::from_host(host);
        let special = DeviceNumber::default();
        Self { mode, uid: 0, gid: 0, flags: 0, special, born: changed, link_accessed: accessed }
    }

    /// Whether somebody may do something with the file.
    pub(crate) fn allow(&self, who: &Credentials, want: Want) -> bool {
        if who.is_root() {
            let is_directory = self.file_type() == Some(FileType::Directory);
            // Not even root executes what nobody may.
            return want != Want::Execute || is_directory || self.mode & 0o111 != 0;
        }
        let digit = match () {
            () if who.euid == self.uid => self.mode >> 6,
            () if who.has_group(self.gid) => self.mode >> 3,
            () => self.mode,
        };
        digit & want.bit() != 0
    }

    /// Checks that somebody may do something with the file.
    ///
    /// # Errors
    /// EACCES.
    pub(crate) fn check(&self, who: &Credentials, want: Want) -> Result<()> {
        if self.allow(who, want) { Ok(()) } else { Err(Errno::EACCES.into()) }
    }

    /// Checks that somebody may change the attributes themselves.
    ///
    /// # Errors
    /// EPERM for all but the owner and root.
    pub(crate) fn check_owner(&self, who: &Credentials) -> Result<()> {
        if who.is_root() || who.euid == self.uid { Ok(()) } else { Err(Errno::EPERM.into()) }
    }

    /// Whether only a file's owner may remove it from this directory.
    pub(crate) fn is_sticky(&self) -> bool {
        self.mode & nb::S_ISVTX != 0
    }

    pub(crate) fn set_permissions(&mut self, mode: u32) {
        self.mode = (self.mode & !permissions(u32::MAX)) | permissions(mode);
    }

    /// The type as the clients see it.
    pub(crate) fn file_type(&self) -> Option<FileType> {
        FileType::from_mode(self.mode)
    }

    /// The device that it stands for, where it is one.
    pub(crate) fn special(&self) -> DeviceNumber {
        self.special
    }

    /// The status of a device that is open.
    pub(crate) fn of_device(&self) -> FileStatus {
        FileStatus {
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            flags: self.flags,
            special: self.special,
            accessed: self.born,
            modified: self.born,
            changed: self.born,
            born: self.born,
            links: 1,
            ..FileStatus::default()
        }
    }

    /// The file's status: the host's, corrected by what is noted.
    pub(crate) fn apply(&self, host: &Stat) -> FileStatus {
        let status = FileStatus::from_host(host);
        let accessed = match status.file_type() {
            Some(FileType::Symlink) => self.link_accessed,
            _ => status.accessed,
        };
        FileStatus {
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            flags: self.flags,
            special: self.special,
            born: self.born,
            accessed,
            ..status
        }
    }
}

/// The notes of one file. Open files keep them when the file's last name is gone.
pub(crate) type Record = Arc<Mutex<Attributes>>;

/// The notes of all files.
#[derive(Default)]
pub(crate) struct AttributeTable {
    records: Mutex<HashMap<Inode, Record>>,
}

impl AttributeTable {
    /// The notes of an existing file.
    pub(crate) fn get(&self, host: &Stat) -> Record {
        let mut records = self.records.lock();
        let new = || Arc::new(Mutex::new(Attributes::of_host(host)));
        Arc::clone(records.entry(Inode::from(host)).or_insert_with(new))
    }

    /// Starts the notes of a new file.
    pub(crate) fn create(&self, host: &Stat, attributes: Attributes) {
        self.records.lock().insert(Inode::from(host), Arc::new(Mutex::new(attributes)));
    }

    /// Drops the notes of a file whose last name is gone: the host will use its number again.
    pub(crate) fn forget(&self, host: &Stat) {
        self.records.lock().remove(&Inode::from(host));
    }
}
