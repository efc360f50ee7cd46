//! What `cargo xtask codegen` writes, behind this hand-written module.

pub mod exports;
