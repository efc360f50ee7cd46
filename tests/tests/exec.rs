//! Another program goes on with the same process in the kernel.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;

use rumpclient::proto::header::{Class, Kind};
use rumpclient_tests::harness::{Kernel, PATIENCE};
use rumpclient_tests::on_every_kernel;
use rumpclient_tests::peer::{Conversation, converse, words};
use rumpclient_tests::program::{Program, run};
use tempfile::TempDir;

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

fn scenario(kernel: &Kernel, args: &[&str]) -> Vec<String> {
    run(CLIENT, kernel.url(), args)
}

on_every_kernel! {
    fn pid_and_descriptors_stay_but_for_those_closed_on_exec(kernel) {
        assert_eq!(scenario(kernel, &["exec", CLIENT, "1"]), [format!("landed in {CLIENT}")]);
    }

    fn another_program_may_go_on(kernel) {
        let folder = TempDir::new().unwrap();
        let other = folder.path().join("other-program");
        // Not by this process: what another test starts meanwhile would hold it open for writing.
        assert!(Command::new("cp").arg(CLIENT).arg(&other).status().unwrap().success());
        let other = other.to_str().unwrap();
        assert_eq!(scenario(kernel, &["exec", other, "1"]), [format!("landed in {other}")]);
    }

    fn five_execs_in_a_row_leave_nothing_over(kernel) {
        let landed = vec![format!("landed in {CLIENT}"); 5];
        assert_eq!(scenario(kernel, &["exec", CLIENT, "5"]), landed);
    }

    fn arguments_and_environment_are_those_given(kernel) {
        let lines = scenario(kernel, &["exec-arguments"]);
        let (ours, given): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.starts_with("RUMP"));
        let expected =
            ["another name", "print-arguments", "", "two words", "\\xff", "A=1", "B=", "C=x=y"];
        assert_eq!(given, expected);
        let mut names: Vec<_> = ours.iter().map(|line| line.split('=').next().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["RUMPCLIENT__EXECFD", "RUMPCLIENT__EXECPID", "RUMP__PARSEDSERVER"]);
    }

    fn a_relative_address_holds_after_a_chdir(kernel) {
        let socket = Path::new(kernel.url().strip_prefix("unix://").unwrap());
        let relative = format!("unix://{}", socket.file_name().unwrap().display());
        let mut command = Command::new(CLIENT);
        command.arg("exec-after-chdir").env("RUMP_SERVER", relative);
        Program::spawn(command.current_dir(socket.parent().unwrap())).finish();
    }

    fn a_failing_exec_changes_nothing(kernel) {
        scenario(kernel, &["exec-that-fails"]);
    }

    fn children_inherit_nothing(kernel) {
        scenario(kernel, &["children-inherit-nothing"]);
    }

    fn forged_announcements_are_ignored(kernel) {
        for kind in ["file", "folder", "pipe", "listening", "datagram", "unconnected"] {
            scenario(kernel, &["forged-descriptor", kind]);
        }
        for text in ["", ",", "x", "0", "0,1", "77,78", "-1,-1", "7;8", "99999999999999999999,1"] {
            scenario(kernel, &["forged-text", text]);
        }
    }

    fn a_later_program_does_not_believe_an_old_announcement(kernel) {
        scenario(kernel, &["stale-announcement"]);
    }

    fn other_threads_calls_do_not_hold_an_exec_up(kernel) {
        // Twenty execs, each from a thread of a program whose other threads make calls.
        let done = || scenario(kernel, &["exec-among-threads", "20"]) == ["done"];
        assert!((0..kernel.attempts_to_wake()).any(|_| done()));
    }
}

/// A call that has just begun has yet to fetch its data when the program is about to be replaced.
#[test]
fn a_write_under_way_gets_its_data_before_an_exec() {
    let (has_begun, begun) = channel();
    let script = move |peer: &mut Conversation| {
        peer.greet();
        let write = peer.expect_frame();
        has_begun.send(()).unwrap();
        let probe = peer.expect_frame();
        assert_eq!(probe.header.kind, Kind::Syscall as u16, "the program is still there");
        peer.hold();
        peer.answer(probe.header.reqno, 0, 2);
        let (address, len) = (write.word(1), write.word(2));
        peer.send(Class::Request, Kind::Copyin, 0, 0, &words(&[len, address]));
        peer.release();
        assert_eq!(peer.expect_frame().body, [7; 1000]);
        peer.answer(write.header.reqno, 0, 1000);
        let exec = peer.expect_frame();
        assert_eq!(exec.header.kind, Kind::Handshake as u16);
        peer.send(Class::Response, Kind::Handshake, exec.header.reqno, 0, &[0; 4]);
        let getpid = peer.expect_frame();
        peer.answer(getpid.header.reqno, 0, 2);
        peer.wait_for_hangup();
    };
    converse(script, |url| {
        let mut program = Program::start(CLIENT, url, &["exec-during-write"]);
        begun.recv_timeout(PATIENCE).expect("the program writes");
        program.say("go");
        program.finish();
    });
}
