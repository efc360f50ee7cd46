//! What does not belong anywhere else: `<unistd.h>`; `access(2)`, `lseek(2)`, `fsync_range(2)`,
//! `pathconf(2)`, and the names of `sysconf(3)`, whose values the kernel gives by `sysctl(3)`.

use core::ffi::{c_int, c_long};

use super::macros::constants;

constants! {
    /// What `access(2)` checks.
    c_int {
        /// The file exists.
        F_OK = 0x0;
        /// It can be executed or searched.
        X_OK = 0x1;
        /// It can be written.
        W_OK = 0x2;
        /// It can be read.
        R_OK = 0x4;
    }
    /// What an offset of `lseek(2)` counts from.
    c_int {
        /// The start of the file.
        SEEK_SET = 0;
        /// The current offset.
        SEEK_CUR = 1;
        /// The end of the file.
        SEEK_END = 2;
        /// Older name of `SEEK_SET`.
        L_SET = SEEK_SET;
        /// Older name of `SEEK_CUR`.
        L_INCR = SEEK_CUR;
        /// Older name of `SEEK_END`.
        L_XTND = SEEK_END;
    }
    /// How much `fsync_range(2)` does.
    c_int {
        /// The data, and what is needed to read it back.
        FDATASYNC = 0x10;
        /// Data and status.
        FFILESYNC = 0x20;
        /// Flush the disk's cache as well.
        FDISKSYNC = 0x40;
    }
    /// Name of a limit or feature of a file, `pathconf(2)`.
    c_int {
        /// Links of a file.
        _PC_LINK_MAX = 1;
        /// Bytes of a terminal line.
        _PC_MAX_CANON = 2;
        /// Bytes of a terminal's input queue.
        _PC_MAX_INPUT = 3;
        /// Bytes of a file name.
        _PC_NAME_MAX = 4;
        /// Bytes of a path, with its NUL.
        _PC_PATH_MAX = 5;
        /// Bytes that are written to a pipe in one piece.
        _PC_PIPE_BUF = 6;
        /// Whether only the superuser may give files away.
        _PC_CHOWN_RESTRICTED = 7;
        /// Whether too long names are an error.
        _PC_NO_TRUNC = 8;
        /// The character that disables a special character.
        _PC_VDISABLE = 9;
        /// Whether synchronous I/O works.
        _PC_SYNC_IO = 10;
        /// Bits of a file's size.
        _PC_FILESIZEBITS = 11;
        /// Bytes of a symbolic link.
        _PC_SYMLINK_MAX = 12;
        /// Whether symbolic links work.
        _PC_2_SYMLINKS = 13;
        /// Whether POSIX.1e access control lists work.
        _PC_ACL_EXTENDED = 14;
        /// Bytes of the smallest hole.
        _PC_MIN_HOLE_SIZE = 15;
        /// Entries of an access control list; not in NetBSD 7.
        _PC_ACL_PATH_MAX = 16;
        /// Whether NFSv4 access control lists work; not in NetBSD 7.
        _PC_ACL_NFS4 = 17;
    }
    /// Name of a limit or feature of the system, `sysconf(3)`.
    c_int {
        _SC_ARG_MAX = 1;
        _SC_CHILD_MAX = 2;
        /// The obsolete form of `_SC_CLK_TCK`.
        _O_SC_CLK_TCK = 3;
        _SC_NGROUPS_MAX = 4;
        _SC_OPEN_MAX = 5;
        _SC_JOB_CONTROL = 6;
        _SC_SAVED_IDS = 7;
        _SC_VERSION = 8;
        _SC_BC_BASE_MAX = 9;
        _SC_BC_DIM_MAX = 10;
        _SC_BC_SCALE_MAX = 11;
        _SC_BC_STRING_MAX = 12;
        _SC_COLL_WEIGHTS_MAX = 13;
        _SC_EXPR_NEST_MAX = 14;
        _SC_LINE_MAX = 15;
        _SC_RE_DUP_MAX = 16;
        _SC_2_VERSION = 17;
        _SC_2_C_BIND = 18;
        _SC_2_C_DEV = 19;
        _SC_2_CHAR_TERM = 20;
        _SC_2_FORT_DEV = 21;
        _SC_2_FORT_RUN = 22;
        _SC_2_LOCALEDEF = 23;
        _SC_2_SW_DEV = 24;
        _SC_2_UPE = 25;
        _SC_STREAM_MAX = 26;
        _SC_TZNAME_MAX = 27;
        _SC_PAGESIZE = 28;
        /// Another name of `_SC_PAGESIZE`.
        _SC_PAGE_SIZE = 28;
        _SC_FSYNC = 29;
        _SC_XOPEN_SHM = 30;
        _SC_SYNCHRONIZED_IO = 31;
        _SC_IOV_MAX = 32;
        _SC_MAPPED_FILES = 33;
        _SC_MEMLOCK = 34;
        _SC_MEMLOCK_RANGE = 35;
        _SC_MEMORY_PROTECTION = 36;
        _SC_LOGIN_NAME_MAX = 37;
        _SC_MONOTONIC_CLOCK = 38;
        _SC_CLK_TCK = 39;
        _SC_ATEXIT_MAX = 40;
        _SC_THREADS = 41;
        _SC_SEMAPHORES = 42;
        _SC_BARRIERS = 43;
        _SC_TIMERS = 44;
        _SC_SPIN_LOCKS = 45;
        _SC_READER_WRITER_LOCKS = 46;
        _SC_GETGR_R_SIZE_MAX = 47;
        _SC_GETPW_R_SIZE_MAX = 48;
        _SC_CLOCK_SELECTION = 49;
        _SC_ASYNCHRONOUS_IO = 50;
        _SC_AIO_LISTIO_MAX = 51;
        _SC_AIO_MAX = 52;
        _SC_MESSAGE_PASSING = 53;
        _SC_MQ_OPEN_MAX = 54;
        _SC_MQ_PRIO_MAX = 55;
        _SC_PRIORITY_SCHEDULING = 56;
        _SC_THREAD_DESTRUCTOR_ITERATIONS = 57;
        _SC_THREAD_KEYS_MAX = 58;
        _SC_THREAD_STACK_MIN = 59;
        _SC_THREAD_THREADS_MAX = 60;
        _SC_THREAD_ATTR_STACKADDR = 61;
        _SC_THREAD_ATTR_STACKSIZE = 62;
        _SC_THREAD_PRIORITY_SCHEDULING = 63;
        _SC_THREAD_PRIO_INHERIT = 64;
        _SC_THREAD_PRIO_PROTECT = 65;
        _SC_THREAD_PROCESS_SHARED = 66;
        _SC_THREAD_SAFE_FUNCTIONS = 67;
        _SC_TTY_NAME_MAX = 68;
        _SC_HOST_NAME_MAX = 69;
        _SC_PASS_MAX = 70;
        _SC_REGEXP = 71;
        _SC_SHELL = 72;
        _SC_SYMLOOP_MAX = 73;
        _SC_V6_ILP32_OFF32 = 74;
        _SC_V6_ILP32_OFFBIG = 75;
        _SC_V6_LP64_OFF64 = 76;
        _SC_V6_LPBIG_OFFBIG = 77;
        _SC_2_PBS = 80;
        _SC_2_PBS_ACCOUNTING = 81;
        _SC_2_PBS_CHECKPOINT = 82;
        _SC_2_PBS_LOCATE = 83;
        _SC_2_PBS_MESSAGE = 84;
        _SC_2_PBS_TRACK = 85;
        _SC_SPAWN = 86;
        _SC_SHARED_MEMORY_OBJECTS = 87;
        _SC_TIMER_MAX = 88;
        _SC_SEM_NSEMS_MAX = 89;
        _SC_CPUTIME = 90;
        _SC_THREAD_CPUTIME = 91;
        _SC_DELAYTIMER_MAX = 92;
        /// Not in NetBSD 7.
        _SC_SIGQUEUE_MAX = 93;
        /// Not in NetBSD 7.
        _SC_REALTIME_SIGNALS = 94;
        /// Not in NetBSD 7.
        _SC_RTSIG_MAX = 95;
        _SC_PHYS_PAGES = 121;
        /// Not in NetBSD 7.
        _SC_AVPHYS_PAGES = 122;
        _SC_NPROCESSORS_CONF = 1001;
        _SC_NPROCESSORS_ONLN = 1002;
        _SC_SCHED_RT_TS = 2001;
        _SC_SCHED_PRI_MIN = 2002;
        _SC_SCHED_PRI_MAX = 2003;
    }
    /// Name of a string of `confstr(3)`.
    c_int {
        /// A `PATH` that finds the standard utilities.
        _CS_PATH = 1;
    }
    /// Which version of a standard or of one of its options there is: a date or 1; 0 ask; -1 none.
    c_long {
        _POSIX_JOB_CONTROL = 1;
        _POSIX_VERSION = 200112;
        _POSIX2_VERSION = 200112;
        _POSIX_SPAWN = 200809;
        _POSIX_ASYNCHRONOUS_IO = 200112;
        _POSIX_BARRIERS = 200112;
        _POSIX_CHOWN_RESTRICTED = 1;
        _POSIX_CLOCK_SELECTION = -1;
        _POSIX_CPUTIME = 200112;
        _POSIX_FSYNC = 1;
        _POSIX_IPV6 = 0;
        _POSIX_MAPPED_FILES = 1;
        _POSIX_MEMLOCK = 1;
        _POSIX_MEMLOCK_RANGE = 1;
        _POSIX_MEMORY_PROTECTION = 1;
        _POSIX_MESSAGE_PASSING = 200112;
        _POSIX_MONOTONIC_CLOCK = 200112;
        _POSIX_NO_TRUNC = 1;
        _POSIX_PRIORITIZED_IO = -1;
        _POSIX_PRIORITY_SCHEDULING = 200112;
        _POSIX_RAW_SOCKETS = 200112;
        _POSIX_READER_WRITER_LOCKS = 200112;
        _POSIX_REGEXP = 1;
        _POSIX_SEMAPHORES = 0;
        _POSIX_SHARED_MEMORY_OBJECTS = 0;
        _POSIX_SHELL = 1;
        _POSIX_SPIN_LOCKS = 200112;
        _POSIX_SYNCHRONIZED_IO = 1;
        _POSIX_THREADS = 200112;
        _POSIX_THREAD_ATTR_STACKSIZE = 200112;
        _POSIX_THREAD_ATTR_STACKADDR = 200112;
        _POSIX_THREAD_CPUTIME = 200112;
        _POSIX_THREAD_PRIO_PROTECT = 200112;
        _POSIX_THREAD_SAFE_FUNCTIONS = 200112;
        _POSIX_TIMERS = 200112;
        _POSIX_VDISABLE = 255;
        _POSIX2_C_BIND = 200112;
        _XOPEN_SHM = 0;
    }
}
