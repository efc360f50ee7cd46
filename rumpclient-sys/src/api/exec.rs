//! Exec.

use core::ffi::{CStr, c_char, c_int};
use core::iter;

use nix::errno::Errno as Host;

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
/// `path` must be a string, `argv` and `envp` NULL-terminated arrays of strings; each array may be
/// NULL and counts as empty then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient_exec(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    contained(-1, || {
        let Some(client) = current::get() else { return not_connected() };
        if path.is_null() {
            errno::set(Host::EFAULT as c_int);
            return -1;
        }
        if client.is_borrowed() {
            // A vforked child without a process in the kernel. The connection is its parent's, who
            // goes on with it: the new program makes its own.
            // SAFETY: the caller's promise.
            let error = unsafe { rumpclient::execve(path, argv, envp) };
            errno::set(error.raw_os_error().unwrap_or(Host::EIO as c_int));
            return -1;
        }
        // SAFETY: the caller's promise.
        let (path, argv, envp) = unsafe { (CStr::from_ptr(path), strings(argv), strings(envp)) };
        match client.exec_with(path, argv, envp) {
            Ok(never) => match never {},
            Err(error) => failed(&error),
        }
    })
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
