//! The ways to make a call.

#![allow(unsafe_code)]

use std::env;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumpclient::{
    Client, Errno, Error, MemoryPolicy, Prefork, RaisePolicy, RetryPolicy, SignalSet, table,
};

use super::report::{Outcome, UNTOLD, told_by};
use super::victim::{Raise, Retry, Settings};
use super::{LIMIT, Way};
use crate::harness::PATIENCE;
use crate::raw::RawCall;

/// Names the C library to test.
const LIBRARY: &str = "RUMPCLIENT_LIBRARY";

/// Holds a command and its arguments below which all programs are to run, such as
/// `valgrind -q --error-exitcode=99`.
const CHECKER: &str = "HOSTILE_CHECKER";

/// Whether programs run below a checker, which takes time and memory of its own.
pub(super) fn is_checked() -> bool {
    env::var_os(CHECKER).is_some()
}

/// How long a program may say nothing. A million frames below a checker take a minute.
pub(super) fn patience() -> Duration {
    if is_checked() { 10 * PATIENCE } else { PATIENCE }
}

/// The command that runs `program` in one of the ways, doing what `words` say. `None` has printed
/// why there is none.
pub(super) fn command(program: &str, way: Way, words: &str) -> Option<Command> {
    let checker = env::var(CHECKER).unwrap_or_default();
    let mut checker = checker.split_whitespace();
    let mut command = Command::new(checker.next().unwrap_or(program));
    command.args(checker);
    if command.get_program() != program {
        command.arg(program);
    }
    command.arg(way.word()).args(words.split_whitespace());
    if way == Way::C {
        let Some(library) = c_library() else {
            println!("skipped: librumpclient_sys.so is not built and {LIBRARY} is not set");
            return None;
        };
        command.env(LIBRARY, library).env("RUMPCLIENT_QUIET", "1");
    }
    Some(command)
}

/// The C library: the one that is named, else the one that was built along with the tests.
fn c_library() -> Option<PathBuf> {
    if let Some(library) = env::var_os(LIBRARY) {
        return Some(library.into());
    }
    let tests = env::current_exe().ok()?;
    let folders = tests.ancestors().skip(1).take(2);
    folders.map(|folder| folder.join("librumpclient_sys.so")).find(|path| path.exists())
}

/// A connection, and calls on it.
pub(super) trait Backend: Sync {
    fn read(&self, buffer: &mut [u8]) -> Outcome;
    fn write(&self, bytes: &[u8]) -> Outcome;
    fn open(&self, path: &CStr) -> Outcome;
    fn getpid(&self) -> Outcome;
    /// `read` to an address that need not be one.
    fn read_at(&self, address: usize, len: usize) -> Outcome;
    /// `write` from an address that need not be one.
    fn write_at(&self, address: usize, len: usize) -> Outcome;
    /// `open` of a path at an address that need not be one.
    fn open_at(&self, address: usize) -> Outcome;
    /// A call of which nothing tells what memory it needs.
    fn opaque(&self) -> Outcome;
    /// Has the kernel fork, for a child that takes the process over.
    fn prefork(&self) -> Outcome;
    /// Has the kernel fork, and drop that process again.
    fn cancel(&self) -> Outcome;
    /// Why the connection was lost, if it was.
    fn reason(&self) -> Option<String>;
    /// The signals raised so far, where they were asked to be counted.
    fn raised(&self) -> Vec<i32>;
}

/// Connects in one of the ways; or why not.
pub(super) fn connect(way: Way, settings: &Settings) -> Result<Box<dyn Backend>, String> {
    if settings.resumed {
        leave_connection();
    }
    match way {
        Way::Methods => Ok(Box::new(Methods(Numbers::connect(settings)?))),
        Way::Numbers => Ok(Box::new(Numbers::connect(settings)?)),
        Way::C => Ok(Box::new(Library::connect(settings)?)),
    }
}

/// Connects as the program before exec would have, and leaves that in the environment as NetBSD's
/// library does: without a mark.
fn leave_connection() {
    let server = env::var("RUMP_SERVER").expect("the test names the server");
    let path = server.strip_prefix("unix://").expect("it is a local socket");
    let stream = UnixStream::connect(path).expect("the server listens");
    // SAFETY: the program has no other thread yet.
    unsafe { env::set_var("RUMPCLIENT__EXECFD", format!("{},-1", stream.into_raw_fd())) };
}

fn outcome<T: TryInto<isize>>(result: Result<T, Errno>) -> Outcome {
    match result {
        Ok(value) => Outcome::Ok(value.try_into().unwrap_or(isize::MAX)),
        Err(error) if error.is_link_lost() => Outcome::Lost,
        Err(error) => Outcome::Errno(error.raw()),
    }
}

fn outcome_of(error: &Error) -> Outcome {
    match error {
        Error::Kernel(errno) => Outcome::Errno(errno.raw()),
        Error::Refused(refusal) => Outcome::Errno(Errno::from(*refusal).raw()),
        Error::TimedOut { .. } => Outcome::Errno(Errno::ETIMEDOUT.raw()),
        Error::Closed { .. } => Outcome::Lost,
        other => panic!("no way for a fork to fail: {other:?}"),
    }
}

struct Numbers {
    client: Client,
    raised: Arc<Mutex<Vec<i32>>>,
}

impl Numbers {
    fn connect(settings: &Settings) -> Result<Self, String> {
        let raised = Arc::new(Mutex::new(Vec::new()));
        let mut builder = Client::builder();
        if settings.handshake_limit {
            builder = builder.handshake_timeout(Some(LIMIT));
        }
        if settings.call_limit {
            builder = builder.call_timeout(Some(LIMIT));
        }
        if settings.strict {
            builder = builder.memory(MemoryPolicy::Strict);
        }
        if let Some(cap) = settings.frame_cap {
            builder = builder.frame_cap(cap);
        }
        if let Some(uid) = settings.peer_uid {
            builder = builder.require_peer_uid(uid);
        }
        builder = match settings.raise {
            Raise::Default => builder,
            Raise::Ignore => builder.raise(RaisePolicy::Deliver(SignalSet::none())),
            Raise::Count => {
                let raised = Arc::clone(&raised);
                builder.raise(RaisePolicy::Callback(Arc::new(move |signo| {
                    raised.lock().unwrap_or_else(PoisonError::into_inner).push(signo);
                })))
            }
        };
        builder = match settings.retry {
            None => builder,
            Some(Retry::Once) => builder.retry(RetryPolicy::Once),
            Some(Retry::Seconds(seconds)) => {
                builder.retry(RetryPolicy::For(Duration::from_secs(seconds.into())))
            }
        };
        let client = builder.from_env().map_err(|error| format!("{error:?}"))?;
        Ok(Self { client, raised })
    }

    fn forked(&self, end: impl FnOnce(Prefork)) -> Outcome {
        match self.client.prefork() {
            Ok(prefork) => {
                end(prefork);
                Outcome::Ok(0)
            }
            Err(error) => outcome_of(&error),
        }
    }

    fn call(&self, name: &str, args: &[(&str, usize)]) -> Outcome {
        let mut call = RawCall::new(name);
        for (arg, value) in args {
            call.set(arg, *value as u64);
        }
        outcome(call.run(&self.client, &[]))
    }
}

impl Backend for Numbers {
    fn read(&self, buffer: &mut [u8]) -> Outcome {
        self.read_at(buffer.as_mut_ptr().expose_provenance(), buffer.len())
    }

    fn write(&self, bytes: &[u8]) -> Outcome {
        self.write_at(bytes.as_ptr().expose_provenance(), bytes.len())
    }

    fn open(&self, path: &CStr) -> Outcome {
        self.open_at(path.as_ptr().expose_provenance())
    }

    fn getpid(&self) -> Outcome {
        self.call("getpid", &[])
    }

    fn read_at(&self, address: usize, len: usize) -> Outcome {
        self.call("read", &[("fd", 3), ("buf", address), ("nbyte", len)])
    }

    fn write_at(&self, address: usize, len: usize) -> Outcome {
        self.call("write", &[("fd", 3), ("buf", address), ("nbyte", len)])
    }

    fn open_at(&self, address: usize) -> Outcome {
        self.call("open", &[("path", address)])
    }

    fn opaque(&self) -> Outcome {
        self.call("mount", &[])
    }

    fn prefork(&self) -> Outcome {
        self.forked(Prefork::hand_over)
    }

    fn cancel(&self) -> Outcome {
        // C cannot tell whether it worked.
        self.forked(|prefork| drop(prefork.cancel()))
    }

    fn reason(&self) -> Option<String> {
        self.client.link_error().map(|error| format!("{error:?}"))
    }

    fn raised(&self) -> Vec<i32> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Methods(Numbers);

impl Backend for Methods {
    fn read(&self, buffer: &mut [u8]) -> Outcome {
        outcome(self.0.client.rump_sys_read(3, buffer))
    }

    fn write(&self, bytes: &[u8]) -> Outcome {
        outcome(self.0.client.rump_sys_write(3, bytes))
    }

    fn open(&self, path: &CStr) -> Outcome {
        outcome(self.0.client.rump_sys_open(path, 0, 0).map(|fd| fd as isize))
    }

    fn getpid(&self) -> Outcome {
        outcome(self.0.client.rump_sys_getpid().map(|pid| pid as isize))
    }

    fn read_at(&self, address: usize, len: usize) -> Outcome {
        self.0.read_at(address, len)
    }

    fn write_at(&self, address: usize, len: usize) -> Outcome {
        self.0.write_at(address, len)
    }

    fn open_at(&self, address: usize) -> Outcome {
        self.0.open_at(address)
    }

    fn opaque(&self) -> Outcome {
        self.0.opaque()
    }

    fn prefork(&self) -> Outcome {
        self.0.prefork()
    }

    fn cancel(&self) -> Outcome {
        self.0.cancel()
    }

    fn reason(&self) -> Option<String> {
        self.0.reason()
    }

    fn raised(&self) -> Vec<i32> {
        self.0.raised()
    }
}

/// The functions of the C library that programs here use, under their C names.
struct Library {
    read: unsafe extern "C" fn(c_int, *mut c_void, usize) -> isize,
    write: unsafe extern "C" fn(c_int, *const c_void, usize) -> isize,
    open: unsafe extern "C" fn(*const c_char, c_int, u32) -> c_int,
    getpid: unsafe extern "C" fn() -> c_int,
    syscall: unsafe extern "C" fn(c_int, *const c_void, usize, *mut isize) -> c_int,
    prefork: unsafe extern "C" fn() -> *mut c_void,
    hand_over: CookieEnd,
    cancel: CookieEnd,
}

/// A function that uses a cookie up.
type CookieEnd = unsafe extern "C" fn(*mut c_void);

impl Library {
    fn connect(settings: &Settings) -> Result<Self, String> {
        let seconds = |wanted: bool| wanted.then(|| LIMIT.as_secs_f64().to_string());
        for (variable, value) in [
            ("RUMPCLIENT_HANDSHAKE_TIMEOUT", seconds(settings.handshake_limit)),
            ("RUMPCLIENT_CALL_TIMEOUT", seconds(settings.call_limit)),
            ("RUMPCLIENT_FRAME_CAP", settings.frame_cap.map(|cap| cap.to_string())),
            ("RUMPCLIENT_PEER_UID", settings.peer_uid.map(|uid| uid.to_string())),
        ] {
            if let Some(value) = value {
                // SAFETY: the program has no other thread yet.
                unsafe { env::set_var(variable, value) };
            }
        }
        let library = Self::load();
        if let Some(retry) = settings.retry {
            // SAFETY: the type is that of the header.
            let set: unsafe extern "C" fn(libc::time_t) =
                unsafe { symbol(library, c"rumpclient_setconnretry") };
            let timeout = match retry {
                Retry::Once => -2,
                Retry::Seconds(seconds) => seconds.into(),
            };
            // SAFETY: as above.
            unsafe { set(timeout) };
        }
        // SAFETY: rumpclient_init() takes nothing.
        let init: unsafe extern "C" fn() -> c_int = unsafe { symbol(library, c"rumpclient_init") };
        // SAFETY: as above.
        if unsafe { init() } == 0 {
            // SAFETY: the types are those of the headers.
            return Ok(unsafe {
                Self {
                    read: symbol(library, c"rump___sysimpl_read"),
                    write: symbol(library, c"rump___sysimpl_write"),
                    open: symbol(library, c"rump___sysimpl_open"),
                    getpid: symbol(library, c"rump___sysimpl_getpid"),
                    syscall: symbol(library, c"rumpclient_syscall"),
                    prefork: symbol(library, c"rumpclient_prefork"),
                    hand_over: symbol(library, c"rumpclient_fork_vparent"),
                    cancel: symbol(library, c"rumpclient_fork_cancel"),
                }
            });
        }
        Err(told_by(errno()))
    }

    fn forked(&self, end: CookieEnd) -> Outcome {
        // SAFETY: prefork takes nothing.
        let cookie = unsafe { (self.prefork)() };
        match errno() {
            _ if !cookie.is_null() => {
                // SAFETY: the cookie is fresh.
                unsafe { end(cookie) };
                Outcome::Ok(0)
            }
            libc::ENOTCONN => Outcome::Lost,
            // The functions about host processes have the host's numbers.
            errno => Outcome::Errno(Errno::from_host(errno).map_or(0, Errno::raw)),
        }
    }

    fn load() -> *mut c_void {
        let path = env::var(LIBRARY).expect("the test names the library");
        let path = CString::new(path).expect("a path has no NUL");
        // SAFETY: the library is the one to be tested; loading it runs nothing that could harm.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!library.is_null(), "{path:?} cannot be loaded");
        library
    }
}

/// # Safety
/// `F` must be the type of the function.
unsafe fn symbol<F: Copy>(library: *mut c_void, name: &CStr) -> F {
    // SAFETY: the handle comes from dlopen and is never closed.
    let address = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!address.is_null(), "the library has no {name:?}");
    assert_eq!(size_of::<F>(), size_of_val(&address));
    // SAFETY: a function pointer has the size of an address; the caller vouches for the type.
    unsafe { std::mem::transmute_copy(&address) }
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn c_outcome(result: isize) -> Outcome {
    match (result, errno()) {
        (-1, libc::ENOTCONN) => Outcome::Lost,
        (-1, errno) if errno != 0 => Outcome::Errno(errno),
        (result, _) => Outcome::Ok(result),
    }
}

impl Backend for Library {
    fn read(&self, buffer: &mut [u8]) -> Outcome {
        self.read_at(buffer.as_mut_ptr().expose_provenance(), buffer.len())
    }

    fn write(&self, bytes: &[u8]) -> Outcome {
        self.write_at(bytes.as_ptr().expose_provenance(), bytes.len())
    }

    fn open(&self, path: &CStr) -> Outcome {
        self.open_at(path.as_ptr().expose_provenance())
    }

    fn getpid(&self) -> Outcome {
        // SAFETY: getpid takes nothing.
        c_outcome(unsafe { (self.getpid)() } as isize)
    }

    fn read_at(&self, address: usize, len: usize) -> Outcome {
        let buffer = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the address is that of an exclusively borrowed buffer, or of memory that nobody
        // can write to.
        c_outcome(unsafe { (self.read)(3, buffer, len) })
    }

    fn write_at(&self, address: usize, len: usize) -> Outcome {
        let bytes = std::ptr::with_exposed_provenance(address);
        // SAFETY: the address is that of borrowed bytes, or the library is to find out that it is
        // not good.
        c_outcome(unsafe { (self.write)(3, bytes, len) })
    }

    fn open_at(&self, address: usize) -> Outcome {
        let path = std::ptr::with_exposed_provenance(address);
        // SAFETY: as above.
        c_outcome(unsafe { (self.open)(path, 0, 0) } as isize)
    }

    fn opaque(&self) -> Outcome {
        let mount = table::by_name("mount").expect("the table has mount");
        let (args, mut retval) = ([0_u8; 64], [0; 2]);
        // SAFETY: the arguments are as many as the call has, and null.
        let error = unsafe {
            (self.syscall)(
                mount.number as c_int,
                args.as_ptr().cast(),
                mount.size,
                retval.as_mut_ptr(),
            )
        };
        match error {
            0 => Outcome::Ok(retval[0]),
            libc::ENOTCONN => Outcome::Lost,
            errno => Outcome::Errno(errno),
        }
    }

    fn prefork(&self) -> Outcome {
        self.forked(self.hand_over)
    }

    fn cancel(&self) -> Outcome {
        self.forked(self.cancel)
    }

    fn reason(&self) -> Option<String> {
        Some(UNTOLD.to_owned())
    }

    fn raised(&self) -> Vec<i32> {
        Vec::new()
    }
}
