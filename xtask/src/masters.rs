//! `cargo xtask check-masters [--test] [FILE ...]`.
//!
//! What it shows: following another NetBSD release takes `cargo xtask codegen --master` and no
//! change by hand. It works on a copy of the workspace, so that nobody's files change.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use lexopt::prelude::*;

use crate::{Failure, output, workspace};

const USAGE: &str = "\
Usage: cargo xtask check-masters [--test] [FILE ...]

For each FILE, by default the tables in codegen/masters: makes the generated files from it in a
copy of the workspace, and compiles rumpclient and rumpclient-sys there.

  --test   run the tests that cross a socket there as well, with tables of revision 1.285
           (NetBSD 7.99.34) and later: older ones lack calls that the tests make
";

/// The first revision of NetBSD's table that has every call which the tests make.
const FIRST_TESTED: [u32; 2] = [1, 285];

struct Options {
    test: bool,
    masters: Vec<PathBuf>,
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = options(args)? else {
        output::report(USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let root = workspace::root();
    let masters = match options.masters {
        masters if masters.is_empty() => kept_masters(&root)?,
        masters => masters,
    };
    let copy = Copy::of(&root)?;
    for master in masters {
        let master = std::path::absolute(master)?;
        copy.refresh()?;
        eprintln!("check-masters: {}", workspace::shown(&master));
        copy.cargo([
            "xtask".as_ref(),
            "codegen".as_ref(),
            "--master".as_ref(),
            master.as_os_str(),
        ])?;
        copy.cargo(["check", "--package", "rumpclient", "--package", "rumpclient-sys"])?;
        copy.cargo(["check", "--package", "rumpclient", "--all-features"])?;
        if options.test && is_tested(&master)? {
            // What the others test does not depend on the table, or is about the workspace's.
            copy.cargo(["test", "--package", "rumpclient-tests"])?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn options(mut args: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options { test: false, masters: Vec::new() };
    while let Some(arg) = args.next()? {
        match arg {
            Long("test") => options.test = true,
            Short('h') | Long("help") => return Ok(None),
            Value(file) => options.masters.push(file.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(options))
}

/// The tables that the workspace keeps for this check.
fn kept_masters(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = root.join("codegen/masters");
    let mut masters = entries(&folder).map_err(|error| format!("cannot list {error}"))?;
    masters.sort();
    Ok(masters)
}

/// Whether the tests hold for the table: it is new enough, or does not say how old it is.
fn is_tested(master: &Path) -> Result<bool, Failure> {
    let text = workspace::read(master)?;
    let text = String::from_utf8_lossy(&text);
    let Some(revision) = text.lines().next().and_then(revision) else {
        return Ok(true);
    };
    let tested = revision.as_slice() >= FIRST_TESTED.as_slice();
    if !tested {
        eprintln!("check-masters: {}: too old for the tests", workspace::shown(master));
    }
    Ok(tested)
}

/// The revision that a table's first line names: `… syscalls.master,v 1.285 2016/07/03 …`.
fn revision(ident: &str) -> Option<Vec<u32>> {
    let after = ident.split_whitespace().skip_while(|word| !word.starts_with("syscalls.master"));
    let numbers = |word: &str| word.split('.').map(|part| part.parse().ok()).collect();
    after.filter(|word| word.contains('.')).find_map(numbers)
}

/// A copy of the workspace in its target folder.
struct Copy {
    original: PathBuf,
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn of(original: &Path) -> Result<Copy, Failure> {
        let program = env::current_exe()?;
        let target = program
            .ancestors()
            .nth(2)
            .ok_or_else(|| format!("{} does not lie in a target folder", program.display()))?;
        let place = target.join("check-masters");
        Ok(Copy {
            original: original.to_owned(),
            root: place.join("workspace"),
            target: place.join("target"),
        })
    }

    /// Makes the copy equal to the workspace as it is.
    fn refresh(&self) -> Result<(), Failure> {
        mirror(&self.original, &self.root)
            .map_err(|error| format!("cannot copy the workspace: {error}").into())
    }

    /// Runs cargo in the copy.
    fn cargo<A: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<(), Failure> {
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        let status = command.status().map_err(|error| format!("cannot run cargo: {error}"))?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{command:?} failed: {status}").into())
    }
}

/// Makes `to` equal to `from` but for version control and what cargo built. What is equal already
/// is not written again, so that cargo sees what really changed. Links are followed to files only,
/// and what is neither file nor folder is left out: an editor's lock is a link to nowhere.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to).map_err(at(to))?;
    for old in entries(to)? {
        let kept = old.file_name().is_some_and(|name| from.join(name).exists());
        if !kept {
            remove(&old).map_err(at(&old))?;
        }
    }
    for path in entries(from)? {
        let Some(name) = path.file_name() else {
            continue;
        };
        let copy = to.join(name);
        if path.is_file() {
            copy_file(&path, &copy)?;
        } else if path.is_dir()
            && !path.is_symlink()
            && name != ".git"
            && !path.join("CACHEDIR.TAG").exists()
        {
            mirror(&path, &copy)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let contents = fs::read(from).map_err(at(from))?;
    if fs::read(to).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    fs::write(to, contents).map_err(at(to))
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder).and_then(|all| all.map(|entry| Ok(entry?.path())).collect());
    paths.map_err(at(folder))
}

/// Adds to an error which path it is about.
fn at(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Scratch {
            let name = format!("xtask-masters-{test}-{}", std::process::id());
            let path = env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }

        fn write(&self, path: &str, contents: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }

        fn read(&self, path: &str) -> Option<String> {
            fs::read_to_string(self.0.join(path)).ok()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_mirror_follows_changes_and_leaves_builds_out() {
        let (from, to) = (Scratch::new("from"), Scratch::new("to"));
        from.write("a/b.rs", "one");
        from.write("target/CACHEDIR.TAG", "");
        from.write("target/debug/x", "");
        from.write(".git/HEAD", "");
        from.write(".cargo/config.toml", "alias");
        mirror(&from.0, &to.0).unwrap();
        assert_eq!(to.read("a/b.rs").as_deref(), Some("one"));
        assert_eq!(to.read(".cargo/config.toml").as_deref(), Some("alias"));
        assert!(!to.0.join("target").exists() && !to.0.join(".git").exists());

        from.write("a/c.rs", "two");
        fs::remove_file(from.0.join("a/b.rs")).unwrap();
        mirror(&from.0, &to.0).unwrap();
        assert_eq!(to.read("a/b.rs"), None);
        assert_eq!(to.read("a/c.rs").as_deref(), Some("two"));
    }

    #[test]
    fn a_mirror_does_not_touch_what_is_equal() {
        let (from, to) = (Scratch::new("equal-from"), Scratch::new("equal-to"));
        from.write("a.rs", "one");
        mirror(&from.0, &to.0).unwrap();
        let file = fs::File::options().write(true).open(to.0.join("a.rs")).unwrap();
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        file.set_modified(long_ago).unwrap();
        mirror(&from.0, &to.0).unwrap();
        assert_eq!(fs::metadata(to.0.join("a.rs")).unwrap().modified().unwrap(), long_ago);
    }

    #[test]
    fn a_mirror_leaves_out_what_is_no_file_and_says_what_it_cannot_read() {
        let (from, to) = (Scratch::new("odd-from"), Scratch::new("odd-to"));
        from.write("a.rs", "one");
        std::os::unix::fs::symlink("a.rs", from.0.join("b.rs")).unwrap();
        std::os::unix::fs::symlink("nowhere", from.0.join(".#a.rs")).unwrap();
        std::os::unix::fs::symlink(".", from.0.join("again")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.0.join("socket")).unwrap();
        mirror(&from.0, &to.0).unwrap();
        let mut copied = entries(&to.0).unwrap();
        copied.sort();
        assert_eq!(copied, [to.0.join("a.rs"), to.0.join("b.rs")]);
        assert_eq!(to.read("b.rs").as_deref(), Some("one"));

        let missing = from.0.join("missing");
        let error = mirror(&missing, &to.0).unwrap_err().to_string();
        assert!(error.starts_with(&missing.display().to_string()), "{error}");
    }

    #[test]
    fn a_table_names_its_revision() {
        let netbsd = "\t$NetBSD: syscalls.master,v 1.270.2.1 2014/08/27 14:02:34 msaitoh Exp $";
        assert_eq!(revision(netbsd), Some(vec![1, 270, 2, 1]));
        let ours = "rumpclient syscalls.master: the facts of NetBSD syscalls.master 1.285 (2016)";
        assert_eq!(revision(ours), Some(vec![1, 285]));
        assert_eq!(revision("no revision 1.2"), None);
    }
}
