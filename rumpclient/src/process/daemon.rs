//! Going into the background.

#![allow(unsafe_code)]

use crate::client::Client;
use crate::error::{Error, Stage};
use crate::process::fork::Fork;
use crate::sys;

impl Client {
    /// Detaches the program from its terminal, as `daemon(3)` does, and takes the process in the
    /// kernel along: `rumpclient_daemon()` of `rumpclient(3)`. The calling process exits with
    /// status 0; the client returned belongs to the process that goes on. Unless `nochdir`, that
    /// one has `/` as working directory; unless `noclose`, its standard input, output and error
    /// are `/dev/null`.
    ///
    /// # Safety
    /// As for [`Client::fork`].
    ///
    /// # Errors
    /// Those of [`Client::fork`], and [`Error::Io`] when the host refuses a step. An error that
    /// comes after the fork is returned by the process that goes on, the first one having exited.
    pub unsafe fn daemon(&self, nochdir: bool, noclose: bool) -> Result<Client, Error> {
        // SAFETY: passed on from the caller.
        let client = match unsafe { self.fork() }? {
            Fork::Parent { .. } => sys::exit_now(0),
            Fork::Child(client) => client?,
        };
        let step = |result: std::io::Result<()>| {
            result.map_err(|source| Error::Io { stage: Stage::Calls, source })
        };
        step(sys::new_session())?;
        if !nochdir {
            step(sys::change_to_root())?;
        }
        if !noclose {
            step(sys::silence_stdio())?;
        }
        Ok(client)
    }
}
