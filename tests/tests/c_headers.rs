//! The headers: they compile in every dialect, alone and together.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use rumpclient_tests::c::{Compiler, workspace};

const HEADERS: [&str; 3] =
    ["rump/rumpclient.h", "rump/rump_syscalls.h", "rump/rump_syscalls_compat.h"];

/// Compiles a text.
fn check(compiler: Compiler, language: &str, standard: &str, text: &str) {
    let mut command = compiler.command();
    command.args([&format!("-std={standard}"), "-x", language, "-c", "-o", "/dev/null", "-"]);
    let mut running = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{compiler:?} {standard}\n{text}\n{}",
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

/// What the manual page says exists is there to be called.
#[test]
fn the_manual_page_tells_of_every_function() {
    let header = fs::read_to_string(workspace("rumpclient-sys/include/rump/rumpclient.h")).unwrap();
    let page = fs::read_to_string(workspace("rumpclient-sys/man/rumpclient.3")).unwrap();
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.to_lowercase().starts_with("rumpclient_"))
            .map(str::to_owned)
            .collect()
    };
    let known = words(&page);
    // Parts of the machinery rather than of the interface.
    let inner = ["rumpclient_register_t", "rumpclient__dofork"];
    for word in words(&header) {
        assert!(
            known.contains(&word) || inner.contains(&word.as_str()),
            "the manual page does not tell of {word}"
        );
    }
}
