//! What the exported functions do around a call: errno, and the value that C sees.

#![allow(unsafe_code)]

use core::ffi::c_int;

use rumpclient::marshal::{Args, MAX_ARGS_SIZE, Marshal, Register};
use rumpclient::table::entry;
use rumpclient::{Errno, args};

use crate::api;
use crate::errno::{self, Preserved};
use crate::report::contained;

/// Makes a call in the way of one of this module's functions: for the body of an exported function.
macro_rules! syscall {
    ($way:ident, $number:expr, $args:expr) => {
        // SAFETY: the exported function is unsafe too; its caller answers for the pointers.
        unsafe { $crate::export::$way($number, $args) }
    };
}
pub(crate) use syscall;

/// A number that a C function returns.
pub(crate) trait Value {
    /// What it returns when the call fails: -1.
    const FAILED: Self;
    /// The number in the return registers: in the first, or across both where one is too narrow.
    fn from_registers(retval: [Register; 2]) -> Self;
}

macro_rules! values {
    ($($ty:ty),*) => {$(
        impl Value for $ty {
            const FAILED: $ty = -1_i8 as $ty;

            fn from_registers(retval: [Register; 2]) -> $ty {
                const HALF: usize = size_of::<Register>();
                if size_of::<$ty>() <= HALF {
                    return retval[0] as $ty;
                }
                let mut pair = [0; 2 * HALF];
                pair[..HALF].copy_from_slice(&retval[0].to_ne_bytes());
                pair[HALF..].copy_from_slice(&retval[1].to_ne_bytes());
                let mut value = [0; size_of::<$ty>()];
                value.copy_from_slice(&pair[..size_of::<$ty>()]);
                <$ty>::from_ne_bytes(value)
            }
        }
    )*};
}

values!(i32, u32, i64, u64, isize, usize);

/// The struct of a call's arguments as the kernel takes it. What is done with it is the same code for
/// all calls: a library is slower to start the more of it there is.
struct Marshalled {
    bytes: [u8; MAX_ARGS_SIZE],
    len: usize,
}

impl Marshalled {
    fn new<A: Args>(args: &A) -> Self {
        let mut bytes = [0; MAX_ARGS_SIZE];
        args.write(&mut bytes);
        Self { bytes, len: A::SIZE }
    }
}

/// A call that fails with an errno. As in NetBSD's library errno is set in any case, to 0 on
/// success.
///
/// # Safety
/// As for [`rumpclient::Client::syscall`].
#[allow(dead_code, reason = "not every table has such a call")]
pub(crate) unsafe fn ordinary<A: Args, V: Value>(number: u32, args: &A) -> V {
    // SAFETY: passed on from the caller.
    let retval = unsafe { make_ordinary(number, &Marshalled::new(args)) };
    retval.map_or(V::FAILED, V::from_registers)
}

/// # Safety
/// As for [`ordinary`].
#[inline(never)]
unsafe fn make_ordinary(number: u32, args: &Marshalled) -> Option<[Register; 2]> {
    contained(None, || {
        // SAFETY: passed on from the caller.
        match unsafe { make(number, args) } {
            Ok(retval) => {
                errno::set(0);
                Some(retval)
            }
            Err(error) => {
                set_errno(error);
                None
            }
        }
    })
}

/// A call that never fails in the kernel, and leaves errno alone; only a lost kernel sets it.
///
/// # Safety
/// As for [`rumpclient::Client::syscall`].
#[allow(dead_code, reason = "not every table has such a call")]
pub(crate) unsafe fn no_error<A: Args, V: Value>(number: u32, args: &A) -> V {
    // SAFETY: passed on from the caller.
    let retval = unsafe { make_no_error(number, &Marshalled::new(args)) };
    retval.map_or(V::FAILED, V::from_registers)
}

/// # Safety
/// As for [`no_error`].
#[inline(never)]
unsafe fn make_no_error(number: u32, args: &Marshalled) -> Option<[Register; 2]> {
    contained(None, || {
        let before = Preserved::new();
        // SAFETY: passed on from the caller.
        match unsafe { make(number, args) } {
            Ok(retval) => Some(retval),
            Err(error) => {
                drop(before);
                set_errno(error);
                None
            }
        }
    })
}

/// A call that returns its error's number instead of setting errno. Only a lost kernel does that,
/// and returns -1.
///
/// # Safety
/// As for [`rumpclient::Client::syscall`].
#[allow(dead_code, reason = "not every table has such a call")]
pub(crate) unsafe fn error_number<A: Args>(number: u32, args: &A) -> c_int {
    contained(-1, || {
        let before = Preserved::new();
        // SAFETY: passed on from the caller.
        match unsafe { make(number, &Marshalled::new(args)) } {
            Ok([error, _]) => errno::number(Errno::from_raw(error as c_int)),
            Err(error) if error.is_link_lost() => {
                drop(before);
                set_errno(error);
                -1
            }
            // The call never came to its own result: a bad pointer, or a kernel without it.
            Err(error) => errno::number(error),
        }
    })
}

/// A call that returns nothing.
///
/// # Safety
/// As for [`rumpclient::Client::syscall`].
#[allow(dead_code, reason = "not every table has such a call")]
pub(crate) unsafe fn no_value<A: Args>(number: u32, args: &A) {
    contained((), || {
        let _errno = Preserved::new();
        // There is no way to tell C; the next call that can fail will.
        // SAFETY: passed on from the caller.
        let _ = unsafe { make(number, &Marshalled::new(args)) };
    });
}

/// `pipe(2)`: both descriptors come in the return registers. Errno is set only on failure.
///
/// # Safety
/// Where `fildes` points must be the caller's to overwrite, if it is memory at all.
#[allow(dead_code, reason = "not every table has such a call")]
pub(crate) unsafe fn pipe(number: u32, fildes: *mut c_int) -> c_int {
    contained(-1, || {
        let before = Preserved::new();
        // SAFETY: no arguments, no pointers.
        let made = unsafe { make(number, &Marshalled::new(&())) }.and_then(|retval| {
            let ends = retval.map(|fd| fd as c_int);
            // SAFETY: passed on from the caller.
            unsafe { hand_out(ends, fildes) }
        });
        match made {
            Ok(()) => 0,
            Err(error) => {
                drop(before);
                set_errno(error);
                -1
            }
        }
    })
}

/// Puts new descriptors where C wants them, or closes them.
///
/// # Safety
/// As for [`pipe`].
unsafe fn hand_out(ends: [c_int; 2], to: *mut c_int) -> Result<(), Errno> {
    let mut bytes = [0; 2 * size_of::<c_int>()];
    for (place, end) in bytes.chunks_exact_mut(size_of::<c_int>()).zip(ends) {
        place.copy_from_slice(&end.to_ne_bytes());
    }
    // SAFETY: passed on from the caller.
    let result = unsafe { rumpclient::write_raw(to.cast(), &bytes) };
    if result.is_err() {
        for fd in ends {
            let close = args::sys_close_args { fd: fd.marshal() };
            // SAFETY: no pointers. Nobody knows of the descriptor, nor that it could not be closed.
            let _ = unsafe { make(entry::CLOSE.number, &Marshalled::new(&close)) };
        }
    }
    result
}

fn set_errno(error: Errno) {
    errno::set(errno::number(error));
}

/// # Safety
/// As for [`rumpclient::Client::syscall`].
unsafe fn make(number: u32, args: &Marshalled) -> Result<[Register; 2], Errno> {
    let mut retval = [0; 2];
    // SAFETY: passed on from the caller.
    unsafe { api::make(number, &args.bytes[..args.len], &mut retval) }?;
    Ok(retval)
}
