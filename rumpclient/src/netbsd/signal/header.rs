//! Sets of signals, actions, stacks, notifications.

use core::ffi::{c_int, c_void};
use core::fmt;

use super::super::Errno;
use super::super::macros::{constants, layouts};
use super::signal_name;

/// A set of signals, `sigprocmask(2)`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sigset_t {
    /// One bit each: signal 1 is the lowest of the first word.
    pub __bits: [u32; 4],
}

/// What to do on a signal, `sigaction(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sigaction {
    /// Address of the handler, or `SIG_DFL`, `SIG_IGN`. A union of two function pointers in C.
    pub sa_handler: usize,
    /// What is blocked meanwhile.
    pub sa_mask: sigset_t,
    /// `SA_` flags.
    pub sa_flags: c_int,
}

/// A stack for signal handlers, `sigaltstack(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct stack_t {
    /// Its lowest address.
    pub ss_sp: *mut c_void,
    /// Bytes.
    pub ss_size: usize,
    /// `SS_` flags.
    pub ss_flags: c_int,
}

/// A value that goes with a signal: a union of a pointer and an `int` in C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sigval {
    /// The value as a pointer.
    pub sival_ptr: *mut c_void,
}

/// How to tell that something has happened, `sigevent(3)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct sigevent {
    /// A `SIGEV_` constant.
    pub sigev_notify: c_int,
    /// The signal, for `SIGEV_SIGNAL`.
    pub sigev_signo: c_int,
    /// What goes with it.
    pub sigev_value: sigval,
    /// Address of the function to call, for `SIGEV_THREAD`.
    pub sigev_notify_function: *mut c_void,
    /// Attributes of the thread to call it in.
    pub sigev_notify_attributes: *mut c_void,
}

layouts! {
    sigset_t: 16 / 16 { __bits: 0 / 0 }
    sigaction: 32 / 24 { sa_handler: 0 / 0, sa_mask: 8 / 4, sa_flags: 24 / 20 }
    stack_t: 24 / 12 { ss_sp: 0 / 0, ss_size: 8 / 4, ss_flags: 16 / 8 }
    sigval: 8 / 4 { sival_ptr: 0 / 0 }
    sigevent: 32 / 20 {
        sigev_notify: 0 / 0, sigev_signo: 4 / 4, sigev_value: 8 / 8, sigev_notify_function: 16 / 12,
        sigev_notify_attributes: 24 / 16,
    }
}

impl sigset_t {
    /// The empty set, `sigemptyset(3)`.
    pub const fn empty() -> sigset_t {
        sigset_t { __bits: [0; 4] }
    }

    /// The set of all signals, `sigfillset(3)`.
    pub const fn full() -> sigset_t {
        sigset_t { __bits: [u32::MAX; 4] }
    }

    /// Adds a signal, `sigaddset(3)`. `EINVAL` where there is no such signal.
    pub fn add(&mut self, signal: c_int) -> Result<(), Errno> {
        let (word, bit) = position(signal).ok_or(Errno::EINVAL)?;
        self.__bits[word] |= bit;
        Ok(())
    }

    /// Removes a signal, `sigdelset(3)`. `EINVAL` where there is no such signal.
    pub fn del(&mut self, signal: c_int) -> Result<(), Errno> {
        let (word, bit) = position(signal).ok_or(Errno::EINVAL)?;
        self.__bits[word] &= !bit;
        Ok(())
    }

    /// Whether a signal is in the set, `sigismember(3)`.
    pub fn contains(&self, signal: c_int) -> bool {
        position(signal).is_some_and(|(word, bit)| self.__bits[word] & bit != 0)
    }

    /// The signals in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = c_int> + '_ {
        (1..NSIG).filter(|&signal| self.contains(signal))
    }
}

/// Word and bit of a signal that exists.
fn position(signal: c_int) -> Option<(usize, u32)> {
    let index = usize::try_from(signal.checked_sub(1)?).ok().filter(|_| signal < NSIG)?;
    Some((index / 32, 1 << (index % 32)))
}

impl fmt::Debug for sigset_t {
    /// `{SIGHUP, SIGTERM}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for signal in self.iter() {
            match signal_name(signal) {
                Some(name) => set.entry(&format_args!("{name}")),
                None => set.entry(&signal),
            };
        }
        set.finish()
    }
}

impl sigval {
    /// The value that holds this `int`.
    pub fn from_int(value: c_int) -> sigval {
        let mut bytes = [0; size_of::<usize>()];
        bytes[..size_of::<c_int>()].copy_from_slice(&value.to_ne_bytes());
        sigval { sival_ptr: core::ptr::without_provenance_mut(usize::from_ne_bytes(bytes)) }
    }

    /// `sival_int`: the value as an `int`.
    pub fn sival_int(self) -> c_int {
        let [b0, b1, b2, b3, ..] = self.sival_ptr.addr().to_ne_bytes();
        c_int::from_ne_bytes([b0, b1, b2, b3])
    }
}

constants! {
    /// Number of signals, 0 included: signals are below it.
    c_int {
        NSIG = 64;
        _NSIG = NSIG;
    }
    /// Special value of [`sigaction::sa_handler`].
    usize {
        /// The default action.
        SIG_DFL = 0;
        /// Ignore the signal.
        SIG_IGN = 1;
        /// What `signal(3)` returns on failure.
        SIG_ERR = usize::MAX;
        /// What `sigset(3)` takes to block the signal.
        SIG_HOLD = 3;
    }
    /// Version of the code that a signal handler returns through.
    c_int {
        __SIGTRAMP_SIGCODE_VERSION = 0;
        __SIGTRAMP_SIGCONTEXT_VERSION_MIN = 1;
        __SIGTRAMP_SIGCONTEXT_VERSION_MAX = 1;
        __SIGTRAMP_SIGCONTEXT_VERSION = 1;
        __SIGTRAMP_SIGINFO_VERSION_MIN = 2;
        __SIGTRAMP_SIGINFO_VERSION_MAX = 2;
        __SIGTRAMP_SIGINFO_VERSION = 2;
    }
    /// Flag of `sigaction(2)`.
    c_int {
        /// Run the handler on the alternative stack.
        SA_ONSTACK = 0x1;
        /// Restart interrupted calls.
        SA_RESTART = 0x2;
        /// Back to the default action once it is delivered.
        SA_RESETHAND = 0x4;
        /// `SIGCHLD`: not for children that stop.
        SA_NOCLDSTOP = 0x8;
        /// Do not block the signal in its handler.
        SA_NODEFER = 0x10;
        /// `SIGCHLD`: children leave no zombies.
        SA_NOCLDWAIT = 0x20;
        /// The handler takes three arguments.
        SA_SIGINFO = 0x40;
        /// `SIGINFO`: the kernel prints no status.
        SA_NOKERNINFO = 0x80;
    }
    /// How `sigprocmask(2)` changes the mask.
    c_int {
        /// Add to it.
        SIG_BLOCK = 1;
        /// Remove from it.
        SIG_UNBLOCK = 2;
        /// Replace it.
        SIG_SETMASK = 3;
    }
    /// Flag of `sigaltstack(2)`.
    c_int {
        /// The stack is in use.
        SS_ONSTACK = 0x1;
        /// There is no such stack.
        SS_DISABLE = 0x4;
    }
    /// Bytes of a stack for `sigaltstack(2)`.
    usize {
        /// The least.
        MINSIGSTKSZ = 8192;
        /// Usually enough.
        SIGSTKSZ = 40960;
    }
    /// Older name of `SIG_ERR`.
    usize {
        BADSIG = SIG_ERR;
    }
    /// How to tell, [`sigevent::sigev_notify`].
    c_int {
        /// Not at all.
        SIGEV_NONE = 0;
        /// By a signal.
        SIGEV_SIGNAL = 1;
        /// By calling a function.
        SIGEV_THREAD = 2;
        /// By an upcall of the scheduler; obsolete.
        SIGEV_SA = 3;
    }
}
