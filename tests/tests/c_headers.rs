//! The headers: they compile in every dialect, alone and together.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use rumpclient_tests::c::{Compiler, workspace};
use tempfile::TempDir;

const HEADERS: [&str; 3] =
    ["rump/rumpclient.h", "rump/rump_syscalls.h", "rump/rump_syscalls_compat.h"];

/// Compiles a text.
fn check(compiler: Compiler, language: &str, standard: &str, text: &str) {
    check_with(compiler.command(), language, standard, text);
}

fn check_with(mut command: Command, language: &str, standard: &str, text: &str) {
    command.args([&format!("-std={standard}"), "-x", language, "-c", "-o", "/dev/null", "-"]);
    let mut running = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn include(headers: &[&str]) -> String {
    headers.iter().map(|header| format!("#include <{header}>\n")).collect()
}

fn check_all(compiler: &'static str, language: &str, standards: &[&str]) {
    let Some(compiler) = Compiler(compiler).present() else { return };
    let backwards: Vec<&str> = HEADERS.into_iter().rev().collect();
    for standard in standards {
        for header in HEADERS {
            check(compiler, language, standard, &include(&[header]));
            // Twice is as good as once.
            check(compiler, language, standard, &include(&[header, header]));
        }
        check(compiler, language, standard, &include(&HEADERS));
        check(compiler, language, standard, &include(&backwards));
    }
}

#[test]
fn in_c_with_gcc() {
    check_all("gcc", "c", &["c99", "c11", "c17", "gnu99", "gnu11"]);
}

#[test]
fn in_c_with_clang() {
    check_all("clang", "c", &["c99", "c11", "c17", "gnu99", "gnu11"]);
}

#[test]
fn in_cpp_with_gcc() {
    check_all("g++", "c++", &["c++11", "c++17", "c++20"]);
}

#[test]
fn in_cpp_with_clang() {
    check_all("clang++", "c++", &["c++11", "c++17", "c++20"]);
}

/// As on a NetBSD host: its types, its `__RENAME`, and a `register_t` that it keeps to itself.
#[test]
fn with_netbsds_types() {
    let stand_in = workspace("tests/c/netbsd.h");
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("sys")).unwrap();
    let netbsds =
        ["types", "cdefs", "param", "select", "socket", "wait"].map(|name| format!("sys/{name}"));
    for name in netbsds.iter().map(String::as_str).chain(["signal", "stddef", "stdint", "time"]) {
        symlink(&stand_in, folder.path().join(format!("{name}.h"))).unwrap();
    }
    let text = "
        pid_t vfork(void);
        register_t registers[2];
        int call(struct stat *);
        int call(struct stat *stat) { return rump_sys_stat(\"/\", stat) + rumpclient_vfork(); }\n";
    let text = include(&HEADERS) + text;
    for (compiler, language, standard) in [
        ("gcc", "c", "c99"),
        ("clang", "c", "c11"),
        ("g++", "c++", "c++17"),
        ("clang++", "c++", "c++17"),
    ] {
        let Some(compiler) = Compiler(compiler).present() else { continue };
        let mut command = compiler.command();
        command.args(["-nostdinc", "-U__linux__", "-D__NetBSD__", "-D_NETBSD_SOURCE"]);
        command.arg("-I").arg(folder.path());
        check_with(command, language, standard, &text);
    }
}

/// The host's part of the headers left to the program.
#[test]
fn without_a_posix_host() {
    let Some(gcc) = Compiler("gcc").present() else { return };
    let types = fs::read_to_string(workspace("tests/c/netbsd.h")).unwrap();
    let text = types.replace("#define __RENAME(name) __asm(__STRING(name))\n", "")
        + "#define RUMP_HOST_NOT_POSIX\n#include <rump/rump_syscalls.h>\n";
    check(gcc, "c", "c99", &text);
}

/// A program may ask for another version of a call, or for another way to name symbols.
#[test]
fn renames_can_be_overridden() {
    let Some(gcc) = Compiler("gcc").present() else { return };
    let text = "
        #define RUMP_SYS_RENAME_STAT rump___sysimpl_stat30
        #include <rump/rump_syscalls.h>
        int call(void);
        int call(void) { return rump_sys_stat(0, 0) + rump_sys_fstat(0, 0); }
    ";
    let mut command = gcc.command();
    command.args(["-std=c99", "-x", "c", "-S", "-o", "-", "-"]);
    let mut running = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let assembly = String::from_utf8(running.wait_with_output().unwrap().stdout).unwrap();
    assert!(assembly.contains("rump___sysimpl_stat30"), "{assembly}");
    assert!(assembly.contains("rump___sysimpl_fstat50"), "{assembly}");
    assert!(!assembly.contains("rump___sysimpl_stat50"), "{assembly}");
}
