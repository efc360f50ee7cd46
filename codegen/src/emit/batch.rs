//! `rumpclient/src/generated/batch.rs`: a method of `Batch` for each RUMP call that is safe to make.

use proc_macro2::TokenStream;
use quote::quote;

use super::method::{Method, imports, methods};
use super::{doc_lines, rust_file};
use crate::resolve::Interface;

const WHAT: &str = "\
The system calls as methods of [`Batch`], by number: those that are safe to make.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let methods = methods(interface).filter(|it| it.call.is_safe()).map(|it| method(&it));
    let imports = imports();
    let items = quote! {
        #imports
        use crate::batch::{Batch, Pending, queued};
        use crate::generated::prepare;
        #[allow(unused_imports)]
        use crate::netbsd;
        impl<'m> Batch<'m> {
            #(#methods)*
        }
    };
    rust_file(interface, WHAT, items)
}

fn method(method: &Method<'_>) -> TokenStream {
    let name = method.name();
    let page = &method.call.page;
    let docs =
        doc_lines(&[format!("Queues `{page}`, see [`Client::{name}`](crate::Client::{name}).")]);
    let params = method.params(&quote!('m));
    let names = method.names();
    let returns = method.return_type();
    quote! {
        #(#[doc = #docs])*
        pub fn #name(&self, #(#params),*) -> Pending<'_, #returns> {
            queued!(self, prepare::#name(#(#names),*))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    #[test]
    fn a_method_prepares_a_call_and_queues_it() {
        let entry = "STD RUMP { ssize_t|sys||x(int fd, void *b, size_t n); }";
        let batch = generated("batch.rs", entry, "x(b: out[n]) = page(2): does this");
        assert_has(
            &batch,
            "/// Queues `page(2)`, see [`Client::rump_sys_x`](crate::Client::rump_sys_x).
            pub fn rump_sys_x(&self, fd: c_int, b: &'m mut [u8]) -> Pending<'_, usize> {
                queued!(self, prepare::rump_sys_x(fd, b))
            }",
        );
    }

    #[test]
    fn only_safe_calls_are_queued() {
        let batch = generated("batch.rs", "STD RUMP { int|sys||x(void *p); }", "x()");
        assert!(!batch.contains("rump_sys_x"), "{batch}");
    }
}
