//! The C library as it is installed, by `cargo xtask dist` or `cargo cinstall`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rumpclient_tests::c::{CC, Library, installed, is_present, workspace};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::program::Program;
use tempfile::TempDir;

#[test]
fn everything_is_in_its_place() {
    let Some(prefix) = installed() else { return };
    for name in [
        "lib/librumpclient.so",
        "lib/librumpclient.so.0",
        "lib/librumpclient.a",
        "lib/pkgconfig/rumpclient.pc",
        "include/rump/rumpclient.h",
        "include/rump/rump_syscalls.h",
        "include/rump/rump_syscalls_compat.h",
        "share/man/man3/rumpclient.3",
    ] {
        assert!(prefix.join(name).is_file(), "{name} is missing");
    }
    let real = fs::canonicalize(prefix.join("lib/librumpclient.so.0")).unwrap();
    let name = real.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("librumpclient.so.0.0"), "{name}");
}

#[test]
fn the_library_is_small_and_stripped() {
    let Some(prefix) = installed() else { return };
    let library = prefix.join("lib/librumpclient.so.0");
    let size = fs::metadata(&library).unwrap().len();
    assert!(size < 1 << 20, "{size} bytes");
    let sections = Command::new("readelf").arg("-SW").arg(&library).output().unwrap();
    assert!(!String::from_utf8(sections.stdout).unwrap().contains(".symtab"));
}

/// What pkg-config says of the library.
fn pkg_config(prefix: &Path, args: &[&str]) -> Option<Vec<String>> {
    const PROGRAM: &str = "pkg-config";
    let mut command = is_present(PROGRAM).then(|| Command::new(PROGRAM))?;
    command.args(args).arg("rumpclient").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.split_whitespace().map(str::to_owned).collect())
}

/// Compiles the first example with these further arguments and runs it.
fn hello(args: impl IntoIterator<Item = String>) {
    let folder = TempDir::new().unwrap();
    let program: PathBuf = folder.path().join("hello");
    let source = workspace("rumpclient-sys/examples/c/hello.c");
    let mut compile = Command::new(CC.0);
    let compiled = compile.arg("-o").arg(&program).arg(source).args(args).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let kernel = Kernel::test_server();
    let lines = Program::spawn(&mut Library::ours().command(program, kernel.url())).finish();
    assert_eq!(lines.last().map(String::as_str), Some("file: hello, kernel"));
}

#[test]
fn pkg_config_tells_how_to_compile() {
    let Some(prefix) = installed() else { return };
    let Some(flags) = pkg_config(&prefix, &["--cflags", "--libs"]) else { return };
    hello(flags);
}

#[test]
fn a_program_can_hold_the_library_in_itself() {
    let Some(prefix) = installed() else { return };
    let Some(flags) = pkg_config(&prefix, &["--cflags", "--libs", "--static"]) else { return };
    // The linker would take the shared library.
    let archive = prefix.join("lib/librumpclient.a").to_str().unwrap().to_owned();
    hello(
        flags.into_iter().map(|flag| if flag == "-lrumpclient" { archive.clone() } else { flag }),
    );
}
