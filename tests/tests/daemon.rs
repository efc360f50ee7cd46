//! A process goes into the background, in the kernel as on the host.

use std::process::Command;

use rumpclient_tests::on_every_kernel;
use rumpclient_tests::program::{Ending, Program};

const CLIENT: &str = env!("CARGO_BIN_EXE_rump-testclient");

on_every_kernel! {
    fn a_daemon_keeps_its_process_in_the_kernel(kernel) {
        for (nochdir, noclose, folder) in
            [(false, false, "/"), (false, true, "/"), (true, false, "/tmp"), (true, true, "/tmp")]
        {
            let mut command = Command::new(CLIENT);
            command.args(["daemon", &nochdir.to_string(), &noclose.to_string()]);
            command.current_dir("/tmp").env("RUMP_SERVER", kernel.url());
            let mut program = Program::spawn(&mut command);
            assert_eq!(program.wait(), Ending::Exited(0), "the process that was started");
            let silent = !noclose;
            program.expect(&format!("session leader: true, silent: {silent}, in {folder}"));
            assert_eq!(program.next_line(), None);
        }
    }
}
