//! NetBSD's types, constants and error numbers, never the host's.
//!
//! What a rump kernel reads and writes has NetBSD's layout and NetBSD's values whatever the client
//! runs on. This module has them under the names of NetBSD's headers, one submodule per header,
//! and all of them again right here: [`netbsd::O_CREAT`](O_CREAT), [`netbsd::stat`](stat).
//! Values and layouts are those of NetBSD 11; where older kernels differ, the item says so or
//! [`compat`] has the older struct.
//!
//! Every struct is plain data: integers, arrays of them and raw pointers, so any bytes that a
//! kernel may write into one are a valid value, and reading them needs no `unsafe`. Pointers are
//! addresses in the client, and one that a kernel has handed back is not to be trusted. Numbers
//! are in the machine's byte order, which client and kernel share, unless the item says network
//! byte order.
//!
//! Beside C's items there are a few of Rust's own: [`Errno`], [`SockAddr`], [`dirents`],
//! [`cmsgs`], [`ioc_len`] and [`ioc_dir`], [`signal::to_host`] and [`signal::from_host`], and
//! conversions between [`timespec`], [`timeval`] and [`Duration`](core::time::Duration).

// Names are C's.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]

mod macros;
#[cfg(test)]
mod tests;

pub mod address;
pub mod aio;
pub mod cmsg;
pub mod compat;
pub mod dirent_;
pub mod errno;
pub mod event;
pub mod extattr;
pub mod fcntl;
pub mod idtype;
pub mod in_;
pub mod ioctl;
pub mod mman;
pub mod mount;
pub mod mqueue;
pub mod net_if;
pub mod poll;
pub mod quota;
pub mod random;
pub mod reboot;
pub mod resource;
pub mod select;
pub mod signal;
pub mod socket;
pub mod stat_;
pub mod sysctl;
pub mod termios;
pub mod time;
pub mod types;
pub mod uio;
pub mod un;
pub mod unistd;
pub mod wait;

#[doc(no_inline)]
pub use {
    address::*, aio::*, cmsg::*, compat::*, dirent_::*, errno::*, event::*, extattr::*, fcntl::*,
    idtype::*, in_::*, ioctl::*, mman::*, mount::*, mqueue::*, net_if::*, poll::*, quota::*,
    random::*, reboot::*, resource::*, select::*, signal::header::*, signal::number::*, socket::*,
    stat_::*, sysctl::*, termios::*, time::*, types::*, uio::*, un::*, unistd::*, wait::*,
};
