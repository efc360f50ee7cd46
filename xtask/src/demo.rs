//! `cargo xtask demo`: a tour of a rump kernel, the one in `RUMP_SERVER` or a test server.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Failure, workspace};

/// How long the test server may take to come up once it is built.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Failure> {
    if let Some(argument) = args.next()? {
        return Err(argument.unexpected().into());
    }
    if std::env::var_os("RUMP_SERVER").is_some() {
        return tour(None);
    }
    println!(
        "RUMP_SERVER is not set: starting the test server, which lends out this host's kernel"
    );
    build(&["--package", "rumpclient-tests", "--bin", "rump-testserver"])?;
    build(&["--package", "rumpclient", "--example", "tour"])?;
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("kernel");
    let url = format!("unix://{}", socket.display());
    let mut server = Server::start(&url)?;
    server.wait_until_ready(&socket)?;
    tour(Some(&url))
}

fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace::root()).args(arguments).stdin(Stdio::null());
    command
}

fn build(what: &[&str]) -> Result<(), Failure> {
    let status = cargo(&["build", "--quiet"]).args(what).status()?;
    if status.success() { Ok(()) } else { Err("the build failed".into()) }
}

/// Runs the tour of the kernel at `url`, or of the one in the environment.
fn tour(url: Option<&str>) -> Result<ExitCode, Failure> {
    let mut tour = cargo(&["run", "--quiet", "--package", "rumpclient", "--example", "tour"]);
    if let Some(url) = url {
        tour.env("RUMP_SERVER", url);
    }
    let status = tour.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The test server, ended when dropped.
struct Server(Child);

impl Server {
    fn start(url: &str) -> Result<Self, Failure> {
        // On Unix `cargo run` becomes the program it runs, so ending the child ends the server.
        let run = ["run", "--quiet", "--package", "rumpclient-tests", "--bin", "rump-testserver"];
        Ok(Self(cargo(&run).args(["--", "-s", url]).spawn()?))
    }

    fn wait_until_ready(&mut self, socket: &Path) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(socket).is_err() {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the test server ended at once: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("the test server was not ready within {PATIENCE:?}").into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
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
