//! Ways for a process to end, none of which leaves anything in the kernel.

#![allow(unsafe_code)]

use std::io::stdin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use rumpclient::netbsd::{O_CREAT, O_RDWR};
use rumpclient::{Client, Errno};

use crate::Scenario;
use rumpclient_tests::process::{Child, fork};

pub(crate) const SCENARIOS: [Scenario; 2] = [("exit", exit), ("kill", killed)];

/// Threads that block in calls.
const BLOCKED: usize = 50;

/// How long a process may take to leave the kernel.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has a child do `run`, and then `end` it from here. Prints whether it has left the kernel: a
/// pipe that it shares has come to its end then.
fn watch(run: impl FnOnce(Client), end: impl FnOnce(&Child)) {
    let client = Client::builder().call_timeout(Some(PATIENCE)).from_env().unwrap();
    let [read, write] = client.rump_sys_pipe().unwrap();
    let child = fork(&client, run);
    client.rump_sys_close(write).unwrap();
    end(&child);
    println!(
        "{}",
        match client.rump_sys_read(read, &mut [0]) {
            Ok(0) => "gone",
            Err(Errno::ETIMEDOUT) => "still there",
            other => panic!("{other:?}"),
        }
    );
    // It may live on without a client.
    let _ = kill(child.pid(), Signal::SIGKILL);
    child.wait();
}

/// `exit HOW`: a process with open files and blocked calls that ends in this way.
fn exit(args: &[String]) {
    let run = |client: Client| {
        client.rump_sys_open(c"/tmp/exit", O_CREAT | O_RDWR, 0o600).unwrap();
        end(args[0].as_str(), client);
    };
    watch(run, |_| ());
}

fn end(how: &str, client: Client) {
    if how == "drop" {
        drop(client);
        loop {
            thread::park();
        }
    }
    block_threads(&client, 3);
    match how {
        "return" => {}
        "exit" => std::process::exit(3),
        // SAFETY: it ends the process and touches no memory.
        "_exit" => unsafe { nix::libc::_exit(3) },
        "panic" => std::panic::resume_unwind(Box::new("no message")),
        "abort" => std::process::abort(),
        "exec" => {
            // The connection is closed by an exec that does not hand it on.
            use std::os::unix::process::CommandExt;
            panic!("{}", std::process::Command::new("true").exec());
        }
        how => panic!("no way to end called {how}"),
    }
}

/// A process that is killed with many calls blocked, when the test says so.
fn killed(_: &[String]) {
    let run = |client: Client| {
        block_threads(&client, BLOCKED);
        println!("blocked");
        loop {
            thread::park();
        }
    };
    watch(run, |child| {
        stdin().read_line(&mut String::new()).unwrap();
        kill(child.pid(), Signal::SIGKILL).unwrap();
    });
}

/// Starts threads that block in calls for good; returns when they are about to.
fn block_threads(client: &Client, count: usize) {
    let [read, _] = client.rump_sys_pipe().unwrap();
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    for _ in 0..count {
        let client = client.clone();
        thread::spawn(move || {
            STARTED.fetch_add(1, Ordering::Relaxed);
            client.rump_sys_read(read, &mut [0])
        });
    }
    while STARTED.load(Ordering::Relaxed) < count {
        client.rump_sys_getpid().unwrap();
    }
}
