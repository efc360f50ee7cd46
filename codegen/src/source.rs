//! Source text: physical lines, logical lines, and the way back from one to the other.
//!
//! Like NetBSD's own script, every `$` is deleted first (they are there for a revision control
//! system), and then a line that ends in a backslash is joined with the next one, nothing in
//! between. Every character of a logical line still knows its place in the file.

use std::ops::Range;

use nom::Offset;

use crate::diagnostic::{Diagnostic, Position, quoted};

/// A file's text and name. Any bytes will do: what is not UTF-8 becomes U+FFFD, which no grammar
/// accepts outside of comments.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    /// Physical lines without their line ends.
    lines: Vec<Range<usize>>,
}

/// Physical lines joined to what the grammar sees as one line.
#[derive(Clone, Debug, Default)]
pub struct LogicalLine {
    text: String,
    runs: Vec<Run>,
}

/// A stretch of a logical line that is also a stretch of a physical one.
#[derive(Clone, Copy, Debug)]
struct Run {
    offset: usize,
    at: Position,
}

/// A piece of a logical line: where it starts and how many characters it has there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first character.
    pub at: Position,
    /// Characters on that physical line.
    pub width: usize,
}

impl Source {
    /// Takes a file's bytes; `name` is what errors call it.
    pub fn new(name: &str, bytes: &[u8]) -> Source {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let content = line.strip_suffix('\n').unwrap_or(line);
            lines.push(start..start + content.len());
            start += line.len();
        }
        Source { name: name.to_owned(), text, lines }
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A physical line by its number from 1; empty behind the end of the file.
    pub fn line(&self, number: u32) -> &str {
        let index = (number as usize).wrapping_sub(1);
        self.lines.get(index).map_or("", |range| &self.text[range.clone()])
    }

    /// The lines as the grammar sees them.
    pub fn logical_lines(&self) -> Vec<LogicalLine> {
        let mut joined = Vec::new();
        let mut current = LogicalLine::default();
        for (index, range) in self.lines.iter().enumerate() {
            let last = index + 1 == self.lines.len();
            current.append(&self.text[range.clone()], index as u32 + 1);
            if !last && current.text.ends_with('\\') {
                current.text.pop();
            } else {
                joined.push(std::mem::take(&mut current));
            }
        }
        joined
    }

    /// The first line that ends in a carriage return, as an error; the file was saved for Windows.
    pub fn carriage_return(&self) -> Option<Diagnostic> {
        let index = self.lines.iter().position(|range| self.text[range.clone()].ends_with('\r'))?;
        let line = index as u32 + 1;
        let column = self.line(line).chars().count() as u32;
        let span = Span { at: Position { line, column }, width: 1 };
        let found = quoted("\r");
        Some(self.error(span, found, "lines that end in a line feed alone"))
    }

    /// An error about a piece of this file.
    pub fn error(
        &self,
        span: Span,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Diagnostic {
        let line = self.line(span.at.line);
        Diagnostic::new(&self.name, span.at, line, span.width, found, expected)
    }
}

impl LogicalLine {
    /// The text, without any `$`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The physical line it starts on.
    pub fn number(&self) -> u32 {
        self.runs.first().map_or(1, |run| run.at.line)
    }

    /// Where a part of [`text`](Self::text) is in the file. `part` must be a slice of it.
    pub fn span(&self, part: &str) -> Span {
        self.span_at(self.text.offset(part), part.len())
    }

    /// Where the `len` bytes from `offset` on are in the file.
    pub fn span_at(&self, offset: usize, len: usize) -> Span {
        let index = self.runs.partition_point(|run| run.offset <= offset).saturating_sub(1);
        let run = self.runs.get(index).copied().unwrap_or(Run { offset: 0, at: FILE_START });
        let run_end = self.runs.get(index + 1).map_or(self.text.len(), |next| next.offset);
        let before = self.text.get(run.offset..offset).map_or(0, |text| text.chars().count());
        let end = (offset + len).min(run_end);
        let width = self.text.get(offset..end).map_or(0, |text| text.chars().count());
        let column = run.at.column + before as u32;
        Span { at: Position { line: run.at.line, column }, width: width.max(1) }
    }

    fn append(&mut self, physical: &str, line: u32) {
        let mut column = 1;
        for piece in physical.split('$') {
            // An empty piece still marks where the line starts: a later error may point there.
            if !piece.is_empty() || column == 1 {
                self.runs.push(Run { offset: self.text.len(), at: Position { line, column } });
            }
            self.text.push_str(piece);
            column += piece.chars().count() as u32 + 1;
        }
    }
}

const FILE_START: Position = Position { line: 1, column: 1 };

impl Span {
    /// The first character of a file.
    pub const FILE_START: Span = Span { at: FILE_START, width: 1 };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logical(text: &str) -> Vec<LogicalLine> {
        Source::new("t", text.as_bytes()).logical_lines()
    }

    fn place(line: &LogicalLine, part: &str) -> (u32, u32) {
        let start = line.text().find(part).expect("part of the line");
        let at = line.span(&line.text()[start..start + part.len()]).at;
        (at.line, at.column)
    }

    #[test]
    fn a_spliced_line_keeps_every_place() {
        let lines = logical("one\n5\tSTD\\\n\t{ int\\\n  x }\nafter\n");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1].text(), "5\tSTD\t{ int  x }");
        assert_eq!(place(&lines[1], "STD"), (2, 3));
        assert_eq!(place(&lines[1], "{"), (3, 2));
        assert_eq!(place(&lines[1], "x"), (4, 3));
        assert_eq!(place(&lines[2], "after"), (5, 1));
    }

    #[test]
    fn dollar_signs_go_without_moving_columns() {
        let lines = logical("a$b$$c\\$\nd\n");
        assert_eq!(lines[0].text(), "abcd");
        for (part, at) in [("a", (1, 1)), ("b", (1, 3)), ("c", (1, 6)), ("d", (2, 1))] {
            assert_eq!(place(&lines[0], part), at, "{part}");
        }
    }

    #[test]
    fn only_a_backslash_that_ends_the_line_joins() {
        assert_eq!(logical("a\\ \nb\n").len(), 2);
        assert_eq!(logical("a\\\\\nb\n")[0].text(), "a\\b");
    }

    #[test]
    fn a_backslash_at_the_end_of_the_file_stays() {
        assert_eq!(logical("a\\\n")[0].text(), "a\\");
        assert_eq!(logical("a\\")[0].text(), "a\\");
    }

    #[test]
    fn the_end_of_a_line_has_a_place() {
        let lines = logical("ab\\\ncd");
        let end = lines[0].span_at(4, 0);
        assert_eq!((end.at.line, end.at.column, end.width), (2, 3, 1));
    }

    #[test]
    fn a_span_does_not_reach_over_a_splice() {
        let lines = logical("ab\\\ncd\n");
        assert_eq!(lines[0].span(lines[0].text()).width, 2);
    }

    #[test]
    fn any_bytes_make_lines() {
        assert!(logical("").is_empty());
        assert_eq!(Source::new("t", b"\xff\0\n\n").logical_lines().len(), 2);
    }

    #[test]
    fn columns_count_characters() {
        let lines = logical("é\u{4e16}x\n");
        assert_eq!(place(&lines[0], "x"), (1, 3));
    }

    #[test]
    fn carriage_returns_are_named_once() {
        let error = Source::new("t", b"a\nb\r\nc\r\n").carriage_return().expect("an error");
        assert_eq!((error.at.line, error.at.column), (2, 2));
        assert!(Source::new("t", b"a\nb\n").carriage_return().is_none());
    }
}
