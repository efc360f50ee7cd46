//! Forking, in the kernel and on the host.

use core::ffi::c_int;
use std::process;
use std::ptr;

use nix::errno::Errno as Host;
use nix::libc::pid_t;
use rumpclient::{Client, Fork, Prefork};

use super::{failed, hijack, not_connected};
use crate::errno::{self, Preserved};
use crate::report::contained;
use crate::{cookies, current, vforked};

/// What `rumpclient_prefork()` returns: for C an incomplete type.
#[repr(C)]
#[derive(Debug)]
pub struct RumpclientFork {
    key: [u32; 4],
}

/// Has the kernel fork this process; the copy waits for [`rumpclient_fork_init`]. Returns its
/// cookie, or NULL with errno set.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_prefork() -> *mut RumpclientFork {
    contained(ptr::null_mut(), || {
        let Some(client) = current::get() else {
            not_connected();
            return ptr::null_mut();
        };
        match client.prefork() {
            Ok(prefork) => cookies::keep(prefork).cast(),
            Err(error) => {
                failed(&error);
                ptr::null_mut()
            }
        }
    })
}

/// Makes this process, the child of a host fork, the one that the kernel forked for `cookie`. The
/// cookie is used up. Returns 0, or -1 with errno set: ESRCH for a cookie used before, or whatever
/// hinders a new connection.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_fork_init(cookie: *mut RumpclientFork) -> c_int {
    contained(-1, || {
        let Some((prefork, maker)) = cookies::take(cookie.cast()) else {
            errno::set(Host::ESRCH as c_int);
            return -1;
        };
        match attach(prefork, maker) {
            Ok(()) => 0,
            Err(error) => failed(&error),
        }
    })
}

fn attach(prefork: Prefork, maker: u32) -> Result<(), rumpclient::Error> {
    let parent = current::get();
    let shares_memory = parent.is_some_and(Client::is_own);
    if let Some(parent) = parent {
        parent.close_inherited();
    }
    let client = prefork.attach()?;
    if shares_memory && process::id() != maker {
        vforked::set(client);
    } else {
        current::set(client);
    }
    Ok(())
}

/// Ends the process that the kernel forked for `cookie`, which is used up. For a host fork that
/// failed, whose errno is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_fork_cancel(cookie: *mut RumpclientFork) {
    contained((), || {
        let _errno = Preserved::new();
        if let Some((prefork, _)) = cookies::take(cookie.cast()) {
            // The function returns nothing, and there is nothing left to do.
            let _ = prefork.cancel();
        }
    });
}

/// Gives a parent its connection back after a vforked child ran in its memory. Errno is left alone.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_fork_vparent(cookie: *mut RumpclientFork) {
    contained((), || {
        let _errno = Preserved::new();
        if let Some((prefork, _)) = cookies::take(cookie.cast()) {
            prefork.hand_over();
        }
        vforked::clear_away();
    });
}

/// Forks this process, in the kernel and on the host, as `fork(2)` does: the child has copies of
/// the parent's descriptors in the kernel. Returns 0 in the child, the child's host pid in the
/// parent, and -1 with errno set on failure; in the child that means that it has no process in the
/// kernel.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_fork() -> pid_t {
    contained(-1, || {
        let Some(client) = current::get() else { return not_connected() };
        hijack::adopt_host_fork();
        // SAFETY: what a child of fork(2) may do is the C program's to know, as with fork(2).
        match unsafe { client.fork() } {
            Ok(Fork::Parent { child }) => child,
            Ok(Fork::Child(Ok(child))) => {
                current::set(child);
                0
            }
            Ok(Fork::Child(Err(error))) | Err(error) => failed(&error),
        }
    })
}

/// Goes into the background as `daemon(3)` does, and takes the process in the kernel along. Unless
/// `nochdir`, the working directory on the host becomes `/`; unless `noclose`, standard input,
/// output and error become `/dev/null`. Returns 0 in the process that goes on, or -1 with errno
/// set.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_daemon(nochdir: c_int, noclose: c_int) -> c_int {
    contained(-1, || {
        let Some(client) = current::get() else { return not_connected() };
        hijack::adopt_host_fork();
        // SAFETY: as for rumpclient_fork().
        match unsafe { client.daemon(nochdir != 0, noclose != 0) } {
            Ok(daemon) => {
                current::set(daemon);
                0
            }
            Err(error) => failed(&error),
        }
    })
}
