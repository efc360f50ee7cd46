//! System calls by number, past libc: its `syscall` can be taken by a preloaded library like the
//! rest of it, and sets errno, which is the program's.

use std::io;

/// Something that goes into an argument register.
pub(super) trait Word {
    fn word(self) -> usize;
}

macro_rules! words {
    ($($ty:ty),*) => {$(
        impl Word for $ty {
            fn word(self) -> usize {
                self as usize
            }
        }
    )*};
}

// Signed ones are extended with their sign, as C does.
words!(i32, u32, isize, usize);

impl<T> Word for *const T {
    fn word(self) -> usize {
        self.expose_provenance()
    }
}

impl<T> Word for *mut T {
    fn word(self) -> usize {
        self.expose_provenance()
    }
}

/// Runs a system call.
macro_rules! syscall {
    ($number:ident $(, $arg:expr)* $(,)?) => {
        $crate::sys::linux::raw::call(
            libc::$number,
            [$($crate::sys::linux::raw::Word::word($arg)),*],
        )
    };
}
pub(super) use syscall;

/// Runs the system call `number`.
///
/// # Safety
/// As the call has it.
pub(super) unsafe fn call<const N: usize>(
    number: libc::c_long,
    args: [usize; N],
) -> io::Result<usize> {
    const { assert!(N <= 6) };
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    super::wait::host_call();
    // SAFETY: passed on from the caller.
    let result = unsafe { enter(number, all) };
    super::wait::host_call();
    match usize::try_from(result) {
        Ok(value) => Ok(value),
        Err(_) => Err(io::Error::from_raw_os_error(-result as i32)),
    }
}

/// The result, or an error's number negated.
///
/// # Safety
/// As the call has it.
#[cfg(target_arch = "x86_64")]
unsafe fn enter(number: libc::c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel keeps all registers but these, and the stack. What it does to memory the
    // caller answers for.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// The result, or an error's number negated.
///
/// # Safety
/// As the call has it.
#[cfg(target_arch = "aarch64")]
unsafe fn enter(number: libc::c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel keeps all registers but the first, and the stack. What it does to memory
    // the caller answers for.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        );
    }
    result
}

/// The result, or an error's number negated. By libc, on processors that nobody has written the
/// instructions down for.
///
/// # Safety
/// As the call has it.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn enter(number: libc::c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    // SAFETY: passed on from the caller.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => -(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO) as isize),
        result => result as isize,
    }
}
