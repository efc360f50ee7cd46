//! A kernel that dies while its clients are at work.

#![allow(unsafe_code)]

use std::io::stdin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use nix::sys::signal::Signal;
use rumpclient::{Client, Errno, LinkEvent, RetryPolicy};
use rumpclient_tests::host::open_descriptors;
use rumpclient_tests::mix::calls_amid_restarts;
use rumpclient_tests::signals::handle;

use crate::Scenario;

pub(crate) const SCENARIOS: [Scenario; 3] = [
    ("die-with-the-kernel", die),
    ("restarts-under-load", restarts_under_load),
    ("signal-while-reconnecting", signal_while_reconnecting),
];

/// The client of a signal or exit handler.
static CLIENT: OnceLock<Client> = OnceLock::new();

/// What the threads' calls have returned with when the kernel was lost.
static RETURNED: OnceLock<Errno> = OnceLock::new();

/// Makes a client that exits when the kernel is lost, with two threads in a call: one of them ends
/// the program, with a call of its own on the way out, and waits for the other to return.
fn die(_: &[String]) {
    extern "C" fn on_exit() {
        assert_eq!(RETURNED.get(), None, "a call returned before the end");
        let client = CLIENT.get().expect("the client was made before the handler");
        println!("on exit: {:?}", client.rump_sys_getpid() == Err(Errno::LINK_LOST));
        println!("the other: {:?}", *RETURNED.wait() == Errno::LINK_LOST);
    }
    let client = Client::builder().retry(RetryPolicy::Die).from_env().unwrap();
    let client = CLIENT.get_or_init(|| client);
    // SAFETY: the handler neither unwinds nor returns to anything that is gone.
    assert_eq!(unsafe { nix::libc::atexit(on_exit) }, 0);
    let [read, _] = client.rump_sys_pipe().unwrap();
    let wait = move || {
        let result = client.rump_sys_read(read, &mut [0]);
        RETURNED.set(result.unwrap_err()).unwrap();
        loop {
            thread::park();
        }
    };
    thread::spawn(wait);
    println!("ready");
    wait()
}

/// Threads that make calls while the kernel is killed and started again, which the test does each
/// time it is told of a kernel regained, until it says that it is enough.
fn restarts_under_load(_: &[String]) {
    let client = Client::builder()
        .retry(RetryPolicy::Forever)
        .on_link_event(|event| {
            if let LinkEvent::Regained { generation } = event {
                println!("regained {generation}");
            }
        })
        .from_env()
        .unwrap();
    let (done, descriptors) = (AtomicBool::new(false), open_descriptors());
    thread::scope(|scope| {
        for thread in 0..8 {
            let (client, done) = (&client, &done);
            let path = std::ffi::CString::new(format!("/tmp/load{thread}")).unwrap();
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    calls_amid_restarts(client, &path);
                }
            });
        }
        println!("ready");
        stdin().read_line(&mut String::new()).unwrap();
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(open_descriptors(), descriptors);
    client.rump_sys_getpid().expect("there is a kernel again");
}

/// What the handler's call gave.
static HANDLED: AtomicI32 = AtomicI32::new(0);

extern "C" fn call_in_handler(_: i32) {
    let client = CLIENT.get().expect("the client was made before the handler");
    HANDLED.store(client.rump_sys_getpid().unwrap_or(-1), Ordering::Relaxed);
}

/// A signal that arrives while its thread looks for a new kernel, and whose handler makes a call.
fn signal_while_reconnecting(_: &[String]) {
    let client = Client::builder().retry(RetryPolicy::Forever).from_env().unwrap();
    let client = CLIENT.get_or_init(|| client);
    handle(Signal::SIGUSR1, call_in_handler);
    let [read, _] = client.rump_sys_pipe().unwrap();
    println!("ready");
    // The kernel dies in the midst of this, or before it is sent: then it is the new kernel's.
    let result = client.rump_sys_read(read, &mut [0]);
    assert!(matches!(result, Err(Errno::LINK_LOST | Errno::EBADF)), "{result:?}");
    let pid = client.rump_sys_getpid();
    assert_eq!(client.generation(), 2, "one of the two has made the connection");
    assert_eq!(pid, Ok(HANDLED.load(Ordering::Relaxed)));
}
