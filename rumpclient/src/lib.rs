//! Client for NetBSD rump kernels.
//!
//! A rump kernel is NetBSD's kernel running as an ordinary process. A [`Client`] is a process in
//! such a kernel: its `rump_sys_*` methods are system calls that the kernel carries out, reached
//! over a local or TCP socket by the rump_sp protocol (`rump_sp(7)`).
//!
//! ```no_run
//! use rumpclient::{Client, netbsd};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let kernel = Client::connect("unix:///tmp/kernel.sock")?;
//! let fd = kernel.rump_sys_open(c"/tmp/hello", netbsd::O_CREAT | netbsd::O_RDWR, 0o644)?;
//! kernel.rump_sys_write(fd, b"hello, kernel\n")?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//! - [`Client`], [`Builder`]: connections, settings, and the calls, one method for each RUMP call
//!   of NetBSD's `syscalls.master`.
//! - [`Client::batch`], [`Batch`]: many calls of one thread at the same time.
//! - `tokio`, with the feature of that name: calls as futures.
//! - [`netbsd`]: NetBSD's types, constants and error numbers. They are not the host's.
//! - [`table`], [`args`]: what the master table says about each call, and the marshalled argument
//!   structs, for programs that make calls by number.
//! - [`proto`]: the protocol itself, as pure state, for programs that speak it otherwise.
//!
//! # Memory
//! The kernel fetches and stores a call's data over the same socket. It can touch only memory that
//! a running call lends: the buffers, strings and structs that its arguments name. See
//! [`MemoryPolicy`].
//!
//! # Signals
//! Signals are delivered while a call waits, and handlers may make calls, on top of other calls too.
//! A call may allocate memory: a program may not let such a handler interrupt its own allocations.
//!
//! # Errors
//! Calls fail with an [`Errno`], which is NetBSD's. A lost kernel is
//! [`Errno::LINK_LOST`], told apart from every error of a kernel.

#![warn(missing_docs)]

mod batch;
mod call;
mod client;
mod environment;
mod error;
mod generated;
mod lend;
pub mod marshal;
mod memory;
pub mod netbsd;
mod options;
mod param;
mod process;
pub mod proto;
mod repeat;
mod session;
mod sync;
mod sys;
pub mod table;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transport;

pub use batch::{Batch, Pending};
pub use client::{Builder, Client};
pub use error::{Error, Stage};
pub use generated::args;
#[doc(hidden)]
pub use lend::count_lent;
pub use lend::{MemoryPolicy, Region};
#[doc(hidden)]
pub use memory::{check_raw_string, read_raw, write_raw};
pub use netbsd::Errno;
pub use options::{LinkEvent, RaisePolicy, RetryPolicy, SignalSet};
#[doc(hidden)]
pub use process::set_host_fork;
pub use process::{CloseVariant, Fork, Prefork};
pub use proto::address::Address;
pub use proto::banner::Banner;
#[doc(hidden)]
pub use sys::execve;
pub use transport::PeerCredentials;
