//! Exec: the program is replaced, the process in the kernel stays.

use std::env;
use std::ffi::{CStr, CString, OsString};
use std::io::stdin;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rumpclient::netbsd::{O_CLOEXEC, O_CREAT, O_RDWR, SEEK_CUR};
use rumpclient::{Client, Errno, Error, Stage};

use crate::Scenario;
use crate::descriptors;
use crate::inherit::childs_descriptors;
use crate::kernel::connect;

pub(crate) const SCENARIOS: [Scenario; 8] = [
    ("exec", exec),
    ("exec-landed", landed),
    ("exec-arguments", arguments),
    ("print-arguments", print_arguments),
    ("exec-after-chdir", after_chdir),
    ("exec-among-threads", among_threads),
    ("exec-during-write", during_write),
    ("exec-that-fails", that_fails),
];

/// The program that runs, under whatever name it was started.
pub(crate) fn myself() -> CString {
    c_string(env::current_exe().expect("a program can find itself"))
}

fn c_string(string: impl Into<OsString>) -> CString {
    CString::new(string.into().into_vec()).expect("there is no NUL in it")
}

/// Execs `program` as this client, in the environment that this program has. Returns only to tell
/// why not.
pub(crate) fn exec_as(client: &Client, program: &CStr, args: &[&str]) -> Error {
    let args: Vec<CString> = args.iter().map(|arg| c_string(*arg)).collect();
    let argv: Vec<&CStr> = args.iter().map(CString::as_c_str).collect();
    let environment = Client::environment();
    let envp: Vec<&CStr> = environment.iter().map(CString::as_c_str).collect();
    let Err(error) = client.exec(program, &argv, &envp);
    error
}

/// `exec PROGRAM COUNT`: execs PROGRAM, which execs itself until COUNT execs have taken place.
fn exec(args: &[String]) {
    let (client, ours) = descriptors::connect_and_tell();
    assert!(descriptors::are_close_on_exec(&ours));
    let pid = client.rump_sys_getpid().unwrap();
    let [read, write] = client.rump_sys_pipe().unwrap();
    hop(&client, &args[0], &[pid, read, write], &args[1]);
}

/// Opens a descriptor that an exec closes, and execs.
fn hop(client: &Client, program: &str, kept: &[i32; 3], count: &str) -> ! {
    let gone = client.rump_sys_open(c"/tmp/exec", O_CREAT | O_RDWR | O_CLOEXEC, 0o600).unwrap();
    let [pid, read, write] = kept.map(|number| number.to_string());
    descriptors::take_all(client);
    let (gone, open) = (gone.to_string(), descriptors::open().len().to_string());
    let args = ["hopper", "exec-landed", count, &pid, &read, &write, &gone, &open];
    panic!("{}", exec_as(client, &c_string(program), &args));
}

/// Finds what the program before exec has left, and execs again if more is to come.
fn landed(args: &[String]) {
    let [count, numbers @ ..] = args else { panic!("too few arguments: {args:?}") };
    let numbers: Vec<i32> = numbers.iter().map(|number| number.parse().unwrap()).collect();
    let [pid, read, write, gone, open] = numbers[..] else { panic!("other arguments: {args:?}") };
    let client = connect();
    assert_eq!(client.rump_sys_getpid(), Ok(pid));
    assert_eq!(client.rump_sys_lseek(gone, 0, SEEK_CUR), Err(Errno::EBADF));
    client.rump_sys_write(write, b"still there").unwrap();
    let mut bytes = [0; 11];
    assert_eq!(client.rump_sys_read(read, &mut bytes), Ok(11));
    descriptors::take_all(&client);
    assert_eq!(descriptors::open().len(), open as usize, "no descriptor has been left over");
    println!("landed in {}", env::current_exe().unwrap().display());
    match count.parse().expect("the count is a number") {
        0..=1 => {}
        more => {
            let myself = myself();
            let count = (more - 1i32).to_string();
            hop(&client, myself.to_str().unwrap(), &[pid, read, write], &count);
        }
    }
}

/// Execs with arguments and an environment of its own.
fn arguments(_: &[String]) {
    let client = connect();
    let argv = [c"another name", c"print-arguments", c"", c"two words", c"\xff"];
    let envp = [c"A=1", c"B=", c"C=x=y", c"RUMPCLIENT__EXECFD=3,4"];
    panic!("{}", client.exec(&myself(), &argv, &envp).unwrap_err());
}

/// Prints arguments and environment as this program has got them, and connects.
fn print_arguments(_: &[String]) {
    for arg in env::args_os() {
        println!("{}", arg.into_vec().escape_ascii());
    }
    for (name, value) in env::vars_os() {
        println!("{}={}", name.display(), value.display());
    }
    connect().rump_sys_getpid().unwrap();
}

/// Execs from another folder than the one to which the kernel's address is relative.
fn after_chdir(args: &[String]) {
    let client = connect();
    if let [before] = args {
        assert_eq!(client.rump_sys_getpid().unwrap().to_string(), *before);
        let another = Client::connect(client.address().to_string()).expect("the address holds");
        assert_ne!(another.rump_sys_getpid(), client.rump_sys_getpid());
        return;
    }
    env::set_current_dir("/").unwrap();
    let pid = client.rump_sys_getpid().unwrap().to_string();
    panic!("{}", exec_as(&client, &myself(), &["hopper", "exec-after-chdir", &pid]));
}

/// How long a kernel may take to notice an exec.
const NOTICE: Duration = Duration::from_secs(5);

/// `exec-among-threads COUNT [PID]`: as many execs, each from a thread while others make calls.
/// Prints `lost` when the kernel does not notice one.
fn among_threads(args: &[String]) {
    let builder = Client::builder().handshake_timeout(Some(NOTICE));
    let client = match builder.from_env() {
        Err(Error::TimedOut { stage: Stage::Banner | Stage::Handshake, .. }) => {
            return println!("lost");
        }
        client => client.expect("the kernel lets its process go on"),
    };
    let pid = client.rump_sys_getpid().unwrap();
    if let Some(before) = args.get(1) {
        assert_eq!(pid.to_string(), *before);
    }
    let count: u32 = args[0].parse().expect("the count is a number");
    if count == 0 {
        return println!("done");
    }
    let calls = busy_threads(&client, pid);
    let hopper = thread::spawn(move || {
        while calls.iter().any(|seen| !seen.load(Ordering::Relaxed)) {
            thread::yield_now();
        }
        let args = ["hopper", "exec-among-threads", &(count - 1).to_string(), &pid.to_string()];
        panic!("{}", exec_as(&client, &myself(), &args));
    });
    hopper.join().unwrap();
}

/// Threads that make calls, small, large and blocking, until the program ends; each sets its flag
/// when it has begun.
fn busy_threads(client: &Client, pid: i32) -> Vec<&'static AtomicBool> {
    let [read, _] = client.rump_sys_pipe().unwrap();
    let file = client.rump_sys_open(c"/tmp/busy", O_CREAT | O_RDWR | O_CLOEXEC, 0o600).unwrap();
    let mut large = vec![7; 100_000];
    client.rump_sys_write(file, &large).unwrap();
    let getpid = move |client: &Client| assert_eq!(client.rump_sys_getpid(), Ok(pid));
    type Work = Box<dyn FnMut(&Client) + Send>;
    let works: [Work; 4] = [
        Box::new(getpid),
        Box::new(getpid),
        Box::new(move |client| {
            assert_eq!(client.rump_sys_pread(file, &mut large, 0), Ok(100_000));
        }),
        Box::new(move |client| {
            client.rump_sys_read(read, &mut [0]).unwrap();
        }),
    ];
    works
        .into_iter()
        .map(|mut work| {
            let client = client.clone();
            let seen: &'static AtomicBool = Box::leak(Box::default());
            thread::spawn(move || {
                loop {
                    seen.store(true, Ordering::Relaxed);
                    work(&client);
                }
            });
            seen
        })
        .collect()
}

/// Execs when it is told to, while another thread writes.
fn during_write(_: &[String]) {
    let client = connect();
    let writer = client.clone();
    thread::spawn(move || writer.rump_sys_write(1, &[7; 1000]));
    stdin().read_line(&mut String::new()).expect("standard input can be read");
    panic!("{}", exec_as(&client, &myself(), &["hopper", "print-arguments"]));
}

/// Execs that do not happen, with another thread at work: everything goes on as before.
fn that_fails(_: &[String]) {
    let (client, ours) = descriptors::connect_and_tell();
    let pid = client.rump_sys_getpid().unwrap();
    let before = childs_descriptors();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(client.rump_sys_getpid(), Ok(pid));
            }
        });
        for (program, expected) in
            [(c"/nonexistent", "No such file"), (c"/", "denied"), (c"/dev/null", "denied")]
        {
            for _ in 0..20 {
                let error = exec_as(&client, program, &["x"]);
                assert!(error.to_string().contains(expected), "{error}");
                assert_eq!(client.rump_sys_getpid(), Ok(pid));
                assert!(descriptors::are_close_on_exec(&ours));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(childs_descriptors(), before);
}
