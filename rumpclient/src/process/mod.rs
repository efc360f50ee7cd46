//! The life of a process that has a twin in a rump kernel: `rumpclient(3)`.

mod closenotify;
mod daemon;
pub(crate) mod exec;
mod fork;
mod inherit;
mod lease;
pub(crate) mod reconnect;

pub use closenotify::CloseVariant;
pub use fork::{Fork, Prefork, set_host_fork};
