//! Permissions, owners and flags of files: `chmod(2)`, `chown(2)`, `chflags(2)`, `access(2)`,
//! `umask(2)`.

use rumpclient::Errno;
use rumpclient::netbsd::{AT_EACCESS, R_OK, W_OK, X_OK};

use super::path::follow_by_flags;
use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;
use crate::server::kernel::attributes::{Attributes, Record, Want, permissions};
use crate::server::kernel::namei::{Follow, Place};
use crate::server::kernel::process::Credentials;

pub(super) const HANDLERS: Handlers = &[
    ("chmod", chmod),
    ("lchmod", lchmod),
    ("fchmod", fchmod),
    ("fchmodat", fchmodat),
    ("chown", chown),
    ("lchown", lchown),
    ("fchown", fchown),
    ("fchownat", fchownat),
    ("__posix_chown", chown),
    ("__posix_lchown", lchown),
    ("__posix_fchown", fchown),
    ("chflags", chflags),
    ("lchflags", lchflags),
    ("fchflags", fchflags),
    ("access", access),
    ("faccessat", faccessat),
    ("umask", umask),
];

/// Changes what is noted of the file at a path.
fn change_path(call: &Call<'_>, place: &Place, change: impl Change) -> Result<Answer> {
    change_record(call, &call.kernel.tree.record(place.existing()?), change)
}

/// Changes what is noted of an open file.
///
/// # Errors
/// EINVAL when it is none of the file system's.
fn change_file(call: &Call<'_>, change: impl Change) -> Result<Answer> {
    let file = call.file("fd")?;
    change_record(call, file.record().ok_or(Errno::EINVAL)?, change)
}

fn change_record(call: &Call<'_>, record: &Record, change: impl Change) -> Result<Answer> {
    let credentials = call.credentials();
    let mut attributes = record.lock();
    attributes.check_owner(&credentials)?;
    change(&mut attributes, &credentials)?;
    Ok(().into())
}

/// What an owner does to the attributes of a file.
trait Change: FnOnce(&mut Attributes, &Credentials) -> Result<()> {}

impl<F: FnOnce(&mut Attributes, &Credentials) -> Result<()>> Change for F {}

fn chmod(call: &Call<'_>) -> Result<Answer> {
    change_path(call, &call.place("path", Follow::Yes)?, mode(call)?)
}

fn lchmod(call: &Call<'_>) -> Result<Answer> {
    change_path(call, &call.place("path", Follow::No)?, mode(call)?)
}

fn fchmod(call: &Call<'_>) -> Result<Answer> {
    change_file(call, mode(call)?)
}

fn fchmodat(call: &Call<'_>) -> Result<Answer> {
    let follow = follow_by_flags(call.int("flag")?);
    change_path(call, &call.place_at("fd", "path", follow)?, mode(call)?)
}

/// The change that `chmod(2)` makes.
fn mode(call: &Call<'_>) -> Result<impl Change + use<>> {
    let mode = call.unsigned("mode")?;
    Ok(move |attributes: &mut Attributes, _: &Credentials| {
        attributes.set_permissions(mode);
        Ok(())
    })
}

fn chown(call: &Call<'_>) -> Result<Answer> {
    change_path(call, &call.place("path", Follow::Yes)?, owner(call, "uid", "gid")?)
}

fn lchown(call: &Call<'_>) -> Result<Answer> {
    change_path(call, &call.place("path", Follow::No)?, owner(call, "uid", "gid")?)
}

fn fchown(call: &Call<'_>) -> Result<Answer> {
    change_file(call, owner(call, "uid", "gid")?)
}

fn fchownat(call: &Call<'_>) -> Result<Answer> {
    let follow = follow_by_flags(call.int("flag")?);
    let place = call.place_at("fd", "path", follow)?;
    change_path(call, &place, owner(call, "owner", "group")?)
}

/// The change that `chown(2)` makes: -1 leaves an id as it is. Root gives files away, others only
/// to another of their groups.
fn owner(call: &Call<'_>, user: &str, group: &str) -> Result<impl Change + use<>> {
    const SAME: u32 = u32::MAX;
    let (user, group) = (call.unsigned(user)?, call.unsigned(group)?);
    Ok(move |attributes: &mut Attributes, who: &Credentials| {
        let uid = if user == SAME { attributes.uid } else { user };
        let gid = if group == SAME { attributes.gid } else { group };
        let own_group = gid == attributes.gid || who.has_group(gid);
        if !(who.is_root() || uid == attributes.uid && own_group) {
            return Err(Errno::EPERM.into());
        }
        (attributes.uid, attributes.gid) = (uid, gid);
        Ok(())
    })
}

fn chflags(call: &Call<'_>) -> Result<Answer> {
    change_path(call, &call.place("path", Follow::Yes)?, flags(call)?)
}

fn lchflags(call: &Call<'_>) -> Result<Answer> {
    change_path(call, &call.place("path", Follow::No)?, flags(call)?)
}

fn fchflags(call: &Call<'_>) -> Result<Answer> {
    change_file(call, flags(call)?)
}

/// The change that `chflags(2)` makes. The flags are noted and have no effect.
fn flags(call: &Call<'_>) -> Result<impl Change + use<>> {
    let flags = call.word("flags")? as u32;
    Ok(move |attributes: &mut Attributes, _: &Credentials| {
        attributes.flags = flags;
        Ok(())
    })
}

fn access(call: &Call<'_>) -> Result<Answer> {
    let who = call.credentials().real();
    check_access(call, &call.place("path", Follow::Yes)?, &who, call.int("flags")?)
}

fn faccessat(call: &Call<'_>) -> Result<Answer> {
    let flags = call.int("flag")?;
    let who = match flags & AT_EACCESS {
        0 => call.credentials().real(),
        _ => call.credentials(),
    };
    let place = call.place_at("fd", "path", follow_by_flags(flags))?;
    check_access(call, &place, &who, call.int("amode")?)
}

fn check_access(call: &Call<'_>, place: &Place, who: &Credentials, wanted: i32) -> Result<Answer> {
    let wants = [(R_OK, Want::Read), (W_OK, Want::Write), (X_OK, Want::Execute)];
    if wanted & !(R_OK | W_OK | X_OK) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let attributes = *call.kernel.tree.record(place.existing()?).lock();
    for (_, want) in wants.into_iter().filter(|(bit, _)| wanted & bit != 0) {
        attributes.check(who, want)?;
    }
    Ok(().into())
}

fn umask(call: &Call<'_>) -> Result<Answer> {
    const ACCESS: u32 = 0o777;
    let new = permissions(call.unsigned("newmask")?) & ACCESS;
    let mut standing = call.process.standing.lock();
    Ok(std::mem::replace(&mut standing.umask, new).into())
}
