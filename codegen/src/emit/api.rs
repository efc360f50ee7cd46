//! `rumpclient/src/generated/api.rs`: a method of `Client` for each RUMP call.
//!
//! A method is safe where every pointer argument is a reference that covers what the dispatch table
//! says the argument lends. The methods hold no `unsafe` blocks: those are in the macros `lent!` and
//! `raw!`.

use proc_macro2::TokenStream;
use quote::quote;

use super::method::{Method, imports, methods};
use super::{doc_lines, rust_file};
use crate::lending::Dir;
use crate::model::Kind;
use crate::resolve::{Extent, Interface, Lend, Slot};

const WHAT: &str = "\
The system calls as methods of [`Client`], by number. The newest of several versions of a call has
the plain name.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let methods = methods(interface).map(|method| method.emit());
    let imports = imports();
    let items = quote! {
        // Only `unsafe fn` declarations; there are no unsafe blocks here.
        #![allow(unsafe_code)]
        #imports
        #[allow(unused_imports)]
        use crate::call::{lent, raw};
        use crate::client::Client;
        use crate::generated::prepare;
        #[allow(unused_imports)]
        use crate::netbsd::{self, Errno};
        impl Client {
            #(#methods)*
        }
    };
    rust_file(interface, WHAT, items)
}

impl Method<'_> {
    fn emit(&self) -> TokenStream {
        let call = self.call;
        let name = self.name();
        let docs = self.docs();
        let (qualifier, make) = match call.is_safe() {
            true => (None, quote!(lent)),
            false => (Some(quote!(unsafe)), quote!(raw)),
        };
        let params = self.params(&TokenStream::new());
        let names = self.names();
        let returns = self.return_type();
        quote! {
            #(#[doc = #docs])*
            pub #qualifier fn #name(&self, #(#params),*) -> Result<#returns, Errno> {
                #make!(self, prepare::#name(#(#names),*))
            }
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
    fn a_method_prepares_a_call_and_makes_it() {
        let api = method("int fd, void *b, int n", "(b: out[n]) -> count");
        assert_has(
            &api,
            "pub fn rump_sys_x(&self, fd: c_int, b: &mut [u8]) -> Result<usize, Errno> {
                lent!(self, prepare::rump_sys_x(fd, b))
            }",
        );
        assert_has(&api, "The kernel writes `b`.");
    }

    #[test]
    fn an_unknown_pointer_makes_the_method_unsafe() {
        let api = method("void *p, const char *s", "()");
        assert_has(&api, "pub unsafe fn rump_sys_x( &self, p: *mut c_void, s: &CStr, )");
        assert_has(&api, "raw!(self, prepare::rump_sys_x(p, s))");
        assert_has(&api, "# Safety /// `p` must be valid");
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
        for (ret, lending, expected) in [
            ("int", "", "c_int"),
            ("int", " -> 0", "()"),
            ("void", "", "()"),
            ("int", " -> errno", "()"),
            ("ssize_t", "", "usize"),
            ("off_t", "", "netbsd::off_t"),
        ] {
            let expected = format!("rump_sys_x(&self) -> Result<{expected}, Errno>");
            assert_has(&returned(ret, lending), &expected);
        }
        let pipe = generated("api.rs", "STD RUMP { int|sys||pipe(void); }", "");
        assert_has(&pipe, "pub fn rump_sys_pipe(&self) -> Result<[c_int; 2], Errno>");
    }

    #[test]
    fn the_annotation_file_describes_the_call() {
        let api = method("int a", "() = page(3): does this");
        assert_has(&api, "/// Does this. /// /// `page(3)`, call 0 (`SYS_x`).");
    }
}
