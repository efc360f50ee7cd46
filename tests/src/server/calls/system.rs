//! The kernel as a whole, and signals: `reboot(2)`, `sync(2)`, `getrandom(2)`, `getrlimit(2)`,
//! `kill(2)`.

use std::sync::Arc;

use rumpclient::Errno;
use rumpclient::netbsd as nb;
use rustix::rand::GetRandomFlags;

use super::layout::{encode, field};
use super::transfer::CHUNK;
use super::{Answer, Call, Handlers};
use crate::server::kernel::limits::Limit;
use crate::server::kernel::{Process, Result};

pub(super) const HANDLERS: Handlers = &[
    ("reboot", reboot),
    ("sync", |_| Ok(().into())),
    ("getrandom", getrandom),
    ("getrlimit", getrlimit),
    ("setrlimit", setrlimit),
    ("kill", kill),
];

/// The server stops once this is answered, however it is asked to go down.
fn reboot(call: &Call<'_>) -> Result<Answer> {
    call.check_root()?;
    call.kernel.halt();
    Ok(().into())
}

fn getrandom(call: &Call<'_>) -> Result<Answer> {
    let flags = call.unsigned("flags")?;
    if flags & !(nb::GRND_NONBLOCK | nb::GRND_RANDOM | nb::GRND_INSECURE) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let len = call.length("buflen")?.min(CHUNK);
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        filled += rustix::rand::getrandom(&mut bytes[filled..], GetRandomFlags::empty())?;
    }
    call.copyout(call.word("buf")?, &bytes)?;
    Ok(len.into())
}

fn getrlimit(call: &Call<'_>) -> Result<Answer> {
    let Limit { soft, hard } = call.process.limits.lock().get(call.int("which")?)?;
    let limit = encode!(nb::rlimit { rlim_cur: soft, rlim_max: hard });
    call.copyout(call.word("rlp")?, &limit)?;
    Ok(().into())
}

fn setrlimit(call: &Call<'_>) -> Result<Answer> {
    let which = call.int("which")?;
    let limit = call.copyin(call.word("rlp")?, size_of::<nb::rlimit>())?;
    let limit = Limit {
        soft: field!(&limit, nb::rlimit, rlim_cur),
        hard: field!(&limit, nb::rlimit, rlim_max),
    };
    let is_root = call.credentials().is_root();
    let set = call.process.limits.lock().set(which, limit, is_root)?;
    if which == nb::RLIMIT_NOFILE {
        call.process.descriptors.lock().set_limit(set.soft as usize);
    }
    Ok(().into())
}

/// Has the signal raised in the client of the other process.
fn kill(call: &Call<'_>) -> Result<Answer> {
    const SIGNAL_MAX: i32 = 63;
    let signo = call.int("signum")?;
    if !(0..=SIGNAL_MAX).contains(&signo) {
        return Err(Errno::EINVAL.into());
    }
    let mut targets = targets(call, call.int("pid")?);
    if targets.is_empty() {
        return Err(Errno::ESRCH.into());
    }
    let who = call.credentials();
    targets.retain(|target| {
        let target = &target.identity.lock().credentials;
        who.is_root() || [who.euid, who.ruid].contains(&target.ruid)
    });
    if targets.is_empty() {
        return Err(Errno::EPERM.into());
    }
    for target in targets.iter().filter(|_| signo != 0) {
        target.raise(signo);
    }
    Ok(().into())
}

/// The processes that `kill(2)` means: one, a group, or all others.
fn targets(call: &Call<'_>, pid: i32) -> Vec<Arc<Process>> {
    let processes = &call.kernel.processes;
    let of_group = |group: i32| {
        let mut all = processes.all();
        all.retain(|process| process.identity.lock().group == group);
        all
    };
    match pid {
        1.. => processes.get(pid).into_iter().collect(),
        0 => {
            let own = call.process.identity.lock().group;
            of_group(own)
        }
        -1 => {
            let mut all = processes.all();
            all.retain(|process| process.pid != call.process.pid);
            all
        }
        _ => of_group(pid.saturating_neg()),
    }
}
