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

  --test   run the tests there as well; they hold for tables from NetBSD's revision 1.285 on
";

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
        if options.test {
            // The generator's own tests are about the workspace's table.
            let others = ["--exclude", "rumpclient-codegen", "--exclude", "xtask"];
            copy.cargo(["test", "--workspace"].into_iter().chain(others))?;
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
    let mut masters =
        entries(&folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    masters.sort();
    Ok(masters)
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
/// is not written again, so that cargo sees what really changed.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for old in entries(to)? {
        let kept = old.file_name().is_some_and(|name| from.join(name).exists());
        if !kept {
            remove(&old)?;
        }
    }
    for path in entries(from)? {
        let Some(name) = path.file_name() else {
            continue;
        };
        let copy = to.join(name);
        if !path.is_dir() {
            copy_file(&path, &copy)?;
        } else if name != ".git" && !path.join("CACHEDIR.TAG").exists() {
            mirror(&path, &copy)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let contents = fs::read(from)?;
    if fs::read(to).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    fs::write(to, contents)
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
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
}
