//! `rumpclient-sys/src/generated/exports.rs`: the C functions.
//!
//! Functions that the header declares variadic have fixed parameters here, as in NetBSD's library.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{by_number, rust_file, tokens};
use crate::model::Kind;
use crate::resolve::{Interface, Lend, Outcome, RumpCall};
use crate::types::Shape;

const WHAT: &str = "\
The exported functions: one for each RUMP call, and for each version of it.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let functions = by_number(interface).into_iter().map(function);
    let items = quote! {
        // Exported names and `unsafe fn` declarations; there are no unsafe blocks here.
        #![allow(unsafe_code)]
        #[allow(unused_imports)]
        use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
        use rumpclient::args;
        use rumpclient::marshal::Marshal;
        #[allow(unused_imports)]
        use rumpclient::netbsd;
        use crate::export::syscall;
        #(#functions)*
    };
    rust_file(interface, WHAT, items)
}

fn function(call: &RumpCall<'_>) -> TokenStream {
    let symbol = format_ident!("{}", call.call.symbol());
    let number = Literal::u32_unsuffixed(call.call.number);
    let doc = format!(" `{}`, call {}.", call.page, call.call.number);
    let signature = |params: TokenStream, returns: TokenStream, body: TokenStream| {
        quote! {
            #[doc = #doc]
            #[doc = ""]
            #[doc = " # Safety"]
            #[doc = " Pointers must be what the manual page asks for."]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn #symbol(#params) #returns { #body }
        }
    };
    if call.outcome == Outcome::Descriptors {
        let body = quote!(syscall!(pipe, #number, fildes));
        return signature(quote!(fildes: *mut c_int), quote!(-> c_int), body);
    }
    let params = call.params().map(|slot| {
        let (ident, ty) = (format_ident!("{}", slot.ident), tokens(&slot.ty.rust));
        quote!(#ident: #ty)
    });
    let returns = tokens(&call.returns.rust);
    let (mode, returns) = match (&call.returns.shape, call.call.kind == Kind::Noerr) {
        (Shape::Void, _) => (quote!(no_value), quote!()),
        (_, true) if call.outcome == Outcome::Errno => (quote!(error_number), quote!(-> #returns)),
        (_, true) => (quote!(no_error), quote!(-> #returns)),
        (_, false) => (quote!(ordinary), quote!(-> #returns)),
    };
    signature(quote!(#(#params),*), returns, body(call, &mode, &number))
}

fn body(call: &RumpCall<'_>, mode: &TokenStream, number: &Literal) -> TokenStream {
    let Some(name) = call.call.args_struct() else {
        return quote!(syscall!(#mode, #number, &()));
    };
    let name = format_ident!("{name}");
    let fields = call.slots.iter().map(|slot| {
        let ident = format_ident!("{}", slot.ident);
        if slot.lend == Lend::Pad { quote!(#ident: 0) } else { quote!(#ident: #ident.marshal()) }
    });
    quote! {
        let args = args::#name { #(#fields),* };
        syscall!(#mode, #number, &args)
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    #[test]
    fn variadic_calls_have_fixed_parameters_and_fillers_are_zero() {
        let entry = "STD RUMP { int|sys|30|x(int fd, int PAD, off_t o, ... void *v); }";
        assert_has(
            &generated("exports.rs", entry, ""),
            "#[unsafe(no_mangle)]
            pub unsafe extern \"C\" fn rump___sysimpl_x30(
                fd: c_int,
                o: netbsd::off_t,
                v: *mut c_void,
            ) -> c_int {
                let args = args::sys___x30_args {
                    fd: fd.marshal(),
                    pad: 0,
                    o: o.marshal(),
                    v: v.marshal(),
                };
                syscall!(ordinary, 0, &args)
            }",
        );
    }

    #[test]
    fn each_kind_treats_errno_in_its_way() {
        let export = |entry: &str| generated("exports.rs", entry, "");
        let getpid = export("NOERR RUMP { pid_t|sys||getpid_with_ppid(void); } getpid");
        assert_has(
            &getpid,
            "rump___sysimpl_getpid() -> netbsd::pid_t { syscall!(no_error, 0, &())",
        );
        let sync = export("STD RUMP { void|sys||sync(void); }");
        assert_has(&sync, "rump___sysimpl_sync() { syscall!(no_value, 0, &()) }");
        let pipe = export("STD RUMP { int|sys||pipe(void); }");
        assert_has(&pipe, "rump_sys_pipe(fildes: *mut c_int) -> c_int { syscall!(pipe, 0, fildes)");
    }
}
