//! Exec.

use core::ffi::{CStr, c_char, c_int};
use core::iter;
use core::ptr::with_exposed_provenance;

use nix::errno::Errno as Host;
use rumpclient::{Errno, Error, check_raw_string, read_raw};

use super::{failed, not_connected};
use crate::report::contained;
use crate::{current, errno};

/// Replaces the program as `execve(2)` does; the new one goes on as the same process in the kernel
/// once it calls `rumpclient_init()`, with the descriptors that were not marked FD_CLOEXEC. Returns
/// only on failure: -1 with errno set; the connection works on then.
///
/// In a vforked child that has not called `rumpclient_fork_init()`, the process in the kernel stays
/// the parent's, and the new program gets a new one.
///
/// # Safety
/// Whatever is mapped of `path`, `argv` and `envp` must be a string and NULL-terminated arrays of
/// strings; each array may be NULL and counts as empty then. What is not is EFAULT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_exec(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    contained(-1, || {
        let Some(client) = current::get() else { return not_connected() };
        if client.is_borrowed() {
            // A vforked child without a process in the kernel. The connection is its parent's, who
            // goes on with it: the new program makes its own.
            // SAFETY: the caller's promise.
            let error = unsafe { rumpclient::execve(path, argv, envp) };
            errno::set(error.raw_os_error().unwrap_or(Host::EIO as c_int));
            return -1;
        }
        // Nothing is kept: a vforked child that execs never frees it, in its parent's memory.
        let checked = check_raw_string(path).and_then(|()| check(argv)).and_then(|()| check(envp));
        if let Err(error) = checked {
            return failed(&Error::Kernel(error));
        }
        // SAFETY: they have just been read, and the caller promises that they stay.
        let (path, argv, envp) = unsafe { (CStr::from_ptr(path), strings(argv), strings(envp)) };
        match client.exec_with(path, argv, envp) {
            Ok(never) => match never {},
            Err(error) => failed(&error),
        }
    })
}

/// Whether everything in a NULL-terminated array of strings can be read.
fn check(array: *const *const c_char) -> Result<(), Errno> {
    if array.is_null() {
        return Ok(());
    }
    for index in 0.. {
        let mut string = [0; size_of::<usize>()];
        read_raw(array.wrapping_add(index).cast(), &mut string)?;
        match usize::from_ne_bytes(string) {
            0 => break,
            address => check_raw_string(with_exposed_provenance(address))?,
        }
    }
    Ok(())
}

/// The strings of a NULL-terminated array.
///
/// # Safety
/// `array` must be NULL or such an array, and both it and its strings must outlive what is
/// returned.
unsafe fn strings<'a>(array: *const *const c_char) -> impl Iterator<Item = &'a CStr> {
    let mut next = array;
    iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: the caller's promise; the array's NULL is not passed.
        unsafe {
            let string = *next;
            if string.is_null() {
                return None;
            }
            next = next.add(1);
            Some(CStr::from_ptr(string))
        }
    })
}
