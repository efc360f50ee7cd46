//! System calls: one function each, found by name.
//!
//! A handler is registered under the versioned name of its call, as in the C symbol
//! (`rump___sysimpl_stat50` → `stat50`), which means the same struct layouts in every table. It
//! reads its arguments by name, so that a table which renumbers calls needs nothing here, and a
//! handler whose call a table lacks is just not used.

mod attributes;
mod clock;
mod descriptor;
mod directory;
mod event;
mod identity;
mod io;
mod ioctl;
pub(crate) mod layout;
mod message;
mod native;
mod open;
mod path;
mod pathconf;
mod poll;
mod readiness;
mod select;
mod sockaddr;
mod socket;
mod sockopt;
mod stat;
mod statvfs;
mod sysctl;
mod system;
mod time;
mod transfer;
mod unsupported;
mod utimes;

use std::collections::HashMap;
use std::sync::Arc;

use rumpclient::Errno;
use rumpclient::marshal::Register;
use rumpclient::proto::header::Kind;
use rumpclient::table::{self, Arg, Syscall};

use super::connection::Connection;
use super::kernel::namei::PATH_MAX;
use super::kernel::{Kernel, Lwp, OpenFile, Process, Result, Slot};

#[cfg(test)]
pub(crate) use native::CALLS as CALLS_BEYOND_THE_TABLE;

/// Bytes of file data that go in one copy, as in NetBSD.
pub(crate) const PAGE: usize = 4096;

/// What a call answers when it succeeds: the two result registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) [Register; 2]);

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<i32> for Answer {
    fn from(value: i32) -> Self {
        Self([value as Register, 0])
    }
}

impl From<u32> for Answer {
    fn from(value: u32) -> Self {
        Self([value as Register, 0])
    }
}

impl From<usize> for Answer {
    fn from(value: usize) -> Self {
        Self([value as Register, 0])
    }
}

impl From<(i32, i32)> for Answer {
    fn from((first, second): (i32, i32)) -> Self {
        Self([first as Register, second as Register])
    }
}

impl From<i64> for Answer {
    /// On a 32-bit machine the value takes both registers, in memory order.
    fn from(value: i64) -> Self {
        let mut registers = [0; 2];
        for (register, bytes) in registers.iter_mut().zip(value.to_ne_bytes().chunks(WORD)) {
            *register = bytes.try_into().map_or(0, Register::from_ne_bytes);
        }
        Self(registers)
    }
}

const WORD: usize = size_of::<Register>();

/// A system call's implementation.
pub(crate) type Handler = fn(&Call<'_>) -> Result<Answer>;

/// Handlers with the names of their calls.
type Handlers = &'static [(&'static str, Handler)];

/// Every handler there is, by theme.
const HANDLERS: &[Handlers] = &[
    attributes::HANDLERS,
    clock::HANDLERS,
    descriptor::HANDLERS,
    directory::HANDLERS,
    event::HANDLERS,
    identity::HANDLERS,
    io::HANDLERS,
    ioctl::HANDLERS,
    message::HANDLERS,
    open::HANDLERS,
    path::HANDLERS,
    pathconf::HANDLERS,
    poll::HANDLERS,
    select::HANDLERS,
    socket::HANDLERS,
    sockopt::HANDLERS,
    stat::HANDLERS,
    statvfs::HANDLERS,
    sysctl::HANDLERS,
    system::HANDLERS,
    unsupported::HANDLERS,
    utimes::HANDLERS,
];

/// A call that can be served.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    /// What the table says of it.
    entry: &'static Syscall,
    /// Its versioned name.
    pub(crate) name: &'static str,
    handler: Handler,
}

/// The calls that can be served, by number.
pub(crate) struct Services(HashMap<u32, Service>);

impl Services {
    /// Joins the handlers with the generated table, and with the calls that a rump kernel serves
    /// beyond it.
    pub(crate) fn new() -> Self {
        let by_name: HashMap<_, _> = HANDLERS.iter().copied().flatten().copied().collect();
        let entries = native::CALLS.iter().chain(table::SYSCALLS).copied();
        let serve = |entry: &'static Syscall| {
            let name = versioned_name(entry);
            let handler = *by_name.get(name)?;
            Some((entry.number, Service { entry, name, handler }))
        };
        Self(entries.filter_map(serve).collect())
    }

    pub(crate) fn get(&self, number: u32) -> Option<Service> {
        self.0.get(&number).copied()
    }
}

/// The call's name with its version: what is unique in its C symbol.
fn versioned_name(entry: &'static Syscall) -> &'static str {
    let symbol = entry.symbol;
    let name = symbol.strip_prefix("rump___sysimpl_");
    name.or_else(|| symbol.strip_prefix("rump_sys_")).unwrap_or(symbol)
}

/// A system call in progress.
pub(crate) struct Call<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) process: &'a Process,
    pub(crate) lwp: Lwp<'a>,
    connection: &'a Connection,
    entry: &'static Syscall,
    args: &'a [u8],
}

impl<'a> Call<'a> {
    /// Runs a call with marshalled arguments.
    ///
    /// # Errors
    /// What the call fails with; EINVAL when there are fewer arguments than it takes.
    pub(crate) fn run(
        service: &Service,
        kernel: &'a Kernel,
        process: &'a Process,
        lwp: Lwp<'a>,
        connection: &'a Connection,
        args: &'a [u8],
    ) -> Result<Answer> {
        let entry = service.entry;
        if args.len() < entry.size {
            return Err(Errno::EINVAL.into());
        }
        (service.handler)(&Call { kernel, process, lwp, connection, entry, args })
    }

    /// An argument, extended to 64 bits as its type says.
    ///
    /// # Errors
    /// ENOSYS when the call has no such argument in this table: it is another call then.
    fn arg(&self, name: &str) -> Result<u64> {
        let arg: &Arg = self.entry.arg(name).ok_or(Errno::ENOSYS)?;
        arg.read(self.args).ok_or_else(|| Errno::EINVAL.into())
    }

    /// An `int`.
    pub(crate) fn int(&self, name: &str) -> Result<i32> {
        Ok(self.arg(name)? as i32)
    }

    /// An unsigned 32-bit argument.
    pub(crate) fn unsigned(&self, name: &str) -> Result<u32> {
        Ok(self.arg(name)? as u32)
    }

    /// A 64-bit argument, `off_t` and the like.
    pub(crate) fn wide(&self, name: &str) -> Result<i64> {
        Ok(self.arg(name)? as i64)
    }

    /// A `size_t`, `u_long` or address.
    pub(crate) fn word(&self, name: &str) -> Result<usize> {
        Ok(self.arg(name)? as usize)
    }

    /// An address, `None` for the null pointer.
    pub(crate) fn pointer(&self, name: &str) -> Result<Option<usize>> {
        Ok(Some(self.word(name)?).filter(|&address| address != 0))
    }

    /// A length that becomes a result.
    ///
    /// # Errors
    /// EINVAL when it does not fit a `ssize_t`.
    pub(crate) fn length(&self, name: &str) -> Result<usize> {
        let length = self.word(name)?;
        if isize::try_from(length).is_ok() { Ok(length) } else { Err(Errno::EINVAL.into()) }
    }

    /// The open file behind a descriptor argument.
    pub(crate) fn file(&self, name: &str) -> Result<Arc<OpenFile>> {
        self.open_file(self.int(name)?)
    }

    /// The open file behind a descriptor.
    pub(crate) fn open_file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        Ok(Arc::clone(&self.process.descriptors.lock().get(fd)?.file))
    }

    /// Gives a file the lowest free descriptor.
    pub(crate) fn install(&self, file: Arc<OpenFile>, close_on_exec: bool) -> Result<i32> {
        self.process.descriptors.lock().allocate(0, Slot { file, close_on_exec })
    }

    /// A path argument.
    pub(crate) fn path(&self, name: &str) -> Result<Vec<u8>> {
        self.copyin_string(self.word(name)?, PATH_MAX)
    }

    /// Fetches `len` bytes of the client's memory, in pieces.
    ///
    /// # Errors
    /// EFAULT when the client does not give as many as asked, or is gone.
    pub(crate) fn copyin(&self, address: usize, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let piece = (len - bytes.len()).min(PAGE);
            let from = address.wrapping_add(bytes.len());
            let answer = self.connection.copyin(Kind::Copyin, from, piece)?;
            if answer.len() != piece {
                return Err(Errno::EFAULT.into());
            }
            bytes.extend(answer);
        }
        Ok(bytes)
    }

    /// Fetches a string of the client's, without its NUL, of at most `most` bytes with it.
    ///
    /// # Errors
    /// ENAMETOOLONG when there is no NUL among them, EFAULT as for [`copyin`](Self::copyin).
    pub(crate) fn copyin_string(&self, address: usize, most: usize) -> Result<Vec<u8>> {
        let mut answer = self.connection.copyin(Kind::Copyinstr, address, most)?;
        if answer.len() > most {
            return Err(Errno::EFAULT.into());
        }
        match answer.iter().position(|&byte| byte == 0) {
            Some(end) => {
                answer.truncate(end);
                Ok(answer)
            }
            None if answer.len() == most => Err(Errno::ENAMETOOLONG.into()),
            None => Err(Errno::EFAULT.into()),
        }
    }

    /// Stores bytes into the client's memory, in pieces.
    ///
    /// # Errors
    /// EFAULT when the client is gone.
    pub(crate) fn copyout(&self, address: usize, bytes: &[u8]) -> Result<()> {
        self.copyout_in_pieces(address, bytes, PAGE)
    }

    /// Stores bytes into the client's memory, `piece` at a time.
    pub(crate) fn copyout_in_pieces(
        &self,
        address: usize,
        bytes: &[u8],
        piece: usize,
    ) -> Result<()> {
        for (index, data) in bytes.chunks(piece).enumerate() {
            self.connection.copyout(address.wrapping_add(index * piece), data)?;
        }
        Ok(())
    }

    /// Sends the calling process a signal.
    pub(crate) fn raise(&self, signo: i32) {
        self.process.raise(signo);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_handler_is_registered_twice() {
        let mut names = HashSet::new();
        for (name, _) in HANDLERS.iter().copied().flatten() {
            assert!(names.insert(name), "{name}");
        }
    }

    #[test]
    fn the_calls_of_every_release_are_served() {
        let services = Services::new();
        for name in ["read", "open", "fork_is_no_call", "stat50", "pipe", "getpid", "kill"] {
            let served = services.0.values().any(|service| service.name == name);
            assert_eq!(served, name != "fork_is_no_call", "{name}");
        }
    }

    #[test]
    fn wide_results_fill_the_registers() {
        let Answer(registers) = Answer::from(-2i64);
        assert_eq!(registers[0], -2);
        if WORD == 8 {
            assert_eq!(registers[1], 0);
        }
    }
}
