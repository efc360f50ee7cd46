//! A program that loads a kernel, in Rust.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::panic;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use nix::sys::signal::{SigSet, Signal};
use rumpclient::{Client, CloseVariant, Errno, Error, RetryPolicy};
use rumpclient_tests::host::{open_descriptors, resident_memory};
use rumpclient_tests::mix::{Mix, calls_amid_restarts};
use rumpclient_tests::process::{Child, plain_fork, try_fork};
use rumpclient_tests::signals::{handle, letting_in, storm};

use crate::round::Load;

/// How often a signal is sent.
const SIGNAL_EVERY: Duration = Duration::from_micros(300);

/// How much the program may grow once all that it does has been done for a while.
const GROWTH_MAX: usize = 64 << 20;

/// How long a call may take that nobody answers.
const BRIEFLY: Duration = Duration::from_millis(5);

/// The client of signal handlers.
static CLIENT: OnceLock<Client> = OnceLock::new();
/// Our process in the kernel, where that stays.
static PID: AtomicI32 = AtomicI32::new(0);
static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn call(_: i32) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
    let result = CLIENT.get().expect("the client is made before any signal").rump_sys_getpid();
    match PID.load(Ordering::Relaxed) {
        0 => assert!(result.is_ok() || result == Err(Errno::LINK_LOST), "{result:?}"),
        pid => assert_eq!(result, Ok(pid)),
    }
}

/// What the program's threads do, each for itself.
struct Work<'w> {
    client: &'w Client,
    load: Load,
    /// Calls whose answers are known, where the kernel stays.
    mix: Option<Mix>,
    done: AtomicBool,
    calls: AtomicU64,
    preforks: AtomicU64,
    forks: AtomicU64,
    timeouts: AtomicU64,
    moves: AtomicU64,
}

/// Loads the kernel in the environment for so long; prints how much has been done.
pub(crate) fn run(load: Load, time: Duration, seed: u64) {
    let policy = match load {
        Load::Steady => RetryPolicy::Never,
        Load::Restarts => RetryPolicy::Forever,
    };
    let client = loop {
        match Client::builder().retry(policy).from_env() {
            Ok(client) => break client,
            // It has been killed in between.
            Err(error) => assert!(load == Load::Restarts, "{error}"),
        }
    };
    let client = CLIENT.get_or_init(|| client);
    let work = Work {
        client,
        load,
        mix: (load == Load::Steady).then(|| Mix::new(client)),
        done: AtomicBool::new(false),
        calls: AtomicU64::new(0),
        preforks: AtomicU64::new(0),
        forks: AtomicU64::new(0),
        timeouts: AtomicU64::new(0),
        moves: AtomicU64::new(0),
    };
    if load == Load::Steady {
        PID.store(client.rump_sys_getpid().expect("a process has an id"), Ordering::Relaxed);
    }
    fail_at_once();
    handle(Signal::SIGALRM, call);
    // Threads let it in where they make calls and nothing else.
    SigSet::from(Signal::SIGALRM).thread_block().expect("a signal can be blocked");
    let (descriptors, stream) = (open_descriptors(), stream());
    let settled = thread::scope(|scope| {
        let (work, stream) = (&work, &stream);
        for thread in 0..4 {
            scope.spawn(move || work.make_calls(thread, seed));
        }
        scope.spawn(|| work.prefork(seed));
        scope.spawn(|| work.fork());
        // After a restart a number may stand for another thread's descriptor: there are but files.
        if load == Load::Steady {
            scope.spawn(|| work.time_out());
            scope.spawn(|| work.move_stream(stream));
        }
        let _storm = storm(Signal::SIGALRM, SIGNAL_EVERY);
        thread::sleep(time / 4);
        let settled = resident_memory();
        thread::sleep(time / 4 * 3);
        work.done.store(true, Ordering::Relaxed);
        settled
    });
    // The library has one more once it has copied enough.
    let left = open_descriptors();
    assert!(left <= descriptors + 1, "{left} descriptors are left, of {descriptors}");
    let grown = resident_memory().saturating_sub(settled);
    assert!(grown < GROWTH_MAX, "{grown} bytes more than at first");
    work.client.rump_sys_getpid().expect("the connection is in order");
    work.report();
}

impl Work<'_> {
    fn goes_on(&self) -> bool {
        !self.done.load(Ordering::Relaxed)
    }

    fn report(&self) {
        let counts = [
            ("calls", &self.calls),
            ("signals", &SIGNALS),
            ("preforks", &self.preforks),
            ("forks", &self.forks),
            ("timeouts", &self.timeouts),
            ("moves", &self.moves),
        ];
        for (name, count) in counts {
            println!("{name} {}", count.load(Ordering::Relaxed));
        }
    }

    /// Calls in bursts, so that now and then there is but one at a time.
    fn make_calls(&self, thread: usize, seed: u64) {
        let mut random = Rng::with_seed(seed.wrapping_mul(31) + thread as u64);
        let path = CString::new(format!("/tmp/load{thread}")).expect("it has no NUL");
        while self.goes_on() {
            letting_in(Signal::SIGALRM, || {
                for _ in 0..random.usize(1..200) {
                    match &self.mix {
                        Some(mix) => mix.call(self.client, random.usize(..), random.usize(..1000)),
                        None => calls_amid_restarts(self.client, &path),
                    }
                    self.calls.fetch_add(1, Ordering::Relaxed);
                }
            });
            thread::sleep(Duration::from_micros(random.u64(..3000)));
        }
    }

    /// Whether an error is one that a program has to expect.
    fn is_expected(&self, error: &Error) -> bool {
        // A kernel may be lost while a new connection is made, in any way; but not be refused.
        self.load == Load::Restarts && !matches!(error, Error::Protocol(_))
    }

    /// Processes that the kernel forks for nobody.
    fn prefork(&self, seed: u64) {
        let mut random = Rng::with_seed(seed);
        while self.goes_on() {
            let cancelled = self.client.prefork().and_then(|cookie| match random.bool() {
                true => cookie.cancel(),
                false => {
                    drop(cookie);
                    Ok(())
                }
            });
            if let Err(error) = cancelled {
                assert!(self.is_expected(&error), "{error}");
            }
            self.preforks.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_micros(random.u64(..2000)));
        }
    }

    /// Children, with a process in the kernel and without.
    fn fork(&self) {
        while self.goes_on() {
            match self.fork_once() {
                Ok(child) => child.join(),
                Err(error) => assert!(self.is_expected(&error), "{error}"),
            }
            let (child, ()) = plain_fork((), |()| {
                assert_eq!(self.client.rump_sys_getpid(), Err(Errno::LINK_LOST));
            });
            child.join();
            self.forks.fetch_add(2, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn fork_once(&self) -> Result<Child, Error> {
        try_fork(self.client, |client| match (client, &self.mix) {
            (Ok(client), Some(mix)) => {
                assert_ne!(client.rump_sys_getpid(), Ok(PID.load(Ordering::Relaxed)));
                let copy = client.rump_sys_dup(mix.file()).expect("it is inherited");
                assert_eq!(client.rump_sys_close(copy), Ok(()));
            }
            (Ok(client), None) => {
                // The parent waits for the child, which may not wait for a kernel.
                client.set_retry(RetryPolicy::Never);
                let result = client.rump_sys_getpid();
                assert!(result.is_ok() || result == Err(Errno::LINK_LOST), "{result:?}");
            }
            (Err(error), _) => assert!(self.is_expected(&error), "{error}"),
        })
    }

    /// Calls that nobody answers in time.
    fn time_out(&self) {
        let hasty = self.client.with_call_timeout(Some(BRIEFLY));
        while self.goes_on() {
            let outcome = letting_in(Signal::SIGALRM, || {
                let [read, write] = self.client.rump_sys_pipe()?;
                assert_eq!(hasty.rump_sys_read(read, &mut [0; 16]), Err(Errno::ETIMEDOUT));
                // The kernel's side ends by itself: its answer is one for nobody.
                self.client.rump_sys_write(write, b"x")?;
                self.client.rump_sys_close(read)?;
                self.client.rump_sys_close(write)
            });
            outcome.expect("pipes are in order");
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes the library's stream, wherever it is by now.
    fn move_stream(&self, stream: &str) {
        while self.goes_on() {
            let Some(fd) = find(stream) else { panic!("the stream is nowhere") };
            match self.client.close_notify(fd, CloseVariant::Close) {
                // SAFETY: the library has gone on under another number, and left this one.
                Ok(_) => drop(unsafe { OwnedFd::from_raw_fd(fd) }),
                Err(error) => panic!("{error}"),
            }
            self.moves.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Has a panic, in whichever thread, end the program when it has been printed.
fn fail_at_once() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // Printing allocates.
        let _ = SigSet::from(Signal::SIGALRM).thread_block();
        print(info);
        process::abort();
    }));
}

/// What the host calls the library's stream, the only socket there is as yet.
fn stream() -> String {
    let sockets = (3..100).filter_map(target).filter(|name| name.starts_with("socket:"));
    let [stream] = sockets.collect::<Vec<_>>().try_into().expect("there is one socket");
    stream
}

fn target(fd: RawFd) -> Option<String> {
    let target = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    Some(target.to_string_lossy().into_owned())
}

/// The descriptor that leads to this.
fn find(name: &str) -> Option<RawFd> {
    (3..100).find(|&fd| target(fd).as_deref() == Some(name))
}
