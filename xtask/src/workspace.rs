//! Where the workspace is, and reading and writing its files with errors that name them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// The top of the workspace.
pub(crate) fn root() -> PathBuf {
    // `cargo run` says where the package is now, which a target folder shared with a copy of the
    // workspace does not; xtask is one level below the top.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().unwrap_or(&package).to_owned()
}

/// A path as errors show it: from the current folder if it lies below.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// A file's bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// Writes a file, with the folders it needs.
pub(crate) fn write(path: &Path, contents: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, contents))
        .map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}
