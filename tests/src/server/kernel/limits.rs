//! What a process may use: `getrlimit(2)`, `setrlimit(2)`.

use rumpclient::Errno;
use rumpclient::netbsd::{RLIM_INFINITY, RLIM_NLIMITS, RLIMIT_NOFILE};

use super::{DESCRIPTORS_MAX, Result};

/// The limits of a process, by `RLIMIT_` number. That of descriptors is kept to, by
/// [`Descriptors`](super::Descriptors); the others are only known.
#[derive(Clone, Debug)]
pub(crate) struct Limits([Limit; RLIM_NLIMITS as usize]);

/// A limit that holds, and how far its process may raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let mut limits = [Limit { soft: RLIM_INFINITY, hard: RLIM_INFINITY }; _];
        let descriptors = DESCRIPTORS_MAX as u64;
        limits[RLIMIT_NOFILE as usize] = Limit { soft: descriptors, hard: descriptors };
        Self(limits)
    }
}

impl Limits {
    /// A limit.
    ///
    /// # Errors
    /// EINVAL when there is no such limit.
    pub(crate) fn get(&self, which: i32) -> Result<Limit> {
        let limit = usize::try_from(which).ok().and_then(|which| self.0.get(which));
        limit.copied().ok_or_else(|| Errno::EINVAL.into())
    }

    /// Sets a limit, and returns what it has become.
    ///
    /// # Errors
    /// EINVAL when there is no such limit, or it is upside down; EPERM when somebody but root
    /// raises it.
    pub(crate) fn set(&mut self, which: i32, mut limit: Limit, is_root: bool) -> Result<Limit> {
        let old = self.get(which)?;
        if limit.soft > limit.hard {
            return Err(Errno::EINVAL.into());
        }
        if limit.hard > old.hard && !is_root {
            return Err(Errno::EPERM.into());
        }
        if which == RLIMIT_NOFILE {
            let most = DESCRIPTORS_MAX as u64;
            limit = Limit { soft: limit.soft.min(most), hard: limit.hard.min(most) };
        }
        self.0[which as usize] = limit;
        Ok(limit)
    }
}
