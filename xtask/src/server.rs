//! A rump kernel server of the command's own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;

/// How long a server may take to come up or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server in the foreground, ended when dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts one, and waits until it accepts connections at `url`.
    pub(crate) fn start(command: &mut Command, url: &str) -> Result<Self, Failure> {
        let child = command.stdin(Stdio::null()).spawn();
        let mut server = Self(child.map_err(|error| format!("{command:?}: {error}"))?);
        let deadline = Instant::now() + PATIENCE;
        while banner(url).is_none() {
            if let Some(status) = server.0.try_wait()? {
                return Err(format!("the server at {url} ended at once: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("the server at {url} was not ready within {PATIENCE:?}").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

/// What the server at `url` says when somebody connects; `None` while there is none.
pub(crate) fn banner(url: &str) -> Option<String> {
    let (scheme, address) = url.split_once("://")?;
    let mut banner = String::new();
    let read = match scheme {
        "unix" => BufReader::new(UnixStream::connect(address).ok()?).read_line(&mut banner),
        _ => {
            let stream = TcpStream::connect(address.trim_end_matches('/')).ok()?;
            BufReader::new(stream).read_line(&mut banner)
        }
    };
    read.ok().filter(|&length| length > 0).map(|_| banner.trim_end().to_owned())
}

impl Drop for Server {
    /// Asks the server to end, so that it clears its files away; insists if it does not.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        // It has ended by itself, or has had its chance.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
