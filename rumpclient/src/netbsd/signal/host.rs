//! Translation between NetBSD's signals and the host's: by name, since only the names are the same
//! everywhere.

use core::ffi::c_int;

macro_rules! same_names {
    ($( $(#[$condition:meta])? $name:ident )*) => {
        &[$( $(#[$condition])? (super::$name, libc::$name) ),*]
    };
}

/// The signals that the host has under the same name: NetBSD's number, the host's number.
const SAME_NAMES: &[(c_int, c_int)] = same_names! {
    SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGFPE SIGKILL SIGBUS SIGSEGV SIGSYS SIGPIPE
    SIGALRM SIGTERM SIGURG SIGSTOP SIGTSTP SIGCONT SIGCHLD SIGTTIN SIGTTOU SIGIO SIGXCPU SIGXFSZ
    SIGVTALRM SIGPROF SIGWINCH SIGUSR1 SIGUSR2
    #[cfg(any(target_os = "linux", target_os = "android"))] SIGPWR
    #[cfg(not(any(target_os = "linux", target_os = "android")))] SIGEMT
    #[cfg(not(any(target_os = "linux", target_os = "android")))] SIGINFO
};

/// The host's number of the signal that NetBSD numbers `signal`. `None` where the host has no
/// signal of that name; real-time signals have none.
pub fn to_host(signal: c_int) -> Option<c_int> {
    SAME_NAMES.iter().find(|&&(netbsd, _)| netbsd == signal).map(|&(_, host)| host)
}

/// NetBSD's number of the signal that the host numbers `signal`. `None` where NetBSD has no signal
/// of that name; real-time signals have none.
pub fn from_host(signal: c_int) -> Option<c_int> {
    SAME_NAMES.iter().find(|&&(_, host)| host == signal).map(|&(netbsd, _)| netbsd)
}
