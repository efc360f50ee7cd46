//! Every host call of the crate, and with `memory.rs` the only place with `unsafe` code.
//!
//! One folder per host family; this module says what each must provide and holds nothing else.
//! The calls go to the kernel directly instead of through libc's socket, read, close, poll or
//! fcntl symbols: a preloaded library such as librumphijack interposes those to send them to the
//! rump kernel, which would turn the transport back onto itself.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("rumpclient has no host layer for this system yet: add one beside sys/linux");
