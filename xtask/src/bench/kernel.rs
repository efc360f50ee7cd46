//! The kernel that is measured against.

use std::env;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::placement::Places;
use crate::server::{Server, banner};
use crate::{Failure, cargo};

/// The components that the work needs of a real rump kernel.
const COMPONENTS: [&str; 2] = ["-lrumpvfs", "-lrumpfs_tmpfs"];

/// Which kernel, by the environment.
pub(super) enum Choice {
    /// One that runs already: `RUMP_SERVER`.
    Running(String),
    /// The real server that `RUMP_SERVER_BIN` names.
    Real(OsString),
    /// The test server.
    Test(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Unix,
    Tcp,
}

impl Transport {
    pub(super) const ALL: [Self; 2] = [Self::Unix, Self::Tcp];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }
}

/// A kernel that can be connected to.
pub(super) struct Kernel {
    pub(super) url: String,
    pub(super) banner: String,
    pub(super) places: Places,
    /// Ended before its folder goes.
    server: Option<Server>,
    _folder: TempDir,
}

impl Choice {
    pub(super) fn from_environment() -> Result<Self, Failure> {
        if let Some(url) = env::var_os("RUMP_SERVER") {
            let url = url.into_string().map_err(|_| "RUMP_SERVER is not a text")?;
            return Ok(Self::Running(url));
        }
        if let Some(program) = env::var_os("RUMP_SERVER_BIN") {
            return Ok(Self::Real(program));
        }
        let test = ["--package", "rumpclient-tests", "--bin", "rump-testserver"];
        Ok(Self::Test(cargo::release_program(&test)?))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Running(_) => "the server in RUMP_SERVER",
            Self::Real(_) => "rump_server",
            Self::Test(_) => "the test server, which is not a rump kernel",
        }
    }

    /// The transport of a server that runs already.
    pub(super) fn transport(&self) -> Option<Transport> {
        match self {
            Self::Running(url) if url.starts_with("unix:") => Some(Transport::Unix),
            Self::Running(_) => Some(Transport::Tcp),
            _ => None,
        }
    }

    pub(super) fn start(&self, transport: Transport, places: Places) -> Result<Kernel, Failure> {
        let folder = tempfile::tempdir()?;
        let url = match transport {
            Transport::Unix => format!("unix://{}", folder.path().join("kernel").display()),
            Transport::Tcp => format!("tcp://127.0.0.1:{}/", free_port()?),
        };
        let (url, server) = match self {
            Self::Running(url) => (url.clone(), None),
            Self::Real(program) => {
                let mut command = Command::new(program);
                command.args(COMPONENTS);
                command.env("LD_LIBRARY_PATH", Path::new(program).join("../../lib"));
                // See docs/testing.md.
                command.env("LD_DYNAMIC_WEAK", "1");
                let server = start(command, &url, &places)?;
                (url, Some(server))
            }
            Self::Test(program) => {
                let server = start(Command::new(program), &url, &places)?;
                (url, Some(server))
            }
        };
        let banner = banner(&url).ok_or_else(|| format!("nothing answers at {url}"))?;
        Ok(Kernel { url, banner, places, server, _folder: folder })
    }
}

fn start(mut command: Command, url: &str, places: &Places) -> Result<Server, Failure> {
    command.args(["-s", url]).stdout(Stdio::null());
    places.as_server(|| Server::start(&mut command, url))?
}

/// A port that nobody has right now.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Kernel {
    /// The server's process, where it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }
}
