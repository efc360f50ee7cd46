//! A process that ends leaves nothing in the kernel.

use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::{Program, run};

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

on_every_kernel! {
    fn a_process_takes_all_it_has_along_however_it_ends(kernel) {
        for how in ["drop", "return", "exit", "_exit", "panic", "abort", "exec"] {
            let gone = || run(CLIENT, kernel.url(), &["exit", how]) == ["gone"];
            assert!((0..kernel.attempts_to_wake()).any(|_| gone()), "{how}");
        }
        kernel.expect_deserted();
    }

    fn a_killed_process_frees_its_blocked_calls(kernel) {
        let gone = || {
            let mut program = Program::start(CLIENT, kernel.url(), &["kill"]);
            program.expect("blocked");
            kernel.expect_blocked(50);
            program.say("kill");
            program.finish() == ["gone"]
        };
        assert!((0..kernel.attempts_to_wake()).any(|_| gone()));
        kernel.expect_deserted();
    }
}
