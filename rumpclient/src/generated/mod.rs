//! What `cargo xtask codegen` writes, behind this hand-written module.

// The calls keep the names that `syscalls.master` gives them.
#[allow(non_snake_case)]
mod api;
pub mod args;
#[allow(non_snake_case)]
mod batch;
#[allow(non_snake_case)]
mod prepare;
pub(crate) mod table;
