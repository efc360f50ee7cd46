//! Tables of system calls: the generator answers with files, or with errors that point into the
//! input.

use rumpclient_codegen::diff::Diff;
use rumpclient_codegen::{Diagnostics, generate, list, parse};

/// Longer ones only take longer.
const LONGEST: usize = 8 << 10;

pub(super) fn run(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    let table = match parse(data, "mutant") {
        Ok(table) => table,
        Err(errors) => return check_errors(&errors, data),
    };
    let text = list::text(&table);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    for text in [list::tsv(&table), list::json(&table)] {
        assert!(!text.is_empty());
    }
    assert_eq!(Diff::between(&table, &table).changes, []);
    match generate(&table, "", "lending.txt") {
        Ok(generated) => assert!(!generated.files.is_empty()),
        Err(errors) => check_errors(&errors, data),
    }
}

fn check_errors(errors: &Diagnostics, data: &[u8]) {
    assert!(!errors.is_empty(), "refused without a reason");
    let lines = data.split(|&byte| byte == b'\n').count();
    for error in errors.iter() {
        let at = error.at;
        assert!(at.line >= 1 && at.line as usize <= lines, "{error}");
        assert!(at.column >= 1 && at.column as usize <= data.len() + 1, "{error}");
        assert!(!error.found.is_empty() && !error.expected.is_empty(), "{error}");
        assert!(error.to_string().len() < 2_000, "{error}");
    }
}
