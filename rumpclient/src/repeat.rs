//! Calls that may be made twice.
//!
//! When a kernel is lost while a call runs, nobody knows whether the call was carried out. For calls
//! that only ask, that does not matter: where the policy looks for another kernel, they are made
//! again on it. They take nothing from the process's memory but what says what is asked, leave
//! nothing changed in the kernel, and name nothing that a new one would not know, such as a
//! descriptor or another process.

use crate::session::Failure;
use crate::table::{self, Lend};

/// Those that ask about the process, its user, clocks and limits. By the names that the newest
/// version of each has.
const ONLY_ASK: [&str; 13] = [
    "__getlogin",
    "clock_getres",
    "clock_gettime",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgrp",
    "getpid",
    "getppid",
    "getrlimit",
    "getuid",
    "issetugid",
];

/// The failure of a call, but for one that only asks: that may as well not have been sent.
pub(crate) fn judge(failure: Failure, number: u32, args: &[u8]) -> Failure {
    match failure {
        Failure::Lost { sent } => Failure::Lost { sent: sent && !only_asks(number, args) },
        other => other,
    }
}

/// Whether a call changes nothing, so that making it once more is the same as making it once.
pub(crate) fn only_asks(number: u32, args: &[u8]) -> bool {
    let Some(call) = table::by_number(number) else { return false };
    if call.name == "__sysctl" {
        let new = call.args.iter().find(|arg| matches!(arg.lend, Lend::SysctlNew { .. }));
        return new.and_then(|new| new.read(args)) == Some(0);
    }
    ONLY_ASK.contains(&call.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marshal::{Args, MAX_ARGS_SIZE};
    use crate::table::Dir;

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
    fn what_only_asks_gives_the_kernel_nothing() {
        for name in ONLY_ASK {
            let call = table::by_name(name).unwrap_or_else(|| panic!("there is no call {name}"));
            for arg in call.args {
                let harmless = matches!(arg.lend, Lend::Value | Lend::Mem { dir: Dir::Out, .. });
                assert!(harmless, "{} of {name}", arg.name);
            }
        }
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
