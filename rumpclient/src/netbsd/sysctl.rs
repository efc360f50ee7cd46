//! The kernel's variables: `<sys/sysctl.h>`; `sysctl(3)`, `sysctl(7)`.
//!
//! A variable's name is a sequence of numbers, `[CTL_KERN, KERN_OSRELEASE]`; those of 1024 and
//! above are given out at run time and found with `CTL_QUERY`.

use core::ffi::c_int;

use super::macros::constants;

constants! {
    /// Size of a variable's name, `sysctl(3)`.
    usize {
        /// Numbers in a name.
        CTL_MAXNAME = 12;
        /// Bytes of one component's name, its NUL included.
        SYSCTL_NAMELEN = 32;
    }
    /// First number of a variable's name, `sysctl(3)`.
    c_int {
        /// Unused.
        CTL_UNSPEC = 0;
        /// The kernel: processes, limits.
        CTL_KERN = 1;
        /// Virtual memory.
        CTL_VM = 2;
        /// File systems.
        CTL_VFS = 3;
        /// Network: a protocol family is next.
        CTL_NET = 4;
        /// Debugging.
        CTL_DEBUG = 5;
        /// Hardware.
        CTL_HW = 6;
        /// Of this kind of machine.
        CTL_MACHDEP = 7;
        /// Of user programs.
        CTL_USER = 8;
        /// The kernel debugger.
        CTL_DDB = 9;
        /// Of one process.
        CTL_PROC = 10;
        /// The vendor's.
        CTL_VENDOR = 11;
        /// Of emulations of other systems.
        CTL_EMUL = 12;
        /// Security.
        CTL_SECURITY = 13;
    }
    /// Last number of a name, for what is done with a node instead of reading it, `sysctl(3)`.
    c_int {
        /// End of a list.
        CTL_EOL = -1;
        /// List the children.
        CTL_QUERY = -2;
        /// Create a child.
        CTL_CREATE = -3;
        /// Create a child that is a symbol of the kernel.
        CTL_CREATESYM = -4;
        /// Destroy a child.
        CTL_DESTROY = -5;
        /// Map it.
        CTL_MMAP = -6;
        /// Describe the children.
        CTL_DESCRIBE = -7;
    }
    /// Type of a variable, `sysctl(3)`.
    c_int {
        /// A node with children.
        CTLTYPE_NODE = 1;
        /// An `int`.
        CTLTYPE_INT = 2;
        /// A string.
        CTLTYPE_STRING = 3;
        /// A 64-bit number.
        CTLTYPE_QUAD = 4;
        /// A struct.
        CTLTYPE_STRUCT = 5;
        /// A `bool`.
        CTLTYPE_BOOL = 6;
    }
    /// Variable below `CTL_KERN`, `sysctl(7)`.
    c_int {
        /// Name of the system, `"NetBSD"`; string.
        KERN_OSTYPE = 1;
        /// Release, `"11.0"`; string.
        KERN_OSRELEASE = 2;
        /// Release as a number; `int`.
        KERN_OSREV = 3;
        /// Release, date and builder; string.
        KERN_VERSION = 4;
        /// Most vnodes; `int`.
        KERN_MAXVNODES = 5;
        /// Most processes; `int`.
        KERN_MAXPROC = 6;
        /// Most open files; `int`.
        KERN_MAXFILES = 7;
        /// Bytes of arguments to exec; `int`.
        KERN_ARGMAX = 8;
        /// Security level; `int`.
        KERN_SECURELVL = 9;
        /// Name of the host; string.
        KERN_HOSTNAME = 10;
        /// Number of the host; `int`.
        KERN_HOSTID = 11;
        /// Rates of the clocks; struct.
        KERN_CLOCKRATE = 12;
        /// Version of POSIX.1; `int`.
        KERN_POSIX1 = 17;
        /// Supplementary groups of a process; `int`.
        KERN_NGROUPS = 18;
        /// Whether there is job control; `int`.
        KERN_JOB_CONTROL = 19;
        /// Whether there are saved ids; `int`.
        KERN_SAVED_IDS = 20;
        /// Name of the YP domain; string.
        KERN_DOMAINNAME = 22;
        /// Partitions of a disk; `int`.
        KERN_MAXPARTITIONS = 23;
        /// The partition that is the whole disk; `int`.
        KERN_RAWPARTITION = 24;
        /// Device of the root file system; string.
        KERN_ROOT_DEVICE = 30;
        /// Bytes of the message buffer; `int`.
        KERN_MSGBUFSIZE = 31;
        /// Whether `fsync(2)` works; `int`.
        KERN_FSYNC = 32;
        /// Whether synchronous I/O works; `int`.
        KERN_SYNCHRONIZED_IO = 37;
        /// Buffers of one `readv(2)`; `int`.
        KERN_IOV_MAX = 38;
        /// Whether files can be mapped; `int`.
        KERN_MAPPED_FILES = 40;
        /// Whether memory can be locked; `int`.
        KERN_MEMLOCK = 41;
        /// Bytes of a login name and its NUL; `int`.
        KERN_LOGIN_NAME_MAX = 44;
        /// Whether processes killed by a signal are logged; `int`.
        KERN_LOGSIGEXIT = 46;
        /// Processes; array of structs.
        KERN_PROC2 = 47;
        /// Arguments or environment of a process; strings.
        KERN_PROC_ARGS = 48;
        /// Processor time by use; array.
        KERN_CP_TIME = 51;
        /// Most pseudo terminals; `int`.
        KERN_MAXPTYS = 55;
        /// Limits of pipes; node.
        KERN_PIPE = 56;
        /// Bytes of the largest socket buffer; `int`.
        KERN_SBMAX = 58;
        /// Whether there is a monotonic clock; `int`.
        KERN_MONOTONIC_CLOCK = 60;
        /// A random number; `int`.
        KERN_URND = 61;
        /// Kernel memory for sockets; `int`.
        KERN_SOMAXKVA = 73;
        /// Drivers and their numbers; array of structs.
        KERN_DRIVERS = 75;
        /// Open files; array of structs.
        KERN_FILE2 = 77;
        /// Ticks of the clock so far; `int`.
        KERN_HARDCLOCK_TICKS = 80;
        /// Random bytes.
        KERN_ARND = 81;
        /// System V IPC; node.
        KERN_SYSVIPC = 82;
        /// When the kernel started; a [`timespec`](super::timespec).
        KERN_BOOTTIME = 83;
        /// Entropy; node. Not in NetBSD 7.
        KERN_ENTROPY = 86;
    }
    /// Variable below `CTL_HW`, `sysctl(7)`.
    c_int {
        /// Kind of machine, `"amd64"`; string.
        HW_MACHINE = 1;
        /// Model; string.
        HW_MODEL = 2;
        /// Processors; `int`.
        HW_NCPU = 3;
        /// Byte order, 1234 or 4321; `int`.
        HW_BYTEORDER = 4;
        /// Memory, bytes; `int`.
        HW_PHYSMEM = 5;
        /// Memory outside the kernel, bytes; `int`.
        HW_USERMEM = 6;
        /// Bytes of a page; `int`.
        HW_PAGESIZE = 7;
        /// Names of the disks; string.
        HW_DISKNAMES = 8;
        /// Statistics of the disks; array of structs.
        HW_IOSTATS = 9;
        /// Architecture, `"x86_64"`; string.
        HW_MACHINE_ARCH = 10;
        /// Alignment, less one; `int`.
        HW_ALIGNBYTES = 11;
        /// What breaks into the debugger; string.
        HW_CNMAGIC = 12;
        /// Memory, bytes; 64-bit number.
        HW_PHYSMEM64 = 13;
        /// Memory outside the kernel, bytes; 64-bit number.
        HW_USERMEM64 = 14;
        /// Names of what has statistics; string.
        HW_IOSTATNAMES = 15;
        /// Processors in use; `int`.
        HW_NCPUONLINE = 16;
    }
}
