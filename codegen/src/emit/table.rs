//! `rumpclient/src/generated/table.rs`: the dispatch table.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{by_number, rust_file, tokens};
use crate::lending::Dir;
use crate::model::Kind;
use crate::resolve::{Extent, Interface, Lend, RumpCall, Slot};
use crate::types::{Shape, Target};

const WHAT: &str = "\
The dispatch table: every RUMP call with its number, names, flags, and what memory its arguments
lend.";

pub(super) fn emit(interface: &Interface<'_>) -> String {
    let calls = by_number(interface);
    let ident = interface.ident;
    let names: Vec<_> = calls.iter().map(|call| format_ident!("{}", call.constant())).collect();
    let entries = calls.iter().zip(&names).map(|(call, name)| {
        let entry = entry(call);
        let doc = format!(" `{}`, call {}.", call.call.constant(), call.call.number);
        quote! {
            #[doc = #doc]
            pub static #name: Syscall = #entry;
        }
    });
    let items = quote! {
        use crate::table::Syscall;
        /// The first line of the table this was made from: its revision.
        pub static MASTER: &str = #ident;
        /// Every RUMP call, by number.
        pub static SYSCALLS: &[&Syscall] = &[#(&entry::#names),*];
        /// The calls under their own names, in upper case.
        pub mod entry {
            #[allow(unused_imports)]
            use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
            use core::mem::offset_of;
            use crate::generated::args;
            #[allow(unused_imports)]
            use crate::netbsd;
            use crate::table::{Arg, Dir, Extent, Kind, Lend, Syscall};
            #(#entries)*
        }
    };
    rust_file(interface, WHAT, items)
}

fn entry(call: &RumpCall<'_>) -> TokenStream {
    let number = Literal::u32_unsuffixed(call.call.number);
    let name = &call.name;
    let constant = call.call.constant();
    let symbol = call.call.symbol();
    let args_struct = call.call.args_struct().unwrap_or_default();
    let size = match call.call.args_struct() {
        Some(name) => {
            let name = format_ident!("{name}");
            quote!(size_of::<args::#name>())
        }
        None => quote!(0),
    };
    let kind = match &call.call.kind {
        Kind::Noerr => quote!(Kind::Noerr),
        kind @ Kind::Compat(_) => {
            let name = kind.to_string();
            quote!(Kind::Compat(#name))
        }
        _ => quote!(Kind::Std),
    };
    let module = match &call.call.module {
        Some(name) => quote!(Some(#name)),
        None => quote!(None),
    };
    let returns = &call.returns.c;
    let args = call.slots.iter().map(|slot| arg(slot, &args_struct));
    quote! {
        Syscall {
            number: #number,
            name: #name,
            constant: #constant,
            symbol: #symbol,
            args_struct: #args_struct,
            size: #size,
            kind: #kind,
            module: #module,
            returns: #returns,
            args: &[#(#args),*],
        }
    }
}

fn arg(slot: &Slot<'_>, args_struct: &str) -> TokenStream {
    let name = &slot.param.name;
    let c_type = &slot.ty.c;
    let (args_struct, field) = (format_ident!("{args_struct}"), format_ident!("{}", slot.ident));
    let rust = tokens(&slot.ty.rust);
    let signed = matches!(slot.ty.shape, Shape::Scalar(scalar) if scalar.signed);
    let lend = lend(&slot.lend);
    quote! {
        Arg {
            name: #name,
            c_type: #c_type,
            offset: offset_of!(args::#args_struct, #field),
            width: size_of::<#rust>(),
            signed: #signed,
            lend: #lend,
        }
    }
}

fn lend(lend: &Lend) -> TokenStream {
    let index = |index: &usize| Literal::usize_unsuffixed(*index);
    match lend {
        Lend::Value => quote!(Lend::Value),
        Lend::Pad => quote!(Lend::Pad),
        Lend::Str => quote!(Lend::Str),
        Lend::Mem { dir: way, element, extent: len } => {
            let (way, len) = (dir(*way), extent(element, *len));
            quote!(Lend::Mem { dir: #way, len: #len })
        }
        Lend::Iovec(way, count) => {
            let (way, count) = (dir(*way), index(count));
            quote!(Lend::Iovec { dir: #way, count: #count })
        }
        Lend::Msghdr(way) => {
            let way = dir(*way);
            quote!(Lend::Msghdr { dir: #way })
        }
        Lend::Mmsghdr(way, count) => {
            let (way, count) = (dir(*way), index(count));
            quote!(Lend::Mmsghdr { dir: #way, count: #count })
        }
        Lend::Ioctl(com) => {
            let com = index(com);
            quote!(Lend::Ioctl { com: #com })
        }
        Lend::Fcntl(cmd) => {
            let cmd = index(cmd);
            quote!(Lend::Fcntl { cmd: #cmd })
        }
        Lend::Sysctl(name, namelen, len) => {
            let (name, namelen, len) = (index(name), index(namelen), index(len));
            quote!(Lend::SysctlNew { name: #name, namelen: #namelen, len: #len })
        }
        Lend::Opaque => quote!(Lend::Opaque),
    }
}

fn dir(dir: Dir) -> TokenStream {
    match dir {
        Dir::In => quote!(Dir::In),
        Dir::Out => quote!(Dir::Out),
        Dir::InOut => quote!(Dir::InOut),
    }
}

fn extent(element: &Target, extent: Extent) -> TokenStream {
    // The resolver lets only elements of known size through.
    let unit = match element.element().unwrap_or("u8") {
        "u8" => quote!(1),
        rust => {
            let rust = tokens(rust);
            quote!(size_of::<#rust>())
        }
    };
    let index = |index: usize| Literal::usize_unsuffixed(index);
    match extent {
        Extent::Fixed(1) => quote!(Extent::Bytes(#unit)),
        Extent::Fixed(count) => {
            let count = Literal::usize_unsuffixed(count);
            quote!(Extent::Bytes(#count * #unit))
        }
        Extent::Elements(arg) => {
            let arg = index(arg);
            quote!(Extent::Arg { index: #arg, unit: #unit })
        }
        Extent::Bytes(arg) => {
            let arg = index(arg);
            quote!(Extent::Arg { index: #arg, unit: 1 })
        }
        Extent::Pointee { index: arg, length } => {
            let (arg, length) = (index(arg), tokens(length.rust));
            quote!(Extent::Pointee { index: #arg, width: size_of::<#length>() })
        }
        Extent::Bits(arg) => {
            let arg = index(arg);
            quote!(Extent::FdSet { index: #arg })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::emit::tests::{assert_has, generated};

    fn lend(params: &str, lending: &str) -> String {
        let entry = format!("STD RUMP {{ int|sys||x({params}); }}");
        generated("table.rs", &entry, &format!("x({lending})"))
    }

    #[test]
    fn an_entry_says_all_the_table_does() {
        let entry = "COMPAT_50 MODULAR aio RUMP { ssize_t|sys|30|x(int fd); }";
        let table = generated("table.rs", entry, "");
        assert_has(
            &table,
            r#"pub static X: Syscall = Syscall {
                number: 0,
                name: "x",
                constant: "SYS_compat_50___x30",
                symbol: "rump___sysimpl_x30",
                args_struct: "compat_50_sys___x30_args",
                size: size_of::<args::compat_50_sys___x30_args>(),
                kind: Kind::Compat("COMPAT_50"),
                module: Some("aio"),
                returns: "ssize_t","#,
        );
    }

    #[test]
    fn both_forms_of_modular_and_none() {
        let module = |flags: &str| {
            generated("table.rs", &format!("STD {flags} RUMP {{ int|sys||x(void); }}"), "")
        };
        assert_has(&module(""), "module: None");
        assert_has(&module("MODULAR"), r#"module: Some("")"#);
        assert_has(&module("MODULAR ksem"), r#"module: Some("ksem")"#);
    }

    #[test]
    fn lengths_are_by_element_of_what_the_pointer_points_at() {
        for (params, lending, expected) in [
            ("void *b, size_t n", "b: out[n]", "len: Extent::Arg { index: 1, unit: 1 }"),
            (
                "const gid_t *b, int n",
                "b: in[n]",
                "dir: Dir::In, len: Extent::Arg { index: 1, unit: size_of::<netbsd::gid_t>() }",
            ),
            (
                "struct statvfs *b, size_t n, struct statvfs90 *c",
                "b: out[n bytes]",
                "len: Extent::Arg { index: 1, unit: 1 }",
            ),
            ("int *b", "b: out[2]", "len: Extent::Bytes(2 * size_of::<c_int>())"),
            ("void *b", "b: out timezone", "Extent::Bytes(size_of::<netbsd::timezone>())"),
            (
                "struct sockaddr *b, socklen_t *n",
                "b: out[*n], n: inout",
                "Extent::Pointee { index: 1, width: size_of::<netbsd::socklen_t>() }",
            ),
            ("int n, fd_set *b", "b: fdset[n]", "len: Extent::FdSet { index: 0 }"),
        ] {
            assert_has(&lend(params, lending), expected);
        }
    }
}
