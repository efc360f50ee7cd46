//! Signals: taken while calls wait, by handlers that make calls, and raised by the kernel.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::io::stdin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use rumpclient::netbsd::{O_CREAT, O_RDWR, SIGPIPE, timespec};
use rumpclient::{Client, Errno, RaisePolicy, SignalSet};
use rumpclient_tests::raw::RawCall;
use rumpclient_tests::signals::{handle, storm as storm_of};

use crate::Scenario;
use crate::kernel::connect;

pub(crate) const SCENARIOS: [Scenario; 8] = [
    ("signal-in-each-thread", in_each_thread),
    ("signal-storm", storm),
    ("blocked-signal", blocked_signal),
    ("long-handler", long_handler),
    ("fork-in-handler", fork_in_handler),
    ("broken-pipe", broken_pipe),
    ("raised", raised),
    ("dropped-call", dropped_call),
];

/// The client that handlers call.
static CLIENT: OnceLock<Client> = OnceLock::new();

fn client() -> &'static Client {
    CLIENT.get().expect("the client is made before any signal")
}

/// How many signals have been handled.
static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

thread_local! {
    /// The pipe that this thread reads from.
    static WRITE_END: Cell<i32> = const { Cell::new(-1) };
}

extern "C" fn feed_own_thread(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    // What waits for it is right below, in this thread.
    assert_eq!(client().rump_sys_write(WRITE_END.get(), b"!"), Ok(1));
}

/// Threads that block in a call each. A signal to each in turn, be it the one that receives for
/// all or one that sleeps, runs a handler whose call lets the thread's own go on.
fn in_each_thread(_: &[String]) {
    const THREADS: usize = 4;
    CLIENT.get_or_init(connect);
    handle(Signal::SIGUSR1, feed_own_thread);
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (sender, started) = std::sync::mpsc::channel();
            let thread = thread::spawn(move || {
                let [read, write] = client().rump_sys_pipe().unwrap();
                WRITE_END.set(write);
                sender.send(pthread_self()).unwrap();
                let mut byte = [0];
                client().rump_sys_read(read, &mut byte).map(|_| byte[0])
            });
            (started.recv().unwrap(), thread)
        })
        .collect();
    println!("blocked");
    stdin().read_line(&mut String::new()).unwrap();
    for (nth, (pthread, thread)) in threads.into_iter().enumerate() {
        pthread_kill(pthread, Signal::SIGUSR1).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(b'!'));
        assert_eq!(HANDLED.load(Ordering::Relaxed), nth + 1);
    }
}

/// Our process in the kernel.
static PID: AtomicI32 = AtomicI32::new(0);

extern "C" fn call(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    assert_eq!(client().rump_sys_getpid(), Ok(PID.load(Ordering::Relaxed)));
}

/// `signal-storm SECONDS`: SIGALRM every millisecond, with a handler that makes a call, while
/// eight threads make theirs.
fn storm(args: &[String]) {
    let time = Duration::from_secs(args[0].parse().expect("the seconds are a number"));
    let client = CLIENT.get_or_init(connect);
    PID.store(client.rump_sys_getpid().unwrap(), Ordering::Relaxed);
    handle(Signal::SIGALRM, call);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..8 {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    check_answers(client, number);
                }
            });
        }
        let _storm = storm_of(Signal::SIGALRM, Duration::from_millis(1));
        thread::sleep(time);
        done.store(true, Ordering::Relaxed);
    });
    println!("{}", HANDLED.load(Ordering::Relaxed));
}

/// Makes calls whose answers are known and differ from those of other threads.
fn check_answers(client: &Client, number: u8) {
    let pid = PID.load(Ordering::Relaxed);
    let path = std::ffi::CString::new(format!("/tmp/storm{number}")).unwrap();
    let fd = client.rump_sys_open(&path, O_CREAT | O_RDWR, 0o600).unwrap();
    assert_eq!(client.rump_sys_pwrite(fd, &[number; 20_000], 0), Ok(20_000));
    let mut bytes = [0xff; 20_000];
    assert_eq!(client.rump_sys_pread(fd, &mut bytes, 0), Ok(20_000));
    assert!(bytes.iter().all(|&byte| byte == number));
    assert_eq!(client.rump_sys_close(fd), Ok(()));
    assert_eq!(client.rump_sys_getpid(), Ok(pid));
    let pause = timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // A signal on the host is none in the kernel: nothing interrupts it there.
    assert_eq!(client.rump_sys_nanosleep(&pause, None), Ok(()));
}

/// A signal that is pending and blocked by the program, in the thread that receives and in one
/// that sleeps.
fn blocked_signal(_: &[String]) {
    let client = connect();
    let [read, write] = client.rump_sys_pipe().unwrap();
    handle(Signal::SIGUSR1, count);
    let set = SigSet::from(Signal::SIGUSR1);
    set.thread_block().unwrap();
    raise(Signal::SIGUSR1).unwrap();
    thread::scope(|scope| {
        let sleeper = scope.spawn(|| client.rump_sys_read(read, &mut [0]));
        let before = processor_time();
        let pause = timespec { tv_sec: 0, tv_nsec: 300_000_000 };
        assert_eq!(client.rump_sys_nanosleep(&pause, None), Ok(()));
        let spent = processor_time() - before;
        assert!(spent < Duration::from_millis(50), "{spent:?} of processor time for a wait");
        client.rump_sys_write(write, b"x").unwrap();
        assert_eq!(sleeper.join().unwrap(), Ok(1));
    });
    assert_eq!(HANDLED.load(Ordering::Relaxed), 0);
    set.thread_unblock().unwrap();
    assert_eq!(HANDLED.load(Ordering::Relaxed), 1, "it has been pending all the time");
}

/// Processor time that this process has used.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    times
        .iter()
        .map(|time| Duration::from_micros((time.tv_sec() * 1_000_000 + time.tv_usec()) as u64))
        .sum()
}

/// Calls that threads other than the one in the handler have completed.
static COMPLETED: AtomicUsize = AtomicUsize::new(0);
/// Handlers that saw no other thread get on.
static STARVED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn wait_for_others(_: i32) {
    let (began, goal) = (Instant::now(), COMPLETED.load(Ordering::Relaxed) + 20);
    while COMPLETED.load(Ordering::Relaxed) < goal {
        if began.elapsed() > Duration::from_secs(5) {
            STARVED.fetch_add(1, Ordering::Relaxed);
            break;
        }
        thread::yield_now();
    }
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// `long-handler COUNT`: that many signals to a thread in a call, whose handler stays until others
/// have got on with theirs.
fn long_handler(args: &[String]) {
    let signals = args[0].parse().expect("the count is a number");
    let client = connect();
    let [read, write] = client.rump_sys_pipe().unwrap();
    handle(Signal::SIGUSR1, wait_for_others);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (client, done) = (&client, &done);
        let (sender, started) = std::sync::mpsc::channel();
        scope.spawn(move || {
            sender.send(pthread_self()).unwrap();
            client.rump_sys_read(read, &mut [0]).unwrap();
        });
        for _ in 0..3 {
            scope.spawn(move || {
                let ours = client.rump_sys_pipe().unwrap();
                while !done.load(Ordering::Relaxed) {
                    client.rump_sys_write(ours[1], b"x").unwrap();
                    client.rump_sys_read(ours[0], &mut [0]).unwrap();
                    COMPLETED.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        let target = started.recv().unwrap();
        for nth in 1..=signals {
            pthread_kill(target, Signal::SIGUSR1).unwrap();
            while HANDLED.load(Ordering::Relaxed) < nth {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        client.rump_sys_write(write, b"x").unwrap();
    });
    assert_eq!(STARVED.load(Ordering::Relaxed), 0);
}

/// The child that the handler has forked.
static FORKED: AtomicI32 = AtomicI32::new(0);

extern "C" fn fork_and_return(_: i32) {
    // SAFETY: the child goes on in a call that fails, and exits.
    match unsafe { nix::unistd::fork() }.expect("the host forks") {
        ForkResult::Parent { child } => FORKED.store(child.as_raw(), Ordering::Release),
        ForkResult::Child => FORKED.store(-1, Ordering::Release),
    }
}

/// A handler that forks while its thread is in a call, the one who receives and one who sleeps: in
/// the child that call fails, and the parent's goes on.
fn fork_in_handler(_: &[String]) {
    let client = connect();
    let [read, write] = client.rump_sys_pipe().unwrap();
    handle(Signal::SIGUSR1, fork_and_return);
    thread::scope(|scope| {
        let client = &client;
        let readers = [(); 2].map(|()| {
            let (sender, started) = std::sync::mpsc::channel();
            let reader = scope.spawn(move || {
                sender.send(pthread_self()).unwrap();
                let result = client.rump_sys_read(read, &mut [0]);
                if FORKED.load(Ordering::Acquire) == -1 {
                    let status = i32::from(result != Err(Errno::LINK_LOST));
                    // SAFETY: it ends the process and touches no memory.
                    unsafe { nix::libc::_exit(status) };
                }
                result
            });
            (started.recv().unwrap(), reader)
        });
        println!("blocked");
        stdin().read_line(&mut String::new()).unwrap();
        for (pthread, _) in &readers {
            pthread_kill(*pthread, Signal::SIGUSR1).unwrap();
            let child = loop {
                match FORKED.swap(0, Ordering::AcqRel) {
                    0 => thread::yield_now(),
                    child => break Pid::from_raw(child),
                }
            };
            assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
        }
        client.rump_sys_write(write, b"12").unwrap();
        for (_, reader) in readers {
            assert_eq!(reader.join().unwrap(), Ok(1));
        }
    });
}

/// A write that nobody will read, under each policy for signals that the kernel raises.
fn broken_pipe(_: &[String]) {
    handle(Signal::SIGPIPE, count);
    let break_pipe = |policy: RaisePolicy| {
        let client = Client::builder().raise(policy).from_env().unwrap();
        let [read, write] = client.rump_sys_pipe().unwrap();
        client.rump_sys_close(read).unwrap();
        // The test server is in a process that starts others: one that has not come to its exec has
        // the host's pipe open.
        let failed = loop {
            match client.rump_sys_write(write, b"x") {
                Ok(_) => thread::yield_now(),
                Err(error) => break error,
            }
        };
        assert_eq!(failed, Errno::EPIPE);
        HANDLED.swap(0, Ordering::Relaxed)
    };
    assert_eq!(break_pipe(RaisePolicy::default()), 1, "before the call returns");
    assert_eq!(break_pipe(RaisePolicy::Deliver(SignalSet::none().with(SIGPIPE))), 1);
    assert_eq!(break_pipe(RaisePolicy::Deliver(SignalSet::all().without(SIGPIPE))), 0);
    let client = CLIENT.get_or_init(connect);
    PID.store(client.rump_sys_getpid().unwrap(), Ordering::Relaxed);
    let callback = |signal| {
        assert_eq!(signal, SIGPIPE);
        call(signal);
    };
    assert_eq!(break_pipe(RaisePolicy::Callback(Arc::new(callback))), 1);
}

/// The host's numbers of the signals handled, one bit each.
static SEEN: AtomicU64 = AtomicU64::new(0);

extern "C" fn note(signal: i32) {
    SEEN.fetch_or(1 << signal, Ordering::Relaxed);
}

/// The write end of the pipe that the last signal ends the waiting with.
static LAST_WORD: AtomicI32 = AtomicI32::new(0);

extern "C" fn note_last(signal: i32) {
    note(signal);
    client().rump_sys_write(LAST_WORD.load(Ordering::Relaxed), b"x").unwrap();
}

/// Notes the signals that the kernel raises, up to SIGTERM. Prints the process's number in the
/// kernel first, and the host's numbers of those signals afterwards.
fn raised(_: &[String]) {
    let client = CLIENT.get_or_init(connect);
    let [read, write] = client.rump_sys_pipe().unwrap();
    LAST_WORD.store(write, Ordering::Relaxed);
    Signal::iterator()
        .filter(|signal| ![Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGTERM].contains(signal))
        .for_each(|signal| handle(signal, note));
    handle(Signal::SIGTERM, note_last);
    println!("{}", client.rump_sys_getpid().unwrap());
    assert_eq!(client.rump_sys_read(read, &mut [0]), Ok(1));
    let seen = SEEN.load(Ordering::Relaxed);
    (0..64).filter(|signal| seen >> signal & 1 == 1).for_each(|signal| println!("{signal}"));
}

/// `dropped-call NUMBER POLICY`: a call that the kernel answers with SIGSYS and ENOSYS, by a client
/// that takes `all` signals, or those of the `default`.
fn dropped_call(args: &[String]) {
    let number = args[0].parse().expect("a call has a number");
    let policy = match args[1].as_str() {
        "all" => RaisePolicy::Deliver(SignalSet::all()),
        _ => RaisePolicy::default(),
    };
    let client = Client::builder().raise(policy).from_env().unwrap();
    assert_eq!(RawCall::run_bytes(&client, number, &[0; 64], &[]), Err(Errno::ENOSYS));
    client.rump_sys_getpid().unwrap();
}
