//! `errno`: which number C gets to see, and its text.
//!
//! Calls set NetBSD's number, as NetBSD's library does, unless the program asks for the host's. The
//! `rumpclient_*` functions are about host processes and sockets and set the host's number.

use core::ffi::{c_char, c_int};
use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno as Host;
use rumpclient::proto::address::Problem;
use rumpclient::{Errno, Error};

/// Whether calls set the host's numbers.
static TRANSLATE: AtomicBool = AtomicBool::new(false);

/// The number by which C knows a kernel's error.
///
/// A lost kernel is the host's ENOTCONN even where numbers are NetBSD's: that tells it from a socket
/// that is not connected.
pub(crate) fn number(error: Errno) -> c_int {
    if error.is_link_lost() {
        Host::ENOTCONN as c_int
    } else if error.raw() != 0 && TRANSLATE.load(Ordering::Relaxed) {
        error.to_host().unwrap_or(Host::EINVAL as c_int)
    } else {
        error.raw()
    }
}

/// Sets errno.
pub(crate) fn set(number: c_int) {
    Host::set_raw(number);
}

/// The host's error number for a failed `rumpclient_*` function.
pub(crate) fn of_error(error: &Error) -> c_int {
    let host = match error {
        Error::NoServer => Host::ENOENT,
        Error::Address(error) => match error.problem() {
            Problem::PathTooLong(_) => Host::ENAMETOOLONG,
            _ => Host::EINVAL,
        },
        Error::Resolve { source, .. }
        | Error::Connect { source, .. }
        | Error::Io { source, .. } => {
            return source.raw_os_error().unwrap_or_else(|| of_kind(source.kind()) as c_int);
        }
        Error::Environment { .. } => Host::EINVAL,
        Error::Peer { .. } => Host::EACCES,
        Error::Privileged { .. } => Host::EPERM,
        Error::TimedOut { .. } => Host::ETIMEDOUT,
        Error::Banner(_) => Host::EPROTONOSUPPORT,
        Error::Protocol(_) => Host::EPROTO,
        Error::Refused(error) => return of_kernel((*error).into()),
        Error::Kernel(error) => return of_kernel(*error),
        // The connection is closed, or is another process's.
        _ => Host::ENOTCONN,
    };
    host as c_int
}

fn of_kernel(error: Errno) -> c_int {
    error.to_host().unwrap_or(Host::EIO as c_int)
}

fn of_kind(kind: io::ErrorKind) -> Host {
    match kind {
        io::ErrorKind::TimedOut => Host::ETIMEDOUT,
        io::ErrorKind::NotFound => Host::EADDRNOTAVAIL,
        io::ErrorKind::InvalidInput => Host::EINVAL,
        _ => Host::EIO,
    }
}

/// Keeps what the library does on the way from showing in errno.
pub(crate) struct Preserved(c_int);

impl Preserved {
    pub(crate) fn new() -> Self {
        Self(Host::last_raw())
    }
}

impl Drop for Preserved {
    fn drop(&mut self) {
        set(self.0);
    }
}

/// Reads the variable that chooses numbers for a program which does not choose itself.
pub(crate) fn read_environment() {
    if std::env::var_os("RUMPCLIENT_ERRNO").is_some_and(|choice| choice == "host") {
        TRANSLATE.store(true, Ordering::Relaxed);
    }
}

/// Chooses the numbers that calls set errno to from now on, in all threads: the host's if
/// `translate` is not 0, NetBSD's otherwise. An error that the host does not have becomes its
/// EINVAL. The calls that return an error number instead of setting errno follow the choice too,
/// and so does [`rumpclient_syscall`](crate::rumpclient_syscall).
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_seterrnotrans(translate: c_int) {
    TRANSLATE.store(translate != 0, Ordering::Relaxed);
}

/// NetBSD's text for an error number of NetBSD's, as `strerror(3)` there gives it. The host's
/// ENOTCONN is the lost kernel. The string must not be changed or freed; that of a number which
/// NetBSD does not have lasts until the thread asks for another such one.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_strerror(number: c_int) -> *const c_char {
    const KNOWN: usize = 128;
    static TEXTS: [OnceLock<CString>; KNOWN] = [const { OnceLock::new() }; KNOWN];
    thread_local! {
        static UNKNOWN: Cell<CString> = Cell::default();
    }
    let error = match number == Host::ENOTCONN as c_int {
        true => Errno::LINK_LOST,
        false => Errno::from_raw(number),
    };
    let text = || CString::new(description(error)).unwrap_or_default();
    match usize::try_from(number).ok().and_then(|index| TEXTS.get(index)) {
        Some(place) => place.get_or_init(text).as_ptr(),
        None => UNKNOWN
            .try_with(|place| {
                let text = text();
                let start = text.as_ptr();
                place.set(text);
                start
            })
            // The thread is ending.
            .unwrap_or(ptr::from_ref(c"Unknown error").cast()),
    }
}

fn description(error: Errno) -> String {
    match error.raw() {
        0 => "Undefined error: 0".to_owned(),
        number if !error.is_link_lost() && error.name().is_none() => {
            format!("Unknown error: {number}")
        }
        _ => error.description().to_owned(),
    }
}
