//! Process life in C programs, which fork by the header's inline functions.

use rumpclient_tests::c::{Compiler, Library, run_program};
use rumpclient_tests::harness::Kernel;
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::Program;

const SOURCE: &str = "tests/c/life.c";

fn scenario(kernel: &Kernel, args: &[&str]) -> Vec<String> {
    run_program(SOURCE, kernel.url(), args)
}

/// What compilers make of an inline function that returns twice depends on how hard they try.
fn in_every_way(kernel: &Kernel, args: &[&str]) {
    for compiler in [Compiler("gcc"), Compiler("clang")] {
        let Some(compiler) = compiler.present() else { continue };
        for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
            let program = compiler.program(SOURCE, &[level]);
            Program::spawn(Library::ours().command(program, kernel.url()).args(args)).finish();
        }
    }
}

on_every_kernel! {
    fn a_tree_of_processes_talks_through_a_pipe_of_the_kernel(kernel) {
        scenario(kernel, &["tree"]);
    }

    fn forks_leave_no_descriptors(kernel) {
        scenario(kernel, &["loop", "100", "fork"]);
    }

    fn vforks_leave_no_descriptors(kernel) {
        scenario(kernel, &["loop", "100", "vfork"]);
    }

    fn ten_thousand_cancelled_forks_leave_no_memory(kernel) {
        scenario(kernel, &["cancel-loop", "10000"]);
    }

    fn a_child_of_a_plain_fork_makes_its_own_connection(kernel) {
        scenario(kernel, &["after-plain-fork"]);
    }

    fn a_cookie_works_once(kernel) {
        scenario(kernel, &["cookies"]);
    }

    fn a_vforked_child_gives_the_connection_back(kernel) {
        in_every_way(kernel, &["vfork-shares-memory"]);
    }

    fn a_vforked_child_gives_the_connection_back_even_unasked(kernel) {
        in_every_way(kernel, &["vfork-without-vparent"]);
    }

    fn a_vforked_child_can_vfork(kernel) {
        in_every_way(kernel, &["vfork-nested"]);
    }

    fn other_threads_are_not_a_vforked_child(kernel) {
        scenario(kernel, &["vfork-among-threads"]);
    }

    fn exec_keeps_the_process_and_its_descriptors(kernel) {
        assert_eq!(scenario(kernel, &["exec-keeps-process", "4"]), ["ran after exec"]);
    }

    fn exec_that_fails_changes_nothing(kernel) {
        scenario(kernel, &["exec-fails"]);
    }

    fn vfork_and_exec(kernel) {
        in_every_way(kernel, &["vfork-exec"]);
    }

    fn a_plainly_vforked_child_execs_beside_its_parent(kernel) {
        scenario(kernel, &["plain-vfork"]);
    }

    fn other_programs_inherit_nothing(kernel) {
        scenario(kernel, &["other-programs"]);
    }

    fn a_daemon_takes_its_process_along(kernel) {
        for (nochdir, noclose) in [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")] {
            assert_eq!(scenario(kernel, &["daemon", nochdir, noclose]), ["in the background"]);
        }
    }

    fn the_librarys_descriptors_get_out_of_the_way(kernel) {
        scenario(kernel, &["closenotify"]);
    }
}

/// A relative path to the socket still holds after the program has gone to another folder.
#[test]
fn exec_after_a_chdir_finds_a_relative_address() {
    let kernel = Kernel::test_server();
    let path = kernel.url().strip_prefix("unix://").unwrap();
    let (folder, name) = path.rsplit_once('/').unwrap();
    let program = rumpclient_tests::c::CC.program(SOURCE, &["-O2"]);
    let mut command = Library::ours().command(program, &format!("unix://{name}"));
    let lines =
        Program::spawn(command.args(["exec-keeps-process", "2"]).current_dir(folder)).finish();
    assert_eq!(lines, ["ran after exec"]);
}
