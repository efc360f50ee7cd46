//! A folder for a moment.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, mkdirat, unlinkat};
use rustix::rand::{GetRandomFlags, getrandom};

/// A folder that only this user can look into, with room for one socket; both are removed when it
/// is dropped.
#[derive(Debug)]
pub(crate) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Makes one in `parent`, under a name that nobody can foresee.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        let mut name = [0; 8];
        getrandom(&mut name, GetRandomFlags::empty())?;
        let path = parent.join(format!("rumpclient-{:016x}", u64::from_ne_bytes(name)));
        mkdirat(CWD, &path, Mode::RWXU)?;
        Ok(Self(path))
    }

    /// Where the socket can be made.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // Whoever was to make the socket may not have come so far.
        let _ = unlinkat(CWD, self.socket(), AtFlags::empty());
        let _ = unlinkat(CWD, &self.0, AtFlags::REMOVEDIR);
    }
}
