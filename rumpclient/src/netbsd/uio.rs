//! Scattered buffers: `<sys/uio.h>`; `readv(2)`, `writev(2)`.

use core::ffi::c_void;

use super::macros::layouts;

/// One of several buffers, `readv(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct iovec {
    /// The buffer.
    pub iov_base: *mut c_void,
    /// Its length, bytes.
    pub iov_len: usize,
}

layouts! {
    iovec: 16 / 8 { iov_base: 0 / 0, iov_len: 8 / 4 }
}
