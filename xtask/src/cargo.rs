//! Running cargo from within cargo.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::{Failure, workspace};

/// A command that runs cargo in the workspace.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace::root()).args(arguments).stdin(Stdio::null());
    command
}

/// A line of `rustc -vV`, such as `release` or `host`.
pub(crate) fn rustc(key: &str) -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    Ok(line.ok_or_else(|| format!("rustc does not say its {key}"))?.to_owned())
}

/// Builds a program as it is meant to be run; where it is.
pub(crate) fn release_program(what: &[&str]) -> Result<PathBuf, Failure> {
    let mut build = command(&["build", "--quiet", "--release", "--message-format=json"]);
    let output = build.args(what).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} does not build", what.join(" ")).into());
    }
    let mut program = None;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Json = serde_json::from_str(line)?;
        if let Some(path) = message["executable"].as_str() {
            program = Some(PathBuf::from(path));
        }
    }
    program.ok_or_else(|| "cargo does not say where it put the program".into())
}
