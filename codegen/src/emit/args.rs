//! `rumpclient/src/generated/args.rs`: the marshalling structs.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{by_number, rust_file, tokens};
use crate::resolve::{Interface, RumpCall, Slot};
use crate::types::Shape;

const WHAT: &str = "\
The marshalling structs: what the body of a system call request holds. A field is a slot of register
size (8 bytes for 64-bit values), filled by `Marshal::marshal`.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let structs = by_number(interface).into_iter().filter_map(args_struct);
    let items = quote! {
        #![allow(non_camel_case_types)]
        #[allow(unused_imports)]
        use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
        use crate::marshal::{Slot, impl_args};
        #[allow(unused_imports)]
        use crate::netbsd;
        #(#structs)*
    };
    rust_file(interface, WHAT, items)
}

fn args_struct(call: &RumpCall<'_>) -> Option<TokenStream> {
    let name = format_ident!("{}", call.call.args_struct()?);
    let doc = format!(" Arguments of `{}`, call {}.", call.call.constant(), call.call.number);
    let fields: Vec<_> = call.slots.iter().map(|slot| format_ident!("{}", slot.ident)).collect();
    let types = call.slots.iter().map(|slot| tokens(&slot.ty.rust));
    let docs = call.slots.iter().map(field_doc);
    let size = |machine: fn(&Slot<'_>) -> usize| {
        Literal::usize_unsuffixed(call.slots.iter().map(machine).sum())
    };
    let (lp64, ilp32) = (size(|_| 8), size(ilp32_slot));
    Some(quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, Default)]
        #[repr(C)]
        pub struct #name {
            #(#[doc = #docs] pub #fields: Slot<#types>,)*
        }
        impl_args!(#name { #(#fields),* } lp64: #lp64, ilp32: #ilp32);
    })
}

fn field_doc(slot: &Slot<'_>) -> String {
    if slot.param.is_pad() {
        return " Alignment filler, zero.".to_owned();
    }
    let space = if slot.ty.c.ends_with('*') { "" } else { " " };
    format!(" `{}{space}{}`", slot.ty.c, slot.param.name)
}

/// Bytes of a slot where registers have 32 bits.
fn ilp32_slot(slot: &Slot<'_>) -> usize {
    match slot.ty.shape {
        Shape::Scalar(scalar) => scalar.ilp32.max(4),
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    #[test]
    fn slots_stand_in_order_with_fillers_and_both_sizes() {
        let entry = "STD RUMP { off_t|sys||lseek(int fd, int PAD, off_t offset, int whence); }";
        let args = generated("args.rs", entry, "");
        assert_has(
            &args,
            "pub struct sys_lseek_args {
                /// `int fd`
                pub fd: Slot<c_int>,
                /// Alignment filler, zero.
                pub pad: Slot<c_int>,
                /// `off_t offset`
                pub offset: Slot<netbsd::off_t>,
                /// `int whence`
                pub whence: Slot<c_int>,
            }
            impl_args!(sys_lseek_args { fd, pad, offset, whence } lp64 : 32, ilp32 : 20);",
        );
    }

    #[test]
    fn names_that_rust_does_not_take_get_an_underscore() {
        let entry = "STD RUMP { int|sys||x(int type, int pad, int PAD, int PAD, int _); }";
        let args = generated("args.rs", entry, "");
        assert_has(&args, "sys_x_args { type_, pad, pad_, pad__, __ }");
    }

    #[test]
    fn a_call_without_arguments_has_no_struct() {
        let args = generated("args.rs", "STD RUMP { int|sys||getpgrp(void); }", "");
        assert!(!args.contains("pub struct"), "{args}");
    }
}
