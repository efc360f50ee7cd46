//! The one table of types: how a C type of `syscalls.master` looks to Rust and on the wire.
//!
//! A new scalar or struct that a later NetBSD gives to a RUMP call is one line here (and, for a
//! struct, its layout in `rumpclient::netbsd`).

use std::collections::BTreeSet;

use crate::model::Table;

/// A scalar type.
#[derive(Debug, PartialEq, Eq)]
pub struct Scalar {
    /// Its name in C.
    pub c: &'static str,
    /// Bytes on a machine with 64-bit pointers.
    pub lp64: usize,
    /// Bytes on a machine with 32-bit pointers.
    pub ilp32: usize,
    /// Whether it has negative values.
    pub signed: bool,
    /// Its name in Rust.
    pub rust: &'static str,
}

const fn int(c: &'static str, lp64: usize, ilp32: usize, rust: &'static str) -> Scalar {
    Scalar { c, lp64, ilp32, signed: true, rust }
}

const fn uint(c: &'static str, lp64: usize, ilp32: usize, rust: &'static str) -> Scalar {
    Scalar { c, lp64, ilp32, signed: false, rust }
}

/// Every scalar that occurs in the native tables since 2010, in RUMP calls or others.
#[rustfmt::skip]
const SCALARS: &[Scalar] = &[
    //   C type      LP64, ILP32   Rust type
    int( "int",           4, 4, "c_int"),
    uint("unsigned",      4, 4, "c_uint"),
    uint("unsigned int",  4, 4, "c_uint"),
    uint("u_int",         4, 4, "c_uint"),
    int( "long",          8, 4, "c_long"),
    uint("unsigned long", 8, 4, "c_ulong"),
    uint("u_long",        8, 4, "c_ulong"),
    uint("size_t",        8, 4, "usize"),
    int( "ssize_t",       8, 4, "isize"),
    int( "intptr_t",      8, 4, "isize"),
    uint("uintptr_t",     8, 4, "usize"),
    int( "register_t",    8, 4, "isize"),
    int( "int32_t",       4, 4, "i32"),
    uint("uint32_t",      4, 4, "u32"),
    int( "int64_t",       8, 8, "i64"),
    uint("uint64_t",      8, 8, "u64"),
    int( "quad_t",        8, 8, "i64"),
    uint("u_quad_t",      8, 8, "u64"),
    int( "pid_t",         4, 4, "netbsd::pid_t"),
    int( "lwpid_t",       4, 4, "i32"),
    uint("uid_t",         4, 4, "netbsd::uid_t"),
    uint("gid_t",         4, 4, "netbsd::gid_t"),
    uint("id_t",          4, 4, "netbsd::id_t"),
    int( "idtype_t",      4, 4, "netbsd::idtype_t"),
    uint("mode_t",        4, 4, "netbsd::mode_t"),
    uint("dev_t",         8, 8, "netbsd::dev_t"),
    int( "off_t",         8, 8, "netbsd::off_t"),
    int( "time_t",        8, 8, "netbsd::time_t"),
    uint("socklen_t",     4, 4, "netbsd::socklen_t"),
    int( "clockid_t",     4, 4, "netbsd::clockid_t"),
    int( "timer_t",       4, 4, "netbsd::timer_t"),
    int( "key_t",         8, 4, "c_long"),
    int( "mqd_t",         4, 4, "i32"),
    int( "psetid_t",      4, 4, "i32"),
    uint("cpuid_t",       8, 4, "c_ulong"),
    int( "acl_type_t",    4, 4, "i32"),
];

/// What a number of unknown type is taken for: it fills its register, whose low end holds what the
/// kernel reads of it, whatever its size. Only 64-bit ones on 32-bit machines would need two.
static REGISTER: Scalar = int("long", 8, 4, "isize");

/// A struct, or a typedef of one, whose layout `rumpclient::netbsd` knows under the same name.
#[derive(Debug, PartialEq, Eq)]
struct Struct {
    c: &'static str,
    /// Whether a pointer to it means these bytes and no more: it does not usually start an array,
    /// and holds no pointers that the kernel follows. Then the type alone says what is lent.
    alone: bool,
}

#[rustfmt::skip]
const STRUCTS: &[Struct] = &[
    Struct { c: "fd_set",               alone: false },
    Struct { c: "sigset_t",             alone: true },
    Struct { c: "struct aiocb",         alone: false },
    Struct { c: "struct iovec",         alone: false },
    Struct { c: "struct itimerspec",    alone: true },
    Struct { c: "struct itimerval",     alone: true },
    Struct { c: "struct kevent",        alone: false },
    Struct { c: "struct kevent100",     alone: false },
    Struct { c: "struct mmsghdr",       alone: false },
    Struct { c: "struct msghdr",        alone: false },
    Struct { c: "struct pollfd",        alone: false },
    Struct { c: "struct quotactl_args", alone: false },
    Struct { c: "struct rlimit",        alone: true },
    Struct { c: "struct sigevent",      alone: true },
    Struct { c: "struct stat",          alone: true },
    Struct { c: "struct stat30",        alone: true },
    Struct { c: "struct statvfs",       alone: true },
    Struct { c: "struct statvfs90",     alone: true },
    Struct { c: "struct timespec",      alone: true },
    Struct { c: "struct timespec50",    alone: true },
    Struct { c: "struct timeval",       alone: true },
    Struct { c: "struct timeval50",     alone: true },
    Struct { c: "struct timezone",      alone: true },
];

/// Stars a type may have. No table has more than two; without a bound, a hostile one could make
/// types too deep to print.
const MAX_POINTER_LEVELS: usize = 4;

/// Structs that changed under their name. A table that does not know the old layout's later name
/// yet means the old layout by the plain name.
const RENAMED: &[(&str, &str)] =
    &[("struct statvfs", "struct statvfs90"), ("struct kevent", "struct kevent100")];

/// The plain names of old structs, which is how the C interface spells them.
const UNCOMPAT: &[(&str, &str)] = &[
    ("struct timeval50", "struct timeval"),
    ("struct timespec50", "struct timespec"),
    ("struct stat30", "struct stat"),
    ("struct statvfs90", "struct statvfs"),
    ("struct kevent100", "struct kevent"),
];

/// What the C types of one table mean.
#[derive(Debug)]
pub struct Types {
    /// Entries of [`RENAMED`] that this table is too old for.
    older: Vec<(&'static str, &'static str)>,
}

/// A C type that an argument or result of a RUMP call may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// As the table spells it.
    pub c: String,
    /// As the C interface spells it: old structs under their plain names, and what only the table
    /// knows as `long` or `void *`.
    pub header: String,
    /// Whether the type is in the tables above.
    pub known: bool,
    /// The same in Rust, with the names of `core::ffi` and `rumpclient::netbsd`.
    pub rust: String,
    /// What sort of type it is.
    pub shape: Shape,
}

/// Sorts of types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `void`, of results.
    Void,
    /// A number.
    Scalar(&'static Scalar),
    /// A pointer.
    Pointer {
        /// What it points at.
        target: Target,
        /// Whether it points at constant data.
        constant: bool,
    },
}

/// What a pointer points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `void`: memory of any sort.
    Void,
    /// `char`: text, or bytes.
    Char,
    /// `struct sockaddr`: as many bytes as its family needs.
    Sockaddr,
    /// A number.
    Scalar(&'static Scalar),
    /// A struct of known layout.
    Struct {
        /// Its name in Rust.
        rust: String,
        /// It is one by itself, neither start of an array nor full of pointers.
        alone: bool,
    },
    /// A struct that the kernel knows and we do not.
    Unknown,
    /// Another pointer.
    Pointer,
}

impl Scalar {
    fn find(c: &str) -> Option<&'static Scalar> {
        SCALARS.iter().find(|scalar| scalar.c == c)
    }
}

impl Target {
    /// Its name in Rust as an element of a slice; `None` where its size is not known.
    pub fn element(&self) -> Option<&str> {
        match self {
            Target::Void | Target::Char | Target::Sockaddr => Some("u8"),
            Target::Scalar(scalar) => Some(scalar.rust),
            Target::Struct { rust, .. } => Some(rust),
            Target::Unknown | Target::Pointer => None,
        }
    }

    /// Its name in Rust behind a raw pointer.
    fn pointee(&self) -> &str {
        match self {
            Target::Void | Target::Unknown | Target::Pointer => "c_void",
            Target::Char => "c_char",
            Target::Sockaddr => "netbsd::sockaddr",
            Target::Scalar(scalar) => scalar.rust,
            Target::Struct { rust, .. } => rust,
        }
    }
}

impl Types {
    /// The types as `table` means them.
    pub fn of(table: &Table) -> Types {
        let named: BTreeSet<&str> =
            table.calls().flat_map(|call| &call.params).map(|it| base(&it.c_type)).collect();
        let older = RENAMED.iter().copied().filter(|(_, old)| !named.contains(old)).collect();
        Types { older }
    }

    /// What a C type means; `None` for one that is not in the tables above, and for values that
    /// no register holds.
    pub fn resolve(&self, c: &str) -> Option<Type> {
        if c.matches('*').count() > MAX_POINTER_LEVELS {
            return None;
        }
        let name = base(c);
        let mut levels = c.split('*');
        let mut constant = levels.next().is_some_and(is_const);
        let target = self.target(name)?;
        let mut rust = target.pointee().to_owned();
        let mut shape = match &target {
            Target::Scalar(scalar) => Some(Shape::Scalar(scalar)),
            Target::Void => Some(Shape::Void),
            _ => None,
        };
        for (depth, qualifiers) in levels.enumerate() {
            rust = format!("*{} {rust}", if constant { "const" } else { "mut" });
            let target = if depth == 0 { target.clone() } else { Target::Pointer };
            shape = Some(Shape::Pointer { target, constant });
            constant = is_const(qualifiers);
        }
        Some(Type { c: c.to_owned(), header: uncompat(c), known: true, rust, shape: shape? })
    }

    /// The safe default for a type that nobody has told the generator of: a register for a number,
    /// opaque memory behind a pointer. `None` for what no register holds.
    pub fn assume(&self, c: &str) -> Option<Type> {
        let name = base(c);
        let (header, rust, shape) = match c.matches('*').count() {
            0 if !name.ends_with("_t") && !name.split(' ').all(is_builtin) => return None,
            0 => ("long", REGISTER.rust, Shape::Scalar(&REGISTER)),
            1..=MAX_POINTER_LEVELS => {
                let shape = Shape::Pointer { target: Target::Unknown, constant: false };
                ("void *", "*mut c_void", shape)
            }
            _ => return None,
        };
        let (header, rust) = (header.to_owned(), rust.to_owned());
        Some(Type { c: c.to_owned(), header, known: false, rust, shape })
    }

    /// A struct of known layout by its name without `struct`.
    pub fn named_struct(&self, name: &str) -> Option<Target> {
        match self.target(&format!("struct {name}")) {
            Some(target @ Target::Struct { .. }) => Some(target),
            _ => None,
        }
    }

    fn target(&self, name: &str) -> Option<Target> {
        let name = self.older.iter().find(|(new, _)| *new == name).map_or(name, |(_, old)| old);
        let known = STRUCTS.iter().find(|known| known.c == name);
        Some(match (name, known, Scalar::find(name)) {
            ("void", ..) => Target::Void,
            ("char", ..) => Target::Char,
            ("struct sockaddr", ..) => Target::Sockaddr,
            (_, Some(known), _) => Target::Struct {
                rust: format!("netbsd::{}", name.trim_start_matches("struct ")),
                alone: known.alone,
            },
            (_, _, Some(scalar)) => Target::Scalar(scalar),
            _ if name.starts_with("struct ") || name.starts_with("union ") => Target::Unknown,
            _ => return None,
        })
    }
}

/// A type without stars and qualifiers: `struct stat` of `const struct stat *`.
fn base(c: &str) -> &str {
    let innermost = c.split('*').next().unwrap_or_default().trim();
    let name = innermost.strip_prefix("const ").unwrap_or(innermost);
    name.strip_suffix(" const").unwrap_or(name)
}

/// Words of C's own types.
fn is_builtin(word: &str) -> bool {
    ["unsigned", "signed", "char", "short", "int", "long"].contains(&word)
}

/// A type with old structs under their plain names.
fn uncompat(c: &str) -> String {
    match UNCOMPAT.iter().find(|(old, _)| base(c) == *old) {
        Some((old, plain)) => c.replacen(old, plain, 1),
        None => c.to_owned(),
    }
}

fn is_const(qualifiers: &str) -> bool {
    qualifiers.split(' ').any(|word| word == "const")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(table: &str) -> Types {
        Types::of(&crate::parse(table.as_bytes(), "t").unwrap())
    }

    fn rust(c: &str) -> Option<String> {
        let kernel = "id\n0 STD { int|sys||a(struct statvfs90 *a, struct kevent100 *b); }\n";
        types(kernel).resolve(c).map(|it| it.rust)
    }

    #[test]
    fn pointers_keep_their_constness() {
        for (c, expected) in [
            ("int", "c_int"),
            ("const char *", "*const c_char"),
            ("void **", "*mut *mut c_void"),
            ("char *const *", "*const *mut c_char"),
            ("const struct aiocb *const *", "*const *const netbsd::aiocb"),
            ("const sigset_t *", "*const netbsd::sigset_t"),
            ("struct nobody *", "*mut c_void"),
            ("union __semun *", "*mut c_void"),
            ("void", "c_void"),
        ] {
            assert_eq!(rust(c).as_deref(), Some(expected), "{c}");
        }
    }

    #[test]
    fn what_no_register_holds_is_not_a_type() {
        for c in ["nobody_t", "nobody_t *", "struct stat", "fd_set", "char", "struct nobody", ""] {
            assert_eq!(rust(c), None, "{c}");
        }
    }

    #[test]
    fn an_old_table_means_the_old_structs() {
        let old = types("id\n0 STD { int|sys||a(struct statvfs *a); }\n");
        assert_eq!(old.resolve("struct statvfs *").unwrap().rust, "*mut netbsd::statvfs90");
        assert_eq!(old.resolve("struct kevent *").unwrap().rust, "*mut netbsd::kevent100");
        assert_eq!(rust("struct statvfs *").unwrap(), "*mut netbsd::statvfs");
        assert_eq!(rust("struct kevent *").unwrap(), "*mut netbsd::kevent");
    }

    #[test]
    fn scalars_are_unique() {
        let names: BTreeSet<&str> = SCALARS.iter().map(|scalar| scalar.c).collect();
        assert_eq!(names.len(), SCALARS.len());
    }
}
