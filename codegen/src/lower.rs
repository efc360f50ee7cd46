//! From lines to entries: numbering, `#if` balance, and what a single line cannot check.
//!
//! An error in one line does not stop the others from being looked at, and does not make errors of
//! its own further down.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostics, quoted};
use crate::foreign;
use crate::model::{Call, Entry, Param, Table, What};
use crate::parse::{self, CallLine, EntryLine, Line, ParamWords, WhatLine};
use crate::source::{LogicalLine, Source, Span};

/// Arguments a system call can have (`SYS_MAXSYSARGS`).
const MAX_ARGS: usize = 8;

/// Makes a table out of a file, or reports everything that is wrong with it.
pub fn table(source: Source) -> Result<Table, Diagnostics> {
    let lines = source.logical_lines();
    if let Some(error) = foreign::recognise(&source, &lines) {
        return Err(error.into());
    }
    let Some((first, body)) = lines.split_first() else {
        return Err(source.error(Span::FILE_START, "an empty file", "a syscalls.master").into());
    };
    let mut lowering = Lowering::new(&source, body);
    for line in body {
        lowering.line(line);
    }
    let (entries, errors) = lowering.finish();
    let ident = first.text().trim_end_matches([' ', '\t', '\r']).to_owned();
    errors.or(Table { ident, entries, source })
}

/// An open `#if`.
struct Conditional {
    /// The number that both arms start at.
    number: Numbering,
    /// Which condition entries stand under now.
    arm: Arc<str>,
    directive: Arc<str>,
    span: Span,
}

/// The number that the next entry must have.
#[derive(Clone, Copy)]
enum Numbering {
    Next(u32),
    /// A line that could not be read may have been an entry: any number from here on will do.
    From(u32),
}

struct Lowering<'s> {
    source: &'s Source,
    /// Whether entries may come: after `%%`, or from the start where the file has none.
    in_table: bool,
    reported_early_entry: bool,
    numbering: Numbering,
    conditionals: Vec<Conditional>,
    /// The last preprocessor line that looks like a conditional but is none to NetBSD's script.
    unknown_conditional: Option<Span>,
    entries: Vec<Entry>,
    /// Where each RUMP call's number was first seen.
    rump_numbers: BTreeMap<u32, Span>,
    /// Where each RUMP call's symbol was first seen.
    rump_symbols: BTreeMap<String, Span>,
    errors: Diagnostics,
}

impl<'s> Lowering<'s> {
    fn new(source: &'s Source, body: &[LogicalLine]) -> Lowering<'s> {
        let mut errors = Diagnostics::new();
        if let Some(error) = source.carriage_return() {
            errors.push(error);
        }
        Lowering {
            source,
            in_table: body.iter().all(|line| line.text() != "%%"),
            reported_early_entry: false,
            numbering: Numbering::Next(0),
            conditionals: Vec::new(),
            unknown_conditional: None,
            entries: Vec::new(),
            rump_numbers: BTreeMap::new(),
            rump_symbols: BTreeMap::new(),
            errors,
        }
    }

    fn line(&mut self, line: &LogicalLine) {
        // A stray carriage return has been reported for the file as a whole.
        let text = line.text().trim_end_matches('\r');
        match parse::line(text) {
            Ok(Line::Blank) => {}
            Ok(Line::TableStart) => self.in_table = true,
            Ok(Line::Directive(word, all)) if self.in_table => self.directive(line, word, all),
            Ok(Line::Directive(..)) => {}
            Ok(Line::Entry(entry)) => {
                if self.entry_may_come(line) {
                    self.entry(line, &entry);
                }
            }
            Err(fault) => {
                if self.entry_may_come(line) {
                    self.errors.push(fault.report(self.source, line, text));
                    self.skip_entry(text);
                }
            }
        }
    }

    fn entry_may_come(&mut self, line: &LogicalLine) -> bool {
        if !self.in_table && !self.reported_early_entry {
            self.reported_early_entry = true;
            let span = line.span(line.text());
            self.error(span, "an entry", "`%%` before the first one");
        }
        self.in_table
    }

    fn directive(&mut self, line: &LogicalLine, word: &str, all: &str) {
        let span = line.span(word);
        // `#if`, `#ifdef` and `#ifndef`; the original knows no others, and no blank behind `#`.
        if word.starts_with("#if") {
            let directive: Arc<str> = all.into();
            let arm = Arc::clone(&directive);
            let number = self.numbering;
            self.conditionals.push(Conditional { number, arm, directive, span });
        } else if word.starts_with("#else") {
            match self.conditionals.last_mut() {
                Some(open) => {
                    open.arm = format!("#else of {}", open.directive).into();
                    self.numbering = open.number;
                }
                None => self.unbalanced(span, word),
            }
        } else if word.starts_with("#endif") {
            if self.conditionals.pop().is_none() {
                self.unbalanced(span, word);
            }
        } else if word == "#" || word.starts_with("#elif") {
            self.unknown_conditional = Some(span);
        }
    }

    fn unbalanced(&mut self, span: Span, word: &str) {
        let found = format!("{} without an `#if`", quoted(word));
        self.error(span, found, "`#if` before it");
    }

    fn entry(&mut self, line: &LogicalLine, entry: &EntryLine<'_>) {
        let span = line.span(entry.number);
        let Some(number) = self.number(span, entry.number) else {
            return;
        };
        let what = match &entry.what {
            WhatLine::Reserved(why, comment) => {
                What::Reserved { why: *why, comment: (*comment).to_owned() }
            }
            WhatLine::Call(call) if call.params.len() > MAX_ARGS => {
                let span = line.span(call.params[MAX_ARGS].c_type.0[0]);
                let found = format!("{} arguments of {}", call.params.len(), quoted(call.base));
                return self.error(span, found, format!("at most {MAX_ARGS}"));
            }
            WhatLine::Call(call) => {
                let call = lower_call(line, number, call);
                self.check_call(&call);
                What::Call(Box::new(call))
            }
        };
        let condition = self.conditionals.last().map(|open| Arc::clone(&open.arm));
        self.entries.push(Entry { number, condition, what, span });
    }

    /// Holds an entry's number against the running one and counts on.
    fn number(&mut self, span: Span, digits: &str) -> Option<u32> {
        let number = digits.parse::<u32>().ok().filter(|&number| number < u32::MAX);
        let (in_sync, expected) = match self.numbering {
            Numbering::Next(next) => (number == Some(next), format!("number {next}")),
            Numbering::From(from) => {
                (number.is_some_and(|it| it >= from), format!("a number from {from} on"))
            }
        };
        if !in_sync {
            let found = format!("number {}", digits.get(..20).unwrap_or(digits));
            let mut error = self.source.error(span, found, expected);
            if let Some(unknown) = self.unknown_conditional {
                error = error.with_help(format!(
                    "only `#if…`, `#else` and `#endif` restore the number; line {} does not",
                    unknown.at.line
                ));
            }
            self.errors.push(error);
        }
        self.numbering = Numbering::Next(number? + 1);
        number
    }

    /// Counts on behind an entry that could not be read.
    fn skip_entry(&mut self, text: &str) {
        let next = match self.numbering {
            Numbering::Next(next) | Numbering::From(next) => next,
        };
        let number = parse::leading_number(text).and_then(|digits| digits.parse::<u32>().ok());
        self.numbering = match number {
            Some(number) if number == next => Numbering::Next(next.saturating_add(1)),
            _ => Numbering::From(next),
        };
    }

    fn check_call(&mut self, call: &Call) {
        self.check_params(call);
        self.check_alignment(call);
        if call.rump {
            self.check_unique(call);
        }
    }

    fn check_params(&mut self, call: &Call) {
        for (index, param) in call.params.iter().enumerate() {
            let before = &call.params[..index];
            if !param.is_pad() && before.iter().any(|other| other.name == param.name) {
                let found = format!("a second argument {}", quoted(&param.name));
                self.error(param.name_span, found, "another name for each argument");
            }
        }
    }

    /// 64-bit arguments must start at an even slot, so that a 32-bit machine that passes them in
    /// register pairs finds them; the rule is the original's, with its one exception.
    fn check_alignment(&mut self, call: &Call) {
        if call.function_base() == "sys_posix_fadvise" {
            return;
        }
        let mut narrow = 0;
        for param in &call.params {
            if !matches!(param.c_type.as_str(), "off_t" | "dev_t" | "time_t") {
                narrow += 1;
            } else if narrow % 2 != 0 {
                let found = format!("{} at an odd slot", quoted(&param.c_type));
                self.error(param.span, found, "a padding argument, `int PAD`, before it");
            }
        }
    }

    fn check_unique(&mut self, call: &Call) {
        let number = self.rump_numbers.insert(call.number, call.span);
        let symbol = self.rump_symbols.insert(call.symbol(), call.span);
        if let Some(first) = number {
            let found = format!("a second RUMP call with number {}", call.number);
            self.error(call.span, found, format!("only the one of line {}", first.at.line));
        } else if let Some(first) = symbol {
            let found = format!("a second RUMP call with symbol {}", quoted(&call.symbol()));
            self.error(call.span, found, format!("only the one of line {}", first.at.line));
        }
    }

    fn error(&mut self, span: Span, found: impl Into<String>, expected: impl Into<String>) {
        self.errors.push(self.source.error(span, found, expected));
    }

    fn finish(mut self) -> (Vec<Entry>, Diagnostics) {
        for open in std::mem::take(&mut self.conditionals) {
            let found = format!("{} without an `#endif`", quoted(&open.directive));
            self.error(open.span, found, "`#endif` before the end of the file");
        }
        if self.entries.is_empty() && self.errors.is_empty() {
            self.error(Span::FILE_START, "a table without entries", "a syscalls.master");
        }
        (self.entries, self.errors)
    }
}

fn lower_call(line: &LogicalLine, number: u32, call: &CallLine<'_>) -> Call {
    Call {
        number,
        kind: call.kind.clone(),
        indirect: call.indirect,
        module: call.module.map(|name| name.unwrap_or_default().to_owned()),
        rump: call.rump,
        returns: call.returns.joined(),
        prefix: call.prefix.to_owned(),
        compat: call.compat.to_owned(),
        base: call.base.to_owned(),
        params: call.params.iter().map(|param| lower_param(line, param)).collect(),
        varargs: call.varargs,
        alias: call.alias.map(str::to_owned),
        span: line.span(call.base),
        returns_span: line.span(call.returns.0[0]),
    }
}

fn lower_param(line: &LogicalLine, param: &ParamWords<'_>) -> Param {
    Param {
        c_type: param.c_type.joined(),
        name: param.name.to_owned(),
        array: param.array.map(str::to_owned),
        span: line.span(param.c_type.0[0]),
        name_span: line.span(param.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lower(text: &str) -> Result<Table, Diagnostics> {
        table(Source::new("t", text.as_bytes()))
    }

    /// `line:col found`, one per error.
    fn errors(text: &str) -> Vec<String> {
        let errors = lower(text).map(|table| table.entries).unwrap_err();
        errors.iter().map(|e| format!("{}:{} {}", e.at.line, e.at.column, e.found)).collect()
    }

    fn numbers(text: &str) -> Vec<(u32, Option<String>)> {
        let table = lower(text).unwrap();
        table
            .entries
            .into_iter()
            .map(|entry| (entry.number, entry.condition.map(|text| text.to_string())))
            .collect()
    }

    const EXIT: &str = "{ void|sys||exit(int rval); }";

    #[test]
    fn else_restores_the_number() {
        let text = format!(
            "id\n%%\n0 STD {EXIT}\n#if A\n1 UNIMPL\n2 UNIMPL\n#else\n1 EXCL x\n2 EXCL\n#endif\n3 UNIMPL\n"
        );
        let a = Some("#if A".to_owned());
        let not_a = Some("#else of #if A".to_owned());
        assert_eq!(
            numbers(&text),
            [(0, None), (1, a.clone()), (2, a), (1, not_a.clone()), (2, not_a), (3, None)]
        );
    }

    #[test]
    fn an_if_without_else_runs_on_and_ifs_nest() {
        let text = "id\n%%\n#ifdef A\n0 UNIMPL\n#ifndef B\n1 UNIMPL\n#else\n1 UNIMPL\n#endif\n#endif\n2 UNIMPL\n";
        assert_eq!(numbers(text).len(), 4);
    }

    #[test]
    fn a_file_without_table_mark_is_all_table() {
        assert_eq!(numbers("id\n0 UNIMPL\n1 UNIMPL\n").len(), 2);
    }

    #[test]
    fn conditionals_before_the_table_do_not_count() {
        assert_eq!(
            numbers("id\n#ifdef X\n#include \"x.h\"\n#endif\n#else\n%%\n0 UNIMPL\n").len(),
            1
        );
    }

    #[test]
    fn the_first_line_is_the_revision_whatever_it_says() {
        let table = lower("\t$NetBSD: syscalls.master,v 1.1 $ \n%%\n0 UNIMPL\n").unwrap();
        assert_eq!(table.ident, "\tNetBSD: syscalls.master,v 1.1");
    }

    #[test]
    fn a_missing_number_is_one_error() {
        assert_eq!(errors("id\n%%\n0 UNIMPL\n2 UNIMPL\n3 UNIMPL\n"), ["4:1 number 2"]);
        assert_eq!(errors("id\n%%\n0 UNIMPL\n99999999999 UNIMPL\n1 UNIMPL\n").len(), 1);
    }

    #[test]
    fn errors_do_not_make_others() {
        let text = "id\n%%\n0 UNIMPL\n1 FOO\n2 STD { int|sys||x(int); }\nx\n5 UNIMPL\n6 UNIMPL x\n";
        assert_eq!(errors(text), ["4:3 `FOO`", "5:23 `)`", "6:1 `x`"]);
    }

    #[test]
    fn errors_point_into_continuation_lines() {
        let text = "id\n%%\n0 STD { int|sys||x(int a, \\\n\t    void *b \\\n\tint c); }\n";
        assert_eq!(errors(text), ["5:2 `int`"]);
    }

    #[test]
    fn unbalanced_conditionals() {
        assert_eq!(
            errors("id\n%%\n#else\n0 UNIMPL\n#endif\n#if A\n1 UNIMPL\n"),
            [
                "3:1 `#else` without an `#if`",
                "5:1 `#endif` without an `#if`",
                "6:1 `#if A` without an `#endif`"
            ]
        );
    }

    #[test]
    fn elif_is_named_where_it_misleads() {
        let text = "id\n%%\n#if A\n0 UNIMPL\n#elif B\n0 UNIMPL\n#endif\n";
        let errors = lower(text).map(|table| table.entries).unwrap_err();
        assert!(errors[0].help.as_deref().is_some_and(|help| help.contains("line 5")), "{errors}");
    }

    #[test]
    fn sixty_four_bit_arguments_need_padding() {
        let at = |params: &str| lower(&format!("id\n0 STD {{ int|sys||x({params}); }}\n"));
        assert!(at("int fd, int PAD, off_t o").is_ok());
        assert!(at("const char *p, mode_t m, dev_t d").is_ok());
        assert!(at("int fd, int flags, off_t a, off_t b").is_ok());
        assert!(at("int fd, off_t o").is_err());
        assert!(lower("id\n0 STD { int|sys||posix_fadvise(int fd, off_t o); }\n").is_ok());
    }

    #[test]
    fn nine_arguments_and_equal_names_are_refused() {
        let many: Vec<String> = (0..9).map(|index| format!("int a{index}")).collect();
        let text = format!("id\n0 STD {{ int|sys||x({}); }}\n", many.join(","));
        assert_eq!(errors(&text), ["2:76 9 arguments of `x`"]);
        assert_eq!(
            errors("id\n0 STD { int|sys||x(int a, int a); }\n"),
            ["2:31 a second argument `a`"]
        );
    }

    #[test]
    fn rump_calls_are_unique() {
        let text = "id\n#if A\n0 STD RUMP { int|sys||x(void); }\n#else\n0 STD RUMP { int|sys||y(void); }\n#endif\n1 STD RUMP { int|sys||x(void); }\n";
        assert_eq!(
            errors(text),
            [
                "5:23 a second RUMP call with number 0",
                "7:23 a second RUMP call with symbol `rump___sysimpl_x`"
            ]
        );
    }

    #[test]
    fn windows_line_ends_are_one_error() {
        let errors = errors("id\r\n%%\r\n0 UNIMPL\r\n1 STD { int|sys||x(void); }\r\n");
        assert_eq!(errors, ["1:3 `\\r`"]);
    }

    #[test]
    fn versions_of_a_call_get_their_names() {
        let text = "id\n0 COMPAT_50 RUMP { int|sys||kevent(int a); }\n\
                    1 COMPAT_100 RUMP { int|sys|50|kevent(int a); }\n\
                    2 STD RUMP { int|sys|100|kevent(int a); }\n";
        let table = lower(text).unwrap();
        let names: Vec<String> =
            table.named_rump_calls().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["compat_50_kevent", "kevent50", "kevent"]);
    }

    /// Linear in the input, so that a hostile file cannot keep the generator busy.
    #[test]
    fn huge_input_is_no_trouble() {
        let many = |part: &str| part.repeat(50_000);
        for text in [
            format!("id\n0 STD {{ int|sys||x({}int z); }}\n", many("int a,")),
            format!("id\n0 STD RUMP {{ int|sys||x(int {} a); }}\n", many("*")),
            format!("id\n0 STD {{ {} int|sys||x(void); }}\n", many("const ")),
            format!("id\n0 STD {{ int|sys||{}(void); }}\n", many("x")),
            format!("id\n0 {}\n", many("\\\n")),
            format!("id\n{}0 UNIMPL\n", many("#if A\n")),
            format!("id\n0 UNIMPL\n{}", many("x\n")),
            format!("id\n{} UNIMPL\n", many("9")),
        ] {
            if let Ok(table) = lower(&text) {
                let _ = crate::generate(&table, "", "lending.txt");
            }
        }
    }

    #[test]
    fn an_empty_file_is_an_error() {
        assert_eq!(errors("").len(), 1);
    }
}
