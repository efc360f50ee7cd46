//! Kernels to run a test against: the test server, and a real `rump_server` where one is given.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rumpclient::{Banner, Builder, Client};
use tempfile::TempDir;

use crate::host::end_with_us;
use crate::server::{Options, TestServer};

/// Names the program of a real rump kernel server.
const REAL_SERVER: &str = "RUMP_SERVER_BIN";

/// The components that tests expect of a real rump kernel.
const COMPONENTS: [&str; 7] = [
    "-lrumpvfs",
    "-lrumpdev",
    "-lrumpnet",
    "-lrumpnet_net",
    "-lrumpnet_netinet",
    "-lrumpnet_local",
    "-lrumpfs_tmpfs",
];

/// The longest that anything in a test may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running kernel; stopped when dropped.
pub struct Kernel {
    url: String,
    server: Server,
    // Dropped last: the socket lives in it.
    _folder: TempDir,
}

enum Server {
    Test(Box<TestServer>),
    Real {
        /// Held for its drop.
        _process: Process,
    },
}

/// A server process of ours, killed when dropped. By SIGKILL: a real server ignores SIGTERM.
#[derive(Debug)]
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Kernel {
    /// The test server with default options, in this process.
    pub fn test_server() -> Self {
        Self::test_server_with(Options::default())
    }

    /// The test server, in this process.
    pub fn test_server_with(options: Options) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let url = socket_url(folder.path());
        let server = TestServer::start(&url, options).expect("the test server starts");
        Self { url, server: Server::Test(Box::new(server)), _folder: folder }
    }

    /// A real rump kernel, if `RUMP_SERVER_BIN` names its server. `None` has printed why.
    pub fn real() -> Option<Self> {
        let program = real_program()?;
        let folder = TempDir::new().expect("a temporary folder can be made");
        let url = socket_url(folder.path());
        let process = start(&mut real_server(&program, &url), &url, folder.path());
        Some(Self { url, server: Server::Real { _process: process }, _folder: folder })
    }

    /// Its address, for `RUMP_SERVER`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The test server, for tests that use its hooks.
    ///
    /// # Panics
    /// On a real kernel.
    pub fn hooks(&self) -> &TestServer {
        match &self.server {
            Server::Test(server) => server,
            Server::Real { .. } => panic!("a real rump kernel has no hooks"),
        }
    }

    /// How often a test may try to end calls that block in the kernel, by exec or exit. A real
    /// kernel loses the wake-up of a thread that is about to fall asleep just then: its `cv_wait`
    /// lets go of the processor before it waits, and nothing it holds keeps the wake-up back.
    pub fn attempts_to_wake(&self) -> usize {
        match self.server {
            Server::Test(_) => 1,
            Server::Real { .. } => 5,
        }
    }

    /// Waits until the kernel has no processes and no calls left. A real kernel cannot be asked.
    ///
    /// # Panics
    /// When something stays.
    pub fn expect_deserted(&self) {
        if let Server::Test(server) = &self.server {
            assert!(
                server.wait_for_processes(PATIENCE, <[_]>::is_empty),
                "processes are left in the kernel"
            );
            assert!(server.wait_until_blocked(0, PATIENCE), "calls are left in the kernel");
        }
    }

    /// Waits until this many calls block in the kernel. A real kernel cannot be asked.
    ///
    /// # Panics
    /// When there are more, or never as many.
    pub fn expect_blocked(&self, calls: usize) {
        if let Server::Test(server) = &self.server {
            assert!(server.wait_until_blocked(calls, PATIENCE), "not {calls} calls block");
        }
    }

    /// A new process in the kernel.
    pub fn client(&self) -> Client {
        self.client_with(Client::builder())
    }

    /// A new process in the kernel, with settings.
    pub fn client_with(&self, builder: Builder) -> Client {
        builder.connect(&self.url).expect("the kernel takes a client")
    }
}

/// The folder that tests may write to: real kernels have it, and so has the test server.
pub const WORK_FOLDER: &str = "/tmp";

pub(crate) fn socket_url(folder: &Path) -> String {
    format!("unix://{}", folder.join("kernel").display())
}

/// The command that runs a real server in the foreground.
pub(crate) fn real_server(program: &OsStr, url: &str) -> Command {
    let libraries: PathBuf = Path::new(program).join("../../lib");
    let mut command = Command::new(program);
    command.args(COMPONENTS).args(["-s", url]).env("LD_LIBRARY_PATH", libraries);
    // See docs/testing.md.
    command.env("LD_DYNAMIC_WEAK", "1");
    command
}

/// Whether `RUMP_SERVER_BIN` names a real server.
pub fn is_real_given() -> bool {
    std::env::var_os(REAL_SERVER).is_some()
}

/// The program of a real server, if `RUMP_SERVER_BIN` names one.
pub(crate) fn real_program() -> Option<OsString> {
    let program = std::env::var_os(REAL_SERVER);
    if program.is_none() {
        println!("skipped: {REAL_SERVER} is not set, no real rump kernel to test against");
    }
    program
}

/// Starts a server and waits until it answers. What it says goes to a file in `folder`.
pub(crate) fn start(command: &mut Command, url: &str, folder: &Path) -> Process {
    let log = folder.join("log");
    let output = File::create(&log).expect("a temporary folder can be written to");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
    let mut server = end_with_us(command)
        .spawn()
        .map(Process)
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let deadline = Instant::now() + PATIENCE;
    let said = || fs::read_to_string(&log).unwrap_or_default();
    // A real server announces its readiness only by listening.
    while let Err(error) = Client::connect(url) {
        let ended = server.0.try_wait().expect("a child can be waited for");
        assert!(ended.is_none(), "{command:?} ended at once: {ended:?}\n{}", said());
        assert!(Instant::now() < deadline, "{command:?} does not answer: {error}\n{}", said());
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}

/// Whether a kernel is of this NetBSD release or a later one.
pub fn is_at_least(banner: &Banner, release: &[u32]) -> bool {
    banner.release().as_slice() >= release
}

/// Makes a test of a function for each kind of kernel: `test_server` always, `rump_server` where a
/// real one is given.
#[macro_export]
macro_rules! on_every_kernel {
    ($($(#[$attribute:meta])* fn $name:ident($kernel:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn body($kernel: &$crate::harness::Kernel) $body

            #[test]
            fn test_server() {
                body(&$crate::harness::Kernel::test_server());
            }

            #[test]
            fn rump_server() {
                if let Some(kernel) = $crate::harness::Kernel::real() {
                    body(&kernel);
                }
            }
        }
    )*};
}
