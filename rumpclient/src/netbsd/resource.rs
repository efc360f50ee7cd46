//! Resources and their limits: `<sys/resource.h>`; `getrlimit(2)`, `getpriority(2)`,
//! `getrusage(2)`.

use core::ffi::{c_int, c_long};

use super::macros::{constants, layouts};
use super::{rlim_t, timeval};

/// A limit, `getrlimit(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct rlimit {
    /// The limit in force.
    pub rlim_cur: rlim_t,
    /// How far it can be raised.
    pub rlim_max: rlim_t,
}

/// What a process has used, `getrusage(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct rusage {
    /// Processor time in user mode.
    pub ru_utime: timeval,
    /// Processor time in the kernel.
    pub ru_stime: timeval,
    /// Largest resident set, KiB.
    pub ru_maxrss: c_long,
    /// Shared text, KiB times clock ticks.
    pub ru_ixrss: c_long,
    /// Unshared data, KiB times clock ticks.
    pub ru_idrss: c_long,
    /// Unshared stack, KiB times clock ticks.
    pub ru_isrss: c_long,
    /// Page faults without I/O.
    pub ru_minflt: c_long,
    /// Page faults with I/O.
    pub ru_majflt: c_long,
    /// Times it was swapped out.
    pub ru_nswap: c_long,
    /// Reads of a file system.
    pub ru_inblock: c_long,
    /// Writes of a file system.
    pub ru_oublock: c_long,
    /// Messages sent.
    pub ru_msgsnd: c_long,
    /// Messages received.
    pub ru_msgrcv: c_long,
    /// Signals received.
    pub ru_nsignals: c_long,
    /// Context switches of its own will.
    pub ru_nvcsw: c_long,
    /// Context switches against its will.
    pub ru_nivcsw: c_long,
}

/// What a process and its children have used, `wait6(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct wrusage {
    /// The process itself.
    pub wru_self: rusage,
    /// Its children that ended.
    pub wru_children: rusage,
}

layouts! {
    rlimit: 16 / 16 { rlim_cur: 0 / 0, rlim_max: 8 / 8 }
    rusage: 144 / 80 {
        ru_utime: 0 / 0, ru_stime: 16 / 12, ru_maxrss: 32 / 24, ru_ixrss: 40 / 28,
        ru_idrss: 48 / 32, ru_isrss: 56 / 36, ru_minflt: 64 / 40, ru_majflt: 72 / 44,
        ru_nswap: 80 / 48, ru_inblock: 88 / 52, ru_oublock: 96 / 56, ru_msgsnd: 104 / 60,
        ru_msgrcv: 112 / 64, ru_nsignals: 120 / 68, ru_nvcsw: 128 / 72, ru_nivcsw: 136 / 76,
    }
    wrusage: 288 / 160 { wru_self: 0 / 0, wru_children: 144 / 80 }
}

constants! {
    /// Scheduling priority, `getpriority(2)`.
    c_int {
        /// The most favoured.
        PRIO_MIN = -20;
        /// The least favoured.
        PRIO_MAX = 20;
    }
    /// Whose scheduling priority, `getpriority(2)`.
    c_int {
        /// A process.
        PRIO_PROCESS = 0;
        /// A process group.
        PRIO_PGRP = 1;
        /// A user.
        PRIO_USER = 2;
    }
    /// Whose use of resources, `getrusage(2)`.
    c_int {
        /// The process itself.
        RUSAGE_SELF = 0;
        /// Its children that ended.
        RUSAGE_CHILDREN = -1;
    }
    /// What a limit limits, `getrlimit(2)`.
    c_int {
        /// Processor time, seconds.
        RLIMIT_CPU = 0;
        /// Size of a file, bytes.
        RLIMIT_FSIZE = 1;
        /// Data segment, bytes.
        RLIMIT_DATA = 2;
        /// Stack, bytes.
        RLIMIT_STACK = 3;
        /// Core dump, bytes.
        RLIMIT_CORE = 4;
        /// Resident set, bytes.
        RLIMIT_RSS = 5;
        /// Locked memory, bytes.
        RLIMIT_MEMLOCK = 6;
        /// Processes of the user.
        RLIMIT_NPROC = 7;
        /// Open descriptors.
        RLIMIT_NOFILE = 8;
        /// Socket buffers of the user, bytes.
        RLIMIT_SBSIZE = 9;
        /// Address space, bytes.
        RLIMIT_AS = 10;
        /// Another name of `RLIMIT_AS`.
        RLIMIT_VMEM = RLIMIT_AS;
        /// Threads of the user.
        RLIMIT_NTHR = 11;
        /// Number of limits.
        RLIM_NLIMITS = 12;
    }
    /// Special value of a limit.
    rlim_t {
        /// No limit.
        RLIM_INFINITY = 0x7fff_ffff_ffff_ffff;
        /// A maximum that cannot be represented: no limit.
        RLIM_SAVED_MAX = RLIM_INFINITY;
        /// A limit that cannot be represented: no limit.
        RLIM_SAVED_CUR = RLIM_INFINITY;
    }
}
