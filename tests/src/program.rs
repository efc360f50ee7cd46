//! Programs that a test starts and talks to, line by line: whatever forks, execs or dies.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, pidfd_open,
    waitid,
};

use crate::harness::PATIENCE;
use crate::host::end_with_us;

/// A running program. When dropped it is killed, and so are those that it has started, unless they
/// left its process group.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    patience: Duration,
}

impl Program {
    /// Starts `program` with these arguments as a client of the kernel at `url`.
    pub fn start(program: &str, url: &str, args: &[&str]) -> Self {
        Self::spawn(Command::new(program).args(args).env("RUMP_SERVER", url))
    }

    /// Starts a program that has been set up by hand.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = end_with_us(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The test may have seen enough.
                let _ = sender.send(line);
            }
        });
        Self { child, lines, patience: PATIENCE }
    }

    /// Gives it so much time for whatever it does, instead of [`PATIENCE`].
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Its host pid.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The next line that it, or a process that it has forked, prints. `None` when all have ended.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(self.patience) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("the program says nothing for {:?}", self.patience)
            }
        }
    }

    /// Waits for a line.
    ///
    /// # Panics
    /// When another one comes, or none in time.
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.next_line().as_deref(), Some(line));
    }

    /// Prints a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let mut stdin = self.child.stdin.as_ref().expect("standard input is a pipe");
        writeln!(stdin, "{line}").expect("the program reads its standard input");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program runs and is ours");
    }

    /// Waits until it, and whatever it has forked, has ended; the lines that are left.
    ///
    /// # Panics
    /// When it did not end well, or not in time.
    pub fn finish(mut self) -> Vec<String> {
        let lines = std::iter::from_fn(|| self.next_line()).collect();
        assert_eq!(self.wait(), Ending::Exited(0), "after {lines:?}");
        lines
    }

    /// Waits until it has ended, in whatever way.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait(&mut self) -> Ending {
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).expect("a child has a pidfd");
        let timeout = Timespec::try_from(self.patience).expect("the time limit is small");
        let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout));
        assert_ne!(ready, Ok(0), "the program does not end within {:?}", self.patience);
        // It stays a zombie until it is dropped, so that its process group stays ours to kill.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid()), options).expect("a child can be waited for");
        let status = status.expect("a process that has ended has a status");
        match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => Ending::Exited(status),
            (None, Some(signal)) => Ending::Killed(signal),
            (None, None) => panic!("the program ended neither way: {status:?}"),
        }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By `exit(3)`, with this status.
    Exited(i32),
    /// By this signal of the host's.
    Killed(i32),
}

impl Drop for Program {
    fn drop(&mut self) {
        // Nobody may be left to kill.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Runs a program to its good end; the lines it printed.
///
/// # Panics
/// When it fails, or does not end in time.
pub fn run(program: &str, url: &str, args: &[&str]) -> Vec<String> {
    Program::start(program, url, args).finish()
}
