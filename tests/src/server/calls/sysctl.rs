//! `__sysctl(2)`: variables of the kernel, by number.

use std::time::SystemTime;

use rumpclient::Errno;
use rumpclient::netbsd::{self as nb, timespec};

use super::time::{TimeLayout, time_of};
use super::{Answer, Call, Handlers};
use crate::server::kernel::{DESCRIPTORS_MAX, Result};

pub(super) const HANDLERS: Handlers = &[("__sysctl", sysctl)];

/// Longest name of a variable (`CTL_MAXNAME`), numbers.
const NAME_MAX: u32 = 12;

/// Most bytes of a new value.
const VALUE_MAX: usize = 256;

/// A variable: what it holds, and what setting it does.
struct Variable {
    value: Vec<u8>,
    set: Option<fn(&Call<'_>, &[u8])>,
}

impl Variable {
    fn text(text: impl AsRef<[u8]>) -> Self {
        Self { value: [text.as_ref(), b"\0"].concat(), set: None }
    }

    fn int(value: i32) -> Self {
        Self { value: value.to_ne_bytes().to_vec(), set: None }
    }

    fn long(value: u64) -> Self {
        Self { value: value.to_ne_bytes().to_vec(), set: None }
    }

    fn settable(self, set: fn(&Call<'_>, &[u8])) -> Self {
        Self { set: Some(set), ..self }
    }
}

fn sysctl(call: &Call<'_>) -> Result<Answer> {
    let variable = find(call, &name(call)?)?;
    let new = new_value(call)?;
    if let Some(new) = new {
        let set = variable.set.ok_or(Errno::EPERM)?;
        call.check_root()?;
        report(call, &variable.value)?;
        set(call, &new);
    } else {
        report(call, &variable.value)?;
    }
    Ok(().into())
}

fn name(call: &Call<'_>) -> Result<Vec<i32>> {
    let length = call.unsigned("namelen")?;
    if !(2..=NAME_MAX).contains(&length) {
        return Err(Errno::EINVAL.into());
    }
    let bytes = call.copyin(call.word("name")?, length as usize * size_of::<i32>())?;
    Ok(bytes.as_chunks().0.iter().map(|&number| i32::from_ne_bytes(number)).collect())
}

/// An argument that tables before 1.285 call by another name.
fn renamed(call: &Call<'_>, name: &str, before: &str) -> Result<Option<usize>> {
    call.pointer(name).or_else(|_| call.pointer(before))
}

fn new_value(call: &Call<'_>) -> Result<Option<Vec<u8>>> {
    let Some(address) = renamed(call, "newv", "new")? else {
        return Ok(None);
    };
    let length = call.word("newlen")?;
    if length > VALUE_MAX {
        return Err(Errno::EINVAL.into());
    }
    Ok(Some(call.copyin(address, length)?))
}

/// Stores the value, or as much of it as there is room for, and its length.
fn report(call: &Call<'_>, value: &[u8]) -> Result<()> {
    let Some(length_at) = call.pointer("oldlenp")? else {
        return Ok(());
    };
    let word = call.copyin(length_at, size_of::<usize>())?;
    let room = word.first_chunk().copied().map_or(0, usize::from_ne_bytes);
    let buffer = renamed(call, "oldv", "old")?;
    if let Some(buffer) = buffer {
        call.copyout(buffer, &value[..value.len().min(room)])?;
    }
    call.copyout(length_at, &value.len().to_ne_bytes())?;
    if buffer.is_some() && room < value.len() {
        return Err(Errno::ENOMEM.into());
    }
    Ok(())
}

fn find(call: &Call<'_>, name: &[i32]) -> Result<Variable> {
    match *name {
        [nb::CTL_KERN, number] => kern(call, number),
        [nb::CTL_HW, number] => hw(call, number),
        // Nothing is below a variable.
        [top, number, _, ..] => find(call, &[top, number]).and(Err(Errno::ENOTDIR.into())),
        _ => Err(Errno::ENOENT.into()),
    }
}

fn kern(call: &Call<'_>, number: i32) -> Result<Variable> {
    let release = &call.kernel.release;
    let variables = call.kernel.variables.lock().clone();
    Ok(match number {
        nb::KERN_OSTYPE => Variable::text(&release.ostype),
        nb::KERN_OSRELEASE => Variable::text(&release.osrelease),
        nb::KERN_OSREV => Variable::int(release.revision()),
        nb::KERN_VERSION => Variable::text(format!(
            "{} {} (test server on host files)\n",
            release.ostype, release.osrelease
        )),
        nb::KERN_HOSTNAME => Variable::text(variables.hostname).settable(|call, name| {
            call.kernel.variables.lock().hostname = until_nul(name);
        }),
        nb::KERN_DOMAINNAME => Variable::text(variables.domainname).settable(|call, name| {
            call.kernel.variables.lock().domainname = until_nul(name);
        }),
        nb::KERN_HOSTID => Variable::int(variables.hostid).settable(|call, id| {
            let id = id.first_chunk().copied().map_or(0, i32::from_ne_bytes);
            call.kernel.variables.lock().hostid = id;
        }),
        nb::KERN_BOOTTIME => {
            let booted = call.kernel.booted.duration_since(SystemTime::UNIX_EPOCH);
            let booted: timespec = time_of(booted.unwrap_or_default());
            Variable { value: TimeLayout::Timespec.encode(booted), set: None }
        }
        nb::KERN_MAXFILES => Variable::int(DESCRIPTORS_MAX as i32),
        nb::KERN_NGROUPS => Variable::int(super::identity::GROUPS_MAX as i32),
        _ => return Err(Errno::ENOENT.into()),
    })
}

fn hw(call: &Call<'_>, number: i32) -> Result<Variable> {
    const LITTLE_ENDIAN: i32 = 1234;
    const BIG_ENDIAN: i32 = 4321;
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as i32);
    let page = rustix::param::page_size();
    let memory = rustix::system::sysinfo();
    let memory = u64::from(memory.mem_unit) * memory.totalram as u64;
    Ok(match number {
        nb::HW_MACHINE => Variable::text(&call.kernel.release.machine),
        nb::HW_MACHINE_ARCH => Variable::text(call.kernel.release.machine_arch()),
        nb::HW_MODEL => Variable::text("rump-testserver"),
        nb::HW_NCPU | nb::HW_NCPUONLINE => Variable::int(processors),
        nb::HW_BYTEORDER => {
            Variable::int(if cfg!(target_endian = "big") { BIG_ENDIAN } else { LITTLE_ENDIAN })
        }
        nb::HW_PAGESIZE => Variable::int(page as i32),
        nb::HW_PHYSMEM => Variable::int(i32::try_from(memory).unwrap_or(i32::MAX)),
        nb::HW_PHYSMEM64 => Variable::long(memory),
        _ => return Err(Errno::ENOENT.into()),
    })
}

fn until_nul(text: &[u8]) -> Vec<u8> {
    text.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
}
