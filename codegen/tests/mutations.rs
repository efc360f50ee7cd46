//! Whatever the bytes, the generator answers with files or with errors that point into the input.

use std::panic::{self, AssertUnwindSafe};
use std::thread;

use fastrand::Rng;
use rumpclient_codegen::Diagnostics;

mod common;

/// Mutants of excerpts: short, so that there can be many.
const EXCERPTS: u64 = 10_000;
/// Mutants of whole tables.
const WHOLE: u64 = 40;
/// Physical lines of an excerpt.
const EXCERPT_LINES: usize = 12;

/// Words that mean something to the generator, or to the languages that it writes.
const WORDS: &[&str] = &[
    "%%",
    "\\\n",
    "\n",
    "\r\n",
    "$",
    "\0",
    "{",
    "}",
    "(",
    ")",
    "|",
    "||",
    ",",
    ";",
    "*",
    "...",
    "[",
    "]",
    "#if X\n",
    "#else\n",
    "#endif\n",
    "#elif Y\n",
    "# if Z\n",
    "#include <x>\n",
    "\t",
    " ",
    "RUMP",
    "MODULAR",
    "STD",
    "NOERR",
    "NODEF",
    "NOARGS",
    "INDIR",
    "EXTERN",
    "OBSOL",
    "UNIMPL",
    "EXCL",
    "IGNORED",
    "COMPAT_50",
    "COMPAT_",
    "AUE_NULL",
    "PAD",
    "void",
    "int",
    "const",
    "struct",
    "union",
    "off_t",
    "size_t",
    "char *",
    "void *",
    "struct stat *",
    "struct x *",
    "union x **",
    "fd_set *",
    "pipe",
    "sys_",
    "compat_50_",
    "type",
    "self",
    "Self",
    "crate",
    "super",
    "_",
    "__",
    "r#",
    "fn",
    "async",
    "4294967295",
    "4294967296",
    "99999999999999999999999999",
    "-1",
    "\u{e9}",
    "\u{feff}",
];

/// A number below `bound`; 0 if there is none.
fn below(random: &mut Rng, bound: usize) -> usize {
    random.usize(..bound.max(1))
}

/// A range of at most `longest` within `0..length`.
fn range(random: &mut Rng, length: usize, longest: usize) -> std::ops::Range<usize> {
    let start = below(random, length);
    start..(start + below(random, longest) + 1).min(length)
}

/// Some lines of a table as a table of their own, which is good if the lines hold whole entries.
fn excerpt(table: &str, random: &mut Rng) -> String {
    let lines: Vec<&str> = table.lines().collect();
    let start = below(random, lines.len());
    let first_entry = lines[start..].iter().position(|line| line.starts_with(char::is_numeric));
    let start = start + first_entry.unwrap_or_default();
    let mut excerpt = "an excerpt\n%%\n".to_owned();
    let mut number = 0;
    let mut restored = Vec::new();
    for line in lines[start..].iter().take(EXCERPT_LINES) {
        let rest = line.trim_start_matches(char::is_numeric);
        match line.split_ascii_whitespace().next() {
            Some("#if") => restored.push(number),
            Some("#else") => number = restored.last().copied().unwrap_or(number),
            Some("#endif") => drop(restored.pop()),
            _ => {}
        }
        if rest.len() < line.len() {
            excerpt.push_str(&number.to_string());
            number += 1;
        }
        excerpt.push_str(rest);
        excerpt.push('\n');
    }
    excerpt
}

fn mutate(bytes: &mut Vec<u8>, donor: &[u8], random: &mut Rng) {
    let length = bytes.len();
    match below(random, 10) {
        0 => flip(bytes, random),
        1 => {
            for at in range(random, length, 8) {
                bytes[at] = random.u8(..);
            }
        }
        2 => drop(bytes.drain(range(random, length, 12))),
        3 => {
            let piece = bytes[range(random, length, 40)].to_vec();
            insert(bytes, &piece, random);
        }
        4 => {
            let piece = &donor[range(random, donor.len(), 200)];
            insert(bytes, piece, random);
        }
        5 => bytes.truncate(below(random, length)),
        6 => swap_lines(bytes, random),
        7 => {
            let noise: Vec<u8> = (0..below(random, 20)).map(|_| random.u8(..)).collect();
            insert(bytes, &noise, random);
        }
        _ => {
            let word = WORDS[below(random, WORDS.len())];
            insert(bytes, word.as_bytes(), random);
        }
    }
}

fn flip(bytes: &mut [u8], random: &mut Rng) {
    let at = below(random, bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << below(random, 8);
    }
}

fn insert(bytes: &mut Vec<u8>, piece: &[u8], random: &mut Rng) {
    let at = below(random, bytes.len() + 1);
    bytes.splice(at..at, piece.iter().copied());
}

fn swap_lines(bytes: &mut Vec<u8>, random: &mut Rng) {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let (one, other) = (below(random, lines.len()), below(random, lines.len()));
    if !lines.is_empty() {
        lines.swap(one, other);
    }
    *bytes = lines.concat();
}

/// Runs the generator; what it answers must be of use.
fn run(bytes: &[u8], lending: &str) {
    let outcome = rumpclient_codegen::parse(bytes, "mutant")
        .and_then(|table| rumpclient_codegen::generate(&table, lending, "lending.txt"));
    match outcome {
        Ok(generated) => assert!(!generated.files.is_empty()),
        Err(errors) => check_errors(&errors, bytes),
    }
}

fn check_errors(errors: &Diagnostics, bytes: &[u8]) {
    assert!(!errors.is_empty(), "refused without a reason");
    let lines = bytes.split(|&byte| byte == b'\n').count();
    for error in errors.iter() {
        let at = error.at;
        assert!(at.line >= 1 && at.line as usize <= lines, "{error}");
        assert!(at.column >= 1 && at.column as usize <= bytes.len() + 1, "{error}");
        assert!(!error.found.is_empty() && !error.expected.is_empty(), "{error}");
        assert!(error.to_string().len() < 2_000, "{error}");
    }
}

/// Runs `count` mutants of `tables`, spread over the processors. Each depends on its number alone.
fn run_mutants(count: u64, tables: &[String], make: fn(&str, &mut Rng) -> String, lending: &str) {
    let workers = thread::available_parallelism().map_or(1, usize::from) as u64;
    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    (worker..count)
                        .step_by(workers as usize)
                        .find_map(|seed| run_mutant(seed, tables, make, lending))
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("a worker")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs one; a panic comes back as text with the mutant that caused it.
fn run_mutant(
    seed: u64,
    tables: &[String],
    make: fn(&str, &mut Rng) -> String,
    lending: &str,
) -> Option<String> {
    let random = &mut Rng::with_seed(seed);
    let table = &tables[below(random, tables.len())];
    let donor = &tables[below(random, tables.len())];
    let mut bytes = make(table, random).into_bytes();
    for _ in 0..below(random, 4) {
        mutate(&mut bytes, donor.as_bytes(), random);
    }
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(&bytes, lending)));
    outcome.err().map(|_| format!("mutant {seed} failed:\n{}", String::from_utf8_lossy(&bytes)))
}

/// The workspace's tables, and those of the reference data where it is there, foreign ones too.
fn tables(test: &str) -> Vec<String> {
    let own = ["syscalls.master", "codegen/masters/netbsd-1.239.master"];
    let mut tables: Vec<Vec<u8>> = own.into_iter().map(common::own).collect();
    if let Some(folder) = common::shared(test, "masters") {
        let entries = folder.read_dir().expect("the folder can be listed");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        tables.extend(paths.iter().map(|path| std::fs::read(path).expect("a table")));
    }
    tables.into_iter().map(|table| String::from_utf8_lossy(&table).into_owned()).collect()
}

#[test]
fn ten_thousand_mutated_excerpts() {
    run_mutants(EXCERPTS, &tables("ten_thousand_mutated_excerpts"), excerpt, "");
}

#[test]
fn whole_tables_mutated() {
    let whole = |table: &str, _: &mut Rng| table.to_owned();
    run_mutants(WHOLE, &tables("whole_tables_mutated"), whole, &common::lending());
}

#[test]
fn extreme_inputs() {
    let deep = "#if A\n".repeat(20_000);
    let long_line = format!("0\tSTD\t{{ int|sys||x(int {}); }}\n", "a".repeat(1_000_000));
    let long_name = format!("0\tSTD\tRUMP\t{{ int|sys||x(int {}); }}\n", "a".repeat(10_000));
    let stars = format!("0 STD RUMP {{ int|sys||x(int {}a); }}\n", "*".repeat(20_000));
    let params = format!("0 STD RUMP {{ int|sys||x({}int a); }}\n", "int b, ".repeat(20_000));
    let spliced = "\\\n".repeat(20_000);
    let noise = "\u{fffd}".repeat(20_000);
    for body in [
        "", "\n", "\0", "$", "\\", "\\\n", &deep, &long_line, &long_name, &stars, &params,
        &spliced, &noise,
    ] {
        run(body.as_bytes(), "");
        run(format!("id\n%%\n{body}").as_bytes(), "");
    }
}
