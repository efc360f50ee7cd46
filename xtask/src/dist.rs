//! `cargo xtask dist --prefix DIR [--destdir DIR]`: builds the C library and lays it out as it is
//! installed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use lexopt::prelude::*;
use serde_json::Value as Json;

use crate::{Failure, cargo, workspace};

const USAGE: &str = "\
Usage: cargo xtask dist --prefix DIR [--destdir DIR]

Builds librumpclient and installs it with headers, manual page and pkg-config file.

  --prefix DIR    where programs will find it: DIR/lib, DIR/include, DIR/share
  --destdir DIR   put it below DIR, for somebody else to move it to its prefix
";

const PACKAGE: &str = "rumpclient-sys";
const LIBRARY: &str = "librumpclient.so";
const HEADERS: [&str; 3] = ["rumpclient.h", "rump_syscalls.h", "rump_syscalls_compat.h"];

struct Options {
    prefix: PathBuf,
    destdir: Option<PathBuf>,
}

/// What the build made.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) shared: PathBuf,
    archive: PathBuf,
    version: String,
    description: String,
    /// What a program needs besides when it links with the archive.
    static_libs: String,
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = options(args)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let built = build()?;
    install(&options, &built)?;
    Ok(ExitCode::SUCCESS)
}

fn options(mut args: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let (mut prefix, mut destdir) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("prefix") => prefix = Some(PathBuf::from(args.value()?)),
            Long("destdir") => destdir = Some(PathBuf::from(args.value()?)),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    let prefix = prefix.ok_or("--prefix DIR says where to install; it is missing")?;
    let prefix = std::path::absolute(prefix)?;
    if prefix.to_str().is_none_or(|text| text.contains(char::is_whitespace)) {
        return Err(format!("{}: pkg-config takes no blanks in a prefix", prefix.display()).into());
    }
    Ok(Some(Options { prefix, destdir }))
}

/// Builds the library by cargo and picks from its messages where things are.
pub(crate) fn build() -> Result<Built, Failure> {
    let build = ["rustc", "--release", "--lib", "--package", PACKAGE, "--message-format=json"];
    let output = cargo::command(&build)
        // Without the third kind, for Rust programs, they can be optimised as a whole.
        .arg("--crate-type=cdylib,staticlib")
        .args(["--", "--print=native-static-libs"])
        .stderr(Stdio::inherit())
        .output()?;
    let mut built = package()?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Json = serde_json::from_str(line)?;
        match message["reason"].as_str() {
            Some("compiler-message") => built.take_diagnostic(&message["message"]),
            Some("compiler-artifact") => built.take_artifact(&message),
            _ => {}
        }
    }
    if !output.status.success() {
        return Err(format!("{PACKAGE} does not build").into());
    }
    for made in [&built.shared, &built.archive] {
        if made.as_os_str().is_empty() {
            return Err("cargo does not say where it put the library".into());
        }
    }
    Ok(built)
}

/// What the package says of itself.
fn package() -> Result<Built, Failure> {
    let output = cargo::command(&["metadata", "--no-deps", "--format-version=1"])
        .stderr(Stdio::inherit())
        .output()?;
    let metadata: Json = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.into_iter().find(|package| package["name"] == PACKAGE);
    let package = package.ok_or_else(|| format!("the workspace has no package {PACKAGE}"))?;
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    Ok(Built { version: text("version"), description: text("description"), ..Built::default() })
}

impl Built {
    fn take_diagnostic(&mut self, message: &Json) {
        let text = message["message"].as_str().unwrap_or_default();
        if let Some(libraries) = text.strip_prefix("native-static-libs: ") {
            self.static_libs = libraries.to_owned();
        } else if let Some(rendered) = message["rendered"].as_str() {
            // The note that announces the one above is of no use by itself.
            if message["level"] != "note" {
                eprint!("{rendered}");
            }
        }
    }

    fn take_artifact(&mut self, message: &Json) {
        if message["target"]["name"] != PACKAGE.replace('-', "_") {
            return;
        }
        for file in message["filenames"].as_array().into_iter().flatten() {
            let file = PathBuf::from(file.as_str().unwrap_or_default());
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("so") => self.shared = file,
                Some("a") => self.archive = file,
                _ => {}
            }
        }
    }
}

fn install(options: &Options, built: &Built) -> Result<(), Failure> {
    let root = workspace::root().join(PACKAGE);
    let top = staged(options);
    let lib = top.join("lib");
    copy(&built.shared, &lib.join(format!("{LIBRARY}.0.0")))?;
    link(&format!("{LIBRARY}.0.0"), &lib.join(format!("{LIBRARY}.0")))?;
    link(&format!("{LIBRARY}.0"), &lib.join(LIBRARY))?;
    copy(&built.archive, &lib.join("librumpclient.a"))?;
    for header in HEADERS {
        copy(&root.join("include/rump").join(header), &top.join("include/rump").join(header))?;
    }
    copy(&root.join("man/rumpclient.3"), &top.join("share/man/man3/rumpclient.3"))?;
    workspace::write(&lib.join("pkgconfig/rumpclient.pc"), &pkg_config(&options.prefix, built))?;
    println!("installed to {}", top.display());
    Ok(())
}

/// The prefix, below the destination folder if there is one.
fn staged(options: &Options) -> PathBuf {
    match &options.destdir {
        None => options.prefix.clone(),
        Some(destdir) => {
            let below = options.prefix.strip_prefix("/").unwrap_or(&options.prefix);
            destdir.join(below)
        }
    }
}

fn pkg_config(prefix: &Path, built: &Built) -> String {
    format!(
        "\
prefix={}
libdir=${{prefix}}/lib
includedir=${{prefix}}/include

Name: rumpclient
Description: {}
Version: {}
Libs: -L${{libdir}} -lrumpclient
Libs.private: {}
Cflags: -I${{includedir}}
",
        prefix.display(),
        built.description,
        built.version,
        built.static_libs
    )
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let folder = to.parent().map_or(Ok(()), fs::create_dir_all);
    // A program that runs goes on with the file it has, instead of finding it overwritten.
    folder
        .and_then(|()| remove(to))
        .and_then(|()| fs::copy(from, to).map(drop))
        .map_err(|error| format!("cannot install {}: {error}", to.display()).into())
}

fn link(target: &str, link: &Path) -> Result<(), Failure> {
    remove(link)
        .and_then(|()| symlink(target, link))
        .map_err(|error| format!("cannot install {}: {error}", link.display()).into())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
