//! What a table holds: its entries, and the names that follow from them.
//!
//! All the naming rules of NetBSD's generator are methods of [`Call`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::source::{Source, Span};

/// A parsed `syscalls.master`.
#[derive(Clone, Debug)]
pub struct Table {
    /// The first line, which names the revision, without its `$` and without blanks at its end.
    pub ident: String,
    /// The entries in the order of the file. A number comes twice where `#if` arms differ.
    pub entries: Vec<Entry>,
    pub(crate) source: Source,
}

/// One numbered entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The system call number.
    pub number: u32,
    /// The condition the entry stands under, as `#if X` or `#else of #if X`; the innermost one.
    pub condition: Option<Arc<str>>,
    /// What the number is for.
    pub what: What,
    /// Where the number stands.
    pub span: Span,
}

/// What a number is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A system call.
    Call(Box<Call>),
    /// No call of this kernel.
    Reserved {
        /// Why not.
        why: Reserved,
        /// The free text behind it, usually the name of a call.
        comment: String,
    },
}

/// The types of entries without a prototype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// `OBSOL`: was a call once.
    Obsolete,
    /// `UNIMPL`: nothing.
    Unimplemented,
    /// `EXCL`: implemented, left out of this kernel.
    Excluded,
    /// `IGNORED`: does nothing and succeeds.
    Ignored,
}

/// The types of entries with a prototype.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `STD`.
    Std,
    /// `NODEF`: no `SYS_` constant.
    Nodef,
    /// `NOARGS`: the argument struct is only declared.
    Noargs,
    /// `INDIR`: a call that makes another one.
    Indir,
    /// `NOERR`: never fails, or returns an errno number itself.
    Noerr,
    /// `EXTERN`: belongs to third-party code.
    Extern,
    /// `COMPAT_nn`: kept for binaries of an older release; holds the digits.
    Compat(String),
}

/// The prototype and flags of a system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number.
    pub number: u32,
    /// The entry's type.
    pub kind: Kind,
    /// The `INDIR` flag.
    pub indirect: bool,
    /// The kernel module behind `MODULAR`; empty where the table names none (before NetBSD 8).
    pub module: Option<String>,
    /// The `RUMP` flag: rump kernels serve it.
    pub rump: bool,
    /// The C return type, e.g. `ssize_t`.
    pub returns: String,
    /// The prefix of the kernel's function, `sys` in the native table.
    pub prefix: String,
    /// The version suffix, e.g. `50`; empty for calls that never changed.
    pub compat: String,
    /// The name without prefix and version.
    pub base: String,
    /// The parameters in order, fillers included.
    pub params: Vec<Param>,
    /// How many parameters come before the `...`, for calls with a variable part.
    pub varargs: Option<usize>,
    /// The name behind the closing brace.
    pub alias: Option<String>,
    /// Where the name stands.
    pub span: Span,
    /// Where the return type stands.
    pub returns_span: Span,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its C type, blanks normalized: `const struct aiocb *const *`.
    pub c_type: String,
    /// Its name.
    pub name: String,
    /// What stands between the brackets of an array parameter.
    pub array: Option<String>,
    /// Where the type starts.
    pub span: Span,
    /// Where the name stands.
    pub name_span: Span,
}

impl Table {
    /// The system calls in the order of the file.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Call(call) => Some(&**call),
            What::Reserved { .. } => None,
        })
    }

    /// The calls that rump kernels serve, in the order of the file.
    pub fn rump_calls(&self) -> impl Iterator<Item = &Call> {
        self.calls().filter(|call| call.rump)
    }

    /// The calls that rump kernels serve, each with its name in the Rust and C interface.
    ///
    /// The last of several versions has the plain name (`stat`). An older one has its version
    /// behind it (`stat30`), or, if it comes from before there were versions, the release that it
    /// is kept for in front (`compat_50_mknod`).
    pub fn named_rump_calls(&self) -> Vec<(String, &Call)> {
        let calls: Vec<&Call> = self.rump_calls().collect();
        let newest: BTreeMap<&str, u32> =
            calls.iter().map(|call| (call.real_name(), call.number)).collect();
        let name = |call: &Call| match newest.get(call.real_name()) {
            Some(&number) if number == call.number => call.real_name().to_owned(),
            _ if call.compat.is_empty() => {
                format!("{}{}", call.compat_prefix(), call.real_name())
            }
            _ => call.versioned_name(),
        };
        calls.into_iter().map(|call| (name(call), call)).collect()
    }
}

impl Call {
    /// `sys_read`, `sys___stat50`: the kernel's function without what [`Kind::Compat`] puts in
    /// front.
    pub fn function_base(&self) -> String {
        if self.compat.is_empty() {
            format!("{}_{}", self.prefix, self.base)
        } else {
            format!("{}___{}{}", self.prefix, self.base, self.compat)
        }
    }

    /// The kernel's function: `sys_read`, `compat_50_sys___stat30`.
    pub fn function(&self) -> String {
        format!("{}{}", self.compat_prefix(), self.function_base())
    }

    /// The name behind `SYS_` but for the compat prefix: `read`, `__stat50`.
    pub fn function_alias(&self) -> String {
        match &self.alias {
            Some(alias) => alias.clone(),
            None => strip_prefix(&self.function_base()).to_owned(),
        }
    }

    /// The constant of `<sys/syscall.h>`: `SYS_read`, `SYS_compat_50___stat30`.
    pub fn constant(&self) -> String {
        format!("SYS_{}{}", self.compat_prefix(), self.function_alias())
    }

    /// The marshalling struct, `None` where nothing is sent.
    pub fn args_struct(&self) -> Option<String> {
        (!self.params.is_empty()).then(|| format!("{}_args", self.function()))
    }

    /// The name users know: the alias, or the base without version.
    pub fn real_name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.base)
    }

    /// The name with its version: `stat50`. An alias has none.
    pub fn versioned_name(&self) -> String {
        match &self.alias {
            Some(alias) => alias.clone(),
            None => format!("{}{}", self.base, self.compat),
        }
    }

    /// The C symbol that implements it: `rump___sysimpl_stat50`, or `rump_sys_pipe`.
    pub fn symbol(&self) -> String {
        if self.is_pipe() {
            return "rump_sys_pipe".to_owned();
        }
        format!("rump___sysimpl_{}", self.versioned_name())
    }

    /// The function of the C header: `rump_sys_stat`.
    pub fn rump_name(&self) -> String {
        format!("rump_sys_{}", self.real_name())
    }

    /// The macro that renames it, `RUMP_SYS_RENAME_STAT`; pipe has none.
    pub fn rename_macro(&self) -> Option<String> {
        (!self.is_pipe())
            .then(|| format!("RUMP_SYS_RENAME_{}", self.real_name().to_ascii_uppercase()))
    }

    /// Whether it is `pipe`, which returns two values in registers and has a C prototype that the
    /// table does not give.
    pub fn is_pipe(&self) -> bool {
        self.rump && self.base == "pipe"
    }

    /// `compat_50_` for [`Kind::Compat`], else nothing.
    pub fn compat_prefix(&self) -> String {
        match &self.kind {
            Kind::Compat(digits) => format!("compat_{digits}_"),
            _ => String::new(),
        }
    }
}

/// Takes `sys_` and everything before it off, the way the regular expression `^([^_]+_)*sys_`
/// does.
fn strip_prefix(function: &str) -> &str {
    let mut rest = function;
    let mut stripped = function;
    // Greedy like the expression: the last `sys_` behind non-empty words wins.
    while let Some((word, tail)) = rest.split_once('_') {
        if word.is_empty() {
            break;
        }
        if word == "sys" {
            stripped = tail;
        }
        rest = tail;
    }
    stripped
}

impl Param {
    /// Whether it is an alignment filler and no parameter of the C function.
    pub fn is_pad(&self) -> bool {
        self.name == "PAD"
    }
}

impl Reserved {
    /// The word in the table.
    pub fn keyword(self) -> &'static str {
        match self {
            Reserved::Obsolete => "OBSOL",
            Reserved::Unimplemented => "UNIMPL",
            Reserved::Excluded => "EXCL",
            Reserved::Ignored => "IGNORED",
        }
    }

    /// The type that a word in the table means.
    pub fn from_keyword(word: &str) -> Option<Reserved> {
        [Reserved::Obsolete, Reserved::Unimplemented, Reserved::Excluded, Reserved::Ignored]
            .into_iter()
            .find(|reserved| reserved.keyword() == word)
    }
}

impl Kind {
    /// The type that a word in the table means.
    pub fn from_keyword(word: &str) -> Option<Kind> {
        Some(match word {
            "STD" => Kind::Std,
            "NODEF" => Kind::Nodef,
            "NOARGS" => Kind::Noargs,
            "INDIR" => Kind::Indir,
            "NOERR" => Kind::Noerr,
            "EXTERN" => Kind::Extern,
            _ => {
                let digits = word.strip_prefix("COMPAT_")?;
                let release = (2..=3).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                Kind::Compat(release.then(|| digits.to_owned())?)
            }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Std => f.write_str("STD"),
            Kind::Nodef => f.write_str("NODEF"),
            Kind::Noargs => f.write_str("NOARGS"),
            Kind::Indir => f.write_str("INDIR"),
            Kind::Noerr => f.write_str("NOERR"),
            Kind::Extern => f.write_str("EXTERN"),
            Kind::Compat(digits) => write!(f, "COMPAT_{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: Kind, compat: &str, base: &str, alias: Option<&str>) -> Call {
        Call {
            number: 1,
            kind,
            indirect: false,
            module: None,
            rump: true,
            returns: "int".to_owned(),
            prefix: "sys".to_owned(),
            compat: compat.to_owned(),
            base: base.to_owned(),
            params: Vec::new(),
            varargs: None,
            alias: alias.map(str::to_owned),
            span: Span::default(),
            returns_span: Span::default(),
        }
    }

    #[test]
    fn names_of_a_plain_call() {
        let read = call(Kind::Std, "", "read", None);
        assert_eq!(read.function(), "sys_read");
        assert_eq!(read.constant(), "SYS_read");
        assert_eq!(read.symbol(), "rump___sysimpl_read");
        assert_eq!(read.rename_macro().unwrap(), "RUMP_SYS_RENAME_READ");
    }

    #[test]
    fn names_of_a_versioned_call_kept_for_old_binaries() {
        let stat = call(Kind::Compat("50".to_owned()), "30", "stat", None);
        assert_eq!(stat.function(), "compat_50_sys___stat30");
        assert_eq!(stat.constant(), "SYS_compat_50___stat30");
        assert_eq!(stat.symbol(), "rump___sysimpl_stat30");
        assert_eq!(stat.rump_name(), "rump_sys_stat");
    }

    #[test]
    fn names_of_an_aliased_call() {
        let getpid = call(Kind::Noerr, "", "getpid_with_ppid", Some("getpid"));
        assert_eq!(getpid.function(), "sys_getpid_with_ppid");
        assert_eq!(getpid.constant(), "SYS_getpid");
        assert_eq!(getpid.rename_macro().unwrap(), "RUMP_SYS_RENAME_GETPID");
    }

    #[test]
    fn underscores_of_a_base_survive() {
        assert_eq!(call(Kind::Std, "", "_ksem_init", None).constant(), "SYS__ksem_init");
        assert_eq!(call(Kind::Std, "", "__getcwd", None).constant(), "SYS___getcwd");
        assert_eq!(
            call(Kind::Std, "50", "__sigtimedwait", None).constant(),
            "SYS_____sigtimedwait50"
        );
    }

    #[test]
    fn the_prefix_goes_as_the_regular_expression_says() {
        assert_eq!(strip_prefix("linux_sys_open"), "open");
        assert_eq!(strip_prefix("rump_linux_sys_open"), "open");
        assert_eq!(strip_prefix("sys_sys_x"), "x");
        assert_eq!(strip_prefix("sys__sys_x"), "_sys_x");
        assert_eq!(strip_prefix("netbsd32_read"), "netbsd32_read");
    }

    #[test]
    fn keywords() {
        assert_eq!(Kind::from_keyword("COMPAT_110"), Some(Kind::Compat("110".to_owned())));
        for word in ["COMPAT_", "COMPAT_x", "COMPAT", "std", "COMPAT_1234", ""] {
            assert_eq!(Kind::from_keyword(word), None, "{word}");
        }
        assert_eq!(Reserved::from_keyword("EXCL"), Some(Reserved::Excluded));
    }
}
