//! errno as C programs see it.

use rumpclient_tests::c::{CC, Library, run_program};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::Program;

const SOURCE: &str = "tests/c/errno.c";

fn scenario(kernel: &Kernel, args: &[&str]) {
    run_program(SOURCE, kernel.url(), args);
}

on_every_kernel! {
    fn numbers_are_netbsds(kernel) {
        scenario(kernel, &["raw-numbers"]);
    }

    fn a_program_can_choose_the_hosts_numbers(kernel) {
        scenario(kernel, &["translated-numbers", "call"]);
    }

    fn the_environment_can_choose_the_hosts_numbers(kernel) {
        let program = CC.program(SOURCE, &["-O2"]);
        let mut command = Library::ours().command(program, kernel.url());
        Program::spawn(command.arg("translated-numbers").env("RUMPCLIENT_ERRNO", "host")).finish();
    }

    fn calls_by_number_return_it(kernel) {
        let banner = kernel.client().banner().unwrap();
        scenario(kernel, &["by-number", &banner.ostype]);
    }

    fn bad_pointers_are_an_error_and_no_signal(kernel) {
        scenario(kernel, &["bad-pointers"]);
    }

    fn init_starts_no_threads(kernel) {
        scenario(kernel, &["no-threads"]);
    }
}

#[test]
fn nothing_works_before_init_and_nothing_crashes() {
    run_program(SOURCE, "unix:///nowhere", &["before-init"]);
}

#[test]
fn errors_have_netbsds_texts() {
    run_program(SOURCE, "unix:///nowhere", &["texts"]);
}

/// Runs a program whose init must fail with a number of the host's; what it says on standard error.
fn init_fails(url: &str, number: i32, quiet: bool) -> String {
    let program = CC.program(SOURCE, &["-O2"]);
    let mut command = Library::ours().command(program, url);
    command.args(["init-fails", &number.to_string()]);
    if url.is_empty() {
        command.env_remove("RUMP_SERVER");
    }
    if quiet {
        command.env("RUMPCLIENT_QUIET", "1");
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{url}: {said}");
    said
}

#[test]
fn init_fails_with_the_hosts_reason() {
    let long = format!("unix:///{}", "x".repeat(200));
    let port = format!("tcp://127.0.0.1:{}", "1".repeat(300));
    for (url, number) in
        [("unix:///nowhere/at/all", libc::ENOENT), ("tcp://127.0.0.1:1", libc::ECONNREFUSED)]
    {
        assert_eq!(init_fails(url, number, false), "", "trying again may help");
    }
    for (url, number, part) in [
        ("", libc::ENOENT, "RUMP_SERVER is not set"),
        ("tcp://127.0.0.1:port", libc::EINVAL, "port \"port\""),
        (&port, libc::EINVAL, "port \"1111"),
        ("tcp://:80", libc::EINVAL, "no host"),
        ("what://127.0.0.1", libc::EINVAL, "scheme"),
        (&long, libc::ENAMETOOLONG, "201 bytes"),
    ] {
        let said = init_fails(url, number, false);
        assert!(said.starts_with("rumpclient: ") && said.contains(part), "{url}: {said}");
        assert_eq!(init_fails(url, number, true), "");
    }
}
