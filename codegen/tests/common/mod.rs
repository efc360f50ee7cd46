//! The tables that tests read.

#![allow(dead_code, reason = "each test uses its part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use rumpclient_codegen::model::Table;

/// The NetBSD releases whose tables the generator is held against, oldest first, as
/// `rumpcalls.tsv` names them, with the names of their files.
pub(crate) const RELEASES: [(&str, &str); 6] = [
    ("1.239", "netbsd-1.239.master"),
    ("7.0-1.270.2.1", "netbsd-7.0-1.270.2.1.master"),
    ("1.285", "netbsd-1.285.master"),
    ("1.295", "netbsd-1.295.master"),
    ("1.309", "netbsd-1.309.master"),
    ("1.316", "netbsd-1.316.master"),
];

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file of the workspace. Panics where it cannot be read: it is part of the sources.
pub(crate) fn own(path: &str) -> Vec<u8> {
    let path = root().join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The workspace's `syscalls.master`, parsed.
pub(crate) fn own_table() -> Table {
    parse(&own("syscalls.master"), "syscalls.master")
}

/// The workspace's annotations.
pub(crate) fn lending() -> String {
    String::from_utf8(own("codegen/lending.txt")).expect("lending.txt is UTF-8")
}

/// Parses what must be a good table.
pub(crate) fn parse(bytes: &[u8], file: &str) -> Table {
    rumpclient_codegen::parse(bytes, file).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A file of the reference data that may lie beside the workspace; where it does not, says on
/// standard error that `test` is skipped.
pub(crate) fn shared(test: &str, path: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("{test}: {} is absent, what needs it is skipped", path.display());
    None
}

/// The same, read.
pub(crate) fn read_shared(test: &str, path: &str) -> Option<Vec<u8>> {
    let path = shared(test, path)?;
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A table of the reference data, parsed.
pub(crate) fn shared_table(test: &str, file: &str) -> Option<Table> {
    Some(parse(&read_shared(test, &format!("masters/{file}"))?, file))
}
