//! The functions of `rump/rumpclient.h`, and those that librumphijack needs besides.

#![allow(unsafe_code)]

mod exec;
mod fork;
mod hijack;
mod init;
mod syscall;

pub use exec::rumpclient_exec;
pub use fork::*;
pub use hijack::*;
pub use init::{rumpclient_init, rumpclient_setconnretry};
pub(crate) use syscall::make;
pub use syscall::rumpclient_syscall;

use core::ffi::c_int;

use nix::errno::Errno as Host;
use rumpclient::Error;

use crate::errno;

/// Sets errno for `error`; what C functions then return.
fn failed(error: &Error) -> c_int {
    errno::set(errno::of_error(error));
    -1
}

/// Sets errno for a call that needs a connection where there never was one; what C functions then
/// return.
fn not_connected() -> c_int {
    errno::set(Host::ENOTCONN as c_int);
    -1
}
