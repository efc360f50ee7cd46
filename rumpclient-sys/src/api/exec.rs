//! Exec.

use core::ffi::{CStr, c_char, c_int};

use nix::errno::Errno as Host;
use smallvec::SmallVec;

use super::{failed, not_connected};
use crate::report::contained;
use crate::{current, errno};

/// Replaces the program as `execve(2)` does; the new one goes on as the same process in the kernel
/// once it calls `rumpclient_init()`, with the descriptors that were not marked FD_CLOEXEC. Returns
/// only on failure: -1 with errno set; the connection works on then.
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
        // SAFETY: the caller's promise.
        let (path, argv, envp) = unsafe { (CStr::from_ptr(path), strings(argv), strings(envp)) };
        match client.exec(path, &argv, &envp) {
            Ok(never) => match never {},
            Err(error) => failed(&error),
        }
    })
}

/// Most fit without heap, which an exec in a vforked child would leave to the parent.
type Strings<'a> = SmallVec<[&'a CStr; 64]>;

/// The strings of a NULL-terminated array.
///
/// # Safety
/// `array` must be NULL or such an array, and both it and its strings must outlive what is
/// returned.
unsafe fn strings<'a>(array: *const *const c_char) -> Strings<'a> {
    let mut strings = Strings::new();
    if array.is_null() {
        return strings;
    }
    // SAFETY: the caller's promise; the loop ends at the array's NULL.
    unsafe {
        let mut next = array;
        while !(*next).is_null() {
            strings.push(CStr::from_ptr(*next));
            next = next.add(1);
        }
    }
    strings
}
