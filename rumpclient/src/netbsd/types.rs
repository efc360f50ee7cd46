//! Scalar types, `<sys/types.h>`, with NetBSD's widths and signs.

use core::fmt;

use super::{Errno, macros::layouts};

/// Process id.
pub type pid_t = i32;
/// User id.
pub type uid_t = u32;
/// Group id.
pub type gid_t = u32;
/// Any id that an [`idtype_t`] says the kind of.
pub type id_t = u32;
/// Id of a thread in the kernel (light-weight process).
pub type lwpid_t = i32;
/// Type and permission bits of a file.
pub type mode_t = u32;
/// Device number.
pub type dev_t = u64;
/// File serial number.
pub type ino_t = u64;
/// Link count.
pub type nlink_t = u32;
/// File size or offset in bytes.
pub type off_t = i64;
/// File size in 512-byte blocks.
pub type blkcnt_t = i64;
/// Preferred block size in bytes.
pub type blksize_t = i32;
/// Count of file system blocks.
pub type fsblkcnt_t = u64;
/// Count of files of a file system.
pub type fsfilcnt_t = u64;
/// Seconds since the Epoch.
pub type time_t = i64;
/// Microseconds.
pub type suseconds_t = i32;
/// Which clock, `clock_gettime(2)`.
pub type clockid_t = i32;
/// Timer of a process, `timer_create(2)`.
pub type timer_t = i32;
/// Processor time in clock ticks.
pub type clock_t = u32;
/// Length of a socket address or option.
pub type socklen_t = u32;
/// Address family in a socket address.
pub type sa_family_t = u8;
/// Internet port in network byte order.
pub type in_port_t = u16;
/// Internet address in network byte order.
pub type in_addr_t = u32;
/// Number of [`pollfd`](super::pollfd)s.
pub type nfds_t = u32;
/// Resource limit.
pub type rlim_t = u64;
/// Message queue descriptor.
pub type mqd_t = i32;
/// Key of a System V IPC object.
pub type key_t = core::ffi::c_long;
/// Flags in a [`termios`](super::termios).
pub type tcflag_t = u32;
/// Control character in a [`termios`](super::termios).
pub type cc_t = u8;
/// Line speed in a [`termios`](super::termios).
pub type speed_t = core::ffi::c_int;
/// What kind of id an [`id_t`] is: one of the `P_` constants. An enum in C.
pub type idtype_t = core::ffi::c_int;

/// Id of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct fsid_t {
    /// Two numbers that together name the mount.
    pub __fsid_val: [i32; 2],
}

layouts! {
    fsid_t: 8 / 8 { __fsid_val: 0 / 0 }
}

/// A C `char` array that holds a NUL-terminated string.
///
/// The kernel fills it, so nothing is taken for granted: a missing NUL means that all `N` bytes
/// are the string.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct CharArray<const N: usize>(pub [u8; N]);

impl<const N: usize> CharArray<N> {
    /// The string, without its NUL.
    pub fn to_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(N);
        &self.0[..end]
    }

    /// As much of `text` as fits with a NUL behind it.
    pub fn truncated(text: &[u8]) -> Self {
        let mut array = Self::default();
        let len = text.len().min(N.saturating_sub(1));
        array.0[..len].copy_from_slice(&text[..len]);
        array
    }
}

impl<const N: usize> Default for CharArray<N> {
    /// The empty string.
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> TryFrom<&[u8]> for CharArray<N> {
    type Error = Errno;

    /// `ENAMETOOLONG` where `text` and its NUL do not fit, `EINVAL` where it has a NUL inside.
    fn try_from(text: &[u8]) -> Result<Self, Errno> {
        if text.len() >= N {
            Err(Errno::ENAMETOOLONG)
        } else if text.contains(&0) {
            Err(Errno::EINVAL)
        } else {
            Ok(Self::truncated(text))
        }
    }
}

impl<const N: usize> fmt::Debug for CharArray<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.to_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_at_their_nul_or_with_the_array() {
        assert_eq!(CharArray(*b"abc\0def").to_bytes(), b"abc");
        assert_eq!(CharArray([b'x'; 4]).to_bytes(), b"xxxx");
        assert_eq!(CharArray::<4>::truncated(b"abcdef").0, *b"abc\0");
        assert_eq!(format!("{:?}", CharArray(*b"a\"\xff\0")), "\"a\\\"\\xff\"");
    }

    #[test]
    fn strings_that_do_not_fit_are_refused() {
        assert_eq!(CharArray::<4>::try_from(b"abc".as_slice()), Ok(CharArray(*b"abc\0")));
        assert_eq!(CharArray::<4>::try_from(b"abcd".as_slice()), Err(Errno::ENAMETOOLONG));
        assert_eq!(CharArray::<4>::try_from(b"a\0".as_slice()), Err(Errno::EINVAL));
    }
}
