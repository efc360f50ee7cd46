//! Calls that may be made twice.
//!
//! When a kernel is lost while a call runs, nobody knows whether the call was carried out. For calls
//! that only ask, that does not matter: they are made again on the kernel that comes next.

use crate::table;

/// Those that ask about the process, the time and the kernel.
const ONLY_ASK: [&str; 16] = [
    "__getlogin",
    "clock_getcpuclockid2",
    "clock_getres50",
    "clock_gettime50",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getrlimit",
    "getsid",
    "getuid",
    "issetugid",
];

/// Whether a call changes nothing, so that making it once more is the same as making it once.
pub(crate) fn only_asks(number: u32, args: &[u8]) -> bool {
    let Some(call) = table::by_number(number) else { return false };
    match call.name {
        "__sysctl" => {
            let new_value = call.arg("newv").and_then(|arg| arg.read(args));
            new_value == Some(0)
        }
        name => ONLY_ASK.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marshal::{Args, MAX_ARGS_SIZE};

    fn number(name: &str) -> u32 {
        table::by_name(name).expect("the table has the call").number
    }

    #[test]
    fn asking_is_harmless_and_doing_is_not() {
        assert!(only_asks(number("getpid"), &[]));
        assert!(!only_asks(number("write"), &[0; 24]));
        assert!(!only_asks(u32::MAX, &[]));
    }

    #[test]
    fn sysctl_asks_unless_it_sets() {
        let args = |newv| {
            let args = crate::args::sys___sysctl_args {
                name: 1,
                namelen: 2,
                oldv: 3,
                oldlenp: 4,
                newv,
                newlen: 8,
            };
            let mut bytes = [0; MAX_ARGS_SIZE];
            args.write(&mut bytes);
            bytes
        };
        assert!(only_asks(number("__sysctl"), &args(0)));
        assert!(!only_asks(number("__sysctl"), &args(16)));
        assert!(!only_asks(number("__sysctl"), &[]));
    }
}
