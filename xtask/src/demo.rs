//! `cargo xtask demo`: a tour of a rump kernel, the one in `RUMP_SERVER` or a test server.

use std::process::ExitCode;

use crate::server::Server;
use crate::{Failure, cargo};

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
    let url = format!("unix://{}", folder.path().join("kernel").display());
    // On Unix `cargo run` becomes the program it runs, so ending the child ends the server.
    let run = ["run", "--quiet", "--package", "rumpclient-tests", "--bin", "rump-testserver"];
    let _server = Server::start(cargo::command(&run).args(["--", "-s", &url]), &url)?;
    tour(Some(&url))
}

fn build(what: &[&str]) -> Result<(), Failure> {
    let status = cargo::command(&["build", "--quiet"]).args(what).status()?;
    if status.success() { Ok(()) } else { Err("the build failed".into()) }
}

/// Runs the tour of the kernel at `url`, or of the one in the environment.
fn tour(url: Option<&str>) -> Result<ExitCode, Failure> {
    let run = ["run", "--quiet", "--package", "rumpclient", "--example", "tour"];
    let mut tour = cargo::command(&run);
    if let Some(url) = url {
        tour.env("RUMP_SERVER", url);
    }
    let status = tour.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
