//! Waiting for processes: `<sys/wait.h>`; `wait4(2)`.

use core::ffi::c_int;

use super::macros::constants;
use super::pid_t;

constants! {
    /// Part of the status that `wait4(2)` gives.
    c_int {
        /// In the low seven bits: the process stopped.
        _WSTOPPED = 0o177;
        /// The whole status: the process continues.
        _WCONTINUED = 0xffff;
        /// It left a core dump.
        WCOREFLAG = 0o200;
    }
    /// Option of `wait4(2)`.
    c_int {
        /// Do not wait.
        WNOHANG = 0x1;
        /// Also processes that stopped.
        WSTOPPED = 0x2;
        /// The original name of `WSTOPPED`.
        WUNTRACED = WSTOPPED;
        /// Only processes that end with another signal than `SIGCHLD`.
        WALTSIG = 0x4;
        /// Processes that end with any signal.
        WALLSIG = 0x8;
        /// Also processes that continue.
        WCONTINUED = 0x10;
        /// Processes that ended.
        WEXITED = 0x20;
        /// Traced processes that trapped.
        WTRAPPED = 0x40;
        /// Leave the process to be waited for again.
        WNOWAIT = 0x1_0000;
        /// Ignore processes that have ended already.
        WNOZOMBIE = 0x2_0000;
        /// Linux's name of `WALTSIG`.
        __WCLONE = WALTSIG;
        /// Linux's name of `WALLSIG`.
        __WALL = WALLSIG;
    }
    /// Which process to wait for, `wait4(2)`.
    pid_t {
        /// Any.
        WAIT_ANY = -1;
        /// Any of the caller's process group.
        WAIT_MYPGRP = 0;
    }
}
