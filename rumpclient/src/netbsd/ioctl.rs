//! Request codes of `ioctl(2)`: `<sys/ioccom.h>`, `<sys/filio.h>`.
//!
//! A code says which way its argument is copied and how long it is, so its value follows from the
//! argument's type: `_IOWR::<ifreq>(b'i', 33)`. Codes that belong to a device's structs are with
//! those structs.

use core::ffi::{c_int, c_ulong};

use super::macros::constants;
use super::off_t;

constants! {
    /// Direction of an `ioctl(2)` code, seen from the caller.
    c_ulong {
        /// No argument in memory.
        IOC_VOID = 0x2000_0000;
        /// The kernel writes the argument (copyout).
        IOC_OUT = 0x4000_0000;
        /// The kernel reads the argument (copyin).
        IOC_IN = 0x8000_0000;
        /// Both.
        IOC_INOUT = IOC_IN | IOC_OUT;
        /// Mask of the direction.
        IOC_DIRMASK = 0xe000_0000;
    }
    /// Part of an `ioctl(2)` code.
    c_ulong {
        /// Mask of the argument's length, once shifted down.
        IOCPARM_MASK = 0x1fff;
        /// Where the length sits.
        IOCPARM_SHIFT = 16;
        /// Where the group sits.
        IOCGROUP_SHIFT = 8;
    }
    /// `ioctl(2)` request that any descriptor takes.
    c_ulong {
        /// Set close-on-exec.
        FIOCLEX = _IO(b'f', 1);
        /// Clear close-on-exec.
        FIONCLEX = _IO(b'f', 2);
        /// Next offset with data, at or after the given one.
        FIOSEEKDATA = _IOWR::<off_t>(b'f', 97);
        /// Next offset of a hole, at or after the given one.
        FIOSEEKHOLE = _IOWR::<off_t>(b'f', 98);
        /// Room in the send buffer, bytes.
        FIONSPACE = _IOR::<c_int>(b'f', 120);
        /// Bytes in the send buffer.
        FIONWRITE = _IOR::<c_int>(b'f', 121);
        /// Process or (negative) group that gets `SIGIO`.
        FIOGETOWN = _IOR::<c_int>(b'f', 123);
        /// Set the process or (negative) group that gets `SIGIO`.
        FIOSETOWN = _IOW::<c_int>(b'f', 124);
        /// Set or clear `SIGIO` when data arrives.
        FIOASYNC = _IOW::<c_int>(b'f', 125);
        /// Set or clear non-blocking mode.
        FIONBIO = _IOW::<c_int>(b'f', 126);
        /// Bytes that can be read at once.
        FIONREAD = _IOR::<c_int>(b'f', 127);
    }
}

/// A code by its parts; `len` is the argument's length in bytes.
pub const fn _IOC(direction: c_ulong, group: u8, number: u8, len: usize) -> c_ulong {
    direction
        | (len as c_ulong & IOCPARM_MASK) << IOCPARM_SHIFT
        | (group as c_ulong) << IOCGROUP_SHIFT
        | number as c_ulong
}

/// A code without an argument in memory.
pub const fn _IO(group: u8, number: u8) -> c_ulong {
    _IOC(IOC_VOID, group, number, 0)
}

/// A code whose argument, a `T`, the kernel writes.
pub const fn _IOR<T>(group: u8, number: u8) -> c_ulong {
    _IOC(IOC_OUT, group, number, size_of::<T>())
}

/// A code whose argument, a `T`, the kernel reads.
pub const fn _IOW<T>(group: u8, number: u8) -> c_ulong {
    _IOC(IOC_IN, group, number, size_of::<T>())
}

/// A code whose argument, a `T`, the kernel reads and writes.
pub const fn _IOWR<T>(group: u8, number: u8) -> c_ulong {
    _IOC(IOC_INOUT, group, number, size_of::<T>())
}

/// Which way the argument of a code is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IocDir {
    /// Not at all: the argument is a plain value, or there is none.
    Void,
    /// The kernel reads it (copyin).
    In,
    /// The kernel writes it (copyout).
    Out,
    /// Both.
    InOut,
}

/// Which way the argument of `code` is copied. Only the direction bits for reading and writing
/// count, as in the kernel.
pub const fn ioc_dir(code: c_ulong) -> IocDir {
    match (code & IOC_IN != 0, code & IOC_OUT != 0) {
        (false, false) => IocDir::Void,
        (true, false) => IocDir::In,
        (false, true) => IocDir::Out,
        (true, true) => IocDir::InOut,
    }
}

/// Bytes of the argument of `code`: at most 8191.
pub const fn ioc_len(code: c_ulong) -> usize {
    (code >> IOCPARM_SHIFT & IOCPARM_MASK) as usize
}
