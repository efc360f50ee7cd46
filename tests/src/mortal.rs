//! Kernels that die and come back, in processes of their own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use rumpclient::{Builder, Client};
use tempfile::TempDir;

use crate::harness::{PATIENCE, Process, real_program, real_server, socket_url, start};

/// A kernel that can be killed, and started again at the same address.
pub struct MortalKernel {
    url: String,
    command: Box<dyn Fn(&str) -> Command>,
    process: Option<Process>,
    folder: TempDir,
}

impl MortalKernel {
    /// The test server; `program` is that of `rump-testserver`.
    pub fn test_server(program: &str) -> Self {
        let program = OsString::from(program);
        Self::new(move |url| {
            let mut command = Command::new(&program);
            command.args(["-s", url]);
            command
        })
    }

    /// A real rump kernel, if `RUMP_SERVER_BIN` names its server. `None` has printed why.
    pub fn real() -> Option<Self> {
        let program = real_program()?;
        Some(Self::new(move |url| real_server(&program, url)))
    }

    fn new(command: impl Fn(&str) -> Command + 'static) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let url = socket_url(folder.path());
        let mut kernel = Self { url, command: Box::new(command), process: None, folder };
        kernel.start();
        kernel
    }

    /// Its address, for `RUMP_SERVER`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new process in the kernel, with settings.
    pub fn client_with(&self, builder: Builder) -> Client {
        builder.connect(&self.url).expect("the kernel takes a client")
    }

    /// Starts it again; returns when it takes clients.
    pub fn start(&mut self) {
        let mut command = (self.command)(&self.url);
        // A killed test server leaves its files behind: they go with this folder.
        command.env("TMPDIR", self.folder.path());
        self.process = Some(start(&mut command, &self.url, self.folder.path()));
    }

    /// Kills it by SIGKILL. Nobody is at its address afterwards.
    pub fn kill(&mut self) {
        self.process = None;
        fs::remove_file(self.socket()).expect("the server has left its socket");
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("kernel")
    }

    /// Puts somebody in the dead kernel's place who hangs up on whoever comes.
    pub fn decoy(&self) -> Decoy {
        let socket = self.socket();
        let listener = UnixListener::bind(&socket).expect("the kernel is dead");
        let (sender, visits) = channel();
        let host = thread::spawn(move || {
            while let Ok((_visitor, _)) = listener.accept() {
                if sender.send(()).is_err() {
                    break;
                }
            }
        });
        Decoy { socket, visits: Some(visits), host: Some(host) }
    }
}

/// Somebody in a dead kernel's place. When dropped, nobody is there any more.
#[derive(Debug)]
pub struct Decoy {
    socket: PathBuf,
    visits: Option<Receiver<()>>,
    host: Option<JoinHandle<()>>,
}

impl Decoy {
    fn visits(&self) -> &Receiver<()> {
        self.visits.as_ref().expect("it is there until it is dropped")
    }

    /// Waits until so many more clients have come.
    ///
    /// # Panics
    /// When they do not come in time.
    pub fn expect_visits(&self, count: usize) {
        for _ in 0..count {
            self.visits().recv_timeout(PATIENCE).expect("a client comes");
        }
    }

    /// How many clients have been turned away since it was last asked.
    pub fn count_visits(&self) -> usize {
        self.visits().try_iter().count()
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        // The next visitor is the last one. If a client comes first, there is nobody to connect to.
        self.visits = None;
        let _ = UnixStream::connect(&self.socket);
        if let Some(host) = self.host.take() {
            // A panic there has been reported where it happened.
            let _ = host.join();
        }
        fs::remove_file(&self.socket).expect("the decoy has left its socket");
    }
}

/// Makes a test of a function for each kind of kernel that can be killed: `test_server` always,
/// `rump_server` where a real one is given.
#[macro_export]
macro_rules! on_every_mortal_kernel {
    ($($(#[$attribute:meta])* fn $name:ident($kernel:ident) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn body($kernel: &mut $crate::mortal::MortalKernel) $body

            #[test]
            fn test_server() {
                let program = env!("CARGO_BIN_EXE_rump-testserver");
                body(&mut $crate::mortal::MortalKernel::test_server(program));
            }

            #[test]
            fn rump_server() {
                if let Some(mut kernel) = $crate::mortal::MortalKernel::real() {
                    body(&mut kernel);
                }
            }
        }
    )*};
}
