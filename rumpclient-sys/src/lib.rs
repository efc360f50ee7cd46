//! `librumpclient.so.0`: the C interface of [`rumpclient`].
//!
//! The functions of `rump/rump_syscalls.h` are generated from `syscalls.master`; what they do around
//! a call is in one place, `export.rs`. Those of `rump/rumpclient.h` are in `api/`. This crate adds
//! what only a C library needs: the one client that all calls go to (`current.rs`, `vforked.rs`), errno
//! (`errno.rs`), cookies that C can hold (`cookies.rs`), messages and the end of every panic
//! (`report.rs`).
//!
//! Built as a shared library it exports the symbols in `abi/librumpclient.symbols` and no others.

mod api;
mod cookies;
mod current;
mod errno;
mod export;
mod generated;
mod report;
mod vforked;

pub use api::*;
pub use errno::{rumpclient_seterrnotrans, rumpclient_strerror};
pub use generated::exports;
