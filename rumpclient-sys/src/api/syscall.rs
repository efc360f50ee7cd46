//! Calls by number.

use core::ffi::{c_int, c_void};
use core::{ptr, slice};

use nix::errno::Errno as Host;
use rumpclient::Errno;
use rumpclient::marshal::{MAX_ARGS_SIZE, Register};

use crate::current;
use crate::errno::{self, Preserved};
use crate::report::contained;

/// Makes the call `number` with `len` bytes of marshalled arguments, and puts the two return
/// registers to `retval`. Returns 0, or the error number; errno is left alone. More than 64 bytes
/// of arguments, or fewer than the call has, are EINVAL.
///
/// # Safety
/// `data` must point at `len` readable bytes, or be NULL with a `len` of 0; `retval` must point at
/// two registers, or be NULL. What the arguments point at must be what the call takes.
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
        let args = match unsafe { arguments(data, len) } {
            Ok(args) => args,
            Err(error) => return errno::number(error),
        };
        let mut registers = [0; 2];
        // SAFETY: the caller's promise.
        match unsafe { make(number as u32, args, &mut registers) } {
            Ok(()) => {
                if !retval.is_null() {
                    // SAFETY: the caller's promise.
                    unsafe { ptr::copy_nonoverlapping(registers.as_ptr(), retval, 2) };
                }
                0
            }
            Err(error) => errno::number(error),
        }
    })
}

/// # Safety
/// `data` must point at `len` readable bytes unless it is NULL.
unsafe fn arguments<'a>(data: *const c_void, len: usize) -> Result<&'a [u8], Errno> {
    match (data.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Errno::EFAULT),
        (false, ..=MAX_ARGS_SIZE) => {
            // SAFETY: the caller's promise.
            Ok(unsafe { slice::from_raw_parts(data.cast(), len) })
        }
        (false, _) => Err(Errno::EINVAL),
    }
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
