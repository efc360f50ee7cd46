//! The generator of rumpclient: `syscalls.master` in, Rust and C out.
//!
//! Pure functions: text goes in, text or errors come out. Files are the business of
//! `cargo xtask`. The stages, in order: [`source`] splices lines, [`parse`](mod@parse) takes one
//! line apart, [`lower`] makes entries out of lines, [`lending`] reads what a prototype cannot say,
//! [`resolve`] joins it all, and [`emit`] prints.

pub mod diagnostic;
pub mod diff;
pub mod emit;
mod foreign;
mod grammar;
pub mod lending;
pub mod list;
pub mod lower;
pub mod model;
pub mod parse;
pub mod resolve;
pub mod source;
pub mod types;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use emit::File;
pub use model::Table;

/// What a run of the generator gives.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The files.
    pub files: Vec<File>,
    /// What a person should know, a line each.
    pub notes: Vec<String>,
}

/// Parses a `syscalls.master`; `file` is what errors call it.
pub fn parse(source: &[u8], file: &str) -> Result<Table, Diagnostics> {
    lower::table(source::Source::new(file, source))
}

/// Makes the generated files of a table. `lending` is the text of `lending.txt`, and
/// `lending_file` what errors call it.
pub fn generate(
    table: &Table,
    lending: &str,
    lending_file: &str,
) -> Result<Generated, Diagnostics> {
    let annotations = lending::Annotations::parse(lending, lending_file)?;
    let interface = resolve::Interface::of(table, &annotations)?;
    Ok(Generated { files: emit::files(&interface), notes: interface.notes })
}
