//! The two macros that define this module's data, so that what is defined is also what is tested.

/// Defines constants in groups of one type: every constant is documented by its own lines, if it
/// has any, and by its group's. Used once per file; tests read the values back from `TABLE`.
macro_rules! constants {
    ($(
        #[doc = $group:literal]
        $type:ty { $( $(#[doc = $doc:literal])* $name:ident = $value:expr; )* }
    )*) => {
        $($(
            $(#[doc = $doc])*
            #[doc = ""]
            #[doc = $group]
            pub const $name: $type = $value;
        )*)*

        #[cfg(test)]
        pub(in crate::netbsd) const TABLE: &[$crate::netbsd::tests::Constant] = &[
            $($( (stringify!($name), $name as i128, 8 * size_of::<$type>()) ),*),*
        ];
    };
}
pub(super) use constants;

/// Checks the layout of `#[repr(C)]` structs when they are compiled: sizes and offsets are given as
/// `LP64 / i386`. Used once per file; tests read the figures back from `LAYOUTS`.
macro_rules! layouts {
    ($( $type:ident: $size:literal / $size32:literal {
        $( $field:ident: $offset:literal / $offset32:literal ),* $(,)?
    } )*) => {
        $(const _: () = {
            if let Some(size) = $crate::netbsd::macros::for_abi($size, $size32) {
                assert!(size_of::<$type>() == size);
            }
            $(if let Some(offset) = $crate::netbsd::macros::for_abi($offset, $offset32) {
                assert!(core::mem::offset_of!($type, $field) == offset);
            })*
        };)*

        #[cfg(test)]
        pub(in crate::netbsd) const LAYOUTS: &[$crate::netbsd::tests::Layout] = &[$(
            $crate::netbsd::tests::Layout {
                name: stringify!($type),
                size: [$size, $size32],
                fields: &[$( $crate::netbsd::tests::Field {
                    name: stringify!($field),
                    offset: [$offset, $offset32],
                    size: $crate::netbsd::tests::field_size(|value: &$type| &value.$field),
                } ),*],
            }
        ),*];
    };
}
pub(super) use layouts;

/// The figure for the ABI that is compiled for: every LP64 ABI lays these structs out alike; of the
/// 32-bit ones, which differ in the alignment of 64-bit integers, i386 is the one with known
/// figures.
pub(super) const fn for_abi(lp64: usize, i386: usize) -> Option<usize> {
    if cfg!(target_pointer_width = "64") {
        Some(lp64)
    } else if cfg!(target_arch = "x86") {
        Some(i386)
    } else {
        None
    }
}
