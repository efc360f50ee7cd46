//! The signals, by number and name.

use core::ffi::c_int;

use super::super::macros::constants;

macro_rules! signals {
    ($( #[doc = $doc:literal] $name:ident = $number:literal; )*) => {
        constants! {
            /// A signal, `signal(7)`: NetBSD's number.
            c_int {
                $( #[doc = $doc] $name = $number; )*
                #[doc = " Another name of `SIGABRT`."]
                SIGIOT = SIGABRT;
            }
        }

        /// The name of a signal, `"SIGHUP"`. `None` where there is no such signal, and for the
        /// real-time signals between the first and the last.
        pub const fn signal_name(signal: c_int) -> Option<&'static str> {
            match signal {
                $( $name => Some(stringify!($name)), )*
                _ => None,
            }
        }
    };
}

signals! {
    /// The terminal hung up.
    SIGHUP = 1;
    /// Interrupted from the keyboard.
    SIGINT = 2;
    /// Quit from the keyboard.
    SIGQUIT = 3;
    /// Illegal instruction.
    SIGILL = 4;
    /// Trap of a debugger.
    SIGTRAP = 5;
    /// Aborted.
    SIGABRT = 6;
    /// Emulated instruction.
    SIGEMT = 7;
    /// Arithmetic error.
    SIGFPE = 8;
    /// Killed; cannot be caught.
    SIGKILL = 9;
    /// Bus error.
    SIGBUS = 10;
    /// Address error.
    SIGSEGV = 11;
    /// A system call that does not exist.
    SIGSYS = 12;
    /// Wrote to a pipe or socket that nobody reads.
    SIGPIPE = 13;
    /// The real-time timer expired.
    SIGALRM = 14;
    /// Asked to end.
    SIGTERM = 15;
    /// Urgent data on a socket.
    SIGURG = 16;
    /// Stopped; cannot be caught.
    SIGSTOP = 17;
    /// Stopped from the keyboard.
    SIGTSTP = 18;
    /// Continues.
    SIGCONT = 19;
    /// A child has ended, stopped or continues.
    SIGCHLD = 20;
    /// Read from the terminal in the background.
    SIGTTIN = 21;
    /// Wrote to the terminal in the background.
    SIGTTOU = 22;
    /// I/O is possible.
    SIGIO = 23;
    /// Too much processor time.
    SIGXCPU = 24;
    /// Too large a file.
    SIGXFSZ = 25;
    /// The timer of the process expired.
    SIGVTALRM = 26;
    /// The timer for profiling expired.
    SIGPROF = 27;
    /// The size of the window changed.
    SIGWINCH = 28;
    /// Status asked for from the keyboard.
    SIGINFO = 29;
    /// The application's own.
    SIGUSR1 = 30;
    /// The application's own.
    SIGUSR2 = 31;
    /// Power fails or is back.
    SIGPWR = 32;
    /// First real-time signal.
    SIGRTMIN = 33;
    /// Last real-time signal.
    SIGRTMAX = 63;
}
