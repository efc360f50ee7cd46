//! Directory entries: `<sys/dirent.h>`; `getdents(2)`.

use core::fmt;

use super::macros::{constants, layouts};
use super::types::CharArray;
use super::{Errno, ino_t};

/// A directory entry. What `getdents(2)` gives is a sequence of records that begin like this one
/// but end soon after the name: [`dirents`] reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct dirent {
    /// Serial number of the file.
    pub d_fileno: ino_t,
    /// Bytes of this record.
    pub d_reclen: u16,
    /// Bytes of the name, without its NUL.
    pub d_namlen: u16,
    /// Type of the file, a `DT_` constant.
    pub d_type: u8,
    /// The name and a NUL.
    pub d_name: CharArray<512>,
}

layouts! {
    dirent: 528 / 528 {
        d_fileno: 0 / 0, d_reclen: 8 / 8, d_namlen: 10 / 10, d_type: 12 / 12, d_name: 13 / 13,
    }
}

constants! {
    /// Longest name of a file, bytes.
    usize {
        MAXNAMLEN = 511;
    }
    /// Type of a file in a directory entry, [`dirent::d_type`].
    u8 {
        /// The file system does not say.
        DT_UNKNOWN = 0;
        /// FIFO.
        DT_FIFO = 1;
        /// Character device.
        DT_CHR = 2;
        /// Directory.
        DT_DIR = 4;
        /// Block device.
        DT_BLK = 6;
        /// Regular file.
        DT_REG = 8;
        /// Symbolic link.
        DT_LNK = 10;
        /// Socket.
        DT_SOCK = 12;
        /// Whiteout of a union mount.
        DT_WHT = 14;
    }
}

/// Bytes of a record before the name.
const HEAD: usize = core::mem::offset_of!(dirent, d_name);
/// Records begin at multiples of this.
const ALIGNMENT: usize = size_of::<ino_t>();

/// An entry read by [`dirents`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// Serial number of the file.
    pub fileno: ino_t,
    /// Type of the file, a `DT_` constant.
    pub kind: u8,
    /// The name, without a NUL: any bytes, as the server sends them.
    pub name: &'a [u8],
}

impl DirEntry<'_> {
    /// Appends the entry to `buffer` as a record of `getdents(2)`. `ENAMETOOLONG` for a name
    /// longer than [`MAXNAMLEN`].
    pub fn push_to(&self, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        if self.name.len() > MAXNAMLEN {
            return Err(Errno::ENAMETOOLONG);
        }
        let len = (HEAD + self.name.len() + 1).next_multiple_of(ALIGNMENT);
        let end = buffer.len() + len;
        buffer.extend_from_slice(&self.fileno.to_ne_bytes());
        buffer.extend_from_slice(&(len as u16).to_ne_bytes());
        buffer.extend_from_slice(&(self.name.len() as u16).to_ne_bytes());
        buffer.push(self.kind);
        buffer.extend_from_slice(self.name);
        buffer.resize(end, 0);
        Ok(())
    }
}

impl fmt::Debug for DirEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirEntry")
            .field("fileno", &self.fileno)
            .field("kind", &self.kind)
            .field("name", &format_args!("\"{}\"", self.name.escape_ascii()))
            .finish()
    }
}

/// The entries in `buffer`: as many bytes as `getdents(2)` said it wrote.
///
/// Entries without a file (serial number 0) are passed over, as `readdir(3)` does; `.` and `..` are
/// not. The bytes come from a server and may be anything: a record that cannot be one ends the
/// sequence with [`Errno::EPROTO`].
pub fn dirents(buffer: &[u8]) -> Dirents<'_> {
    Dirents { rest: buffer }
}

/// Iterator over directory entries, made by [`dirents`].
#[derive(Clone, Debug)]
pub struct Dirents<'a> {
    /// What is not read yet, from the start of a record.
    rest: &'a [u8],
}

impl<'a> Dirents<'a> {
    /// Takes the record at the start.
    fn take(&mut self) -> Option<DirEntry<'a>> {
        let (head, _) = self.rest.split_first_chunk::<HEAD>()?;
        let [f0, f1, f2, f3, f4, f5, f6, f7, r0, r1, n0, n1, kind] = *head;
        let len = usize::from(u16::from_ne_bytes([r0, r1]));
        let name_len = usize::from(u16::from_ne_bytes([n0, n1]));
        let (record, rest) = self.rest.split_at_checked(len)?;
        let name = record.get(HEAD..HEAD + name_len)?;
        self.rest = rest;
        let fileno = ino_t::from_ne_bytes([f0, f1, f2, f3, f4, f5, f6, f7]);
        Some(DirEntry { fileno, kind, name })
    }
}

impl<'a> Iterator for Dirents<'a> {
    type Item = Result<DirEntry<'a>, Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.take() {
                Some(entry) if entry.fileno == 0 => continue,
                Some(entry) => return Some(Ok(entry)),
                None => {
                    self.rest = &[];
                    return Some(Err(Errno::EPROTO));
                }
            }
        }
        None
    }
}

impl core::iter::FusedIterator for Dirents<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fileno: ino_t, name: &[u8]) -> DirEntry<'_> {
        DirEntry { fileno, kind: DT_REG, name }
    }

    fn buffer(entries: &[DirEntry<'_>]) -> Vec<u8> {
        let mut buffer = Vec::new();
        for entry in entries {
            entry.push_to(&mut buffer).expect("a name that fits");
        }
        buffer
    }

    #[test]
    fn reads_what_was_written() {
        let longest = [b'x'; MAXNAMLEN];
        let entries =
            [entry(1, b"."), entry(2, b""), entry(u64::MAX, &longest), entry(3, b"1234567")];
        let buffer = buffer(&entries);
        assert_eq!(buffer.len() % ALIGNMENT, 0);
        assert_eq!(dirents(&buffer).collect::<Result<Vec<_>, _>>(), Ok(entries.to_vec()));
    }

    #[test]
    fn passes_over_removed_files() {
        let buffer = buffer(&[entry(0, b"gone"), entry(7, b"here"), entry(0, b"gone")]);
        assert_eq!(dirents(&buffer).collect::<Vec<_>>(), [Ok(entry(7, b"here"))]);
    }

    #[test]
    fn refuses_names_that_do_not_fit() {
        let mut buffer = Vec::new();
        let too_long = [b'x'; MAXNAMLEN + 1];
        assert_eq!(entry(1, &too_long).push_to(&mut buffer), Err(Errno::ENAMETOOLONG));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_cut_off_record_is_an_error_and_the_end() {
        let whole = buffer(&[entry(1, b"a"), entry(2, b"b")]);
        let second = whole.len() / 2;
        for end in second + 1..whole.len() {
            let read: Vec<_> = dirents(&whole[..end]).collect();
            assert_eq!(read, [Ok(entry(1, b"a")), Err(Errno::EPROTO)], "cut at {end}");
        }
    }

    #[test]
    fn any_lengths_in_a_record_are_survived() {
        let mut bytes = buffer(&[entry(1, b"name"), entry(2, b"after")]);
        for record_len in 0..=u16::MAX {
            bytes[8..10].copy_from_slice(&record_len.to_ne_bytes());
            for name_len in [0, 1, record_len, record_len.wrapping_sub(13), 512, u16::MAX] {
                bytes[10..12].copy_from_slice(&name_len.to_ne_bytes());
                // A record is at least as long as its head, so there cannot be more of them.
                let most = bytes.len() / HEAD + 1;
                let read = dirents(&bytes).take(most + 1).collect::<Vec<_>>();
                assert!(read.len() <= most, "no end with {record_len} and {name_len}");
                if let Ok(first) = read[0] {
                    assert!(HEAD + first.name.len() <= usize::from(record_len));
                }
            }
        }
    }
}
