//! What the fuzzers run: functions that take any bytes, and panic when something is wrong.
//!
//! The programs in `/fuzz` hand them to libFuzzer; `tests/tests/fuzz.rs` runs the seeds, and some
//! mutants of them, with every `cargo test`.

mod address;
mod banner;
mod environment;
mod frames;
mod input;
mod master;
pub mod mutate;
mod sequences;
pub mod session;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// The targets, by the names of their programs and of the folders with their seeds.
pub const TARGETS: [(&str, Target); 7] = [
    ("address", address::run),
    ("banner", banner::run),
    ("environment", environment::run),
    ("frames", frames::run),
    ("master", master::run),
    ("sequences", sequences::run),
    ("session", session::run),
];

/// The target of this name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.into_iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| panic!("there is no target {name}")).1
}
