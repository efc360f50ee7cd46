//! The benchmark's programs, and the libraries that the one in C runs with.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::kernel::Kernel;
use super::report::Figure;
use super::rows::Row;
use crate::{Failure, cargo, dist, workspace};

/// Names NetBSD's library, built for this host.
const REFERENCE: &str = "RUMPCLIENT_REFERENCE";
const SOURCE: &str = "bench/client.c";
/// The least that a librumpclient can be.
const FLOOR: &str = "bench/floor.c";
/// How often host calls are counted.
const COUNTS: usize = 3;

/// A librumpclient, by the folder with its `librumpclient.so.0`.
pub(super) enum Library {
    Reference(PathBuf),
    Ours(PathBuf),
    Floor(PathBuf),
}

pub(super) struct Programs {
    pub(super) reference: Option<Library>,
    pub(super) ours: Library,
    pub(super) floor: Library,
    client: PathBuf,
    /// Built where a row wants it.
    rust_client: Option<PathBuf>,
    counter: Option<Counter>,
    folder: TempDir,
}

/// How long a program works.
#[derive(Clone, Copy)]
pub(super) enum Span {
    Milliseconds(u64),
    Calls(u64),
}

/// What a program has seen in one run; times in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) calls: f64,
    pub(super) wall: f64,
    pub(super) client_cpu: f64,
    /// NaN where the server's process is not known.
    pub(super) server_cpu: f64,
    /// NaN where they are not counted.
    pub(super) allocations: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// What counts host calls.
#[derive(Clone, Copy)]
enum Counter {
    Perf,
    Strace,
}

impl Programs {
    /// Builds our library, the least one, and the client, which links with ours and runs with any;
    /// what else the rows take.
    pub(super) fn build(rows: &[Row]) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let library = dist::build()?.shared;
        for name in ["librumpclient.so", "librumpclient.so.0"] {
            symlink(&library, folder.path().join(name))?;
        }
        let client = folder.path().join("client");
        let search = [OsStr::new("-L"), folder.path().as_os_str()];
        compile(SOURCE, &client, &[&search[..], &["-lrumpclient".as_ref()]].concat())?;
        let floor = folder.path().join("floor");
        fs::create_dir(&floor)?;
        let shared = ["-shared", "-fPIC"].map(OsStr::new);
        compile(FLOOR, &floor.join("librumpclient.so.0"), &shared)?;
        let reference = env::var_os(REFERENCE).and_then(|library| {
            Path::new(&library).parent().map(|folder| Library::Reference(folder.to_owned()))
        });
        let package = ["--package", "rumpclient-bench", "--bin", "rust-client"];
        let wanted = rows.iter().any(|row| row.rust);
        let rust_client = wanted.then(|| cargo::release_program(&package)).transpose()?;
        let counter = Counter::find();
        let ours = Library::Ours(folder.path().to_owned());
        let floor = Library::Floor(floor);
        Ok(Self { reference, ours, floor, client, rust_client, counter, folder })
    }

    /// Does the work once.
    pub(super) fn run(
        &self,
        library: &Library,
        row: &Row,
        span: Span,
        kernel: &Kernel,
    ) -> Result<Sample, Failure> {
        let mut command = self.command(library, row, span, kernel, |program| Command::new(program));
        let output = kernel.places.as_client(|| command.output())??;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {text}{}", row.name, output.status).into());
        }
        Sample::from_json(&serde_json::from_slice(&output.stdout)?)
    }

    /// Host calls that the client makes for a call, by the difference between few calls and many, and
    /// the middle one of a few attempts: one that polls without waiting makes more or less of them
    /// each time. `None` where nothing is installed that counts them.
    pub(super) fn host_calls(
        &self,
        library: &Library,
        row: &Row,
        kernel: &Kernel,
    ) -> Result<Option<f64>, Failure> {
        let Some(counter) = self.counter else { return Ok(None) };
        let report = self.folder.path().join("count");
        let count = |calls| -> Result<f64, Failure> {
            let launch = |program: &Path| {
                let mut command = counter.command(&report);
                command.arg(program);
                command
            };
            let mut command = self.command(library, row, Span::Calls(calls), kernel, launch);
            let output = kernel.places.as_client(|| command.output())??;
            let text = String::from_utf8_lossy(&workspace::read(&report)?).into_owned();
            counter.total(&text).filter(|_| output.status.success()).ok_or_else(|| {
                let said = String::from_utf8_lossy(&output.stderr);
                format!("{}: host calls cannot be counted: {said}", row.name).into()
            })
        };
        let calls = row.counted_calls();
        let attempt = || -> Result<f64, Failure> {
            let (few, many) = (count(calls / 4)?, count(calls + calls / 4)?);
            Ok((many - few) / (calls * u64::from(row.threads)) as f64)
        };
        let counts = (0..COUNTS).map(|_| attempt()).collect::<Result<Vec<_>, _>>()?;
        Ok(Figure::of(counts.into_iter()).map(|counts| counts.median))
    }

    /// A command that does a row's work with a library.
    fn command(
        &self,
        library: &Library,
        row: &Row,
        span: Span,
        kernel: &Kernel,
        launch: impl FnOnce(&Path) -> Command,
    ) -> Command {
        let (Library::Reference(folder) | Library::Ours(folder) | Library::Floor(folder)) = library;
        let rust = self.rust_client.as_ref().filter(|_| row.rust);
        let mut command = match (library, rust) {
            (Library::Ours(_), Some(program)) => {
                let mut command = launch(program);
                command.arg(row.work);
                command
            }
            _ => {
                let mut command = launch(&self.client);
                let work = if row.rust { "null" } else { row.work };
                command.args([work, &row.threads.to_string(), &row.bytes.to_string()]);
                command
            }
        };
        command.arg(match span {
            Span::Milliseconds(milliseconds) => milliseconds.to_string(),
            Span::Calls(calls) => format!("calls={calls}"),
        });
        command.arg(kernel.pid().unwrap_or(0).to_string());
        command.env("LD_LIBRARY_PATH", folder).env("RUMP_SERVER", &kernel.url);
        let spin = match library {
            // It does not see by itself that polling keeps the server from its CPU.
            Library::Floor(_) if kernel.places.share_one_cpu() => Some("0"),
            _ => row.spin,
        };
        if let Some(spin) = spin {
            command.env("RUMPCLIENT_SPIN_US", spin);
        }
        command
    }
}

/// Compiles one of the C files.
fn compile(source: &str, output: &Path, options: &[&OsStr]) -> Result<(), Failure> {
    let root = workspace::root();
    let status = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-O2", "-Wall", "-Wextra", "-pthread", "-I"])
        .arg(root.join("rumpclient-sys/include"))
        .arg(root.join(source))
        .args(options)
        .arg("-o")
        .arg(output)
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("{source} does not compile").into()) }
}

impl Sample {
    fn from_json(json: &Json) -> Result<Self, Failure> {
        let number = |key: &str| {
            json[key].as_f64().ok_or_else(|| format!("the client has not said {key}: {json}"))
        };
        Ok(Self {
            calls: number("calls")?,
            wall: number("wall")?,
            client_cpu: number("client_cpu")?,
            server_cpu: json["server_cpu"].as_f64().unwrap_or(f64::NAN),
            allocations: json["allocations"].as_f64().unwrap_or(f64::NAN),
            p50: number("p50")?,
            p99: number("p99")?,
        })
    }
}

impl Counter {
    /// perf disturbs least, but not everybody may use it.
    fn find() -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let report = folder.path().join("count");
        [Self::Perf, Self::Strace].into_iter().find(|counter| {
            counter.command(&report).arg("true").output().is_ok()
                && workspace::read(&report)
                    .is_ok_and(|text| counter.total(&String::from_utf8_lossy(&text)).is_some())
        })
    }

    /// A command, to be completed, that counts into a file.
    fn command(self, report: &Path) -> Command {
        let (program, arguments): (_, &[&str]) = match self {
            Self::Perf => ("perf", &["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o"]),
            Self::Strace => ("strace", &["-f", "-c", "-o"]),
        };
        let mut command = Command::new(program);
        command.args(arguments).arg(report);
        command
    }

    /// The number in its report.
    fn total(self, report: &str) -> Option<f64> {
        let line = |what| report.lines().find(|line| line.contains(what));
        match self {
            Self::Perf => line("raw_syscalls:sys_enter")?.split(',').next()?.parse().ok(),
            Self::Strace => line("total")?.split_whitespace().nth(3)?.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_reports_are_understood() {
        let perf = "# started on a day\n\n2431,,raw_syscalls:sys_enter,1000,100.00,,\n";
        assert_eq!(Counter::Perf.total(perf), Some(2431.0));
        let refused = "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n";
        assert_eq!(Counter::Perf.total(refused), None);
        let strace = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000012           1        12         2 read
 40.00    0.000008           1         8           poll
------ ----------- ----------- --------- --------- ----------------
100.00    0.000020           1        20         2 total
";
        assert_eq!(Counter::Strace.total(strace), Some(20.0));
        assert_eq!(Counter::Strace.total(""), None);
    }
}
