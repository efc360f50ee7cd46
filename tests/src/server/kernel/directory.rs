//! Open directories.

use std::os::fd::{AsFd, OwnedFd};

use parking_lot::Mutex;
use rustix::fs::{Dir, DirEntry};

use super::Result;
use super::attributes::Record;
use super::status::FileType;

/// An open directory. Its entries are read when reading starts at the beginning; what changes
/// afterwards shows after the next rewind.
pub(crate) struct Directory {
    pub(crate) fd: OwnedFd,
    pub(crate) record: Record,
    /// Whether it is the kernel's root, which is its own parent.
    is_root: bool,
    listing: Mutex<Listing>,
}

#[derive(Default)]
struct Listing {
    entries: Vec<Entry>,
    /// The next entry: the position that lseek(2) knows.
    next: usize,
}

/// An entry of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) inode: u64,
    pub(crate) file_type: Option<FileType>,
    pub(crate) name: Vec<u8>,
}

impl Directory {
    pub(crate) fn new(fd: OwnedFd, record: Record, is_root: bool) -> Self {
        Self { fd, record, is_root, listing: Mutex::default() }
    }

    /// Hands the entries from the position on to `take`, one by one until it has enough (false),
    /// and moves the position behind those it took.
    pub(crate) fn read(&self, mut take: impl FnMut(&Entry) -> bool) -> Result<()> {
        let mut listing = self.listing.lock();
        if listing.next == 0 {
            listing.entries = self.entries()?;
        }
        while let Some(entry) = listing.entries.get(listing.next) {
            if !take(entry) {
                break;
            }
            listing.next += 1;
        }
        Ok(())
    }

    /// The position, counted in entries.
    pub(crate) fn position(&self) -> usize {
        self.listing.lock().next
    }

    pub(crate) fn set_position(&self, next: usize) {
        self.listing.lock().next = next;
    }

    /// All entries, `.` and `..` included.
    fn entries(&self) -> Result<Vec<Entry>> {
        let own = rustix::fs::fstat(&self.fd)?.st_ino;
        let read = Dir::read_from(self.fd.as_fd())?;
        let mut entries = read.map(|entry| Ok(Entry::from(&entry?))).collect::<Result<Vec<_>>>()?;
        let parent = entries.iter_mut().find(|entry| entry.name == b"..");
        if let Some(parent) = parent.filter(|_| self.is_root) {
            parent.inode = own;
        }
        Ok(entries)
    }
}

impl From<&DirEntry> for Entry {
    fn from(host: &DirEntry) -> Self {
        let file_type = FileType::from_mode(host.file_type().as_raw_mode());
        Self { inode: host.ino(), file_type, name: host.file_name().to_bytes().to_vec() }
    }
}
