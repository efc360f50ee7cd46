//! Waiting for descriptors: `<sys/select.h>`; `select(2)`, `pselect(2)`.

use core::ffi::c_int;
use core::fmt;

use super::Errno;
use super::macros::{constants, layouts};

constants! {
    /// Descriptors that an [`fd_set`] has room for: 0 to 255.
    c_int {
        FD_SETSIZE = 256;
    }
}

/// A set of descriptors, `select(2)`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct fd_set {
    /// One bit each, in words of 32 bits of the machine's byte order.
    pub fds_bits: [u32; 8],
}

layouts! {
    fd_set: 32 / 32 { fds_bits: 0 / 0 }
}

impl fd_set {
    /// The empty set.
    pub const fn new() -> fd_set {
        fd_set { fds_bits: [0; 8] }
    }

    /// Empties the set, `FD_ZERO`.
    pub const fn zero(&mut self) {
        self.fds_bits = [0; 8];
    }

    /// Adds `fd`, `FD_SET`. `EINVAL` where the set has no room for it: see [`FD_SETSIZE`].
    pub fn set(&mut self, fd: c_int) -> Result<(), Errno> {
        let (word, bit) = position(fd).ok_or(Errno::EINVAL)?;
        self.fds_bits[word] |= bit;
        Ok(())
    }

    /// Removes `fd`, `FD_CLR`.
    pub fn clear(&mut self, fd: c_int) {
        if let Some((word, bit)) = position(fd) {
            self.fds_bits[word] &= !bit;
        }
    }

    /// Whether `fd` is in the set, `FD_ISSET`.
    pub fn is_set(&self, fd: c_int) -> bool {
        position(fd).is_some_and(|(word, bit)| self.fds_bits[word] & bit != 0)
    }

    /// The descriptors in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = c_int> + '_ {
        (0..FD_SETSIZE).filter(|&fd| self.is_set(fd))
    }
}

/// Word and bit of a descriptor that the set has room for.
fn position(fd: c_int) -> Option<(usize, u32)> {
    let index = usize::try_from(fd).ok().filter(|_| fd < FD_SETSIZE)?;
    Some((index / 32, 1 << (index % 32)))
}

impl fmt::Debug for fd_set {
    /// `{0, 5}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_come_and_go() {
        let mut set = fd_set::new();
        for fd in [0, 31, 32, 255] {
            assert_eq!(set.set(fd), Ok(()));
        }
        assert_eq!(set.fds_bits[..2], [1 << 31 | 1, 1]);
        assert_eq!(format!("{set:?}"), "{0, 31, 32, 255}");
        set.clear(31);
        assert!(set.is_set(32) && !set.is_set(31));
        set.zero();
        assert_eq!(set, fd_set::default());
    }

    #[test]
    fn descriptors_without_room_are_refused() {
        let mut set = fd_set::new();
        for fd in [-1, 256, c_int::MIN, c_int::MAX] {
            assert_eq!(set.set(fd), Err(Errno::EINVAL));
            set.clear(fd);
            assert!(!set.is_set(fd));
        }
        assert_eq!(set, fd_set::new());
    }
}
