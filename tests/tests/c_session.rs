//! A whole session in C: with our library and NetBSD's, under a preloaded library, valgrind and
//! AddressSanitizer.

use std::path::PathBuf;
use std::process::Command;

use rumpclient_tests::c::{CC, Library};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::program::Program;
use rumpclient_tests::{on_every_kernel, on_every_mortal_kernel};

const SOURCE: &str = "tests/c/session.c";
/// Programs of the tests of lost kernels and signals.
const LINK: &str = "tests/c/link.c";

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
        let mut command = session(&Library::ours(), kernel);
        assert_eq!(lines(command.env("LD_PRELOAD", interpose())), plain);
    }

    fn nothing_that_can_be_interposed_is_used_under_signals(kernel) {
        for scenario in ["handler", "raised"] {
            let mut command = Library::ours().command(CC.program(LINK, &["-O2"]), kernel.url());
            lines(command.arg(scenario).env("LD_PRELOAD", interpose()));
        }
    }
}

on_every_mortal_kernel! {
    fn nothing_that_can_be_interposed_is_used_to_reconnect(kernel) {
        let mut command = Library::ours().command(CC.program(LINK, &["-O2"]), kernel.url());
        let mut program = Program::spawn(command.arg("regain").env("LD_PRELOAD", interpose()));
        program.expect("ready");
        kernel.kill();
        program.say("go on");
        kernel.start();
        program.finish();
    }
}

/// A preloaded library that ends whoever calls what librumphijack would take.
fn interpose() -> PathBuf {
    CC.shared_object("tests/c/interpose.c")
}

/// librumphijack has this library's functions of the host looked up from behind itself.
#[test]
fn forks_go_where_the_preloaded_library_says() {
    let kernel = Kernel::test_server();
    let hook = CC.shared_object("tests/c/hook.c");
    let said = lines(session(&Library::ours(), &kernel).env("LD_PRELOAD", hook));
    let plain = lines(&mut session(&Library::ours(), &kernel));
    let (hooks, rest): (Vec<_>, Vec<_>) = said.into_iter().partition(|line| line == "hooked fork");
    assert_eq!(rest, plain);
    assert_eq!(hooks.len(), 3, "two children and a daemon");
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
