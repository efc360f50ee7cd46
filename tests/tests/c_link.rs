//! Lost kernels and signals, in C programs.

use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

use rumpclient_tests::c::{CC, Library, run_program};
use rumpclient_tests::harness::PATIENCE;
use rumpclient_tests::mortal::MortalKernel;
use rumpclient_tests::program::{Ending, Program};
use rumpclient_tests::{on_every_kernel, on_every_mortal_kernel};

const SOURCE: &str = "tests/c/link.c";

fn start(kernel: &MortalKernel, args: &[&str]) -> Program {
    let program = CC.program(SOURCE, &["-O2"]);
    let mut program = Program::spawn(Library::ours().command(program, kernel.url()).args(args));
    program.expect("ready");
    program
}

on_every_mortal_kernel! {
    fn a_lost_kernel_is_the_hosts_enotconn(kernel) {
        let mut program = start(kernel, &["lost"]);
        kernel.kill();
        program.say("go on");
        program.finish();
    }

    fn a_program_can_ask_to_end_with_the_kernel(kernel) {
        let mut program = start(kernel, &["die"]);
        kernel.kill();
        program.say("go on");
        program.expect("exit handlers ran");
        assert_eq!(program.wait(), Ending::Exited(1));
    }

    fn one_attempt_is_made_at_once(kernel) {
        let mut program = start(kernel, &["give-up", "once"]);
        kernel.kill();
        let began = Instant::now();
        program.say("go on");
        program.finish();
        assert!(began.elapsed() < PATIENCE);
    }

    fn attempts_end_after_their_time(kernel) {
        let mut program = start(kernel, &["give-up", "1"]);
        kernel.kill();
        program.say("go on");
        program.finish();
    }

    fn a_kernel_that_comes_back_is_a_new_one(kernel) {
        let mut program = start(kernel, &["regain"]);
        kernel.kill();
        program.say("go on");
        kernel.start();
        program.finish();
    }
}

on_every_kernel! {
    fn handlers_make_calls_while_a_call_waits(kernel) {
        run_program(SOURCE, kernel.url(), &["handler"]);
    }

    fn descriptors_closed_unasked_count_as_a_lost_link(kernel) {
        run_program(SOURCE, kernel.url(), &["closed-behind-its-back"]);
    }

    fn signals_of_the_kernel_become_the_hosts(kernel) {
        run_program(SOURCE, kernel.url(), &["raised"]);
    }

    fn signals_of_the_kernel_kill(kernel) {
        let program = CC.program(SOURCE, &["-O2"]);
        let mut program = Program::spawn(Library::ours().command(program, kernel.url()).arg("killed"));
        assert_eq!(program.wait(), Ending::Killed(libc::SIGPIPE));
    }
}

/// What a program says of a kernel that went and came back.
fn messages(quiet: &str) -> String {
    let mut kernel = MortalKernel::test_server(env!("CARGO_BIN_EXE_rump-testserver"));
    let program = CC.program(SOURCE, &["-O2"]);
    let mut command = Library::ours().command(program, kernel.url());
    let (mut said, stderr) = std::io::pipe().unwrap();
    command.arg("regain").env("RUMPCLIENT_QUIET", quiet).stderr(Stdio::from(stderr));
    let mut program = Program::spawn(&mut command);
    drop(command);
    program.expect("ready");
    kernel.kill();
    program.say("go on");
    kernel.start();
    program.finish();
    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_lost_and_a_regained_kernel_are_reported() {
    let text = messages("");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("rumpclient: lost the kernel: "), "{text}");
    assert_eq!(lines[1..], ["rumpclient: connected to a kernel again"], "{text}");
}

#[test]
fn reports_can_be_silenced() {
    assert_eq!(messages("1"), "");
}
