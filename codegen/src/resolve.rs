//! Joins a table, the types and the annotations: what the emitters print.
//!
//! Everything that can be wrong with a table is found before or here; emitters never validate.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostics, quoted};
use crate::lending::{Annotations, ArgNote, CallNote, Dir, ExtentNote, Form, ResultNote};
use crate::model::{Call, Param, Table};
use crate::source::Span;
use crate::types::{Scalar, Shape, Target, Type, Types};

/// The RUMP calls of a table with all that is known about them.
#[derive(Debug)]
pub struct Interface<'t> {
    /// The table's first line.
    pub ident: &'t str,
    /// The calls in the order of the table.
    pub calls: Vec<RumpCall<'t>>,
    /// What a person should know about arguments that got the safe default, a line each.
    pub notes: Vec<String>,
}

/// A RUMP call.
#[derive(Debug)]
pub struct RumpCall<'t> {
    /// What the table says.
    pub call: &'t Call,
    /// Its name behind `rump_sys_`; see [`Table::named_rump_calls`].
    pub name: String,
    /// The return type.
    pub returns: Type,
    /// What the returned number means.
    pub outcome: Outcome,
    /// The slots in order, fillers included.
    pub slots: Vec<Slot<'t>>,
    /// Its manual page, `read(2)`.
    pub page: String,
    /// What the call does, in a few words.
    pub summary: Option<String>,
}

/// What a call returns to Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing but success.
    Nothing,
    /// A number of the return type.
    Value,
    /// A number of bytes.
    Count,
    /// A 64-bit number, in two registers where they are narrower.
    Wide,
    /// An errno number instead of a result.
    Errno,
    /// Two descriptors.
    Descriptors,
}

/// A slot of the marshalling struct.
#[derive(Debug)]
pub struct Slot<'t> {
    /// What the table says.
    pub param: &'t Param,
    /// Its type.
    pub ty: Type,
    /// Its name in Rust, unique within the call.
    pub ident: String,
    /// What memory it lends.
    pub lend: Lend,
    /// Whether null is a value that the kernel gives a meaning to.
    pub nullable: bool,
    /// For a number: the slot whose memory has that many elements or bytes.
    pub counts: Option<usize>,
}

/// What memory a slot lends. Numbers are indices of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lend {
    /// None: it is a number.
    Value,
    /// None: it is a filler.
    Pad,
    /// A string.
    Str,
    /// Plain memory.
    Mem {
        /// Which way bytes travel.
        dir: Dir,
        /// What it consists of.
        element: Target,
        /// How much.
        extent: Extent,
    },
    /// An array of `struct iovec` and its buffers.
    Iovec(Dir, usize),
    /// A `struct msghdr`.
    Msghdr(Dir),
    /// An array of `struct mmsghdr`.
    Mmsghdr(Dir, usize),
    /// `ioctl` data.
    Ioctl(usize),
    /// An `fcntl` argument.
    Fcntl(usize),
    /// A new `sysctl` value: MIB, its length, the value's length.
    Sysctl(usize, usize, usize),
    /// Anything.
    Opaque,
}

impl Slot<'_> {
    fn is_number(&self) -> bool {
        matches!(self.ty.shape, Shape::Scalar(_)) && self.lend == Lend::Value
    }

    /// Whether it points at a number that the kernel reads and answers in.
    fn is_value_result(&self) -> bool {
        matches!(self.lend, Lend::Mem { dir: Dir::InOut, extent: Extent::Fixed(1), .. })
    }

    /// Makes it the length of the memory of slot `index`, unless it is one already.
    fn count(&mut self, index: usize) -> bool {
        let free = self.counts.is_none();
        self.counts = self.counts.or(Some(index));
        free
    }
}

impl Lend {
    /// Whether the memory is not known before the call, or holds pointers to more.
    pub fn is_raw(&self) -> bool {
        matches!(
            self,
            Lend::Opaque | Lend::Ioctl(_) | Lend::Fcntl(_) | Lend::Msghdr(_) | Lend::Mmsghdr(..)
        )
    }
}

/// How much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many elements.
    Fixed(usize),
    /// As many elements as a slot says.
    Elements(usize),
    /// As many bytes as a slot says.
    Bytes(usize),
    /// As many bytes as the number says that a slot points at.
    Pointee {
        /// The slot.
        index: usize,
        /// The number's type.
        length: &'static Scalar,
    },
    /// As many bits as a slot says, in whole words.
    Bits(usize),
}

impl<'t> Interface<'t> {
    /// Looks everything up.
    pub fn of(table: &'t Table, annotations: &Annotations) -> Result<Interface<'t>, Diagnostics> {
        let types = Types::of(table);
        let mut resolver = Resolver {
            table,
            types: &types,
            annotations,
            errors: Diagnostics::new(),
            notes: Vec::new(),
        };
        let calls: Vec<RumpCall<'t>> = table
            .named_rump_calls()
            .into_iter()
            .filter_map(|(name, call)| resolver.call(name, call))
            .collect();
        if calls.is_empty() && resolver.errors.is_empty() {
            resolver.no_calls();
        }
        resolver.constants_are_unique(&calls);
        let Resolver { errors, notes, .. } = resolver;
        errors.or(Interface { ident: table.ident.trim(), calls, notes })
    }
}

impl RumpCall<'_> {
    /// Its constant in the dispatch table: the name in upper case.
    pub fn constant(&self) -> String {
        match self.name.as_str() {
            "_" => "__".to_owned(),
            name => name.to_ascii_uppercase(),
        }
    }

    /// Whether Rust can call it safely: all that the kernel touches is borrowed.
    pub fn is_safe(&self) -> bool {
        !self.slots.iter().any(|slot| slot.lend.is_raw())
    }

    /// The slots that are parameters of the C function.
    pub fn params(&self) -> impl Iterator<Item = &Slot<'_>> {
        self.slots.iter().filter(|slot| slot.lend != Lend::Pad)
    }
}

struct Resolver<'t, 'a> {
    table: &'t Table,
    types: &'a Types,
    annotations: &'a Annotations,
    errors: Diagnostics,
    notes: Vec<String>,
}

impl<'t> Resolver<'t, '_> {
    fn call(&mut self, name: String, call: &'t Call) -> Option<RumpCall<'t>> {
        let note = self.annotations.of(call.real_name(), &name);
        let returns = self.type_of(&name, &call.returns, call.returns_span);
        let idents = idents(&call.params);
        let mut slots: Vec<Slot<'t>> = call
            .params
            .iter()
            .zip(idents)
            .filter_map(|(param, ident)| self.slot(call, &name, &note, param, ident))
            .collect();
        let complete = slots.len() == call.params.len();
        let returns = returns.filter(|_| complete)?;
        self.link_lengths(&name, &mut slots);
        let outcome = outcome(call, &returns, note.result);
        let page = note.page.unwrap_or_else(|| format!("{}(2)", call.real_name()));
        Some(RumpCall { call, name, returns, outcome, slots, page, summary: note.summary })
    }

    fn slot(
        &mut self,
        call: &Call,
        name: &str,
        note: &CallNote,
        param: &'t Param,
        ident: String,
    ) -> Option<Slot<'t>> {
        let ty = self.type_of(name, &param.c_type, param.span)?;
        if ty.shape == Shape::Void {
            self.unknown_type(param.span, &param.c_type);
            return None;
        }
        let arg_note = note.args.get(&param.name);
        let lend = match (arg_note, &ty.shape) {
            _ if param.is_pad() => Lend::Pad,
            (_, Shape::Scalar(_) | Shape::Void) => Lend::Value,
            _ if !ty.known => Lend::Opaque,
            (Some(arg_note), Shape::Pointer { target, .. }) => {
                self.annotated(call, name, arg_note, param, target)
            }
            (None, Shape::Pointer { target, constant }) => by_type(target, *constant)
                .unwrap_or_else(|| {
                    let ty = quoted(&param.c_type);
                    self.note(name, param, &format!("no annotation for {ty}"));
                    Lend::Opaque
                }),
        };
        let nullable = arg_note.is_some_and(|note| note.nullable);
        Some(Slot { param, ty, ident, lend, nullable, counts: None })
    }

    /// What a type means; for one that is not known, what may be assumed of it, which is said.
    fn type_of(&mut self, name: &str, c_type: &str, span: Span) -> Option<Type> {
        if let Some(ty) = self.types.resolve(c_type) {
            return Some(ty);
        }
        let Some(ty) = self.types.assume(c_type) else {
            self.unknown_type(span, c_type);
            return None;
        };
        let what = match ty.shape {
            Shape::Pointer { .. } => "opaque memory",
            _ => "one register",
        };
        self.notes.push(format!(
            "{}:{}:{}: note: {} of {} is unknown, taken for {what}; add it to types.rs",
            self.table.source.name(),
            span.at.line,
            span.at.column,
            quoted(c_type),
            quoted(name),
        ));
        Some(ty)
    }

    /// Ties each length to the memory that it measures. A length measures one piece of memory, and
    /// is a number, or a pointer to one number; where it is not, that memory is opaque.
    fn link_lengths(&mut self, name: &str, slots: &mut [Slot<'_>]) {
        for index in 0..slots.len() {
            let fits = match slots[index].lend {
                Lend::Mem { extent: Extent::Elements(length) | Extent::Bytes(length), .. }
                | Lend::Iovec(_, length)
                | Lend::Mmsghdr(_, length) => {
                    slots[length].is_number() && slots[length].count(index)
                }
                Lend::Mem { extent: Extent::Pointee { index: length, .. }, .. } => {
                    slots[length].is_value_result() && slots[length].count(index)
                }
                Lend::Mem { extent: Extent::Bits(bits), .. } => slots[bits].is_number(),
                Lend::Sysctl(mib, _, length) => {
                    matches!(slots[mib].lend, Lend::Mem { extent: Extent::Elements(_), .. })
                        && slots[length].is_number()
                        && slots[length].count(index)
                }
                _ => true,
            };
            if !fits {
                slots[index].lend = Lend::Opaque;
                self.note(name, slots[index].param, "its length is not one of its own");
            }
        }
    }

    fn annotated(
        &mut self,
        call: &Call,
        name: &str,
        note: &ArgNote,
        param: &Param,
        target: &Target,
    ) -> Lend {
        self.form(call, &note.form, target).unwrap_or_else(|why| {
            self.note(name, param, &why);
            Lend::Opaque
        })
    }

    /// Looks up the names in an annotation; in a table where one is missing the argument is
    /// opaque, and why is said.
    fn form(&self, call: &Call, form: &Form, target: &Target) -> Result<Lend, String> {
        let index = |name: &String| {
            let found = call.params.iter().position(|param| param.name == *name);
            found.ok_or_else(|| format!("this table has no argument {}", quoted(name)))
        };
        Ok(match form {
            Form::Value => Lend::Value,
            Form::Opaque => Lend::Opaque,
            Form::Str => Lend::Str,
            Form::Iovec(dir, count) => Lend::Iovec(*dir, index(count)?),
            Form::Msghdr(dir) => Lend::Msghdr(*dir),
            Form::Mmsghdr(dir, count) => Lend::Mmsghdr(*dir, index(count)?),
            Form::Ioctl(com) => Lend::Ioctl(index(com)?),
            Form::Fcntl(cmd) => Lend::Fcntl(index(cmd)?),
            Form::Sysctl(mib, mib_len, len) => {
                Lend::Sysctl(index(mib)?, index(mib_len)?, index(len)?)
            }
            Form::FdSet(count) => {
                let extent = Extent::Bits(index(count)?);
                Lend::Mem { dir: Dir::InOut, element: target.clone(), extent }
            }
            Form::Mem { dir, name, extent } => {
                let element = match name {
                    Some(name) => self
                        .types
                        .named_struct(name)
                        .ok_or_else(|| format!("no struct {}", quoted(name)))?,
                    None => target.clone(),
                };
                if element.element().is_none() {
                    return Err("its size is not known".to_owned());
                }
                let extent = match extent {
                    ExtentNote::One => Extent::Fixed(1),
                    ExtentNote::Fixed(count) => Extent::Fixed(*count),
                    ExtentNote::Elements(name) => Extent::Elements(index(name)?),
                    ExtentNote::Bytes(name) => Extent::Bytes(index(name)?),
                    ExtentNote::Pointee(name) => {
                        let index = index(name)?;
                        let length = self.pointee(&call.params[index])?;
                        Extent::Pointee { index, length }
                    }
                };
                Lend::Mem { dir: *dir, element, extent }
            }
        })
    }

    /// The number that an argument points at.
    fn pointee(&self, param: &Param) -> Result<&'static Scalar, String> {
        match self.types.resolve(&param.c_type).map(|ty| ty.shape) {
            Some(Shape::Pointer { target: Target::Scalar(scalar), .. }) => Ok(scalar),
            _ => Err(format!("{} does not point at a number", quoted(&param.name))),
        }
    }

    fn note(&mut self, name: &str, param: &Param, why: &str) {
        let at = param.span.at;
        self.notes.push(format!(
            "{}:{}:{}: note: {} of {} is opaque: {why}; add it to lending.txt",
            self.table.source.name(),
            at.line,
            at.column,
            quoted(&param.name),
            quoted(name),
        ));
    }

    fn unknown_type(&mut self, span: Span, c_type: &str) {
        let found = format!("the unknown type {}", quoted(c_type));
        let error = self.table.source.error(span, found, "a type that the generator knows");
        self.errors.push(error.with_help("codegen/src/types.rs is where its size and sign belong"));
    }

    fn no_calls(&mut self) {
        let first = self.table.entries.first().map(|entry| entry.span).unwrap_or_default();
        let error = self.table.source.error(first, "a table without RUMP calls", "some");
        self.errors.push(error);
    }

    fn constants_are_unique(&mut self, calls: &[RumpCall<'_>]) {
        let mut seen = BTreeSet::new();
        for call in calls {
            if !seen.insert(call.constant()) {
                let found = format!("a second call with the name {}", quoted(&call.constant()));
                let expected = "names that differ in more than case";
                self.errors.push(self.table.source.error(call.call.span, found, expected));
            }
        }
    }
}

/// What a pointer's type alone says about the memory behind it.
fn by_type(target: &Target, constant: bool) -> Option<Lend> {
    match target {
        Target::Char if constant => Some(Lend::Str),
        Target::Struct { alone: true, .. } => Some(Lend::Mem {
            dir: if constant { Dir::In } else { Dir::InOut },
            element: target.clone(),
            extent: Extent::Fixed(1),
        }),
        _ => None,
    }
}

fn outcome(call: &Call, returns: &Type, note: Option<ResultNote>) -> Outcome {
    match (&returns.shape, note) {
        _ if call.is_pipe() => Outcome::Descriptors,
        (Shape::Void, _) | (_, Some(ResultNote::Zero)) => Outcome::Nothing,
        (_, Some(ResultNote::Errno)) => Outcome::Errno,
        (_, Some(ResultNote::Count)) => Outcome::Count,
        (Shape::Scalar(scalar), None) if scalar.c == "ssize_t" => Outcome::Count,
        (Shape::Scalar(scalar), None) if scalar.ilp32 == 8 => Outcome::Wide,
        _ => Outcome::Value,
    }
}

/// Names for the slots that Rust accepts: fillers numbered, keywords with an underscore behind.
fn idents(params: &[Param]) -> Vec<String> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    params
        .iter()
        .map(|param| {
            let mut ident = if param.is_pad() { "pad".to_owned() } else { param.name.clone() };
            while is_keyword(&ident) || !taken.insert(ident.clone()) {
                ident.push('_');
            }
            ident
        })
        .collect()
}

#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "Self", "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(params: &str, lending: &str) -> Vec<String> {
        let text = format!("id\n0 STD RUMP {{ int|sys||x({params}); }}\n");
        let table = crate::parse(text.as_bytes(), "t").unwrap();
        let annotations = Annotations::parse(lending, "lending.txt").unwrap();
        Interface::of(&table, &annotations).unwrap().notes
    }

    fn errors(text: &str) -> Diagnostics {
        let table = crate::parse(text.as_bytes(), "t").unwrap();
        Interface::of(&table, &Annotations::default()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn what_the_type_says_needs_no_annotation() {
        let params = "const char *p, const struct timespec *t, struct stat *s, int fd, ... id_t i";
        assert_eq!(notes(params, ""), [""; 0]);
    }

    #[test]
    fn what_it_does_not_say_is_opaque_and_told() {
        let expected = "t:2:25: note: `p` of `x` is opaque: no annotation for `void *`; add it to \
                        lending.txt";
        assert_eq!(notes("void *p", ""), [expected]);
        for (params, lending) in [
            ("void *p", "x(p: out[n])"),
            ("struct nobody *p", "x(p: in)"),
            ("void *p", "x(p: in nobody)"),
            ("void *p, void *n", "x(p: out[n], n: value)"),
            ("void *p, size_t n", "x(p: out[*n])"),
            ("void *p, size_t *n", "x(p: out[*n], n: opaque)"),
            ("struct pollfd *p", ""),
            ("int *p", ""),
        ] {
            assert_eq!(notes(params, lending).len(), 1, "{params} {lending}");
        }
    }

    #[test]
    fn annotations_of_what_a_table_lacks_are_passed_over() {
        assert_eq!(notes("int a", "x(b: out[c])\ny(d: in)\n"), [""; 0]);
    }

    #[test]
    fn unknown_types_get_a_safe_default_and_are_told() {
        let expected = [
            "t:2:25: note: `some_t` of `x` is unknown, taken for one register; add it to types.rs",
            "t:2:35: note: `other_t *` of `x` is unknown, taken for opaque memory; add it to types.rs",
            "t:2:47: note: `volatile int *` of `x` is unknown, taken for opaque memory; add it to \
             types.rs",
            "t:2:64: note: `short` of `x` is unknown, taken for one register; add it to types.rs",
        ];
        assert_eq!(notes("some_t a, other_t *b, volatile int *v, short c", "x(b: in)"), expected);
    }

    #[test]
    fn what_no_register_holds_is_an_error_and_names_the_place_to_put_it() {
        let errors = errors(
            "id\n0 STD RUMP { nobody|sys||x(void a, struct stat b); }\n\
             1 STD { nobody|sys||y(void); }\n",
        );
        let found: Vec<_> = errors.iter().map(|error| error.found.as_str()).collect();
        assert_eq!(
            found,
            [
                "the unknown type `nobody`",
                "the unknown type `void`",
                "the unknown type `struct stat`",
            ]
        );
        assert!(errors.iter().all(|e| e.help.as_deref().is_some_and(|it| it.contains("types.rs"))));
    }

    #[test]
    fn a_table_without_rump_calls_is_an_error() {
        assert_eq!(errors("id\n0 STD { int|sys||x(void); }\n").len(), 1);
    }

    #[test]
    fn names_that_differ_in_case_only_are_an_error() {
        let text = "id\n0 STD RUMP { int|sys||x(void); }\n1 STD RUMP { int|sys||X(void); }\n";
        assert_eq!(errors(text).len(), 1);
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }
}
