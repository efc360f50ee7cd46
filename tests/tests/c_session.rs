//! A whole session in C: with our library and NetBSD's, under a preloaded library, valgrind and
//! AddressSanitizer.

use std::process::Command;

use rumpclient_tests::c::{CC, Library};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::Program;

const SOURCE: &str = "tests/c/session.c";

/// Runs a command to its good end; the lines that it prints.
fn lines(command: &mut Command) -> Vec<String> {
    Program::spawn(command).finish()
}

fn session(library: &Library, kernel: &Kernel) -> Command {
    library.command(CC.program(SOURCE, &["-O2"]), kernel.url())
}

on_every_kernel! {
    fn the_original_sees_the_same(kernel) {
        let Some(reference) = Library::reference() else { return };
        let ours = lines(&mut session(&Library::ours(), kernel));
        let theirs = lines(&mut session(&reference, kernel));
        assert_eq!(ours, theirs);
    }

    fn nothing_that_can_be_interposed_is_used(kernel) {
        let plain = lines(&mut session(&Library::ours(), kernel));
        let interpose = CC.shared_object("tests/c/interpose.c");
        let mut command = session(&Library::ours(), kernel);
        assert_eq!(lines(command.env("LD_PRELOAD", interpose)), plain);
    }
}

#[test]
fn memcheck_finds_nothing() {
    let kernel = Kernel::test_server();
    let program = CC.program(SOURCE, &["-O1", "-g"]);
    let Some(mut command) = Library::ours().memcheck(program, kernel.url()) else { return };
    lines(&mut command);
}

#[test]
fn address_sanitizer_finds_nothing() {
    let kernel = Kernel::test_server();
    let program = CC.program(SOURCE, &["-O1", "-g", "-fsanitize=address"]);
    lines(&mut Library::ours().command(program, kernel.url()));
}
