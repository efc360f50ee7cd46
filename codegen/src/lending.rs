//! Reads `lending.txt`: what a prototype cannot say about the memory behind its pointers.
//!
//! The syntax is explained at the top of that file. Names are not looked up here; joining the
//! annotations to a table is for [`resolve`](crate::resolve).

use std::collections::BTreeMap;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1};
use nom::combinator::{eof, map_opt, opt, recognize, rest, value};
use nom::multi::separated_list0;
use nom::sequence::{delimited, preceded, terminated};

use crate::diagnostic::{Diagnostics, quoted};
use crate::grammar::{Fault, Parsed, expect, finish, skip_blanks, token, word};
use crate::source::Source;

/// The annotations by name of the call.
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    calls: BTreeMap<String, CallNote>,
}

/// What the file says about a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallNote {
    /// By argument.
    pub args: BTreeMap<String, ArgNote>,
    /// What the returned number means.
    pub result: Option<ResultNote>,
    /// The manual page, where it is not the call's name in section 2.
    pub page: Option<String>,
    /// What the call does, in a few words.
    pub summary: Option<String>,
}

/// What a call's number means where the type does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultNote {
    /// Always 0.
    Zero,
    /// A count of bytes.
    Count,
    /// An errno number, 0 for success.
    Errno,
}

/// What a pointer argument lends, with names not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgNote {
    /// What it lends.
    pub form: Form,
    /// Whether it may be null.
    pub nullable: bool,
}

/// Kinds of lending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing: the kernel takes the pointer for a number.
    Value,
    /// Who knows.
    Opaque,
    /// A string.
    Str,
    /// Plain memory.
    Mem {
        /// Which way bytes travel.
        dir: Dir,
        /// The struct behind a `void *`.
        name: Option<String>,
        /// How much.
        extent: ExtentNote,
    },
    /// An `fd_set`, of as many bits as the named argument says.
    FdSet(String),
    /// An array of `struct iovec`, and its length.
    Iovec(Dir, String),
    /// A `struct msghdr`.
    Msghdr(Dir),
    /// An array of `struct mmsghdr`, and its length.
    Mmsghdr(Dir, String),
    /// Data of an `ioctl` with the named request code.
    Ioctl(String),
    /// Argument of the named `fcntl` command.
    Fcntl(String),
    /// New value for a `sysctl`: MIB name, its length, the value's length.
    Sysctl(String, String, String),
}

/// Which way bytes travel, seen from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// The kernel reads.
    In,
    /// The kernel writes.
    Out,
    /// Both.
    InOut,
}

/// How much memory, with names not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtentNote {
    /// What the pointer's type says.
    One,
    /// So many of what the pointer's type says.
    Fixed(usize),
    /// As many elements as the named argument says.
    Elements(String),
    /// As many bytes as the named argument says.
    Bytes(String),
    /// As many bytes as the number says that the named argument points at.
    Pointee(String),
}

impl Annotations {
    /// Reads the file.
    pub fn parse(text: &str, file: &str) -> Result<Annotations, Diagnostics> {
        let source = Source::new(file, text.as_bytes());
        let mut annotations = Annotations::default();
        let mut errors = Diagnostics::new();
        for line in source.logical_lines() {
            match parse_line(line.text()) {
                Ok(None) => {}
                Ok(Some((name, note))) => {
                    if annotations.calls.insert(name.to_owned(), note).is_some() {
                        let found = format!("{} a second time", quoted(name));
                        errors.push(source.error(line.span(name), found, "one line for each call"));
                    }
                }
                Err(fault) => errors.push(fault.report(&source, &line, line.text())),
            }
        }
        errors.or(annotations)
    }

    /// The lines, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &CallNote)> {
        self.calls.iter().map(|(name, note)| (name.as_str(), note))
    }

    /// What is known about the call `name` in general and about the version `versioned` of it:
    /// the latter wins, argument by argument.
    pub fn of(&self, name: &str, versioned: &str) -> CallNote {
        let mut note = self.calls.get(name).cloned().unwrap_or_default();
        if let Some(version) = self.calls.get(versioned).filter(|_| versioned != name) {
            note.args.extend(version.args.clone());
            note.result = version.result.or(note.result);
            note.page = version.page.clone().or(note.page);
            note.summary = version.summary.clone().or(note.summary);
        }
        note
    }
}

fn parse_line(text: &str) -> Result<Option<(&str, CallNote)>, Fault<'_>> {
    match skip_blanks(text).chars().next() {
        None | Some('#') => Ok(None),
        Some(_) => finish(call(text)).map(Some),
    }
}

/// `name(arg: lend, …) -> result = summary`
fn call(text: &str) -> Parsed<'_, (&str, CallNote)> {
    let (text, name) = expect("the name of a call", token(word))(text)?;
    let (text, _) = expect("`(`", token(char('(')))(text)?;
    let (text, args) = separated_list0(token(char(',')), arg).parse(text)?;
    let (text, _) = expect("`,` or `)`", token(char(')')))(text)?;
    let (text, result) = opt(preceded(token(tag("->")), expect(RESULTS, result))).parse(text)?;
    let (text, about) = opt(preceded(token(char('=')), about)).parse(text)?;
    let (text, _) = expect("`->` or `=`", token(eof))(text)?;
    let (page, summary) = about.unwrap_or_default();
    let args = args.into_iter().map(|(name, note)| (name.to_owned(), note)).collect();
    let (page, summary) = (page.map(str::to_owned), summary.map(str::to_owned));
    Ok((text, (name, CallNote { args, result, page, summary })))
}

/// `page(2): what it does`
fn about(text: &str) -> Parsed<'_, (Option<&str>, Option<&str>)> {
    let page = recognize((word, char('('), digit1, char(')')));
    let (text, page) = opt(terminated(token(page), char(':'))).parse(text)?;
    let (text, summary) = rest(text)?;
    Ok((text, (page, Some(summary.trim()).filter(|summary| !summary.is_empty()))))
}

const RESULTS: &str = "`0`, `count` or `errno`";

fn result(text: &str) -> Parsed<'_, ResultNote> {
    token(alt((
        value(ResultNote::Zero, tag("0")),
        value(ResultNote::Count, tag("count")),
        value(ResultNote::Errno, tag("errno")),
    )))
    .parse(text)
}

fn arg(text: &str) -> Parsed<'_, (&str, ArgNote)> {
    let (text, name) = token(word)(text)?;
    let (text, _) = expect("`:`", token(char(':')))(text)?;
    let (text, form) = form(text)?;
    let (text, nullable) = opt(token(char('?'))).parse(text)?;
    Ok((text, (name, ArgNote { form, nullable: nullable.is_some() })))
}

fn form(text: &str) -> Parsed<'_, Form> {
    let expected = "`in`, `out`, `inout`, `str`, `fdset`, `iovec`, `msghdr`, `mmsghdr`, `ioctl`, \
                    `fcntl`, `sysctl`, `value` or `opaque`";
    let start = skip_blanks(text);
    let (text, word) = expect(expected, token(word))(text)?;
    match word {
        "value" => Ok((text, Form::Value)),
        "opaque" => Ok((text, Form::Opaque)),
        "str" => Ok((text, Form::Str)),
        "fdset" => bracketed(text).map(|(text, arg)| (text, Form::FdSet(arg))),
        "ioctl" => bracketed(text).map(|(text, arg)| (text, Form::Ioctl(arg))),
        "fcntl" => bracketed(text).map(|(text, arg)| (text, Form::Fcntl(arg))),
        "sysctl" => sysctl(text),
        "msghdr" => expect_dir(text).map(|(text, dir)| (text, Form::Msghdr(dir))),
        "iovec" => counted(text).map(|(text, (dir, arg))| (text, Form::Iovec(dir, arg))),
        "mmsghdr" => counted(text).map(|(text, (dir, arg))| (text, Form::Mmsghdr(dir, arg))),
        _ => match dir(word) {
            Some(dir) => mem(dir, text),
            None => Err(nom::Err::Failure(Fault { rest: start, expected })),
        },
    }
}

fn mem(dir: Dir, text: &str) -> Parsed<'_, Form> {
    let (text, name) = opt(token(word)).parse(text)?;
    let (text, extent) = opt(delimited(token(char('[')), extent, close)).parse(text)?;
    let name = name.map(str::to_owned);
    Ok((text, Form::Mem { dir, name, extent: extent.unwrap_or(ExtentNote::One) }))
}

fn extent(text: &str) -> Parsed<'_, ExtentNote> {
    let fixed = map_opt(token(digit1), |digits: &str| digits.parse().ok()).map(ExtentNote::Fixed);
    let pointee = preceded(token(char('*')), token(word))
        .map(|name: &str| ExtentNote::Pointee(name.to_owned()));
    let counted = (token(word), opt(token(tag("bytes")))).map(|(name, bytes)| match bytes {
        Some(_) => ExtentNote::Bytes(name.to_owned()),
        None => ExtentNote::Elements(name.to_owned()),
    });
    expect("a number, an argument or `*` and an argument", alt((fixed, pointee, counted)))(text)
}

fn sysctl(text: &str) -> Parsed<'_, Form> {
    let expected = "`[`, three arguments and `]`";
    let names = separated_list0(token(char(',')), token(word));
    let start = skip_blanks(text);
    let (text, names) = expect(expected, delimited(token(char('[')), names, close))(text)?;
    match names[..] {
        [mib, mib_len, len] => {
            Ok((text, Form::Sysctl(mib.to_owned(), mib_len.to_owned(), len.to_owned())))
        }
        _ => Err(nom::Err::Failure(Fault { rest: start, expected })),
    }
}

fn counted(text: &str) -> Parsed<'_, (Dir, String)> {
    let (text, dir) = expect_dir(text)?;
    let (text, arg) = bracketed(text)?;
    Ok((text, (dir, arg)))
}

fn bracketed(text: &str) -> Parsed<'_, String> {
    let in_brackets = delimited(token(char('[')), token(word), close);
    let (text, arg) = expect("`[`, an argument and `]`", in_brackets)(text)?;
    Ok((text, arg.to_owned()))
}

fn expect_dir(text: &str) -> Parsed<'_, Dir> {
    let parser = map_opt(token(word), dir);
    expect("`in`, `out` or `inout`", parser)(text)
}

fn dir(word: &str) -> Option<Dir> {
    match word {
        "in" => Some(Dir::In),
        "out" => Some(Dir::Out),
        "inout" => Some(Dir::InOut),
        _ => None,
    }
}

fn close(text: &str) -> Parsed<'_, char> {
    expect("`]`", token(char(']')))(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Annotations {
        Annotations::parse(text, "t").unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn form(text: &str) -> ArgNote {
        parse(&format!("x(a: {text})")).of("x", "x").args["a"].clone()
    }

    #[test]
    fn a_whole_line() {
        let note =
            parse("# comment\n\nx(a: out[n], b: str?) -> count = y(3): does this\n").of("x", "x");
        assert_eq!(note.args.len(), 2);
        assert_eq!(note.result, Some(ResultNote::Count));
        assert_eq!(note.page.as_deref(), Some("y(3)"));
        assert_eq!(note.summary.as_deref(), Some("does this"));
    }

    #[test]
    fn forms() {
        let mem = |dir, name: Option<&str>, extent| Form::Mem {
            dir,
            name: name.map(str::to_owned),
            extent,
        };
        let n = || "n".to_owned();
        for (text, expected) in [
            ("in", mem(Dir::In, None, ExtentNote::One)),
            ("inout[2]", mem(Dir::InOut, None, ExtentNote::Fixed(2))),
            ("out[n]", mem(Dir::Out, None, ExtentNote::Elements(n()))),
            ("out[ n bytes ]", mem(Dir::Out, None, ExtentNote::Bytes(n()))),
            ("out[*n]", mem(Dir::Out, None, ExtentNote::Pointee(n()))),
            ("out timezone", mem(Dir::Out, Some("timezone"), ExtentNote::One)),
            ("iovec in[n]", Form::Iovec(Dir::In, n())),
            ("mmsghdr out[n]", Form::Mmsghdr(Dir::Out, n())),
            ("sysctl[a, b, n]", Form::Sysctl("a".to_owned(), "b".to_owned(), n())),
            ("value", Form::Value),
        ] {
            assert_eq!(form(text), ArgNote { form: expected, nullable: false }, "{text}");
        }
        assert!(form("opaque?").nullable);
    }

    #[test]
    fn a_version_says_only_what_differs() {
        let notes = parse("x(a: in, b: in) -> 0 = does this\nx30(b: opaque) -> errno\n");
        let note = notes.of("x", "x30");
        assert_eq!(note.args["b"].form, Form::Opaque);
        assert_eq!(note.args.len(), 2);
        assert_eq!(note.result, Some(ResultNote::Errno));
        assert_eq!(note.summary.as_deref(), Some("does this"));
        assert_eq!(notes.of("y", "y30"), CallNote::default());
    }

    #[test]
    fn every_faulty_line_is_reported() {
        let text = "x(a: up)\ny(a: out[)\nz(a in)\nw() -> 7\nv() x\nu()\nu()\nt(a: sysctl[b])\n(";
        let errors = Annotations::parse(text, "t").map(|_| ()).unwrap_err();
        let places: Vec<_> =
            errors.iter().map(|e| (e.at.line, e.at.column, e.found.as_str())).collect();
        assert_eq!(
            places,
            [
                (1, 6, "`up`"),
                (2, 10, "`)`"),
                (3, 5, "`in`"),
                (4, 8, "`7`"),
                (5, 5, "`x`"),
                (7, 1, "`u` a second time"),
                (8, 12, "`[`"),
                (9, 1, "`(`"),
            ]
        );
    }
}
