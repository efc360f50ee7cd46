//! Calls by number.

use core::ffi::{c_int, c_void};

use nix::errno::Errno as Host;
use rumpclient::marshal::{MAX_ARGS_SIZE, Register};
use rumpclient::{Errno, read_raw, write_raw};

use crate::current;
use crate::errno::{self, Preserved};
use crate::report::contained;

/// Makes the call `number` with `len` bytes of marshalled arguments, and puts the two return
/// registers to `retval`. Returns 0, or the error number; errno is left alone. More than 64 bytes
/// of arguments, or fewer than the call has, are EINVAL.
///
/// # Safety
/// What the arguments point at must be what the call takes, and where `retval` points must be the
/// caller's to overwrite, if it is memory at all; it may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_syscall(
    number: c_int,
    data: *const c_void,
    len: usize,
    retval: *mut Register,
) -> c_int {
    contained(Host::EIO as c_int, || {
        let _errno = Preserved::new();
        // SAFETY: the caller's promise.
        match unsafe { by_number(number as u32, data, len, retval) } {
            Ok(()) => 0,
            Err(error) => errno::number(error),
        }
    })
}

/// # Safety
/// As for [`rumpclient_syscall`].
unsafe fn by_number(
    number: u32,
    data: *const c_void,
    len: usize,
    retval: *mut Register,
) -> Result<(), Errno> {
    let mut args = [0; MAX_ARGS_SIZE];
    let args = args.get_mut(..len).ok_or(Errno::EINVAL)?;
    read_raw(data.cast(), args)?;
    let mut registers = [0; 2];
    // SAFETY: the caller's promise.
    unsafe { make(number, args, &mut registers) }?;
    if retval.is_null() {
        return Ok(());
    }
    let [first, second] = registers.map(Register::to_ne_bytes);
    // SAFETY: the caller's promise.
    unsafe { write_raw(retval.cast(), &[first, second].concat()) }
}

/// Makes a call on the current client.
///
/// # Safety
/// As for [`rumpclient::Client::syscall`].
pub(crate) unsafe fn make(
    number: u32,
    args: &[u8],
    retval: &mut [Register; 2],
) -> Result<(), Errno> {
    let client = current::get().ok_or(Errno::LINK_LOST)?;
    // SAFETY: passed on from the caller.
    unsafe { client.syscall(number, args, retval) }
}
