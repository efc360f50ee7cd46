//! Asynchronous I/O: `<aio.h>`; `aio_read(3)`, `lio_listio(3)`.

use core::ffi::{c_int, c_void};

use super::macros::{constants, layouts};
use super::{off_t, sigevent};

/// One operation, `aio_read(3)`. The kernel keeps its address: it stays where it is, and its
/// buffer as well, until the operation is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct aiocb {
    /// Offset in the file.
    pub aio_offset: off_t,
    /// The buffer.
    pub aio_buf: *mut c_void,
    /// Its length, bytes.
    pub aio_nbytes: usize,
    /// The file.
    pub aio_fildes: c_int,
    /// `lio_listio(3)`: the operation, a `LIO_` constant.
    pub aio_lio_opcode: c_int,
    /// How much lower its priority is.
    pub aio_reqprio: c_int,
    /// What tells that it is done.
    pub aio_sigevent: sigevent,
    /// The kernel's: how far it is.
    pub _state: c_int,
    /// The kernel's: its error.
    pub _errno: c_int,
    /// The kernel's: its result.
    pub _retval: isize,
}

layouts! {
    aiocb: 88 / 60 {
        aio_offset: 0 / 0, aio_buf: 8 / 8, aio_nbytes: 16 / 12, aio_fildes: 24 / 16,
        aio_lio_opcode: 28 / 20, aio_reqprio: 32 / 24, aio_sigevent: 40 / 28, _state: 72 / 48,
        _errno: 76 / 52, _retval: 80 / 56,
    }
}

constants! {
    /// Operation in a list, `lio_listio(3)`.
    c_int {
        /// None.
        LIO_NOP = 0;
        /// Write.
        LIO_WRITE = 1;
        /// Read.
        LIO_READ = 2;
    }
    /// Mode of `lio_listio(3)`.
    c_int {
        /// Do not wait.
        LIO_NOWAIT = 0;
        /// Wait for all operations.
        LIO_WAIT = 1;
    }
}
