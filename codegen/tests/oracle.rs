//! What the tables say of the RUMP calls, held against what NetBSD's own generator makes of them.

use std::collections::BTreeSet;

use rumpclient_codegen::list;
use rumpclient_codegen::model::{Call, Table};

mod common;

/// Columns of `rumpcalls.tsv` that a table alone does not give.
const NOT_IN_A_TABLE: [&str; 3] = ["version", "header_proto", "component"];

/// Up to 2020 three macros were named after the kernel's function; the newest rule holds for all.
const RENAMED_MACROS: [(&str, &str); 3] = [
    ("RUMP_SYS_RENAME_GETPID_WITH_PPID", "RUMP_SYS_RENAME_GETPID"),
    ("RUMP_SYS_RENAME_GETUID_WITH_EUID", "RUMP_SYS_RENAME_GETUID"),
    ("RUMP_SYS_RENAME_GETGID_WITH_EGID", "RUMP_SYS_RENAME_GETGID"),
];

/// The reference rows of one release, in the form of `list::tsv`.
fn expected(reference: &str, release: &str) -> String {
    let mut lines = reference.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let version = header.iter().position(|name| *name == "version").expect("a version column");
    let rows = lines.filter(|row| row[version] == release);
    let mut out = String::new();
    for row in std::iter::once(header.clone()).chain(rows) {
        let kept: Vec<&str> = std::iter::zip(&header, &row)
            .filter(|(name, _)| !NOT_IN_A_TABLE.contains(name))
            .map(|(_, value)| newest_macro(value))
            .collect();
        out.push_str(&kept.join("\t"));
        out.push('\n');
    }
    out
}

fn newest_macro(value: &str) -> &str {
    RENAMED_MACROS.iter().find(|(old, _)| *old == value).map_or(value, |(_, new)| new)
}

#[test]
fn every_rump_call_is_as_netbsds_generator_gives_it() {
    let test = "every_rump_call_is_as_netbsds_generator_gives_it";
    let Some(reference) = common::read_shared(test, "reference/rumpcalls.tsv") else {
        return;
    };
    let reference = String::from_utf8(reference).expect("rumpcalls.tsv is UTF-8");
    let mut rows = 0;
    for (release, file) in common::RELEASES {
        let Some(table) = common::shared_table(test, file) else {
            return;
        };
        let (found, expected) = (list::tsv(&table), expected(&reference, release));
        for (found, expected) in std::iter::zip(found.lines(), expected.lines()) {
            assert_eq!(found, expected, "{file}");
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{file}");
        rows += found.lines().count() - 1;
    }
    assert_eq!(rows, reference.lines().count() - 1, "a release of rumpcalls.tsv is not looked at");
}

/// The C library of 2016 exports what its table says, and ours does not lack any of it.
#[test]
fn the_c_librarys_symbols_are_all_there() {
    let test = "the_c_librarys_symbols_are_all_there";
    let Some(reference) = common::read_shared(test, "reference/reference-symbols.txt") else {
        return;
    };
    let reference = String::from_utf8(reference).expect("reference-symbols.txt is UTF-8");
    let expected: BTreeSet<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("T "))
        .filter(|symbol| symbol.starts_with("rump_sys_") || symbol.starts_with("rump___sysimpl_"))
        .collect();
    assert!(!expected.is_empty(), "reference-symbols.txt lists no system calls");
    let symbols =
        |table: &Table| -> BTreeSet<String> { table.rump_calls().map(Call::symbol).collect() };
    let Some(table) = common::shared_table(test, "netbsd-1.285.master") else {
        return;
    };
    let of_1_285 = symbols(&table);
    assert_eq!(of_1_285.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    let ours = symbols(&common::own_table());
    assert_eq!(expected.iter().find(|symbol| !ours.contains(**symbol)), None);
}
