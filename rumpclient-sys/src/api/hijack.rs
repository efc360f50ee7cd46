//! What librumphijack needs: a library that lends a rump kernel to programs which do not know of it,
//! by putting itself between them and libc.
//!
//! This library reaches the host by system calls, past libc and whatever is preloaded over it. The
//! exception is `fork`, whose libc function does more than the call; that one is looked up in the
//! preloaded library's way.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::hint::black_box;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno as Host;
use nix::libc;
use rumpclient::CloseVariant;

use super::failed;
use crate::current;
use crate::errno;
use crate::report::contained;

/// Tells the library that the program is about to close the host descriptor `*fd` (variant
/// `RUMPCLIENT_CLOSE_CLOSE`), to make it the target of `dup2(2)` (`_DUP2`), or to close it and
/// everything above (`_FCLOSEM`). A descriptor of the library's moves out of the way. For the last
/// variant the library closes what it can and sets `*fd` to where the program goes on. Returns 0, or
/// -1 with errno set.
///
/// # Safety
/// `fd` must point at a descriptor's number. The descriptors that `_FCLOSEM` closes must be the
/// program's to close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient__closenotify(fd: *mut c_int, variant: c_int) -> c_int {
    contained(-1, || {
        let invalid = |error: Host| {
            errno::set(error as c_int);
            -1
        };
        let variant = match variant {
            0 => CloseVariant::Close,
            1 => CloseVariant::Dup2,
            2 => CloseVariant::FcloseM,
            _ => return invalid(Host::EINVAL),
        };
        let mut number = [0; size_of::<c_int>()];
        if rumpclient::read_raw(fd.cast(), &mut number).is_err() {
            return invalid(Host::EFAULT);
        }
        // Without a connection there is no descriptor to move.
        let Some(client) = current::get() else { return 0 };
        if !client.is_own() {
            return 0;
        }
        match client.close_notify(c_int::from_ne_bytes(number), variant) {
            Ok(next) => {
                // SAFETY: the caller's promise; the number has just been read there.
                unsafe { *fd = next };
                0
            }
            Err(error) => failed(&error),
        }
    })
}

/// `dlsym(3)`, called from this library: RTLD_NEXT means what comes behind it.
///
/// # Safety
/// As for `dlsym(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumpclient__dlsym(
    handle: *mut c_void,
    symbol: *const c_char,
) -> *mut c_void {
    // SAFETY: passed on from the caller.
    let found = unsafe { libc::dlsym(handle, symbol) };
    // Keeps the call from becoming a jump: dlsym goes by the address it returns to.
    black_box(found)
}

/// What a preloaded library defines to have this library's functions of the host looked up from its
/// own place. This definition is what applies without one.
///
/// # Safety
/// As for `dlsym(3)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rumphijack_dlsym(
    handle: *mut c_void,
    symbol: *const c_char,
) -> *mut c_void {
    // SAFETY: passed on from the caller.
    black_box(unsafe { rumpclient__dlsym(handle, symbol) })
}

type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
type HostFork = unsafe extern "C" fn() -> libc::pid_t;

/// Finds the host's `fork` past a preloaded library that has its own. To be called before a fork: one
/// search takes as long as half a handshake, and few programs fork.
pub(super) fn adopt_host_fork() {
    static ADOPTED: AtomicBool = AtomicBool::new(false);
    if ADOPTED.load(Ordering::Acquire) {
        return;
    }
    const OVERRIDE: &CStr = c"rumphijack_dlsym";
    // SAFETY: a search for a name; nothing is called.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, OVERRIDE.as_ptr()) };
    let lookup: Dlsym = if found.is_null() {
        // This library's names are not public, in a program linked with it statically.
        rumphijack_dlsym
    } else {
        // SAFETY: the name belongs to functions of this type only.
        unsafe { mem::transmute::<*mut c_void, Dlsym>(found) }
    };
    // SAFETY: a search for a name, in the way dlsym(3) is called.
    let fork = unsafe { lookup(libc::RTLD_NEXT, c"fork".as_ptr()) };
    if !fork.is_null() {
        // SAFETY: whatever comes behind us under that name stands in for libc's fork.
        unsafe {
            let fork = mem::transmute::<*mut c_void, HostFork>(fork);
            rumpclient::set_host_fork(fork);
        }
    }
    ADOPTED.store(true, Ordering::Release);
}

/// The host's number of the signal that NetBSD numbers `signal`, or -1 where it has none.
#[unsafe(no_mangle)]
pub extern "C" fn rumpuser__sig_rump2host(signal: c_int) -> c_int {
    rumpclient::netbsd::signal::to_host(signal).unwrap_or(-1)
}
