//! Limits of files: `pathconf(2)`, `fpathconf(2)`, `lpathconf(2)`.

use rumpclient::Errno;
use rumpclient::netbsd as nb;

use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;
use crate::server::kernel::namei::{Follow, NAME_MAX, PATH_MAX};

pub(super) const HANDLERS: Handlers =
    &[("pathconf", pathconf), ("lpathconf", lpathconf), ("fpathconf", fpathconf)];

fn pathconf(call: &Call<'_>) -> Result<Answer> {
    call.place("path", Follow::Yes)?.existing()?;
    limit(call)
}

fn lpathconf(call: &Call<'_>) -> Result<Answer> {
    call.place("path", Follow::No)?.existing()?;
    limit(call)
}

fn fpathconf(call: &Call<'_>) -> Result<Answer> {
    call.file("fd")?;
    limit(call)
}

/// The limit that the `name` argument asks for: the same for every file.
fn limit(call: &Call<'_>) -> Result<Answer> {
    /// Most names of a file (`LINK_MAX`).
    const LINK_MAX: usize = 32767;
    /// Bytes that a write to a pipe keeps together (`PIPE_BUF`).
    const PIPE_BUF: usize = 512;
    Ok(match call.int("name")? {
        nb::_PC_LINK_MAX => LINK_MAX,
        nb::_PC_NAME_MAX => NAME_MAX,
        nb::_PC_PATH_MAX | nb::_PC_SYMLINK_MAX => PATH_MAX,
        nb::_PC_PIPE_BUF => PIPE_BUF,
        nb::_PC_CHOWN_RESTRICTED | nb::_PC_NO_TRUNC | nb::_PC_SYNC_IO | nb::_PC_2_SYMLINKS => 1,
        nb::_PC_FILESIZEBITS => 64,
        _ => return Err(Errno::EINVAL.into()),
    }
    .into())
}
