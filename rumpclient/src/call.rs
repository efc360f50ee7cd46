//! How a call is made: by number with marshalled arguments, or by a generated method.
//!
//! The generated methods hold no `unsafe` blocks: those are here, once for each kind of method.

#![allow(unsafe_code)]

/// Makes a call whose arguments come from references: for the body of a safe method.
///
/// The generated method takes, for every pointer in the struct, a reference parameter that covers
/// what the dispatch table says the argument lends, in its direction. The generator derives the
/// parameter and the table entry from one description.
macro_rules! lent {
    ($client:expr, $prepared:expr) => {{
        #[allow(unsafe_code)]
        // SAFETY: every address in the arguments is that of a borrow which lasts to the end of the
        // generated method, and is as long and as mutable as the table's entry says.
        let result = unsafe { $client.make($prepared, $crate::memory::Trust::Borrowed) };
        result
    }};
}

/// Makes a call whose arguments hold raw pointers: for the body of an unsafe method.
macro_rules! raw {
    ($client:expr, $prepared:expr) => {{
        #[allow(unsafe_code)]
        // SAFETY: the generated method is itself unsafe; its caller owns up to what the kernel
        // does with these pointers.
        let result = unsafe { $client.make($prepared, $crate::memory::Trust::Raw) };
        result
    }};
}

pub(crate) use {lent, raw};

use std::ffi::c_int;
use std::marker::PhantomData;

use crate::client::Client;
use crate::lend::{Lends, MemoryPolicy, Region};
use crate::marshal::{ArgBytes, Args, MAX_ARGS_SIZE, Register};
use crate::memory::Trust;
use crate::netbsd::Errno;
use crate::proto::body::{self, SmallFrame};
use crate::table::{self, Syscall};

impl Client {
    /// Makes a system call with marshalled arguments: `rumpclient_syscall()` of `rumpclient(3)`.
    /// `args` is the call's argument struct (see [`args`](crate::args)), `retval` receives the two
    /// return registers. A number that the table does not know goes to the kernel all the
    /// same, if it fits an `int`.
    ///
    /// # Safety
    /// The kernel at the other end reads and writes the memory that the arguments point at, within
    /// what the call lends by the table; a call that the table cannot describe lends everything
    /// (see [`MemoryPolicy`](crate::MemoryPolicy)). Bad pointers fail with EFAULT. The caller answers for what the
    /// kernel writes to good ones, as with `syscall(2)`.
    ///
    /// # Errors
    /// The kernel's errno; EINVAL for more than 64 bytes of arguments, or fewer than the call has;
    /// [`Errno::LINK_LOST`] without a connection; ETIMEDOUT when the client has a call timeout and
    /// it passed.
    pub unsafe fn syscall(
        &self,
        number: u32,
        args: &[u8],
        retval: &mut [Register; 2],
    ) -> Result<(), Errno> {
        // SAFETY: passed on from the caller.
        unsafe { self.syscall_lending(number, args, &[], retval) }
    }

    /// As [`syscall`](Self::syscall), lending `regions` besides what the table says. This is how a
    /// call that the table cannot describe gets its memory under
    /// [`MemoryPolicy::Strict`](crate::MemoryPolicy::Strict).
    ///
    /// # Safety
    /// As for [`syscall`](Self::syscall); the regions too may be read or written as they say.
    ///
    /// # Errors
    /// As for [`syscall`](Self::syscall).
    pub unsafe fn syscall_lending(
        &self,
        number: u32,
        args: &[u8],
        regions: &[Region],
        retval: &mut [Register; 2],
    ) -> Result<(), Errno> {
        if i32::try_from(number).is_err() {
            // A kernel takes it for a negative number, and some look their table up with that.
            return Err(Errno::ENOSYS);
        }
        let call = table::by_number(number);
        if args.len() > MAX_ARGS_SIZE || call.is_some_and(|call| args.len() < call.size) {
            return Err(Errno::EINVAL);
        }
        let policy = self.settings().memory;
        *retval = self.run(number, args, || {
            let mut lends = match call {
                // SAFETY: raw addresses, and passed on from the caller.
                Some(call) => unsafe { Lends::of_call(call, args, Trust::Raw, policy) },
                None => Lends::unknown(policy),
            };
            for region in regions {
                // SAFETY: passed on from the caller.
                unsafe { lends.add(region) };
            }
            lends
        })?;
        Ok(())
    }

    /// Makes a call of the table.
    ///
    /// # Safety
    /// As for [`Lends::of_call`].
    pub(crate) unsafe fn make<T>(
        &self,
        prepared: Result<Prepared<'_, T>, Errno>,
        trust: Trust,
    ) -> Result<T, Errno> {
        let Prepared { request, result, room, .. } = prepared?;
        let policy = self.settings().memory;
        let retval = self.run(request.call.number, request.args(), || {
            // SAFETY: passed on from the caller.
            unsafe { request.lends(trust, policy) }
        })?;
        result(retval, room)
    }
}

/// A call of the table with its arguments, ready to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    call: &'static Syscall,
    args: ArgBytes,
}

impl Request {
    pub(crate) fn number(&self) -> u32 {
        self.call.number
    }

    /// The marshalled arguments.
    pub(crate) fn args(&self) -> &[u8] {
        &self.args[..self.call.size]
    }

    /// The frame that asks for it, but for the request's number.
    pub(crate) fn frame(&self) -> SmallFrame {
        body::syscall(0, self.number(), self.args()).expect("arguments of the table fit")
    }

    /// What it lends.
    ///
    /// # Safety
    /// As for [`Lends::of_call`].
    pub(crate) unsafe fn lends(&self, trust: Trust, policy: MemoryPolicy) -> Lends {
        // SAFETY: passed on from the caller.
        unsafe { Lends::of_call(self.call, self.args(), trust, policy) }
    }
}

/// A call made ready by generated code: what is sent, with addresses of what is borrowed for `'m`,
/// and what the answer means.
pub(crate) struct Prepared<'m, T> {
    pub(crate) request: Request,
    /// Takes the result out of the return registers.
    pub(crate) result: fn([Register; 2], usize) -> Result<T, Errno>,
    /// How many bytes the call can have moved.
    pub(crate) room: usize,
    borrowed: PhantomData<&'m mut ()>,
}

impl<T> Prepared<'_, T> {
    #[inline]
    pub(crate) fn new<A: Args>(
        call: &'static Syscall,
        args: &A,
        room: usize,
        result: fn([Register; 2], usize) -> Result<T, Errno>,
    ) -> Self {
        debug_assert_eq!(call.size, A::SIZE, "the table has the call's own struct");
        let mut bytes = [0; MAX_ARGS_SIZE];
        args.write(&mut bytes);
        Self { request: Request { call, args: bytes }, result, room, borrowed: PhantomData }
    }
}

/// The arguments of a call that has none.
impl Args for () {
    const SIZE: usize = 0;

    fn write(&self, _: &mut ArgBytes) {}
}

/// The result of a call that returns nothing.
pub(crate) fn nothing(_: [Register; 2], _: usize) -> Result<(), Errno> {
    Ok(())
}

/// The result of a call that returns a number in a register.
pub(crate) fn value<T: Returned>(retval: [Register; 2], _: usize) -> Result<T, Errno> {
    Ok(T::returned(retval[0] as i64))
}

/// The result of a call that returns 64 bits.
pub(crate) fn wide_value<T: Returned>(retval: [Register; 2], _: usize) -> Result<T, Errno> {
    Ok(T::returned(wide(retval)))
}

/// The result of a call that returns two descriptors.
pub(crate) fn descriptors(retval: [Register; 2], _: usize) -> Result<[c_int; 2], Errno> {
    Ok(retval.map(|fd| fd as c_int))
}

/// A number that calls return, of which they return as many bits as it has.
pub(crate) trait Returned {
    fn returned(register: i64) -> Self;
}

macro_rules! returned {
    ($($number:ty),*) => {$(
        impl Returned for $number {
            fn returned(register: i64) -> Self {
                register as Self
            }
        }
    )*};
}

returned!(i32, u32, i64, u64, isize, usize);

/// The result of a call that returns how many bytes it moved, of `room` at most; without any room
/// it may say how much it would take.
pub(crate) fn count(retval: [Register; 2], room: usize) -> Result<usize, Errno> {
    // A kernel that returns a negative count without an error, or more than there is to slice, is
    // broken or hostile.
    usize::try_from(retval[0]).ok().filter(|&count| count <= room || room == 0).ok_or(Errno::EIO)
}

/// The result of a call that returns an errno number as its value, such as `posix_fadvise(2)`.
pub(crate) fn errno_result(retval: [Register; 2], _: usize) -> Result<(), Errno> {
    match retval[0] as i32 {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    }
}

/// 64 bits, which take both registers on a 32-bit ABI.
fn wide(retval: [Register; 2]) -> i64 {
    const HALF: usize = size_of::<Register>();
    let mut bytes = [0; 8];
    bytes[..HALF].copy_from_slice(&retval[0].to_ne_bytes());
    if HALF < 8 {
        bytes[8 - HALF..].copy_from_slice(&retval[1].to_ne_bytes());
    }
    i64::from_ne_bytes(bytes)
}
