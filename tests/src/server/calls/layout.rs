//! NetBSD's structs as bytes, field by field.

use rumpclient::netbsd::CharArray;

/// A field's value as it lies in memory.
pub(crate) trait Field: Copy {
    /// Writes the value to the start of `bytes`.
    fn put(self, bytes: &mut [u8]);
    /// Reads a value from the start of `bytes`.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Field for $integer {
            fn put(self, bytes: &mut [u8]) {
                bytes[..size_of::<Self>()].copy_from_slice(&self.to_ne_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                bytes.first_chunk().copied().map_or(0, Self::from_ne_bytes)
            }
        }
    )*};
}

integers! { u8 i16 u16 i32 u32 i64 u64 isize usize }

/// An address of the client's, which means nothing here.
impl<T> Field for *mut T {
    fn put(self, bytes: &mut [u8]) {
        self.addr().put(bytes);
    }
    fn get(bytes: &[u8]) -> Self {
        core::ptr::without_provenance_mut(usize::get(bytes))
    }
}

impl<const N: usize> Field for CharArray<N> {
    fn put(self, bytes: &mut [u8]) {
        bytes[..N].copy_from_slice(&self.0);
    }
    fn get(bytes: &[u8]) -> Self {
        Self(bytes.first_chunk().copied().unwrap_or([0; N]))
    }
}

/// Writes a field; `select` only tells its type.
pub(crate) fn put<S, F: Field>(bytes: &mut [u8], at: usize, _select: impl Fn(&S) -> F, value: F) {
    value.put(&mut bytes[at..]);
}

/// Reads a field; `select` only tells its type. Zero where `bytes` is too short.
pub(crate) fn get<S, F: Field>(bytes: &[u8], at: usize, _select: impl Fn(&S) -> F) -> F {
    F::get(bytes.get(at..).unwrap_or_default())
}

/// The bytes of a struct with these fields; the others are zero.
macro_rules! encode {
    ($type:ty { $($($field:ident).+: $value:expr),* $(,)? }) => {{
        let mut bytes = vec![0; size_of::<$type>()];
        $($crate::server::calls::layout::put(
            &mut bytes,
            core::mem::offset_of!($type, $($field).+),
            |value: &$type| value.$($field).+,
            $value,
        );)*
        bytes
    }};
}
pub(crate) use encode;

/// One field of a struct that is given as bytes.
macro_rules! field {
    ($bytes:expr, $type:ty, $($field:ident).+) => {
        $crate::server::calls::layout::get(
            $bytes,
            core::mem::offset_of!($type, $($field).+),
            |value: &$type| value.$($field).+,
        )
    };
}
pub(crate) use field;

#[cfg(test)]
mod tests {
    use rumpclient::netbsd as nb;

    #[test]
    fn fields_go_where_the_struct_has_them() {
        let bytes = encode!(nb::itimerspec { it_value.tv_sec: 7, it_value.tv_nsec: 9 });
        assert_eq!(bytes.len(), size_of::<nb::itimerspec>());
        assert_eq!(field!(&bytes, nb::itimerspec, it_interval.tv_sec), 0);
        assert_eq!(field!(&bytes, nb::itimerspec, it_value.tv_sec), 7);
        assert_eq!(field!(&bytes, nb::itimerspec, it_value.tv_nsec), 9);
        assert_eq!(field!(&[], nb::itimerspec, it_value.tv_nsec), 0);
    }
}
