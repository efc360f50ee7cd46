//! How the parameters of a generated method become slots: addresses, lengths, and the checks that
//! keep a safe method from lending more than its references cover.

use core::ffi::{CStr, c_int};
use core::ptr;

use crate::netbsd::{Errno, FD_SETSIZE, SockAddr, socklen_t};

/// A reference that is lent to the kernel. `None` is a null pointer and lends nothing.
///
/// A method takes addresses from its own parameters, so what they refer to stays borrowed until it
/// returns.
pub(crate) trait Lent: Sized {
    /// The address for the slot, valid for reads, and for writes where the reference is mutable.
    fn address(self) -> usize;
    /// How many elements there are.
    fn elements(&self) -> usize;
    /// How many bytes they take.
    fn byte_size(&self) -> usize;
}

impl<T> Lent for &T {
    fn address(self) -> usize {
        ptr::from_ref(self).expose_provenance()
    }

    fn elements(&self) -> usize {
        1
    }

    fn byte_size(&self) -> usize {
        size_of::<T>()
    }
}

impl<T> Lent for &mut T {
    fn address(self) -> usize {
        ptr::from_mut(self).expose_provenance()
    }

    fn elements(&self) -> usize {
        1
    }

    fn byte_size(&self) -> usize {
        size_of::<T>()
    }
}

impl<T> Lent for &[T] {
    fn address(self) -> usize {
        self.as_ptr().expose_provenance()
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn byte_size(&self) -> usize {
        size_of_val(*self)
    }
}

impl<T> Lent for &mut [T] {
    fn address(self) -> usize {
        self.as_mut_ptr().expose_provenance()
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn byte_size(&self) -> usize {
        size_of_val(*self)
    }
}

impl Lent for &CStr {
    fn address(self) -> usize {
        self.as_ptr().expose_provenance()
    }

    fn elements(&self) -> usize {
        self.count_bytes()
    }

    fn byte_size(&self) -> usize {
        self.count_bytes() + 1
    }
}

impl<L: Lent> Lent for Option<L> {
    fn address(self) -> usize {
        self.map_or(0, L::address)
    }

    fn elements(&self) -> usize {
        self.as_ref().map_or(0, L::elements)
    }

    fn byte_size(&self) -> usize {
        self.as_ref().map_or(0, L::byte_size)
    }
}

/// A length in the type that its argument has.
///
/// # Errors
/// EINVAL for a length that does not fit.
pub(crate) fn length<T: TryFrom<usize>>(length: usize) -> Result<T, Errno> {
    T::try_from(length).map_err(|_| Errno::EINVAL)
}

/// A number that says how much room there is, and in which the kernel answers how much it used.
pub(crate) trait ValueResult: Sized {
    /// The same, holding `room`.
    ///
    /// # Errors
    /// EINVAL for a length that does not fit.
    fn holding(self, room: usize) -> Result<Self, Errno>;
}

impl<T: TryFrom<usize>> ValueResult for &mut T {
    fn holding(self, room: usize) -> Result<Self, Errno> {
        *self = length(room)?;
        Ok(self)
    }
}

impl<V: ValueResult> ValueResult for Option<V> {
    fn holding(self, room: usize) -> Result<Self, Errno> {
        self.map(|length| length.holding(room)).transpose()
    }
}

/// Where the kernel puts a socket address and its length.
pub(crate) trait OutAddress {
    /// The addresses of the storage and of the length, which is set to what the storage holds.
    fn addresses(self) -> (usize, usize);
}

impl OutAddress for &mut SockAddr {
    fn addresses(self) -> (usize, usize) {
        self.reset();
        let storage = self.as_mut_ptr().addr();
        let length = ptr::from_mut::<socklen_t>(self.len_mut()).addr();
        // Both lie within the struct: exposing it as a whole makes both usable.
        ptr::from_mut(self).expose_provenance();
        (storage, length)
    }
}

impl OutAddress for Option<&mut SockAddr> {
    fn addresses(self) -> (usize, usize) {
        self.map_or((0, 0), OutAddress::addresses)
    }
}

/// Refuses a number of descriptors that an `fd_set` has no bits for.
///
/// # Errors
/// EINVAL for more than [`FD_SETSIZE`].
pub(crate) fn fits_fd_set(nd: c_int) -> Result<(), Errno> {
    // A negative number is for the kernel to refuse: it lends nothing.
    if usize::try_from(nd).is_ok_and(|nd| nd > FD_SETSIZE as usize) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Refuses a new value for a `sysctl` meta node (`CTL_CREATE`, `CTL_DESCRIBE` and their like, all
/// negative): it is a struct with pointers that the kernel follows.
///
/// # Errors
/// EINVAL for such a node with a value.
pub(crate) fn holds_no_pointers(name: &[c_int], value_bytes: usize) -> Result<(), Errno> {
    if value_bytes > 0 && name.iter().any(|&id| id < 0) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_elements_and_bytes() {
        let numbers = [1_u32, 2, 3];
        assert_eq!((numbers.as_slice().elements(), numbers.as_slice().byte_size()), (3, 12));
        assert_eq!(((&numbers).elements(), (&numbers).byte_size()), (1, 12));
        assert_eq!((c"ab".elements(), c"ab".byte_size()), (2, 3));
        assert_eq!((None::<&[u8]>.elements(), None::<&[u8]>.byte_size()), (0, 0));
    }

    #[test]
    fn addresses_are_those_of_the_memory_and_none_is_null() {
        let mut bytes = [0_u8; 4];
        let start = bytes.as_ptr().addr();
        assert_eq!(bytes.as_slice().address(), start);
        assert_eq!(Some(&mut bytes[1..]).address(), start + 1);
        assert_eq!((&mut bytes).address(), start);
        assert_eq!(None::<&CStr>.address(), 0);
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        assert_eq!(length::<c_int>(i32::MAX as usize), Ok(i32::MAX));
        assert_eq!(length::<c_int>(i32::MAX as usize + 1), Err(Errno::EINVAL));
    }

    #[test]
    fn a_value_result_length_holds_the_room() {
        let mut cell: socklen_t = 7;
        assert_eq!((&mut cell).holding(12).map(|it| *it), Ok(12));
        assert_eq!(Some(&mut cell).holding(0).map(|it| it.map(|it| *it)), Ok(Some(0)));
        assert_eq!(None::<&mut socklen_t>.holding(12), Ok(None));
    }

    #[test]
    fn a_socket_address_offers_all_its_storage() {
        let mut address = SockAddr::new();
        let (storage, length) = (&mut address).addresses();
        assert_ne!(storage, 0);
        assert_ne!(length, storage);
        assert_eq!(*address.len_mut(), 128);
        assert_eq!(None::<&mut SockAddr>.addresses(), (0, 0));
    }

    #[test]
    fn an_fd_set_has_no_bits_beyond_its_size() {
        for (nd, fits) in [(-1, true), (0, true), (256, true), (257, false), (c_int::MAX, false)] {
            assert_eq!(fits_fd_set(nd).is_ok(), fits, "{nd}");
        }
    }

    #[test]
    fn meta_nodes_take_no_value() {
        assert!(holds_no_pointers(&[1, 2], 8).is_ok());
        assert!(holds_no_pointers(&[1, -3], 0).is_ok());
        assert_eq!(holds_no_pointers(&[1, -3], 8), Err(Errno::EINVAL));
    }
}
