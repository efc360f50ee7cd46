//! A whole session in C: with our library and NetBSD's, under a preloaded library, valgrind and
//! AddressSanitizer.

use std::process::{Command, Output};

use rumpclient_tests::c::{CC, Compiler, Library};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::on_every_kernel;

const SOURCE: &str = "tests/c/session.c";

/// Runs a command to its good end; what it prints.
fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{said}");
    String::from_utf8(stdout).unwrap()
}

fn session(library: &Library, kernel: &Kernel) -> Command {
    library.command(CC.program(SOURCE, &["-O2"]), kernel.url())
}

on_every_kernel! {
    fn the_original_sees_the_same(kernel) {
        let Some(reference) = Library::reference() else { return };
        let ours = output(&mut session(&Library::ours(), kernel));
        let theirs = output(&mut session(&reference, kernel));
        assert_eq!(ours, theirs);
    }

    fn nothing_that_can_be_interposed_is_used(kernel) {
        let plain = output(&mut session(&Library::ours(), kernel));
        let interpose = CC.shared_object("tests/c/interpose.c");
        let mut command = session(&Library::ours(), kernel);
        assert_eq!(output(command.env("LD_PRELOAD", interpose)), plain);
    }
}

#[test]
fn memcheck_finds_nothing() {
    if Compiler("valgrind").present().is_none() {
        return;
    }
    let kernel = Kernel::test_server();
    let program = CC.program(SOURCE, &["-O1", "-g"]);
    let mut command = Library::ours().command("valgrind", kernel.url());
    command.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--trace-children=yes"]);
    command.args(["--errors-for-leak-kinds=definite"]).arg(program);
    output(&mut command);
}

#[test]
fn address_sanitizer_finds_nothing() {
    let kernel = Kernel::test_server();
    let program = CC.program(SOURCE, &["-O1", "-g", "-fsanitize=address"]);
    output(&mut Library::ours().command(program, kernel.url()));
}
