//! `rumpclient/src/generated/api.rs`: a method of `Client` for each RUMP call.
//!
//! A method is safe where every pointer argument is a reference that covers what the dispatch table
//! says the argument lends; both are printed from the same [`Lend`]. The methods hold no `unsafe`
//! blocks: those are in the macros `lent!` and `raw!`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::{by_number, doc_lines, rust_file, tokens};
use crate::lending::Dir;
use crate::model::Kind;
use crate::resolve::{Extent, Interface, Lend, Outcome, RumpCall, Slot};
use crate::types::{Shape, Target};

const WHAT: &str = "\
The system calls as methods of [`Client`], by number. The newest of several versions of a call has
the plain name.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let methods = by_number(interface).into_iter().map(|call| Method { call }.emit());
    let items = quote! {
        // Only `unsafe fn` declarations; there are no unsafe blocks here.
        #![allow(unsafe_code)]
        #[allow(unused_imports)]
        use core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
        #[allow(unused_imports)]
        use std::io::{IoSlice, IoSliceMut};
        #[allow(unused_imports)]
        use crate::call::{self, lent, raw};
        use crate::client::Client;
        use crate::generated::args;
        use crate::generated::table::entry;
        #[allow(unused_imports)]
        use crate::marshal::Marshal;
        use crate::netbsd::{self, Errno};
        #[allow(unused_imports)]
        use crate::param::{self, Lent, OutAddress, ValueResult};
        impl Client {
            #(#methods)*
        }
    };
    rust_file(interface, WHAT, items)
}

struct Method<'c> {
    call: &'c RumpCall<'c>,
}

impl Method<'_> {
    fn emit(&self) -> TokenStream {
        let call = self.call;
        let name = format_ident!("rump_sys_{}", call.name);
        let docs = self.docs();
        let qualifier = (!call.is_safe()).then(|| quote!(unsafe));
        let params = call.params().filter_map(|slot| {
            let (ident, ty) = (ident(slot), self.param_type(slot)?);
            Some(quote!(#ident: #ty))
        });
        let returns = self.return_type();
        let steps = self.steps();
        let body = self.body();
        quote! {
            #(#[doc = #docs])*
            pub #qualifier fn #name(&self, #(#params),*) -> Result<#returns, Errno> {
                #(#steps)*
                #body
            }
        }
    }

    /// The type of a slot's parameter; `None` where another parameter gives its value.
    fn param_type(&self, slot: &Slot<'_>) -> Option<TokenStream> {
        if self.is_given(slot) {
            return None;
        }
        let plain = match &slot.lend {
            Lend::Value | Lend::Pad | Lend::Opaque | Lend::Ioctl(_) | Lend::Fcntl(_) => {
                return Some(tokens(&slot.ty.rust));
            }
            Lend::Str => quote!(&CStr),
            Lend::Mem { dir, element, extent } => mem_type(*dir, element, *extent),
            Lend::Iovec(Dir::In, _) => quote!(&[IoSlice<'_>]),
            Lend::Iovec(..) => quote!(&mut [IoSliceMut<'_>]),
            Lend::Msghdr(Dir::In) => quote!(&netbsd::msghdr),
            Lend::Msghdr(_) => quote!(&mut netbsd::msghdr),
            // The kernel writes `msg_len` even where it only sends.
            Lend::Mmsghdr(..) => quote!(&mut [netbsd::mmsghdr]),
            Lend::Sysctl(..) => quote!(&[u8]),
        };
        Some(if slot.nullable { quote!(Option<#plain>) } else { plain })
    }

    /// Whether a slot is the length of what another parameter refers to. A length that the kernel
    /// answers with stays a parameter, but for socket addresses, which hold theirs.
    fn is_given(&self, slot: &Slot<'_>) -> bool {
        match slot.counts {
            Some(_) if slot.lend == Lend::Value => true,
            Some(index) => is_sockaddr(&self.call.slots[index]),
            None => false,
        }
    }

    fn return_type(&self) -> TokenStream {
        match self.call.outcome {
            Outcome::Nothing | Outcome::Errno => quote!(()),
            Outcome::Count => quote!(usize),
            Outcome::Descriptors => quote!([c_int; 2]),
            Outcome::Value | Outcome::Wide => self.value_type(),
        }
    }

    fn value_type(&self) -> TokenStream {
        match self.call.returns.shape {
            Shape::Scalar(scalar) => tokens(scalar.rust),
            // An address in the kernel's view; there is nothing here that it could point at.
            _ => quote!(usize),
        }
    }

    /// What comes before the argument struct: checks, and the lengths of what is lent.
    fn steps(&self) -> Vec<TokenStream> {
        let slots = &self.call.slots;
        let addresses = slots.iter().filter_map(in_address);
        let guards = slots.iter().filter_map(|slot| self.guard(slot));
        let lengths = slots.iter().filter_map(|slot| self.length(slot));
        addresses.chain(guards).chain(lengths).chain(self.room()).collect()
    }

    /// How many bytes a kernel can have moved when it returns how many it has.
    fn room(&self) -> Option<TokenStream> {
        if self.call.outcome != Outcome::Count {
            return None;
        }
        let slots = &self.call.slots;
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
            Lend::Mem { extent: Extent::Bits(count), .. } if self.is_first(slot) => {
                let count = ident(&self.call.slots[count]);
                Some(quote!(param::fits_fd_set(#count)?;))
            }
            Lend::Sysctl(name, ..) => {
                let (name, new) = (ident(&self.call.slots[name]), ident(slot));
                Some(quote!(param::holds_no_pointers(#name, #new.byte_size())?;))
            }
            _ => None,
        }
    }

    /// Whether no slot before this one lends in the same way: one check does for all.
    fn is_first(&self, slot: &Slot<'_>) -> bool {
        let same = |other: &&Slot<'_>| other.lend == slot.lend;
        self.call.slots.iter().find(same).is_some_and(|first| std::ptr::eq(first, slot))
    }

    fn length(&self, slot: &Slot<'_>) -> Option<TokenStream> {
        let measured = &self.call.slots[slot.counts?];
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

    fn body(&self) -> TokenStream {
        let call = self.call;
        let entry = format_ident!("{}", call.constant());
        let make = if call.is_safe() { quote!(lent) } else { quote!(raw) };
        let made = match call.call.args_struct() {
            None => quote!(#make!(self, &entry::#entry, &())),
            Some(name) => {
                let name = format_ident!("{name}");
                let fields = call.slots.iter().map(|slot| self.field(slot));
                let made = quote!(#make!(self, &entry::#entry, &args));
                let args = quote!(let args = args::#name { #(#fields),* };);
                return self.result(Some(args), &made);
            }
        };
        self.result(None, &made)
    }

    fn result(&self, args: Option<TokenStream>, made: &TokenStream) -> TokenStream {
        let ty = self.value_type();
        let result = match self.call.outcome {
            Outcome::Nothing => quote!(#made.map(|_| ())),
            Outcome::Count => quote!(call::count(#made?, room)),
            Outcome::Errno => quote!(call::errno_result(#made?)),
            Outcome::Value => quote!(#made.map(|retval| retval[0] as #ty)),
            Outcome::Wide => quote!(#made.map(|retval| call::wide(retval) as #ty)),
            Outcome::Descriptors => quote!(#made.map(|retval| retval.map(|fd| fd as c_int))),
        };
        quote!(#args #result)
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
            _ if slot.counts.is_some_and(|index| is_sockaddr(&self.call.slots[index])) => {
                quote!(#ident)
            }
            _ => quote!(#ident: #ident.address()),
        }
    }

    fn docs(&self) -> Vec<String> {
        let call = self.call;
        let mut paragraphs = vec![self.summary(), self.about()];
        paragraphs.extend(self.value_results());
        paragraphs.push(format!("# Errors\n{}", self.errors()));
        if !call.is_safe() {
            let owed: Vec<String> = call.slots.iter().filter_map(safety).collect();
            paragraphs.push(format!("# Safety\n{}", owed.join(" ")));
        }
        doc_lines(&paragraphs)
    }

    /// Where the call is described, and which parameters the kernel reads and writes.
    fn about(&self) -> String {
        let call = self.call;
        let mut about =
            format!("`{}`, call {} (`{}`).", call.page, call.call.number, call.call.constant());
        if let kind @ Kind::Compat(_) = &call.call.kind {
            about.push_str(&format!(" An older form, kept for programs that use it (`{kind}`)."));
        }
        if let Some(lent) = self.lent() {
            about.push(' ');
            about.push_str(&lent);
        }
        about
    }

    /// The lengths that the kernel answers with.
    fn value_results(&self) -> Option<String> {
        let lengths = self.call.slots.iter().filter(|it| it.lend != Lend::Value);
        let lines: Vec<String> = lengths
            .filter(|length| !self.is_given(length))
            .filter_map(|length| {
                let (length, memory) = (&length.ident, &self.call.slots[length.counts?].ident);
                Some(format!(
                    "`{length}` is set to the length of `{memory}` in bytes, and afterwards holds \
                     the kernel's answer."
                ))
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join(" "))
    }

    fn errors(&self) -> String {
        let mut errors = "The kernel's errno, as the manual page lists them.".to_owned();
        for slot in &self.call.slots {
            match slot.lend {
                Lend::Mem { extent: Extent::Bits(count), .. } if self.is_first(slot) => {
                    let count = &self.call.slots[count].ident;
                    errors.push_str(&format!(" EINVAL for `{count}` above `FD_SETSIZE`."));
                }
                Lend::Sysctl(name, ..) => {
                    let name = &self.call.slots[name].ident;
                    errors.push_str(&format!(
                        " EINVAL for a new value of a node with a negative number in `{name}`: \
                         those take structs with pointers, see [`Client::syscall`]."
                    ));
                }
                _ => {}
            }
        }
        errors.push_str(" [`Errno::LINK_LOST`] without a connection.");
        errors
    }

    fn summary(&self) -> String {
        let Some(summary) = &self.call.summary else {
            return format!("Makes the system call `{}`.", self.call.call.real_name());
        };
        let mut chars = summary.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars).chain(['.']).collect()
    }

    /// Which parameters the kernel reads and writes.
    fn lent(&self) -> Option<String> {
        let named = |wanted: fn(Dir) -> bool| -> Vec<String> {
            let slots =
                self.call.slots.iter().filter(|slot| {
                    !self.is_given(slot) && direction(&slot.lend).is_some_and(wanted)
                });
            slots.map(|slot| format!("`{}`", slot.ident)).collect()
        };
        let read = list(&named(|dir| dir != Dir::Out));
        let written = list(&named(|dir| dir != Dir::In));
        match (read, written) {
            (None, None) => None,
            (Some(read), None) => Some(format!("The kernel reads {read}.")),
            (None, Some(written)) => Some(format!("The kernel writes {written}.")),
            (Some(read), Some(written)) if read == written => {
                Some(format!("The kernel reads and writes {read}."))
            }
            (Some(read), Some(written)) => {
                Some(format!("The kernel reads {read}, and writes {written}."))
            }
        }
    }
}

fn ident(slot: &Slot<'_>) -> Ident {
    format_ident!("{}", slot.ident)
}

fn is_sockaddr(slot: &Slot<'_>) -> bool {
    matches!(&slot.lend, Lend::Mem { element: Target::Sockaddr, .. })
}

fn mem_type(dir: Dir, element: &Target, extent: Extent) -> TokenStream {
    let borrow = if dir == Dir::In { quote!(&) } else { quote!(&mut) };
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

fn direction(lend: &Lend) -> Option<Dir> {
    match lend {
        Lend::Str | Lend::Sysctl(..) => Some(Dir::In),
        Lend::Mem { dir, .. } | Lend::Iovec(dir, _) => Some(*dir),
        Lend::Msghdr(Dir::In) => Some(Dir::In),
        Lend::Msghdr(_) | Lend::Mmsghdr(..) => Some(Dir::InOut),
        Lend::Value | Lend::Pad | Lend::Ioctl(_) | Lend::Fcntl(_) | Lend::Opaque => None,
    }
}

/// What the caller of an unsafe method owes for a slot.
fn safety(slot: &Slot<'_>) -> Option<String> {
    let name = &slot.ident;
    Some(match slot.lend {
        Lend::Ioctl(_) => format!(
            "`{name}` must be valid for the size and direction in the request code, and so must \
             whatever the request reaches through pointers in it."
        ),
        Lend::Fcntl(_) => format!(
            "`{name}` must be what the command expects: a number, or a valid pointer to its struct."
        ),
        Lend::Msghdr(dir) | Lend::Mmsghdr(dir, _) => {
            let access = if dir == Dir::In { "read" } else { "write" };
            format!(
                "The pointers in `{name}` must be null or valid for the kernel to {access} as many \
                 bytes or elements as the lengths beside them say."
            )
        }
        Lend::Opaque => format!(
            "`{name}` must be valid for all that the kernel does with it and with pointers in it, \
             for as long as it does."
        ),
        _ => return None,
    })
}

/// `a`, `a` and `b`, or `a`, `b` and `c`.
fn list(items: &[String]) -> Option<String> {
    match items {
        [] => None,
        [only] => Some(only.clone()),
        [first @ .., last] => Some(format!("{} and {last}", first.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    /// The method for the call `x` with these parameters and this line of lending.txt behind `x`.
    fn method(params: &str, lending: &str) -> String {
        let entry = format!("STD RUMP {{ int|sys||x({params}); }}");
        generated("api.rs", &entry, &format!("x{lending}"))
    }

    #[test]
    fn a_buffer_brings_its_length() {
        let api = method("int fd, void *b, int n", "(b: out[n]) -> count");
        assert_has(
            &api,
            "pub fn rump_sys_x(&self, fd: c_int, b: &mut [u8]) -> Result<usize, Errno> {
                let n = param::length::<c_int>(b.elements())?;
                let room = b.byte_size();
                let args = args::sys_x_args {
                    fd: fd.marshal(),
                    b: b.address(),
                    n: n.marshal(),
                };
                call::count(lent!(self, &entry::X, &args)?, room)
            }",
        );
        assert_has(&api, "The kernel writes `b`.");
    }

    #[test]
    fn an_unknown_pointer_makes_the_method_unsafe() {
        let api = method("void *p, const char *s", "()");
        assert_has(&api, "pub unsafe fn rump_sys_x( &self, p: *mut c_void, s: &CStr, )");
        assert_has(&api, "raw!(self, &entry::X, &args)");
        assert_has(&api, "# Safety /// `p` must be valid");
    }

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
            assert_has(&method(params, lending), expected);
        }
    }

    #[test]
    fn a_length_that_the_kernel_answers_is_set_first() {
        let api = method("void *v, size_t *n", "(v: out[*n]?, n: inout?)");
        assert_has(&api, "v: Option<&mut [u8]>, n: Option<&mut usize>");
        assert_has(&api, "let n = n.holding(v.byte_size())?;");
    }

    #[test]
    fn a_socket_address_holds_its_length() {
        let api = method("struct sockaddr *a, socklen_t *n", "(a: out[*n]?, n: inout?)");
        assert_has(&api, "rump_sys_x(&self, a: Option<&mut netbsd::SockAddr>)");
        assert_has(&api, "let (a, n) = a.addresses(); let args = args::sys_x_args { a, n };");
    }

    #[test]
    fn checks_come_before_the_call() {
        let api = method("int n, fd_set *a, fd_set *b", "(a: fdset[n]?, b: fdset[n]?)");
        assert_eq!(api.matches("param::fits_fd_set(n)?;").count(), 1);
        let api = method(
            "const int *m, u_int l, const void *v, size_t n",
            "(m: in[l], v: sysctl[m, l, n]?)",
        );
        assert_has(&api, "param::holds_no_pointers(m, v.byte_size())?;");
    }

    #[test]
    fn a_length_of_two_buffers_is_not_trusted() {
        let api = method("void *a, void *b, size_t n", "(a: out[n], b: out[n])");
        assert_has(&api, "pub unsafe fn rump_sys_x(&self, a: &mut [u8], b: *mut c_void)");
    }

    #[test]
    fn results() {
        let returned = |ret: &str, lending: &str| {
            let entry = format!("STD RUMP {{ {ret}|sys||x(void); }}");
            generated("api.rs", &entry, &format!("x(){lending}"))
        };
        assert_has(&returned("int", ""), "Result<c_int, Errno> { lent!(self, &entry::X, &())");
        assert_has(&returned("int", " -> 0"), "Result<(), Errno>");
        assert_has(&returned("void", ""), "Result<(), Errno>");
        assert_has(&returned("int", " -> errno"), "call::errno_result(");
        assert_has(&returned("ssize_t", ""), "Result<usize, Errno>");
        assert_has(&returned("off_t", ""), "call::wide(retval) as netbsd::off_t");
        let pipe = generated("api.rs", "STD RUMP { int|sys||pipe(void); }", "");
        assert_has(&pipe, "pub fn rump_sys_pipe(&self) -> Result<[c_int; 2], Errno>");
    }

    #[test]
    fn the_annotation_file_describes_the_call() {
        let api = method("int a", "() = page(3): does this");
        assert_has(&api, "/// Does this. /// /// `page(3)`, call 0 (`SYS_x`).");
    }
}
