//! What the grammars of `syscalls.master` and `lending.txt` share: tokens, and errors that say what
//! was found and what was expected.

use nom::bytes::complete::take_while;
use nom::character::complete::satisfy;
use nom::combinator::recognize;
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use crate::diagnostic::{Diagnostic, quoted};
use crate::source::{LogicalLine, Source};

/// Where a line stopped to make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// The rest of the line from there on.
    pub rest: &'a str,
    /// What would have made sense.
    pub expected: &'static str,
}

/// What a parser of one line returns.
pub(crate) type Parsed<'a, T> = IResult<&'a str, T, Fault<'a>>;

impl<'a> Fault<'a> {
    /// The word or character that is there, empty at the end of the line.
    pub fn token(&self) -> &'a str {
        let run = |accepted: fn(char) -> bool| {
            let end = self.rest.find(|c| !accepted(c)).unwrap_or(self.rest.len());
            self.rest.split_at(end).0
        };
        match self.rest.chars().next() {
            None => "",
            Some(c) if is_word(c) => run(is_word),
            Some('.') => run(|c| c == '.'),
            Some(c) => &self.rest[..c.len_utf8()],
        }
    }

    /// What is there, for people.
    pub fn found(&self) -> String {
        match self.token() {
            "" => "the end of the entry".to_owned(),
            token => quoted(token),
        }
    }

    /// The error, for a line whose parsed part was `parsed`.
    pub(crate) fn report(&self, source: &Source, line: &LogicalLine, parsed: &str) -> Diagnostic {
        let offset = parsed.len().saturating_sub(self.rest.len());
        let span = line.span_at(offset, self.token().len());
        source.error(span, self.found(), self.expected)
    }
}

/// nom's view of [`Fault`]: of two alternatives the one that got farther is reported.
impl<'a> ParseError<&'a str> for Fault<'a> {
    fn from_error_kind(rest: &'a str, _: ErrorKind) -> Fault<'a> {
        Fault { rest, expected: "" }
    }

    fn append(_: &'a str, _: ErrorKind, other: Fault<'a>) -> Fault<'a> {
        other
    }

    fn or(self, other: Fault<'a>) -> Fault<'a> {
        if other.rest.len() <= self.rest.len() { other } else { self }
    }
}

/// What a parser made of a line.
pub(crate) fn finish<'a, T>(parsed: Parsed<'a, T>) -> Result<T, Fault<'a>> {
    match parsed {
        Ok((_, value)) => Ok(value),
        Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => Err(fault),
        // Only streaming parsers ask for more input.
        Err(nom::Err::Incomplete(_)) => Err(Fault { rest: "", expected: "more of the line" }),
    }
}

/// `parser` behind any blanks.
pub(crate) fn token<'a, O>(
    parser: impl Parser<&'a str, Output = O, Error = Fault<'a>>,
) -> impl FnMut(&'a str) -> Parsed<'a, O> {
    let mut parser = preceded(take_while(is_blank), parser);
    move |text| parser.parse(text)
}

/// Makes it final that `parser` does not match, and says in words what was expected.
pub(crate) fn expect<'a, O>(
    expected: &'static str,
    mut parser: impl Parser<&'a str, Output = O, Error = Fault<'a>>,
) -> impl FnMut(&'a str) -> Parsed<'a, O> {
    move |text| match parser.parse(text) {
        Err(nom::Err::Error(_)) => {
            Err(nom::Err::Failure(Fault { rest: skip_blanks(text), expected }))
        }
        other => other,
    }
}

/// A C identifier or keyword.
pub(crate) fn word(text: &str) -> Parsed<'_, &str> {
    recognize(pair(satisfy(|c| is_word(c) && !c.is_ascii_digit()), take_while(is_word))).parse(text)
}

pub(crate) fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

pub(crate) fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
