//! The grammar of one logical line.
//!
//! The parsers only take a line apart; what its parts mean is for [`lower`](crate::lower). All
//! slices in the result are slices of the line, so that each part knows its place.
//!
//! ```text
//! entry  = number TYPE ( comment | flags body )
//! flags  = [ "INDIR" ] [ "MODULAR" [ module ] ] [ "RUMP" ] [ alias ]
//! body   = "{" type "|" prefix "|" [ compat ] "|" base "(" params ")" ";" "}" [ alias ]
//! params = "void" | param { "," param } [ "," ] [ "..." param { "," param } ]
//! param  = type name [ "[" size "]" ]
//! type   = { qualifier } base { qualifier } { "*" { qualifier } }
//! base   = ( "struct" | "union" | "enum" ) tag | builtin { builtin } | word
//! ```

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit1, satisfy};
use nom::combinator::{all_consuming, cut, opt, peek, recognize, rest, value, verify};
use nom::multi::{many0, many1};
use nom::sequence::{delimited, pair, preceded, terminated};

use crate::grammar::{Fault, Parsed, expect, finish, is_blank, is_word, skip_blanks, token, word};
use crate::model::{Kind, Reserved};

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// `%%`: entries follow.
    TableStart,
    /// A preprocessor line: its first word, and all of it.
    Directive(&'a str, &'a str),
    /// A numbered entry.
    Entry(EntryLine<'a>),
}

/// A numbered entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine<'a> {
    /// Its number, in decimal digits.
    pub number: &'a str,
    /// What follows.
    pub what: WhatLine<'a>,
}

/// What follows an entry's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhatLine<'a> {
    /// A type without a prototype, and the rest of the line.
    Reserved(Reserved, &'a str),
    /// A type with one.
    Call(Box<CallLine<'a>>),
}

/// The parts of an entry with a prototype.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLine<'a> {
    /// The type.
    pub kind: Kind,
    /// `INDIR` behind the type.
    pub indirect: bool,
    /// `MODULAR`, and the module's name if there is one.
    pub module: Option<Option<&'a str>>,
    /// `RUMP`.
    pub rump: bool,
    /// The return type.
    pub returns: TypeWords<'a>,
    /// `sys`.
    pub prefix: &'a str,
    /// The version, or an empty slice.
    pub compat: &'a str,
    /// The name.
    pub base: &'a str,
    /// The parameters; none for `void`.
    pub params: Vec<ParamWords<'a>>,
    /// How many of them come before `...`.
    pub varargs: Option<usize>,
    /// The name in front of or behind the body.
    pub alias: Option<&'a str>,
}

/// The words and stars of a C type; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeWords<'a>(pub Vec<&'a str>);

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamWords<'a> {
    /// Its type.
    pub c_type: TypeWords<'a>,
    /// Its name.
    pub name: &'a str,
    /// The text between the brackets of an array.
    pub array: Option<&'a str>,
}

impl TypeWords<'_> {
    /// The type as NetBSD's generator prints it: one blank between words, none behind a star.
    pub fn joined(&self) -> String {
        let mut joined = String::new();
        let mut previous = "*";
        for word in &self.0 {
            if previous != "*" {
                joined.push(' ');
            }
            joined.push_str(word);
            previous = word;
        }
        joined
    }
}

/// Takes a logical line apart.
pub fn line(text: &str) -> Result<Line<'_>, Fault<'_>> {
    let trimmed = text.trim_matches(is_blank);
    match trimmed.chars().next() {
        None | Some(';') => Ok(Line::Blank),
        Some('#') => {
            let end = trimmed.find(is_blank).unwrap_or(trimmed.len());
            Ok(Line::Directive(&trimmed[..end], trimmed))
        }
        // As in the original, only a line that is nothing else.
        Some('%') if text == "%%" => Ok(Line::TableStart),
        Some(_) => finish(entry(text)).map(Line::Entry),
    }
}

/// The number that a line starts with, if it does: enough to go on behind a faulty entry.
pub fn leading_number(text: &str) -> Option<&str> {
    finish(token(digit1)(text).map(|(_, digits)| ("", digits))).ok()
}

fn entry(text: &str) -> Parsed<'_, EntryLine<'_>> {
    let (text, number) = expect("a system call number", token(digit1))(text)?;
    let (text, what) = cut(alt((reserved, call))).parse(text)?;
    Ok((text, EntryLine { number, what }))
}

fn reserved(text: &str) -> Parsed<'_, WhatLine<'_>> {
    let (text, keyword) = token(word)(text)?;
    match Reserved::from_keyword(keyword) {
        Some(why) => {
            let (text, comment) = rest(text)?;
            Ok((text, WhatLine::Reserved(why, comment.trim_matches(is_blank))))
        }
        None => Err(nom::Err::Error(Fault { rest: keyword, expected: "" })),
    }
}

fn call(text: &str) -> Parsed<'_, WhatLine<'_>> {
    let (text, kind) = kind(text)?;
    let (text, indirect) = keyword("INDIR")(text)?;
    let (text, module) = module(text)?;
    let (text, rump) = keyword("RUMP")(text)?;
    let (text, alias_in_front) = opt(token(recognize(pair(
        satisfy(|c| c.is_ascii_lowercase() || c == '_'),
        take_while(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
    ))))
    .parse(text)?;
    let flags = match (&module, rump) {
        (_, true) => "`{`",
        (Some(_), false) => "`RUMP` or `{`",
        (None, false) => "`MODULAR`, `RUMP` or `{`",
    };
    let (text, _) = expect(flags, token(char('{')))(text)?;
    let (text, returns) = expect("a return type", c_type)(text)?;
    let (text, _) = expect("`|` behind the return type", token(char('|')))(text)?;
    let (text, prefix) = expect("a function prefix such as `sys`", token(word))(text)?;
    let (text, _) = expect("`|` behind the prefix", token(char('|')))(text)?;
    let (text, compat) = opt(token(take_while1(is_word))).parse(text)?;
    let (text, _) = expect("a version or `|`", token(char('|')))(text)?;
    let (text, base) = expect("the name of the call", token(word))(text)?;
    let (text, _) = expect("`(`", token(char('(')))(text)?;
    let (text, (params, varargs)) = params(text)?;
    let (text, _) = expect("`,` or `)`", token(char(')')))(text)?;
    let (text, _) = expect("`;`", token(char(';')))(text)?;
    let (text, _) = expect("`}`", token(char('}')))(text)?;
    let (text, alias) = opt(token(word)).parse(text)?;
    let (text, _) = expect("the end of the entry", all_consuming(token(tag(""))))(text)?;
    let call = CallLine {
        kind,
        indirect,
        module,
        rump,
        returns,
        prefix,
        compat: compat.unwrap_or_default(),
        base,
        params,
        varargs,
        alias: alias.or(alias_in_front),
    };
    Ok((text, WhatLine::Call(Box::new(call))))
}

fn kind(text: &str) -> Parsed<'_, Kind> {
    let expected = "a type (STD, COMPAT_nn, NOERR, NODEF, NOARGS, INDIR, EXTERN, OBSOL, UNIMPL, \
                    EXCL, IGNORED)";
    let (text, keyword) = expect(
        expected,
        token(verify(word, |text: &str| Kind::from_keyword(text).is_some())),
    )(text)?;
    // The parser above lets nothing else through.
    Ok((text, Kind::from_keyword(keyword).unwrap_or(Kind::Std)))
}

/// `MODULAR`, with the module's name (since 2015) or without it (before).
fn module(text: &str) -> Parsed<'_, Option<Option<&str>>> {
    let name = verify(word, |text: &str| text != "RUMP");
    opt(preceded(token(exactly("MODULAR")), opt(token(name)))).parse(text)
}

type Params<'a> = (Vec<ParamWords<'a>>, Option<usize>);

fn params(text: &str) -> Parsed<'_, Params<'_>> {
    let void = terminated(token(exactly("void")), peek(token(char(')'))));
    if let (text, Some(_)) = opt(void).parse(text)? {
        return Ok((text, (Vec::new(), None)));
    }
    let mut params = Vec::new();
    let mut varargs = None;
    let mut text = text;
    loop {
        let (after_dots, dots) = opt(token(tag("..."))).parse(text)?;
        if dots.is_some() {
            if params.is_empty() || varargs.is_some() {
                let expected = "an argument before a single `...`";
                return Err(nom::Err::Failure(Fault { rest: skip_blanks(text), expected }));
            }
            varargs = Some(params.len());
        }
        let (after_param, param) = param(after_dots)?;
        params.push(param);
        let (after_comma, comma) = opt(token(char(','))).parse(after_param)?;
        text = after_comma;
        if comma.is_none() {
            return Ok((text, (params, varargs)));
        }
    }
}

fn param(text: &str) -> Parsed<'_, ParamWords<'_>> {
    let (text, c_type) = expect("an argument: a type and a name", c_type)(text)?;
    let (text, name) = expect("the name of the argument", token(word))(text)?;
    let brackets = delimited(char('['), take_while1(is_word), char(']'));
    let (text, array) = opt(brackets).parse(text)?;
    Ok((text, ParamWords { c_type, name, array }))
}

fn c_type(text: &str) -> Parsed<'_, TypeWords<'_>> {
    let (text, mut words) = qualifiers(text)?;
    let (text, base) =
        alt((tagged_type, builtin_type, token(word).map(|it| vec![it]))).parse(text)?;
    words.extend(base);
    let (text, qualified) = qualifiers(text)?;
    words.extend(qualified);
    let (text, stars) = many0((token(tag("*")), qualifiers)).parse(text)?;
    for (star, qualified) in stars {
        words.push(star);
        words.extend(qualified);
    }
    Ok((text, TypeWords(words)))
}

fn qualifiers(text: &str) -> Parsed<'_, Vec<&str>> {
    many0(token(one_of_words(&["const", "volatile", "restrict"]))).parse(text)
}

/// `struct stat` and the like.
fn tagged_type(text: &str) -> Parsed<'_, Vec<&str>> {
    let (text, keyword) = token(one_of_words(&["struct", "union", "enum"]))(text)?;
    let (text, tag) = expect("a tag", token(word))(text)?;
    Ok((text, vec![keyword, tag]))
}

/// `unsigned int` and the like: the only types of several words without a tag.
fn builtin_type(text: &str) -> Parsed<'_, Vec<&str>> {
    let words = ["unsigned", "signed", "char", "short", "int", "long"];
    many1(token(one_of_words(&words))).parse(text)
}

fn one_of_words<'a>(
    words: &[&'static str],
) -> impl Parser<&'a str, Output = &'a str, Error = Fault<'a>> {
    verify(word, |text: &str| words.contains(&text))
}

fn keyword(wanted: &'static str) -> impl Fn(&str) -> Parsed<'_, bool> {
    move |text| opt(value(true, token(exactly(wanted)))).map(Option::unwrap_or_default).parse(text)
}

fn exactly<'a>(wanted: &'static str) -> impl Parser<&'a str, Output = &'a str, Error = Fault<'a>> {
    verify(word, move |text: &str| text == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> CallLine<'_> {
        match line(text) {
            Ok(Line::Entry(EntryLine { what: WhatLine::Call(call), .. })) => *call,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn fault(text: &str) -> (String, &'static str) {
        match line(text) {
            Err(fault) => (fault.found(), fault.expected),
            Ok(line) => panic!("{text}: {line:?}"),
        }
    }

    #[test]
    fn a_whole_entry() {
        let call = parsed(
            "5\tSTD\tRUMP\t{ int|sys||open(const char *path, int flags, ... mode_t mode); }",
        );
        assert!(call.rump);
        assert_eq!((call.prefix, call.compat, call.base), ("sys", "", "open"));
        assert_eq!(call.varargs, Some(2));
        let params: Vec<_> = call.params.iter().map(|p| (p.c_type.joined(), p.name)).collect();
        assert_eq!(
            params,
            [
                ("const char *".to_owned(), "path"),
                ("int".to_owned(), "flags"),
                ("mode_t".to_owned(), "mode")
            ]
        );
    }

    #[test]
    fn both_forms_of_modular() {
        assert_eq!(parsed("7 STD MODULAR { int|sys||a(void); }").module, Some(None));
        assert_eq!(parsed("7 STD MODULAR RUMP { int|sys||a(void); }").module, Some(None));
        assert_eq!(
            parsed("7 STD MODULAR aio RUMP { int|sys||a(void); }").module,
            Some(Some("aio"))
        );
        assert_eq!(parsed("7 STD MODULAR XXX { int|sys||a(void); }").module, Some(Some("XXX")));
        assert_eq!(parsed("7 STD RUMP { int|sys||a(void); }").module, None);
    }

    #[test]
    fn blanks_do_not_matter() {
        let tight = parsed("7 STD{int|sys|50|a(char*const*b,int c);}d");
        let loose = parsed("7\t STD \t{ int | sys | 50 | a ( char * const * b , int c ) ; } d\t");
        assert_eq!(tight, loose);
        assert_eq!(tight.params[0].c_type.joined(), "char *const *");
        assert_eq!(tight.alias, Some("d"));
    }

    #[test]
    fn aliases_may_be_c_keywords_and_may_stand_in_front() {
        assert_eq!(parsed("17 STD { int|sys||obreak(char *nsize); } break").alias, Some("break"));
        assert_eq!(parsed("17 STD RUMP before { int|sys||x(void); }").alias, Some("before"));
    }

    #[test]
    fn types() {
        for (text, joined) in [
            ("unsigned", "unsigned"),
            ("unsigned  int", "unsigned int"),
            ("const char *", "const char *"),
            ("char * const *", "char *const *"),
            ("const struct aiocb *const *", "const struct aiocb *const *"),
            ("union __semun *", "union __semun *"),
            ("void **", "void **"),
            ("quad_t", "quad_t"),
        ] {
            let entry = format!("5 STD {{ int|sys||x({text} name); }}");
            assert_eq!(parsed(&entry).params[0].c_type.joined(), joined);
        }
    }

    #[test]
    fn arrays_only_as_far_as_the_table_has_them() {
        let call =
            parsed("0 INDIR { int|sys||syscall(int code, ... register_t args[SYS_MAXSYSARGS]); }");
        assert_eq!(call.params[1].array, Some("SYS_MAXSYSARGS"));
        assert_eq!(call.kind, Kind::Indir);
    }

    #[test]
    fn entries_without_prototype_have_a_free_comment() {
        for (text, comment) in [
            ("11\tOBSOL\t\texecv", "execv"),
            ("172\tUNIMPL", ""),
            ("9 EXCL 4.2 sigreturn {", "4.2 sigreturn {"),
        ] {
            match line(text).unwrap() {
                Line::Entry(EntryLine { what: WhatLine::Reserved(_, found), .. }) => {
                    assert_eq!(found, comment);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn other_lines() {
        assert_eq!(line(" \t"), Ok(Line::Blank));
        assert_eq!(line("; anything $ at all"), Ok(Line::Blank));
        assert_eq!(line("%%"), Ok(Line::TableStart));
        assert_eq!(line("#if defined(X)"), Ok(Line::Directive("#if", "#if defined(X)")));
        assert_eq!(line("# if X"), Ok(Line::Directive("#", "# if X")));
    }

    #[test]
    fn faults_say_what_is_there_and_what_should_be() {
        for (text, found, expected) in [
            ("x", "`x`", "a system call number"),
            ("5", "the end of the entry", "a type (STD"),
            ("5 FOO { int|sys||x(void); }", "`FOO`", "a type (STD"),
            ("5 STD RUMPF { int|sys||x(void); }", "`RUMPF`", "`MODULAR`, `RUMP` or `{`"),
            ("5 STD { int|sys||x(void) }", "`}`", "`;`"),
            ("5 STD { int|sys||x(void); } a b", "`b`", "the end of the entry"),
            ("5 STD { int|sys||x(); }", "`)`", "an argument: a type and a name"),
            ("5 STD { int|sys||x(int); }", "`)`", "the name of the argument"),
            ("5 STD { int|sys||x(int *); }", "`)`", "the name of the argument"),
            ("5 STD { int|sys||x(int a b); }", "`b`", "`,` or `)`"),
            ("5 STD { int|sys||x(void *b int c); }", "`int`", "`,` or `)`"),
            ("5 STD { int|sys||x(struct *b); }", "`*`", "a tag"),
            ("5 STD { int a|sys||x(void); }", "`a`", "`|` behind the return type"),
            ("5 STD { int|sys||x(int a,); }", "`)`", "an argument: a type and a name"),
            ("5 STD { int|sys||x(int a, ...); }", "`)`", "an argument: a type and a name"),
            ("5 STD { int|sys||x(... int a); }", "`...`", "an argument before a single `...`"),
            ("5 STD { int|sys|x(int a); }", "`(`", "a version or `|`"),
            ("5 STD { int sys_x(int a); }", "`sys_x`", "`|` behind the return type"),
            ("5 STD { int|sys||x(int a); }\0", "`\\0`", "the end of the entry"),
            ("5 STD { int|sys||x(int \u{fffd}a); }", "`\u{fffd}`", "the name of the argument"),
        ] {
            let (was, wanted) = fault(text);
            assert_eq!(was, found, "{text}");
            assert!(wanted.starts_with(expected), "{text}: {wanted}");
        }
    }
}
