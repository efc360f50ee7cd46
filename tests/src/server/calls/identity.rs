//! Who a process is: `getpid(2)`, `getuid(2)`, `setuid(2)`, `getpgrp(2)`, `setsid(2)`,
//! `getgroups(2)`, `getlogin(2)`, ….

use std::sync::Arc;

use rumpclient::Errno;

use super::{Answer, Call, Handlers};
use crate::server::kernel::process::{Credentials, Identity};
use crate::server::kernel::{Process, Result};

pub(super) const HANDLERS: Handlers = &[
    ("getpid", |call| Ok((call.process.pid, identity(call).parent).into())),
    ("getppid", |call| Ok(identity(call).parent.into())),
    ("getuid", |call| Ok(user_ids(call).into())),
    ("geteuid", |call| Ok(user_ids(call).1.into())),
    ("getgid", |call| Ok(group_ids(call).into())),
    ("getegid", |call| Ok(group_ids(call).1.into())),
    ("issetugid", |_| Ok(0i32.into())),
    ("setuid", setuid),
    ("seteuid", seteuid),
    ("setreuid", setreuid),
    ("setgid", setgid),
    ("setegid", setegid),
    ("setregid", setregid),
    ("getgroups", getgroups),
    ("setgroups", setgroups),
    ("getpgrp", |call| Ok(identity(call).group.into())),
    ("getpgid", |call| Ok(other(call)?.identity.lock().group.into())),
    ("getsid", |call| Ok(other(call)?.identity.lock().session.into())),
    ("setpgid", setpgid),
    ("setsid", setsid),
    ("__getlogin", getlogin),
    ("__setlogin", setlogin),
];

/// Most supplementary groups (`NGROUPS_MAX`).
pub(super) const GROUPS_MAX: usize = 16;

/// Bytes of a login name with its NUL (`MAXLOGNAME`).
const LOGIN_MAX: usize = 17;

fn identity(call: &Call<'_>) -> Identity {
    call.process.identity.lock().clone()
}

/// Real and effective user.
fn user_ids(call: &Call<'_>) -> (i32, i32) {
    let Credentials { ruid, euid, .. } = identity(call).credentials;
    (ruid as i32, euid as i32)
}

/// Real and effective group.
fn group_ids(call: &Call<'_>) -> (i32, i32) {
    let Credentials { rgid, egid, .. } = identity(call).credentials;
    (rgid as i32, egid as i32)
}

/// Changes credentials, as root or to one of the ids that the process has anyway.
fn change(
    call: &Call<'_>,
    allowed: impl FnOnce(&Credentials) -> bool,
    change: impl FnOnce(&mut Credentials),
) -> Result<Answer> {
    let credentials = &mut call.process.identity.lock().credentials;
    if credentials.euid != 0 && !allowed(credentials) {
        return Err(Errno::EPERM.into());
    }
    change(credentials);
    Ok(().into())
}

fn setuid(call: &Call<'_>) -> Result<Answer> {
    let uid = call.unsigned("uid")?;
    change(call, |old| uid == old.ruid, |new| (new.ruid, new.euid) = (uid, uid))
}

fn seteuid(call: &Call<'_>) -> Result<Answer> {
    let uid = call.unsigned("euid")?;
    change(call, |old| uid == old.ruid, |new| new.euid = uid)
}

fn setgid(call: &Call<'_>) -> Result<Answer> {
    let gid = call.unsigned("gid")?;
    change(call, |old| gid == old.rgid, |new| (new.rgid, new.egid) = (gid, gid))
}

fn setegid(call: &Call<'_>) -> Result<Answer> {
    let gid = call.unsigned("egid")?;
    change(call, |old| gid == old.rgid, |new| new.egid = gid)
}

/// What `setreuid(2)` and its like leave as it is.
const SAME: u32 = u32::MAX;

fn setreuid(call: &Call<'_>) -> Result<Answer> {
    let (ruid, euid) = (call.unsigned("ruid")?, call.unsigned("euid")?);
    let own = |old: &Credentials, id| [SAME, old.ruid, old.euid].contains(&id);
    change(
        call,
        |old| own(old, ruid) && own(old, euid),
        |new| {
            replace(&mut new.ruid, ruid);
            replace(&mut new.euid, euid);
        },
    )
}

fn setregid(call: &Call<'_>) -> Result<Answer> {
    let (rgid, egid) = (call.unsigned("rgid")?, call.unsigned("egid")?);
    let own = |old: &Credentials, id| [SAME, old.rgid, old.egid].contains(&id);
    change(
        call,
        |old| own(old, rgid) && own(old, egid),
        |new| {
            replace(&mut new.rgid, rgid);
            replace(&mut new.egid, egid);
        },
    )
}

fn replace(id: &mut u32, new: u32) {
    if new != SAME {
        *id = new;
    }
}

/// Answers with the number of groups; stores them if there is any room at all.
fn getgroups(call: &Call<'_>) -> Result<Answer> {
    let groups = identity(call).credentials.groups;
    let room = usize::try_from(call.int("gidsetsize")?).map_err(|_| Errno::EINVAL)?;
    if room > 0 {
        if room < groups.len() {
            return Err(Errno::EINVAL.into());
        }
        let bytes: Vec<u8> = groups.iter().flat_map(|group| group.to_ne_bytes()).collect();
        call.copyout(call.word("gidset")?, &bytes)?;
    }
    Ok(groups.len().into())
}

fn setgroups(call: &Call<'_>) -> Result<Answer> {
    let count = usize::try_from(call.int("gidsetsize")?).map_err(|_| Errno::EINVAL)?;
    if count > GROUPS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let bytes = call.copyin(call.word("gidset")?, count * size_of::<u32>())?;
    let groups = bytes.as_chunks().0.iter().map(|&gid| u32::from_ne_bytes(gid)).collect();
    change(call, |_| false, |new| new.groups = groups)
}

/// The process that the `pid` argument names; 0 is the caller itself.
fn other(call: &Call<'_>) -> Result<Arc<Process>> {
    let pid = match call.int("pid")? {
        0 => call.process.pid,
        pid => pid,
    };
    call.kernel.processes.get(pid).ok_or_else(|| Errno::ESRCH.into())
}

fn setpgid(call: &Call<'_>) -> Result<Answer> {
    let target = other(call)?;
    let group = match call.int("pgid")? {
        0 => target.pid,
        group => group,
    };
    let own_session = identity(call).session;
    let exists = group == target.pid
        || call.kernel.processes.all().iter().any(|process| {
            let identity = process.identity.lock();
            identity.group == group && identity.session == own_session
        });
    let mut identity = target.identity.lock();
    match () {
        () if group < 0 => Err(Errno::EINVAL.into()),
        () if target.pid != call.process.pid && identity.parent != call.process.pid => {
            Err(Errno::ESRCH.into())
        }
        () if identity.session == target.pid => Err(Errno::EPERM.into()),
        () if !exists => Err(Errno::EPERM.into()),
        () => {
            identity.group = group;
            Ok(().into())
        }
    }
}

/// Fails for the leader of a process group.
fn setsid(call: &Call<'_>) -> Result<Answer> {
    let pid = call.process.pid;
    let leads = call.kernel.processes.all().iter().any(|p| p.identity.lock().group == pid);
    if leads {
        return Err(Errno::EPERM.into());
    }
    let mut identity = call.process.identity.lock();
    identity.session = pid;
    identity.group = pid;
    Ok(pid.into())
}

/// The login name of the session; empty when it was never set.
fn getlogin(call: &Call<'_>) -> Result<Answer> {
    let session = identity(call).session;
    let mut name = call.kernel.processes.login(session);
    name.push(0);
    let room = call.length("namelen")?;
    name.truncate(room);
    call.copyout(call.word("namebuf")?, &name)?;
    Ok(().into())
}

fn setlogin(call: &Call<'_>) -> Result<Answer> {
    call.check_root()?;
    let name = call.copyin_string(call.word("namebuf")?, LOGIN_MAX);
    let name = name.map_err(|failure| match failure.0 {
        Errno::ENAMETOOLONG => Errno::EINVAL,
        other => other,
    })?;
    call.kernel.processes.set_login(identity(call).session, name);
    Ok(().into())
}
