//! What went wrong, where, and what would have been right.
//!
//! A diagnostic carries the place in the file as it is on disk, and the line with a caret, so that
//! it prints without looking at the file again.

use std::fmt;

/// A place in a file. Both numbers start at 1; columns count characters, a tab being one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// One error: `file:line:col: error: found X, expected Y`, the line, and a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's name as the caller gave it.
    pub file: String,
    /// Where in the file.
    pub at: Position,
    /// What is there.
    pub found: String,
    /// What should be there.
    pub expected: String,
    /// How to put it right, where that is not obvious.
    pub help: Option<String>,
    excerpt: Excerpt,
}

/// The part of a line that is worth showing, and which of its characters to point at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    text: String,
    caret: usize,
    width: usize,
}

/// Characters of a line that are shown; longer lines are cut around the caret.
const SHOWN: usize = 160;
/// Characters shown before the caret when a line is cut.
const SHOWN_BEFORE: usize = 60;

impl Diagnostic {
    /// An error at `at` in a file, whose text on that line is `line`, about the `width` characters
    /// from there on (at least one is marked).
    pub fn new(
        file: &str,
        at: Position,
        line: &str,
        width: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            file: file.to_owned(),
            at,
            found: found.into(),
            expected: expected.into(),
            help: None,
            excerpt: Excerpt::new(line, at.column.saturating_sub(1) as usize, width),
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

impl Excerpt {
    fn new(line: &str, column: usize, width: usize) -> Excerpt {
        let start =
            if line.chars().nth(SHOWN).is_some() { column.saturating_sub(SHOWN_BEFORE) } else { 0 };
        let text: String = line.chars().skip(start).take(SHOWN).map(printable).collect();
        let caret = column - start;
        let room = text.chars().count().saturating_sub(caret);
        Excerpt { text, caret, width: width.min(room).max(1) }
    }

    /// Blanks up to the caret, tabs kept so that it lands under its character.
    fn indent(&self) -> String {
        let mut indent: String =
            self.text.chars().take(self.caret).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let missing = self.caret.saturating_sub(indent.chars().count());
        indent.extend(std::iter::repeat_n(' ', missing));
        indent
    }
}

/// Keeps control characters of a hostile file away from the terminal.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { file, at, found, expected, help, excerpt } = self;
        writeln!(f, "{file}:{}:{}: error: found {found}, expected {expected}", at.line, at.column)?;
        writeln!(f, "  | {}", excerpt.text)?;
        writeln!(f, "  | {}{}", excerpt.indent(), "^".repeat(excerpt.width))?;
        match help {
            Some(help) => writeln!(f, "  = {help}"),
            None => Ok(()),
        }
    }
}

/// Errors of one run, in the order of the file. Never empty where it is an `Err`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    /// How many more there were.
    dropped: usize,
}

/// Errors that are kept; a file that has more is not the file that was meant.
const KEPT: usize = 100;

impl Diagnostics {
    /// No errors so far.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds an error.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < KEPT {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// `Ok(value)` if nothing was reported.
    pub fn or<T>(mut self, value: T) -> Result<T, Diagnostics> {
        if self.kept.is_empty() {
            return Ok(value);
        }
        self.kept.sort_by_key(|diagnostic| diagnostic.at);
        Err(self)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics { kept: vec![diagnostic], dropped: 0 }
    }
}

impl std::ops::Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.kept
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.iter() {
            write!(f, "{diagnostic}")?;
        }
        match self.dropped {
            0 => Ok(()),
            more => writeln!(f, "… and {more} more errors"),
        }
    }
}

impl std::error::Error for Diagnostics {}

/// A piece of a file as an error names it: in back quotes, escaped, not too long.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(column: u32) -> Position {
        Position { line: 7, column }
    }

    #[test]
    fn caret_stands_under_its_character_behind_tabs() {
        let error = Diagnostic::new("t", at(5), "5\tST\tRUMP", 4, "`\\t`", "`RUMP`");
        assert_eq!(
            error.to_string(),
            "t:7:5: error: found `\\t`, expected `RUMP`\n  | 5\tST\tRUMP\n  |  \t  ^^^^\n"
        );
    }

    #[test]
    fn caret_may_stand_behind_the_end() {
        let error = Diagnostic::new("t", at(4), "abc", 1, "the end of the line", "`;`");
        assert!(error.to_string().ends_with("  | abc\n  |    ^\n"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let line = format!("{}HERE{}", "a".repeat(1_000_000), "b".repeat(1_000_000));
        let text = Diagnostic::new("t", at(1_000_001), &line, 4, "`HERE`", "`x`").to_string();
        assert!(text.len() < 500, "{} bytes", text.len());
        let mut lines = text.lines().skip(1);
        let (excerpt, caret) = (lines.next().unwrap(), lines.next().unwrap());
        assert_eq!(excerpt.find("HERE"), caret.find("^^^^"));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let error = Diagnostic::new("t", at(1), "\u{1b}[31m\0", 1, quoted("\u{1b}"), "a number");
        assert!(!error.to_string().contains('\u{1b}'));
        assert!(!error.to_string().contains('\0'));
    }

    #[test]
    fn errors_come_in_file_order_and_not_in_thousands() {
        let mut errors = Diagnostics::new();
        for column in (1..=250).rev() {
            errors.push(Diagnostic::new("t", at(column), "", 1, "a", "b"));
        }
        let errors = errors.or(()).unwrap_err();
        assert!(errors.is_sorted_by_key(|error| error.at));
        assert_eq!(errors.len(), 100);
        assert!(errors.to_string().ends_with("… and 150 more errors\n"));
    }
}
