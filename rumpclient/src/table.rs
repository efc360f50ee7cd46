//! The dispatch table: what `syscalls.master` says about every RUMP call.
//!
//! The table is generated; its types are written here by hand. It tells, for a call number, how
//! the marshalled argument struct is laid out and which memory of the caller each argument lends
//! to the server while the call runs.

pub use crate::generated::table::{MASTER, SYSCALLS, entry};

/// One RUMP call of the table.
#[derive(Debug)]
pub struct Syscall {
    /// The number that goes on the wire.
    pub number: u32,
    /// The name behind `rump_sys_` in C and in [`Client`](crate::Client), versioned where an older
    /// form is meant: `read`, `stat` (the newest), `stat30`.
    pub name: &'static str,
    /// The constant of `<sys/syscall.h>`, e.g. `SYS___stat50`.
    pub constant: &'static str,
    /// The C symbol that implements it, e.g. `rump___sysimpl_stat50`.
    pub symbol: &'static str,
    /// The marshalling struct, e.g. `sys___stat50_args`; empty where nothing is sent.
    pub args_struct: &'static str,
    /// Bytes of the marshalling struct on this ABI; 0 where nothing is sent.
    pub size: usize,
    /// Which of the table's types it has.
    pub kind: Kind,
    /// The NetBSD kernel module that serves it, where the table says MODULAR. `Some("")` where
    /// the table (before NetBSD 8) marks it MODULAR without a name.
    pub module: Option<&'static str>,
    /// The C return type.
    pub returns: &'static str,
    /// The slots in order, alignment fillers included.
    pub args: &'static [Arg],
}

/// The type column of `syscalls.master`, as far as it matters to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ordinary: fails with an errno.
    Std,
    /// Never fails: the result is read unconditionally (`getpid`), or is itself an errno number
    /// (`posix_fadvise`).
    Noerr,
    /// Kept for binaries of an older release, e.g. `COMPAT_50`.
    Compat(&'static str),
}

/// One argument slot.
#[derive(Debug)]
pub struct Arg {
    /// The parameter's name in `syscalls.master`; `PAD` for an alignment filler.
    pub name: &'static str,
    /// Its C type as the table spells it, `const void *`.
    pub c_type: &'static str,
    /// Byte offset of the slot in the marshalling struct.
    pub offset: usize,
    /// Bytes of the value itself (4 for an `int` in its 8-byte slot).
    pub width: usize,
    /// Whether the value is a signed integer.
    pub signed: bool,
    /// What memory the argument lends to the server.
    pub lend: Lend,
}

/// Which way bytes may travel through lent memory, seen from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// The kernel reads it (copyin).
    In,
    /// The kernel writes it (copyout).
    Out,
    /// Both.
    InOut,
}

/// How many bytes a pointer argument lends. Argument references are indices into
/// [`Syscall::args`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A fixed number of bytes: a struct, or an array of known length.
    Bytes(usize),
    /// `unit` bytes times the value of an argument.
    Arg {
        /// The argument that holds the count.
        index: usize,
        /// Bytes per counted element.
        unit: usize,
    },
    /// As many bytes as the integer says that another pointer argument points at, when the call
    /// starts (`socklen_t *`, `size_t *`): value-result lengths.
    Pointee {
        /// The pointer argument that points at the length.
        index: usize,
        /// Width of that length in bytes: 4 or 8.
        width: usize,
    },
    /// An `fd_set` prefix that holds as many bits as the argument says, in 32-bit words.
    FdSet {
        /// The argument that holds the number of descriptors.
        index: usize,
    },
}

/// What memory an argument lends while its call runs. A null pointer lends nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lend {
    /// A plain value.
    Value,
    /// An alignment filler, always zero.
    Pad,
    /// A NUL-terminated string that the kernel reads.
    Str,
    /// A region of memory.
    Mem {
        /// Which way.
        dir: Dir,
        /// How much.
        len: Extent,
    },
    /// An array of `struct iovec`, read by the kernel, and the buffers it names.
    Iovec {
        /// Direction of the buffers.
        dir: Dir,
        /// The argument that holds the number of elements.
        count: usize,
    },
    /// A `struct msghdr` and all it points at: name, iovec and its buffers, control.
    Msghdr {
        /// Direction of the buffers, name and control.
        dir: Dir,
    },
    /// An array of `struct mmsghdr`.
    Mmsghdr {
        /// Direction of the buffers, names and controls.
        dir: Dir,
        /// The argument that holds the number of elements.
        count: usize,
    },
    /// `ioctl` data: size and direction are in the request code.
    Ioctl {
        /// The argument that holds the request code.
        com: usize,
    },
    /// The third argument of `fcntl`: an integer or a `struct flock`, by command.
    Fcntl {
        /// The argument that holds the command.
        cmd: usize,
    },
    /// New value of `__sysctl`: bytes, except that a `CTL_CREATE` node holds further pointers.
    SysctlNew {
        /// The argument with the MIB name.
        name: usize,
        /// The argument that counts its components.
        namelen: usize,
        /// The argument that holds the new value's length.
        len: usize,
    },
    /// The table cannot say: the call may need any of the caller's memory.
    Opaque,
}

impl Syscall {
    /// The argument of this name.
    pub fn arg(&self, name: &str) -> Option<&'static Arg> {
        self.args.iter().find(|arg| arg.name == name)
    }

    /// Whether some argument is [`Lend::Opaque`].
    pub fn is_opaque(&self) -> bool {
        self.args.iter().any(|arg| arg.lend == Lend::Opaque)
    }
}

impl Arg {
    /// Reads this argument out of a marshalled struct: the value, sign- or zero-extended to 64
    /// bits by its type. `None` when `data` is too short to hold the slot.
    pub fn read(&self, data: &[u8]) -> Option<u64> {
        let slot_width = if self.width <= size_of::<usize>() { size_of::<usize>() } else { 8 };
        let slot = data.get(self.offset..self.offset.checked_add(slot_width)?)?;
        let raw = match slot_width {
            4 => u64::from(u32::from_ne_bytes(slot.try_into().ok()?)),
            _ => u64::from_ne_bytes(slot.try_into().ok()?),
        };
        let unused = 64 - 8 * self.width as u32;
        Some(match (unused, self.signed) {
            (64.., _) => 0,
            (_, true) => (((raw << unused) as i64) >> unused) as u64,
            (_, false) => (raw << unused) >> unused,
        })
    }
}

/// Looks a call up by its number. `None` for numbers that the table has no RUMP call for.
pub fn by_number(number: u32) -> Option<&'static Syscall> {
    BY_NUMBER.get(number as usize).copied().flatten()
}

/// The calls in their numbers' places: one look for each call that C makes.
static BY_NUMBER: [Option<&Syscall>; NUMBERS] = {
    let mut places = [None; NUMBERS];
    let mut at = 0;
    while at < SYSCALLS.len() {
        places[SYSCALLS[at].number as usize] = Some(SYSCALLS[at]);
        at += 1;
    }
    places
};

/// One more than the highest number. SYSCALLS is sorted (checked when it is generated and by a
/// test).
const NUMBERS: usize = match SYSCALLS {
    [.., last] => last.number as usize + 1,
    [] => 0,
};

/// Looks a call up by [`Syscall::name`].
pub fn by_name(name: &str) -> Option<&'static Syscall> {
    SYSCALLS.iter().copied().find(|call| call.name == name)
}
