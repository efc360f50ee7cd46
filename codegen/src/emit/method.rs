//! A call's method, as several generated files have it: its name, parameters and result.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::{by_number, tokens};
use crate::lending::Dir;
use crate::resolve::{Extent, Interface, Lend, Outcome, RumpCall, Slot};
use crate::types::{Shape, Target};

/// A method for a RUMP call.
pub(super) struct Method<'c> {
    pub(super) call: &'c RumpCall<'c>,
}

/// All of them, by number.
pub(super) fn methods<'i>(interface: &'i Interface<'i>) -> impl Iterator<Item = Method<'i>> {
    by_number(interface).into_iter().map(|call| Method { call })
}

/// What the parameters' types are spelled with.
pub(super) fn imports() -> TokenStream {
    quote! {
        #[allow(unused_imports)]
        use core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
        #[allow(unused_imports)]
        use std::io::{IoSlice, IoSliceMut};
    }
}

impl Method<'_> {
    pub(super) fn name(&self) -> Ident {
        format_ident!("rump_sys_{}", self.call.name)
    }

    /// The parameters, whose references have this lifetime; none for one that need not be named.
    pub(super) fn params(&self, lifetime: &TokenStream) -> Vec<TokenStream> {
        let params = self.call.params().filter_map(|slot| {
            let (ident, ty) = (ident(slot), self.param_type(slot, lifetime)?);
            Some(quote!(#ident: #ty))
        });
        params.collect()
    }

    /// The parameters' names, to pass them on.
    pub(super) fn names(&self) -> Vec<Ident> {
        self.call.params().filter(|slot| !self.is_given(slot)).map(ident).collect()
    }

    /// The type of a slot's parameter; `None` where another parameter gives its value.
    fn param_type(&self, slot: &Slot<'_>, lifetime: &TokenStream) -> Option<TokenStream> {
        if self.is_given(slot) {
            return None;
        }
        let plain = match &slot.lend {
            Lend::Value | Lend::Pad | Lend::Opaque | Lend::Ioctl(_) | Lend::Fcntl(_) => {
                return Some(tokens(&slot.ty.rust));
            }
            Lend::Str => quote!(&#lifetime CStr),
            Lend::Mem { dir, element, extent } => mem_type(*dir, element, *extent, lifetime),
            Lend::Iovec(Dir::In, _) => quote!(&#lifetime [IoSlice<'_>]),
            Lend::Iovec(..) => quote!(&#lifetime mut [IoSliceMut<'_>]),
            Lend::Msghdr(Dir::In) => quote!(&#lifetime netbsd::msghdr),
            Lend::Msghdr(_) => quote!(&#lifetime mut netbsd::msghdr),
            // The kernel writes `msg_len` even where it only sends.
            Lend::Mmsghdr(..) => quote!(&#lifetime mut [netbsd::mmsghdr]),
            Lend::Sysctl(..) => quote!(&#lifetime [u8]),
        };
        Some(if slot.nullable { quote!(Option<#plain>) } else { plain })
    }

    /// Whether a slot is the length of what another parameter refers to. A length that the kernel
    /// answers with stays a parameter, but for socket addresses, which hold theirs.
    pub(super) fn is_given(&self, slot: &Slot<'_>) -> bool {
        match slot.counts {
            Some(_) if slot.lend == Lend::Value => true,
            Some(index) => is_sockaddr(&self.call.slots[index]),
            None => false,
        }
    }

    /// Whether no slot before this one lends in the same way: one check does for all.
    pub(super) fn is_first(&self, slot: &Slot<'_>) -> bool {
        let same = |other: &&Slot<'_>| other.lend == slot.lend;
        self.call.slots.iter().find(same).is_some_and(|first| std::ptr::eq(first, slot))
    }

    pub(super) fn return_type(&self) -> TokenStream {
        match self.call.outcome {
            Outcome::Nothing | Outcome::Errno => quote!(()),
            Outcome::Count => quote!(usize),
            Outcome::Descriptors => quote!([c_int; 2]),
            Outcome::Value | Outcome::Wide => self.value_type(),
        }
    }

    pub(super) fn value_type(&self) -> TokenStream {
        match self.call.returns.shape {
            Shape::Scalar(scalar) => tokens(scalar.rust),
            // An address in the kernel's view; there is nothing here that it could point at.
            _ => quote!(usize),
        }
    }
}

pub(super) fn ident(slot: &Slot<'_>) -> Ident {
    format_ident!("{}", slot.ident)
}

pub(super) fn is_sockaddr(slot: &Slot<'_>) -> bool {
    matches!(&slot.lend, Lend::Mem { element: Target::Sockaddr, .. })
}

fn mem_type(dir: Dir, element: &Target, extent: Extent, lifetime: &TokenStream) -> TokenStream {
    let borrow = if dir == Dir::In { quote!(&#lifetime) } else { quote!(&#lifetime mut) };
    if *element == Target::Sockaddr {
        return quote!(#borrow netbsd::SockAddr);
    }
    // The resolver lets only elements of known size through.
    let element = tokens(element.element().unwrap_or("u8"));
    match extent {
        Extent::Fixed(1) | Extent::Bits(_) => quote!(#borrow #element),
        Extent::Fixed(count) => {
            let count = Literal::usize_unsuffixed(count);
            quote!(#borrow [#element; #count])
        }
        Extent::Elements(_) | Extent::Bytes(_) | Extent::Pointee { .. } => {
            quote!(#borrow [#element])
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    #[test]
    fn parameters_by_kind() {
        for (params, lending, expected) in [
            ("const struct timespec *t", "(t: in?)", "t: Option<&netbsd::timespec>"),
            ("const struct timeval *t", "(t: in[2]?)", "t: Option<&[netbsd::timeval; 2]>"),
            ("int *f", "(f: out[2])", "f: &mut [c_int; 2]"),
            ("const struct iovec *v, int n", "(v: iovec in[n])", "v: &[IoSlice<'_>]"),
            ("const struct iovec *v, int n", "(v: iovec out[n])", "v: &mut [IoSliceMut<'_>]"),
            (
                "const struct sockaddr *a, socklen_t n",
                "(a: in[n]?)",
                "a: Option<&netbsd::SockAddr>",
            ),
            ("struct msghdr *m", "(m: msghdr out)", "m: &mut netbsd::msghdr"),
            ("struct aiocb *const *l", "()", "l: *const *mut netbsd::aiocb"),
            ("void *d", "(d: in timezone?)", "d: Option<&netbsd::timezone>"),
            ("struct nobody *n", "(n: in)", "n: *mut c_void"),
        ] {
            let entry = format!("STD RUMP {{ int|sys||x({params}); }}");
            assert_has(&generated("api.rs", &entry, &format!("x{lending}")), expected);
        }
    }

    #[test]
    fn references_have_a_lifetime_where_that_has_a_name() {
        let entry = "STD RUMP { int|sys||x(const char *s, struct iovec *v, int n); }";
        let prepare = generated("prepare.rs", entry, "x(v: iovec out[n])");
        assert_has(
            &prepare,
            "fn rump_sys_x<'m>(s: &'m CStr, v: &'m mut [IoSliceMut<'_>]) -> Result<Prepared<'m, c_int>, Errno>",
        );
    }
}
