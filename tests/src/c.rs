//! C programs, and the libraries they run with: ours, and NetBSD's where it is given.

use std::collections::HashSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::program::Program;

/// Names NetBSD's library, built for this host.
const REFERENCE: &str = "RUMPCLIENT_REFERENCE";
/// Names where our library has been installed, to be tested in place of the one that cargo built.
const PREFIX: &str = "RUMPCLIENT_PREFIX";

/// Where a program finds `librumpclient.so.0`.
#[derive(Clone, Debug)]
pub struct Library(PathBuf);

impl Library {
    /// Ours, as `RUMPCLIENT_PREFIX` has it, or as cargo has built it for these tests.
    pub fn ours() -> Self {
        if let Some(prefix) = env::var_os(PREFIX) {
            return Self(Path::new(&prefix).join("lib"));
        }
        static PLACED: Mutex<bool> = Mutex::new(false);
        let built = target_folder().join("deps/librumpclient_sys.so");
        assert!(built.exists(), "{} is not there: build rumpclient-sys", built.display());
        let folder = work_folder().join("lib");
        let mut placed = PLACED.lock().unwrap_or_else(PoisonError::into_inner);
        if !*placed {
            fs::create_dir_all(&folder).expect("the target folder can be written to");
            for name in ["librumpclient.so", "librumpclient.so.0"] {
                put(&folder.join(name), |path| symlink(&built, path));
            }
            *placed = true;
        }
        Self(folder)
    }

    /// NetBSD's, if `RUMPCLIENT_REFERENCE` names it. `None` has printed why.
    pub fn reference() -> Option<Self> {
        let Some(path) = env::var_os(REFERENCE) else {
            println!("skipped: {REFERENCE} is not set, no C library to compare with");
            return None;
        };
        let folder = Path::new(&path).parent().expect("a file has a folder");
        Some(Self(folder.to_owned()))
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.0.join("librumpclient.so.0")
    }

    /// A command that runs `program` with this library, in the kernel at `url`.
    pub fn command(&self, program: impl AsRef<OsStr>, url: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", &self.0).env("RUMP_SERVER", url);
        command
    }

    /// The same under valgrind, whose findings in the program, or in those that it starts, are its
    /// failure. `None` where the host has none, which has been printed.
    pub fn memcheck(&self, program: impl AsRef<OsStr>, url: &str) -> Option<Command> {
        const VALGRIND: &str = "valgrind";
        let mut command = is_present(VALGRIND).then(|| self.command(VALGRIND, url))?;
        command.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
        command.arg("--trace-children=yes").arg(program);
        Some(command)
    }
}

/// Where our library has been installed, if `RUMPCLIENT_PREFIX` says so. `None` has printed why.
pub fn installed() -> Option<PathBuf> {
    let prefix = env::var_os(PREFIX);
    if prefix.is_none() {
        println!("skipped: {PREFIX} is not set, no installed library to look at");
    }
    prefix.map(PathBuf::from)
}

/// Whether the host has the program of this name. If not, this has printed so.
pub fn is_present(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output();
    let installed = asked.is_ok_and(|output| output.status.success());
    if !installed {
        println!("skipped: {program} is not installed");
    }
    installed
}

/// A compiler, by the name of its program.
#[derive(Clone, Copy, Debug)]
pub struct Compiler(pub &'static str);

/// The compiler that builds programs where it does not matter which.
pub const CC: Compiler = Compiler("cc");

/// What every program is compiled with.
const FLAGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"];

impl Compiler {
    /// This compiler, if the host has it. `None` has printed so.
    pub fn present(self) -> Option<Self> {
        is_present(self.0).then_some(self)
    }

    /// A command that compiles with our headers, every warning being an error.
    pub fn command(self) -> Command {
        let mut command = Command::new(self.0);
        command.args(FLAGS).arg("-I").arg(workspace("rumpclient-sys/include"));
        command
    }

    /// Compiles `source`, a path from the top of the workspace, to a program that links with the
    /// library; where that is.
    ///
    /// # Panics
    /// When it does not compile.
    pub fn program(self, source: &str, flags: &[&str]) -> PathBuf {
        let mut command = self.command();
        command.args(flags).arg(workspace(source));
        command.arg("-L").arg(Library::ours().0).args(["-lrumpclient", "-rdynamic"]);
        self.compile(source, flags, command)
    }

    /// Compiles the text of a program that a test has made up; where the program is.
    ///
    /// # Panics
    /// When it does not compile.
    pub fn program_of(self, name: &str, text: &str) -> PathBuf {
        let source = work_folder().join(name).with_extension("c");
        fs::create_dir_all(work_folder()).expect("the target folder can be written to");
        put(&source, |path| fs::write(path, text));
        self.program(source.to_str().expect("the target folder has a UTF-8 name"), &[])
    }

    /// Compiles `source` to a shared object, for preloading; where that is.
    ///
    /// # Panics
    /// When it does not compile.
    pub fn shared_object(self, source: &str) -> PathBuf {
        let flags = ["-shared", "-fPIC", "-fno-builtin"];
        let mut command = self.command();
        command.args(flags).arg(workspace(source));
        self.compile(source, &flags, command)
    }

    fn compile(self, source: &str, flags: &[&str], mut command: Command) -> PathBuf {
        static COMPILED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
        let name = format!("{source} {} {}", self.0, flags.join(" "));
        let output = work_folder().join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = compiled.get_or_insert_default();
        if !compiled.contains(&output) {
            put(&output, |path| run(command.arg("-o").arg(path)));
            compiled.insert(output.clone());
        }
        output
    }
}

/// Compiles `source` in any way and runs it as a client of the kernel at `url`; the lines that it
/// prints.
///
/// # Panics
/// When it does not compile, fails, or does not end in time.
pub fn run_program(source: &str, url: &str, args: &[&str]) -> Vec<String> {
    let program = CC.program(source, &["-O2"]);
    Program::spawn(Library::ours().command(program, url).args(args)).finish()
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A path from the top of the workspace.
pub fn workspace(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Where cargo puts what it builds: programs, and tests in its `deps`.
fn target_folder() -> PathBuf {
    let program = env::current_exe().expect("a program knows its own path");
    let folder = program.parent().expect("a file has a folder");
    let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    folder.expect("the folder is in another").to_owned()
}

/// Where this module puts what it builds.
fn work_folder() -> PathBuf {
    target_folder().join("c")
}

/// Makes `path` by way of another name, so that tests which do the same at the same time find either
/// none or a whole one.
fn put(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let unique = format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let other = path.with_extension(unique);
    if let Err(error) = fs::remove_file(&other) {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}: {error}", other.display());
    }
    let made = make(&other).and_then(|()| fs::rename(&other, path));
    made.unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
}
