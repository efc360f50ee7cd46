//! One round: a kernel, and programs that load it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rumpclient_tests::c::{CC, Library};
use rumpclient_tests::harness::{Kernel, is_real_given};
use rumpclient_tests::mortal::MortalKernel;
use rumpclient_tests::program::{Ending, Program};
use rustix::process::Pid;

use crate::Counts;

/// How long the programs of a round work.
pub(crate) const LENGTH: Duration = Duration::from_secs(10);

/// How long a kernel lives, at most, where it is killed all the time.
const LIFE_MAX: Duration = Duration::from_millis(1500);

/// What kernel the programs of a round meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One that stays.
    Steady,
    /// One that is killed and started again.
    Restarts,
}

impl Load {
    /// The one that [`Display`](fmt::Display) calls so.
    pub(crate) fn named(name: &str) -> Self {
        [Self::Steady, Self::Restarts]
            .into_iter()
            .find(|load| load.to_string() == name)
            .unwrap_or_else(|| panic!("there is no load {name:?}"))
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steady => "steady",
            Self::Restarts => "restarts",
        })
    }
}

/// A round to be run.
pub(crate) struct Round {
    load: Load,
    seed: u64,
}

impl Round {
    pub(crate) fn new(load: Load, seed: u64) -> Self {
        Self { load, seed }
    }

    /// What the programs have done.
    ///
    /// # Panics
    /// When one of them fails, hangs, or leaves something behind.
    pub(crate) fn run(&self) -> Counts {
        match self.load {
            Load::Steady => {
                let kernel =
                    if is_real_given() { Kernel::real() } else { Some(Kernel::test_server()) };
                let kernel = kernel.expect("a kernel is given");
                let counts = finish(self.programs(kernel.url()));
                kernel.expect_deserted();
                counts
            }
            Load::Restarts => {
                let ours = || Some(MortalKernel::test_server(&test_server().to_string_lossy()));
                let kernel = if is_real_given() { MortalKernel::real() } else { ours() };
                let mut kernel = kernel.expect("a kernel is given");
                let programs = self.programs(kernel.url());
                let kills = self.torment(&mut kernel);
                let mut counts = finish(programs);
                counts.insert("kills".to_owned(), kills);
                counts
            }
        }
    }

    /// Starts the programs.
    fn programs(&self, url: &str) -> [Loader; 2] {
        let (load, seconds) = (self.load.to_string(), LENGTH.as_secs().to_string());
        let args = [load, seconds, self.seed.to_string()];
        let mut rust = Command::new(own_program());
        rust.arg("load").args(&args).env("RUMP_SERVER", url);
        let program = CC.program("tests/c/stress.c", &["-O2"]);
        let mut c = Library::ours().command(program, url);
        c.args(&args);
        [rust, c].map(Loader::start)
    }

    /// Kills the kernel and starts it again, for as long as the programs work; how often.
    fn torment(&self, kernel: &mut MortalKernel) -> u64 {
        let (began, mut random, mut kills) = (Instant::now(), Rng::with_seed(self.seed), 0);
        loop {
            thread::sleep(LIFE_MAX.mul_f64(random.f64()));
            if began.elapsed() >= LENGTH {
                return kills;
            }
            kernel.kill();
            kernel.start();
            kills += 1;
        }
    }
}

/// A program at work, and what it has to say when it fails.
struct Loader {
    program: Program,
    errors: File,
}

impl Loader {
    fn start(mut command: Command) -> Self {
        let errors = tempfile::tempfile().expect("a temporary file can be made");
        let theirs = errors.try_clone().expect("there are descriptors left");
        command.stderr(theirs).env("RUST_BACKTRACE", "1");
        Self { program: Program::spawn(&mut command), errors }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        show_threads(self.program.pid());
        // There is nobody to tell if that fails.
        let _ = self.errors.rewind();
        let _ = io::copy(&mut self.errors, &mut io::stderr());
    }
}

/// Waits for the good end of all; what they have done.
fn finish(loaders: [Loader; 2]) -> Counts {
    let mut counts = Counts::new();
    for loader in &mut { loaders } {
        let lines: Vec<String> = std::iter::from_fn(|| loader.program.next_line()).collect();
        assert_eq!(loader.program.wait(), Ending::Exited(0), "after {lines:?}");
        for line in lines {
            let (name, count) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            *counts.entry(name.to_owned()).or_default() +=
                count.parse::<u64>().unwrap_or_else(|_| panic!("{line:?}"));
        }
    }
    counts
}

/// What each thread of a program is waiting for, as far as the host tells.
fn show_threads(pid: Pid) {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for thread in threads.flatten() {
        let show = |what| fs::read_to_string(thread.path().join(what)).unwrap_or_default();
        let (name, call) = (show("comm"), show("syscall"));
        eprintln!("{} {}: {}", thread.file_name().display(), name.trim(), call.trim());
    }
}

fn own_program() -> PathBuf {
    std::env::current_exe().expect("a program knows its own path")
}

/// The test server's program, which cargo has put next to this one.
fn test_server() -> PathBuf {
    own_program().with_file_name("rump-testserver")
}
