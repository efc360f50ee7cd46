//! The examples in C do what they say.

use rumpclient_tests::c::{CC, Library, run_program};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::Program;

const EXAMPLES: [&str; 4] = ["hello", "tcp_echo", "fork_pipe", "vfork_exec"];

fn example(kernel: &Kernel, name: &str) -> Vec<String> {
    run_program(&source(name), kernel.url(), &[])
}

fn source(name: &str) -> String {
    format!("rumpclient-sys/examples/c/{name}.c")
}

on_every_kernel! {
    fn hello(kernel) {
        let lines = example(kernel, "hello");
        let banner = kernel.client().banner().unwrap();
        assert!(lines[0].starts_with("process: "));
        assert_eq!(lines[1], format!("system: {}", banner.ostype));
        assert_eq!(lines[2], format!("release: {}", banner.osrelease));
        assert_eq!(lines[3], "file: hello, kernel");
    }

    fn tcp_echo(kernel) {
        assert_eq!(example(kernel, "tcp_echo"), ["echoed: there and back again"]);
    }

    fn fork_pipe(kernel) {
        assert_eq!(example(kernel, "fork_pipe"), ["the child is another process"]);
    }

    fn vfork_exec(kernel) {
        assert_eq!(example(kernel, "vfork_exec"), ["read: written after exec"]);
    }
}

#[test]
fn memcheck_finds_nothing() {
    let kernel = Kernel::test_server();
    for name in EXAMPLES {
        let program = CC.program(&source(name), &["-O1", "-g"]);
        let Some(mut command) = Library::ours().memcheck(program, kernel.url()) else { return };
        Program::spawn(&mut command).finish();
    }
}

#[test]
fn address_sanitizer_finds_nothing() {
    let kernel = Kernel::test_server();
    for name in EXAMPLES {
        let program = CC.program(&source(name), &["-O1", "-g", "-fsanitize=address"]);
        Program::spawn(&mut Library::ours().command(program, kernel.url())).finish();
    }
}
