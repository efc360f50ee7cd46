//! `rumpclient/src/generated/prepare.rs`: a function for each RUMP call that makes its parameters
//! ready to be sent, and says what its result means.
//!
//! The parameters cover what the dispatch table says the call lends; both are printed from the same
//! [`Lend`].

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::method::{Method, ident, imports, is_sockaddr, methods};
use super::{rust_file, tokens};
use crate::lending::Dir;
use crate::resolve::{Extent, Interface, Lend, Outcome, Slot};
use crate::types::Target;

const WHAT: &str = "\
The system calls made ready to be sent, by number: what all kinds of methods have in common.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let functions = methods(interface).map(|method| Function { method }.emit());
    let imports = imports();
    let items = quote! {
        #imports
        #[allow(unused_imports)]
        use crate::call::{self, Prepared};
        use crate::generated::args;
        use crate::generated::table::entry;
        #[allow(unused_imports)]
        use crate::marshal::Marshal;
        use crate::netbsd::{self, Errno};
        #[allow(unused_imports)]
        use crate::param::{self, Lent, OutAddress, ValueResult};
        #(#functions)*
    };
    rust_file(interface, WHAT, items)
}

struct Function<'c> {
    method: Method<'c>,
}

impl Function<'_> {
    fn emit(&self) -> TokenStream {
        let name = self.method.name();
        let params = self.method.params(&quote!('m));
        let returns = self.method.return_type();
        let steps = self.steps();
        let prepared = self.prepared();
        quote! {
            pub(crate) fn #name<'m>(#(#params),*) -> Result<Prepared<'m, #returns>, Errno> {
                #(#steps)*
                #prepared
            }
        }
    }

    /// What comes before the argument struct: checks, and the lengths of what is lent.
    fn steps(&self) -> Vec<TokenStream> {
        let slots = &self.method.call.slots;
        let addresses = slots.iter().filter_map(in_address);
        let guards = slots.iter().filter_map(|slot| self.guard(slot));
        let lengths = slots.iter().filter_map(|slot| self.length(slot));
        addresses.chain(guards).chain(lengths).chain(self.room()).collect()
    }

    /// How many bytes a kernel can have moved when it returns how many it has.
    fn room(&self) -> Option<TokenStream> {
        if !self.counts_bytes() {
            return None;
        }
        let slots = &self.method.call.slots;
        let is_counted =
            |at| slots.iter().any(|slot| slot.counts == Some(at) && slot.lend == Lend::Value);
        let room = slots.iter().enumerate().find_map(|(at, slot)| {
            let memory = ident(slot);
            match slot.lend {
                Lend::Iovec(..) => Some(quote!(#memory.iter().map(|part| part.len()).sum())),
                Lend::Mem { .. } if is_counted(at) => Some(quote!(#memory.byte_size())),
                _ => None,
            }
        });
        let room = room.unwrap_or_else(|| quote!(usize::MAX));
        Some(quote!(let room = #room;))
    }

    /// What keeps a safe method from lending more than its references cover.
    fn guard(&self, slot: &Slot<'_>) -> Option<TokenStream> {
        match slot.lend {
            Lend::Mem { extent: Extent::Bits(count), .. } if self.method.is_first(slot) => {
                let count = ident(&self.method.call.slots[count]);
                Some(quote!(param::fits_fd_set(#count)?;))
            }
            Lend::Sysctl(name, ..) => {
                let (name, new) = (ident(&self.method.call.slots[name]), ident(slot));
                Some(quote!(param::holds_no_pointers(#name, #new.byte_size())?;))
            }
            _ => None,
        }
    }

    fn length(&self, slot: &Slot<'_>) -> Option<TokenStream> {
        let measured = &self.method.call.slots[slot.counts?];
        let (length, memory) = (ident(slot), ident(measured));
        if is_sockaddr(measured) && slot.lend != Lend::Value {
            return Some(quote!(let (#memory, #length) = #memory.addresses();));
        }
        let count = match measured.lend {
            Lend::Mem { extent: Extent::Bytes(_) | Extent::Pointee { .. }, .. } => {
                quote!(byte_size)
            }
            _ => quote!(elements),
        };
        Some(if slot.lend == Lend::Value {
            let ty = tokens(&slot.ty.rust);
            quote!(let #length = param::length::<#ty>(#memory.#count())?;)
        } else {
            quote!(let #length = #length.holding(#memory.#count())?;)
        })
    }

    fn prepared(&self) -> TokenStream {
        let call = self.method.call;
        let entry = format_ident!("{}", call.constant());
        let room = if self.counts_bytes() { quote!(room) } else { quote!(0) };
        let result = self.result();
        match call.call.args_struct() {
            None => quote!(Ok(Prepared::new(&entry::#entry, &(), #room, #result))),
            Some(name) => {
                let name = format_ident!("{name}");
                let fields = call.slots.iter().map(|slot| self.field(slot));
                quote! {
                    let args = args::#name { #(#fields),* };
                    Ok(Prepared::new(&entry::#entry, &args, #room, #result))
                }
            }
        }
    }

    /// The function that takes the result out of the return registers.
    fn result(&self) -> TokenStream {
        match self.method.call.outcome {
            Outcome::Nothing => quote!(call::nothing),
            Outcome::Count => quote!(call::count),
            Outcome::Errno => quote!(call::errno_result),
            Outcome::Value => quote!(call::value),
            Outcome::Wide => quote!(call::wide_value),
            Outcome::Descriptors => quote!(call::descriptors),
        }
    }

    fn counts_bytes(&self) -> bool {
        self.method.call.outcome == Outcome::Count
    }

    fn field(&self, slot: &Slot<'_>) -> TokenStream {
        let ident = ident(slot);
        match &slot.lend {
            Lend::Pad => quote!(#ident: 0),
            Lend::Value | Lend::Opaque | Lend::Ioctl(_) | Lend::Fcntl(_) => {
                quote!(#ident: #ident.marshal())
            }
            // Its address has been taken together with its length's.
            Lend::Mem { extent: Extent::Pointee { .. }, .. } if is_sockaddr(slot) => {
                quote!(#ident)
            }
            _ if slot.counts.is_some_and(|index| is_sockaddr(&self.method.call.slots[index])) => {
                quote!(#ident)
            }
            _ => quote!(#ident: #ident.address()),
        }
    }
}

/// A socket address that the kernel reads is lent as its bytes.
fn in_address(slot: &Slot<'_>) -> Option<TokenStream> {
    let ident = ident(slot);
    match slot.lend {
        Lend::Mem { dir: Dir::In, element: Target::Sockaddr, .. } if slot.nullable => {
            Some(quote!(let #ident = #ident.map(netbsd::SockAddr::as_bytes);))
        }
        Lend::Mem { dir: Dir::In, element: Target::Sockaddr, .. } => {
            Some(quote!(let #ident = #ident.as_bytes();))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    /// The function for the call `x` with these parameters and this line of lending.txt behind `x`.
    fn function(params: &str, lending: &str) -> String {
        let entry = format!("STD RUMP {{ int|sys||x({params}); }}");
        generated("prepare.rs", &entry, &format!("x{lending}"))
    }

    #[test]
    fn a_buffer_brings_its_length() {
        let prepare = function("int fd, void *b, int n", "(b: out[n]) -> count");
        assert_has(
            &prepare,
            "pub(crate) fn rump_sys_x<'m>(fd: c_int, b: &'m mut [u8]) -> Result<Prepared<'m, usize>, Errno> {
                let n = param::length::<c_int>(b.elements())?;
                let room = b.byte_size();
                let args = args::sys_x_args {
                    fd: fd.marshal(),
                    b: b.address(),
                    n: n.marshal(),
                };
                Ok(Prepared::new(&entry::X, &args, room, call::count))
            }",
        );
    }

    #[test]
    fn a_length_that_the_kernel_answers_is_set_first() {
        let prepare = function("void *v, size_t *n", "(v: out[*n]?, n: inout?)");
        assert_has(&prepare, "v: Option<&'m mut [u8]>, n: Option<&'m mut usize>");
        assert_has(&prepare, "let n = n.holding(v.byte_size())?;");
    }

    #[test]
    fn a_socket_address_holds_its_length() {
        let prepare = function("struct sockaddr *a, socklen_t *n", "(a: out[*n]?, n: inout?)");
        assert_has(&prepare, "rump_sys_x<'m>(a: Option<&'m mut netbsd::SockAddr>)");
        assert_has(&prepare, "let (a, n) = a.addresses(); let args = args::sys_x_args { a, n };");
    }

    #[test]
    fn checks_come_before_the_call() {
        let prepare = function("int n, fd_set *a, fd_set *b", "(a: fdset[n]?, b: fdset[n]?)");
        assert_eq!(prepare.matches("param::fits_fd_set(n)?;").count(), 1);
        let prepare = function(
            "const int *m, u_int l, const void *v, size_t n",
            "(m: in[l], v: sysctl[m, l, n]?)",
        );
        assert_has(&prepare, "param::holds_no_pointers(m, v.byte_size())?;");
    }

    #[test]
    fn results() {
        let returned = |ret: &str, lending: &str| {
            let entry = format!("STD RUMP {{ {ret}|sys||x(void); }}");
            generated("prepare.rs", &entry, &format!("x(){lending}"))
        };
        for (ret, lending, expected) in [
            ("int", "", "&(), 0, call::value"),
            ("int", " -> 0", "&(), 0, call::nothing"),
            ("void", "", "&(), 0, call::nothing"),
            ("int", " -> errno", "&(), 0, call::errno_result"),
            (
                "ssize_t",
                "",
                "let room = usize::MAX; Ok(Prepared::new(&entry::X, &(), room, call::count))",
            ),
            ("off_t", "", "&(), 0, call::wide_value"),
        ] {
            assert_has(&returned(ret, lending), expected);
        }
        let pipe = generated("prepare.rs", "STD RUMP { int|sys||pipe(void); }", "");
        assert_has(&pipe, "&(), 0, call::descriptors");
    }
}
