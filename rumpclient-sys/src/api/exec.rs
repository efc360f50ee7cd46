//! Exec.

use core::ffi::{c_char, c_int};
use core::ptr::with_exposed_provenance;
use std::ffi::CString;

use nix::errno::Errno as Host;
use rumpclient::{Errno, Error, read_raw, read_raw_string};

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
        // Copied, since any of them may be bad.
        let copies = || Ok((read_raw_string(path)?, strings(argv)?, strings(envp)?));
        let (path, argv, envp) = match copies() {
            Ok(copies) => copies,
            Err(error) => return failed(&Error::Kernel(error)),
        };
        let [argv, envp] = [&argv, &envp].map(|array| array.iter().map(CString::as_c_str));
        match client.exec_with(&path, argv, envp) {
            Ok(never) => match never {},
            Err(error) => failed(&error),
        }
    })
}

/// The strings of a NULL-terminated array; NULL is an empty one.
fn strings(array: *const *const c_char) -> Result<Vec<CString>, Errno> {
    let mut strings = Vec::new();
    if array.is_null() {
        return Ok(strings);
    }
    for next in 0.. {
        let mut string = [0; size_of::<usize>()];
        read_raw(array.wrapping_add(next).cast(), &mut string)?;
        let string: *const c_char = with_exposed_provenance(usize::from_ne_bytes(string));
        if string.is_null() {
            break;
        }
        strings.push(read_raw_string(string)?);
    }
    Ok(strings)
}
