//! Calls that a rump kernel serves although its table does not mark them RUMP.

use rumpclient::table::{Arg, Kind, Lend, Syscall};

/// The size of an argument slot.
const SLOT: usize = size_of::<usize>();

/// Their entries, in the form of the generated table's.
pub(crate) const CALLS: &[&Syscall] = &[&KILL];

/// `kill(2)`.
static KILL: Syscall = Syscall {
    number: 37,
    name: "kill",
    constant: "SYS_kill",
    symbol: "rump___sysimpl_kill",
    args_struct: "sys_kill_args",
    size: 2 * SLOT,
    kind: Kind::Std,
    module: None,
    returns: "int",
    args: &[int("pid", "pid_t", 0), int("signum", "int", 1)],
};

const fn int(name: &'static str, c_type: &'static str, slot: usize) -> Arg {
    Arg { name, c_type, offset: slot * SLOT, width: 4, signed: true, lend: Lend::Value }
}
