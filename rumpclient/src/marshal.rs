//! Argument slots: how a value sits in a marshalling struct.
//!
//! NetBSD passes each argument in a slot of register size (`syscallarg()` in
//! `<sys/syscallargs.h>`): a narrower value sits at the slot's start on little-endian machines and
//! at its end on big-endian ones, with the unused bytes zero. That is exactly an unsigned register
//! holding the zero-extended value, so a slot is a plain integer here. A 64-bit value on a 32-bit
//! ABI takes a slot of 8 bytes.

/// The kernel's `register_t`.
pub type Register = isize;

/// Bytes of the largest argument struct: `SYS_MAXSYSARGS` (8) slots of 8 bytes.
pub const MAX_ARGS_SIZE: usize = 64;

/// A value that can be marshalled into a slot.
pub trait Marshal: Copy {
    /// The slot: `usize`, or `u64` for values wider than a register.
    type Slot: Copy + Default;
    /// The value, zero-extended.
    fn marshal(self) -> Self::Slot;
}

/// The slot type of `T`.
pub type Slot<T> = <T as Marshal>::Slot;

macro_rules! narrow {
    ($($value:ty as $unsigned:ty),*) => {$(
        impl Marshal for $value {
            type Slot = usize;
            fn marshal(self) -> usize {
                self as $unsigned as usize
            }
        }
    )*};
}

narrow!(i32 as u32, u32 as u32, isize as usize, usize as usize);

#[cfg(target_pointer_width = "64")]
type WideSlot = usize;
#[cfg(target_pointer_width = "32")]
type WideSlot = u64;

impl Marshal for i64 {
    type Slot = WideSlot;
    fn marshal(self) -> WideSlot {
        self as u64 as WideSlot
    }
}

impl Marshal for u64 {
    type Slot = WideSlot;
    fn marshal(self) -> WideSlot {
        self as WideSlot
    }
}

impl<T> Marshal for *const T {
    type Slot = usize;
    fn marshal(self) -> usize {
        self.expose_provenance()
    }
}

impl<T> Marshal for *mut T {
    type Slot = usize;
    fn marshal(self) -> usize {
        self.expose_provenance()
    }
}

/// Room for the largest marshalled argument struct.
pub type ArgBytes = [u8; MAX_ARGS_SIZE];

/// A marshalling struct: what goes into the body of a syscall request.
pub trait Args: Copy {
    /// `sizeof` the struct in C on this ABI: the bytes that go on the wire.
    const SIZE: usize;

    /// Writes the slots to the start of `out`; everything else in `out` is left alone.
    fn write(&self, out: &mut ArgBytes);
}

/// Implements [`Args`] for a generated struct and checks its layout at compile time: slots follow
/// each other without gaps, and the size is what the table says (`lp64` bytes, or `ilp32` bytes
/// rounded up to the struct's alignment).
macro_rules! impl_args {
    ($name:ident { $($slot:ident),* $(,)? } lp64: $lp64:expr, ilp32: $ilp32:expr) => {
        const _: () = {
            let mut end = 0;
            $(
                assert!(core::mem::offset_of!($name, $slot) == end);
                end += $crate::marshal::slot_size(&|args: $name| args.$slot);
            )*
            let expected = if cfg!(target_pointer_width = "64") { $lp64 } else { $ilp32 };
            assert!(end == expected);
            assert!(size_of::<$name>() == expected.next_multiple_of(align_of::<$name>()));
            assert!(size_of::<$name>() <= $crate::marshal::MAX_ARGS_SIZE);
        };

        impl $crate::marshal::Args for $name {
            const SIZE: usize = size_of::<$name>();

            fn write(&self, out: &mut $crate::marshal::ArgBytes) {
                $(
                    let slot = self.$slot.to_ne_bytes();
                    let at = core::mem::offset_of!($name, $slot);
                    out[at..at + slot.len()].copy_from_slice(&slot);
                )*
            }
        }
    };
}
pub(crate) use impl_args;

/// Bytes of the slot that `field` selects; only its type matters, it is never called.
#[doc(hidden)]
pub const fn slot_size<A, S>(_field: &impl Fn(A) -> S) -> usize {
    size_of::<S>()
}
