//! Connecting, and what happens when the connection is lost.

use core::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use nix::libc::time_t;
use rumpclient::{Builder, Client, Error, LinkEvent, RaisePolicy, RetryPolicy, SignalSet};

use super::failed;
use crate::report::{contained, say};
use crate::{current, errno, report};

/// Names the connection that the program before exec left.
const EXEC_VARIABLES: [&str; 2] = ["RUMPCLIENT__EXECFD", "RUMPCLIENT__EXECPID"];

/// What `rumpclient_setconnretry()` was last given; 0, the default, never reconnects.
static RETRY: AtomicIsize = AtomicIsize::new(0);

/// Connects to the kernel that `RUMP_SERVER` names, as a new process there, or goes on with the
/// connection that the program before `rumpclient_exec()` left. Does nothing when this process is
/// connected already; in a forked child that makes a connection of its own.
///
/// Returns 0, or -1 with errno set: ENOENT without `RUMP_SERVER`, EINVAL or ENAMETOOLONG for an
/// address that cannot be understood, ETIMEDOUT, EPROTONOSUPPORT for a server that is no kernel for
/// this machine, or the host's reason.
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_init() -> c_int {
    contained(-1, || {
        match current::get() {
            Some(client) if client.is_own() => return 0,
            // A parent process has done that.
            Some(_) => {}
            None => report::panics(),
        }
        report::read_environment();
        errno::read_environment();
        let client = builder().from_env();
        consume_announcement();
        match client {
            Ok(client) => {
                current::set(client);
                0
            }
            Err(error) => {
                if is_for_people(&error) {
                    // No later attempt will fare better, and errno does not tell what is wrong.
                    say(format_args!("{error}"));
                }
                failed(&error)
            }
        }
    })
}

/// Whether it takes somebody to change something before a connection can be made.
fn is_for_people(error: &Error) -> bool {
    matches!(
        error,
        Error::NoServer
            | Error::Address(_)
            | Error::Banner(_)
            | Error::Environment { .. }
            | Error::Peer { .. }
            | Error::Privileged { .. }
    )
}

/// What NetBSD's library does by default.
fn builder() -> Builder {
    Client::builder()
        .raise(RaisePolicy::Deliver(SignalSet::all()))
        .retry(policy(RETRY.load(Ordering::Relaxed)).unwrap_or_default())
        .on_link_event(tell)
}

/// Children that this program starts otherwise must not think themselves announced.
fn consume_announcement() {
    for name in EXEC_VARIABLES {
        if std::env::var_os(name).is_some() {
            // SAFETY: as with every change to the environment, the program sees to it that no other
            // thread uses it at this moment: rumpclient_init() comes first in a program.
            unsafe { std::env::remove_var(name) };
        }
    }
}

/// Sets what is done when the connection is lost: `timeout` seconds of attempts to reconnect, or
/// none for 0, `RUMPCLIENT_RETRYCONN_INFTIME` for ever, `_ONCE` one attempt, `_DIE` ends the program
/// with `exit(3)`. Other negative values are ignored. Works before and after
/// [`rumpclient_init`].
#[unsafe(no_mangle)]
pub extern "C" fn rumpclient_setconnretry(timeout: time_t) {
    contained((), || {
        let timeout = isize::try_from(timeout).unwrap_or(isize::MAX);
        if let Some(policy) = policy(timeout) {
            RETRY.store(timeout, Ordering::Relaxed);
            if let Some(client) = current::get() {
                client.set_retry(policy);
            }
        }
    });
}

fn policy(timeout: isize) -> Option<RetryPolicy> {
    Some(match timeout {
        0 => RetryPolicy::Never,
        -1 => RetryPolicy::Forever,
        -2 => RetryPolicy::Once,
        -3 => RetryPolicy::Die,
        _ => RetryPolicy::For(Duration::from_secs(timeout.try_into().ok()?)),
    })
}

/// Says what becomes of the connection, where the program has asked for attempts to get it back;
/// and once, also to a program that forks, that others can read it.
fn tell(event: &LinkEvent) {
    static WARNED: Once = Once::new();
    if let LinkEvent::Exposed { peer } = event {
        let line = format_args!("the connection to {peer} can be read and changed on its way");
        WARNED.call_once(|| say(line));
    }
    if RETRY.load(Ordering::Relaxed) == 0 {
        return;
    }
    match event {
        LinkEvent::Lost { reason } => say(format_args!("lost the kernel: {reason}")),
        LinkEvent::Regained { .. } => say(format_args!("connected to a kernel again")),
        _ => {}
    }
}
