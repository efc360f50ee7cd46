//! `ioctl(2)`: the requests that every descriptor knows.

use rumpclient::Errno;
use rumpclient::netbsd as nb;

use super::{Answer, Call, Handlers};
use crate::server::kernel::Result;

pub(super) const HANDLERS: Handlers = &[("ioctl", ioctl)];

fn ioctl(call: &Call<'_>) -> Result<Answer> {
    let fd = call.int("fd")?;
    let file = call.open_file(fd)?;
    // Only 32 bits of the request count.
    match call.word("com")? as u32 as core::ffi::c_ulong {
        nb::FIOCLEX => set_close_on_exec(call, fd, true),
        nb::FIONCLEX => set_close_on_exec(call, fd, false),
        nb::FIONBIO => {
            file.set_nonblocking(int_in(call)? != 0);
            Ok(().into())
        }
        nb::FIOASYNC => {
            int_in(call)?;
            Ok(().into())
        }
        nb::FIONREAD => {
            let waiting = i32::try_from(file.bytes_waiting()?).unwrap_or(i32::MAX);
            call.copyout(call.word("data")?, &waiting.to_ne_bytes())?;
            Ok(().into())
        }
        _ => Err(Errno::ENOTTY.into()),
    }
}

fn set_close_on_exec(call: &Call<'_>, fd: i32, close_on_exec: bool) -> Result<Answer> {
    call.process.descriptors.lock().get_mut(fd)?.close_on_exec = close_on_exec;
    Ok(().into())
}

/// The `int` that the request brings.
fn int_in(call: &Call<'_>) -> Result<i32> {
    let bytes = call.copyin(call.word("data")?, size_of::<i32>())?;
    Ok(bytes.first_chunk().copied().map_or(0, i32::from_ne_bytes))
}
