//! Recognises the tables of other systems, and of NetBSD before 6, for what they are.
//!
//! They share the file name and the look, but another grammar: without this, each of their lines
//! would be an error of its own and none would say what is the matter.

use crate::diagnostic::Diagnostic;
use crate::source::{LogicalLine, Source};

/// How an entry's line looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `3 STD { ssize_t|sys||read(…); }`: NetBSD 6 and later.
    Columns,
    /// `3 AUE_NULL STD { … }`: an audit event behind the number.
    Audit,
    /// `3 STD { ssize_t sys_read(…); }`.
    Plain,
}

/// One error that names the table's origin, if no line of it is in the form of NetBSD 6 and later
/// and some line is in another system's.
pub(crate) fn recognise(source: &Source, lines: &[LogicalLine]) -> Option<Diagnostic> {
    let mut foreign = None;
    for line in lines {
        match form(line.text()) {
            Some(Form::Columns) => return None,
            Some(form) => foreign = foreign.or(Some((line, form))),
            None => {}
        }
    }
    let (line, form) = foreign?;
    let entry = line.span(line.text());
    let found = origin(form, lines);
    let error = source.error(entry, found, "a syscalls.master of NetBSD 6 or later");
    Some(error.with_help(
        "take sys/kern/syscalls.master from the NetBSD release to support; its entries look like \
         `6 STD RUMP { int|sys||close(int fd); }`",
    ))
}

fn form(text: &str) -> Option<Form> {
    let mut words = text.split_ascii_whitespace();
    words.next()?.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    if words.next()?.starts_with("AUE_") {
        return Some(Form::Audit);
    }
    let (_, body) = text.split_once('{')?;
    let (head, _) = body.split_once('(')?;
    Some(if head.contains('|') { Form::Columns } else { Form::Plain })
}

fn origin(form: Form, lines: &[LogicalLine]) -> &'static str {
    let ident = lines.first().map_or("", LogicalLine::text);
    let table_mark = lines.iter().any(|line| line.text() == "%%");
    match form {
        Form::Audit if ident.contains("FreeBSD") => {
            "a FreeBSD table (an audit event stands behind each number)"
        }
        Form::Audit => "a FreeBSD or macOS table (an audit event stands behind each number)",
        _ if ident.contains("OpenBSD") => "an OpenBSD table (prototypes without `|`)",
        _ if ident.contains("NetBSD") || table_mark => {
            "a table of NetBSD 5 or earlier (prototypes without `|`)"
        }
        _ => "a table of another BSD, or of NetBSD 5 or earlier (prototypes without `|`)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(text: &str) -> Option<String> {
        let source = Source::new("t", text.as_bytes());
        recognise(&source, &source.logical_lines()).map(|error| error.found)
    }

    #[test]
    fn tables_are_known_by_their_entries() {
        let audit = "0\tAUE_NULL\tSTD\t{ int nosys(void); }\n";
        let plain = "1\tSTD\t\t{ void sys_exit(int rval); }\n";
        assert!(recognised(&format!(" FreeBSD: x\n{audit}")).unwrap().contains("a FreeBSD table"));
        assert!(recognised(&format!("x\n{audit}")).unwrap().contains("FreeBSD or macOS"));
        assert!(recognised(&format!("; OpenBSD:\n{plain}")).unwrap().contains("OpenBSD"));
        assert!(recognised(&format!(" NetBSD:\n%%\n{plain}")).unwrap().contains("NetBSD 5"));
        assert!(recognised(&format!("x\n{plain}")).unwrap().contains("another BSD"));
    }

    #[test]
    fn one_entry_in_the_right_form_makes_it_ours() {
        let text = "x\n1 STD { void sys_exit(int rval); }\n2 STD { int|sys||fork(void); }\n";
        assert_eq!(recognised(text), None);
        assert_eq!(recognised("x\n1 STD\n; { int f(void); }\n"), None);
    }
}
