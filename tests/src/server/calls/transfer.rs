//! The client's buffers of a call that reads or writes.

use std::collections::VecDeque;

use rumpclient::Errno;
use rumpclient::netbsd as nb;

use super::layout::field;
use super::{Call, PAGE};
use crate::server::kernel::Result;

/// Most buffers of readv(2) and the like (`IOV_MAX`).
const BUFFERS_MAX: usize = 1024;

/// Bytes that are moved between client and host at once: a call may ask for more than is good to
/// hold in memory.
pub(crate) const CHUNK: usize = 16 * PAGE;

/// Buffers in the client's memory, as far as they have not been used up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    /// Addresses and lengths.
    rest: VecDeque<(usize, usize)>,
    len: usize,
}

impl Buffers {
    /// A single buffer.
    ///
    /// # Errors
    /// EINVAL when its length does not fit a `ssize_t`.
    pub(crate) fn one(address: usize, len: usize) -> Result<Self> {
        Self::new([(address, len)].into())
    }

    /// The buffers of a `struct iovec` array in the client's memory.
    ///
    /// # Errors
    /// EINVAL for a count that is not from 1 to `IOV_MAX`, or lengths that do not fit a `ssize_t`.
    pub(crate) fn of_iovec(call: &Call<'_>, address: usize, count: i32) -> Result<Self> {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        if count == 0 || count > BUFFERS_MAX {
            return Err(Errno::EINVAL.into());
        }
        let size = size_of::<nb::iovec>();
        let array = call.copyin(address, count * size)?;
        let buffer = |iovec: &[u8]| {
            let base: *mut core::ffi::c_void = field!(iovec, nb::iovec, iov_base);
            (base.addr(), field!(iovec, nb::iovec, iov_len))
        };
        Self::new(array.chunks_exact(size).map(buffer).collect())
    }

    fn new(rest: VecDeque<(usize, usize)>) -> Result<Self> {
        let lens = rest.iter().map(|&(_, len)| len);
        let len = lens.map(isize::try_from).try_fold(0isize, |sum, len| sum.checked_add(len.ok()?));
        let len = len.ok_or(Errno::EINVAL)? as usize;
        Ok(Self { rest, len })
    }

    /// Bytes that are left.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the next part off, at most `most` bytes.
    fn take(&mut self, most: usize) -> Option<(usize, usize)> {
        loop {
            let (address, len) = self.rest.pop_front()?;
            let taken = len.min(most);
            if len > taken {
                self.rest.push_front((address.wrapping_add(taken), len - taken));
            }
            if taken > 0 || most == 0 {
                self.len -= taken;
                return Some((address, taken));
            }
        }
    }

    /// Fetches the next bytes, `most` of them if there are as many.
    ///
    /// # Errors
    /// EFAULT.
    pub(crate) fn copyin(&mut self, call: &Call<'_>, most: usize) -> Result<Vec<u8>> {
        let wanted = self.len.min(most);
        let mut bytes = Vec::with_capacity(wanted);
        while bytes.len() < wanted {
            let Some((address, len)) = self.take(wanted - bytes.len()) else {
                break;
            };
            bytes.extend(call.copyin(address, len)?);
        }
        Ok(bytes)
    }

    /// Stores bytes into the buffers, `piece` at a time; what does not fit is dropped.
    ///
    /// # Errors
    /// EFAULT.
    pub(crate) fn copyout(&mut self, call: &Call<'_>, bytes: &[u8], piece: usize) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((address, len)) = self.take(rest.len()) else {
                break;
            };
            let (now, later) = rest.split_at(len);
            call.copyout_in_pieces(address, now, piece)?;
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_up_in_order() {
        let mut buffers = Buffers::new([(10, 4), (20, 0), (30, 3)].into()).unwrap();
        assert_eq!(buffers.len(), 7);
        assert_eq!(buffers.take(3), Some((10, 3)));
        assert_eq!(buffers.take(3), Some((13, 1)));
        assert_eq!(buffers.take(9), Some((30, 3)));
        assert_eq!((buffers.take(9), buffers.is_empty()), (None, true));
    }

    #[test]
    fn lengths_that_no_result_can_tell_are_refused() {
        assert!(Buffers::one(0, isize::MAX as usize).is_ok());
        assert!(Buffers::one(0, isize::MAX as usize + 1).is_err());
        assert!(Buffers::new([(0, isize::MAX as usize), (0, 1)].into()).is_err());
    }
}
