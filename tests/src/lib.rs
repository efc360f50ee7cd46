//! What the tests that cross a socket stand on: kernels to run against, a peer that follows a
//! script, and programs that play a client.

pub mod c;
pub mod fixture;
pub mod fuzz;
pub mod harness;
pub mod host;
pub mod hostile;
pub mod mix;
pub mod mortal;
pub mod peer;
pub mod process;
pub mod program;
pub mod raw;
pub mod server;
pub mod signals;
pub mod ssh;
