//! What people read when a table is wrong, to the letter.

mod common;

/// All that is reported about a table, parsed and generated, without its file name.
fn report(table: &str) -> String {
    let outcome = rumpclient_codegen::parse(table.as_bytes(), "t")
        .and_then(|table| rumpclient_codegen::generate(&table, "", "lending.txt"));
    match outcome {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

/// Holds the report about one entry, with number 0, against what it should be.
#[track_caller]
fn assert_entry(entry: &str, expected: &str) {
    assert_eq!(report(&format!("id\n%%\n{entry}\n")), expected);
}

#[test]
fn a_good_entry_has_no_errors() {
    assert_entry("0 STD RUMP { int|sys||x(int a); }", "");
}

#[test]
fn no_number() {
    assert_entry(
        "STD RUMP { int|sys||x(int a); }",
        "\
t:3:1: error: found `STD`, expected a system call number
  | STD RUMP { int|sys||x(int a); }
  | ^^^
",
    );
}

#[test]
fn an_unknown_type_of_entry() {
    assert_entry(
        "0\tSTANDARD\tRUMP\t{ int|sys||x(int a); }",
        "\
t:3:3: error: found `STANDARD`, expected a type (STD, COMPAT_nn, NOERR, NODEF, NOARGS, INDIR, \
EXTERN, OBSOL, UNIMPL, EXCL, IGNORED)
  | 0\tSTANDARD\tRUMP\t{ int|sys||x(int a); }
  |  \t^^^^^^^^
",
    );
}

#[test]
fn flags_out_of_order() {
    assert_entry(
        "0 STD RUMP MODULAR aio { int|sys||x(int a); }",
        "\
t:3:12: error: found `MODULAR`, expected `{`
  | 0 STD RUMP MODULAR aio { int|sys||x(int a); }
  |            ^^^^^^^
",
    );
    assert_entry(
        "0 COMPAT_50 MODULAR compat_50 RUMPF { int|sys||x(int a); }",
        "\
t:3:31: error: found `RUMPF`, expected `RUMP` or `{`
  | 0 COMPAT_50 MODULAR compat_50 RUMPF { int|sys||x(int a); }
  |                               ^^^^^
",
    );
}

#[test]
fn an_incomplete_prototype() {
    assert_entry(
        "0 STD RUMP {",
        "\
t:3:13: error: found the end of the entry, expected a return type
  | 0 STD RUMP {
  |             ^
",
    );
    assert_entry(
        "0 STD RUMP { int|sys|x(int a); }",
        "\
t:3:23: error: found `(`, expected a version or `|`
  | 0 STD RUMP { int|sys|x(int a); }
  |                       ^
",
    );
    assert_entry(
        "0 STD RUMP { int|sys||x(int a) }",
        "\
t:3:32: error: found `}`, expected `;`
  | 0 STD RUMP { int|sys||x(int a) }
  |                                ^
",
    );
    assert_entry(
        "0 STD RUMP { int|sys||x(int a); } y z",
        "\
t:3:37: error: found `z`, expected the end of the entry
  | 0 STD RUMP { int|sys||x(int a); } y z
  |                                     ^
",
    );
}

#[test]
fn arguments() {
    assert_entry(
        "0 STD RUMP { int|sys||x(); }",
        "\
t:3:25: error: found `)`, expected an argument: a type and a name
  | 0 STD RUMP { int|sys||x(); }
  |                         ^
",
    );
    assert_entry(
        "0 STD RUMP { int|sys||x(const void *); }",
        "\
t:3:37: error: found `)`, expected the name of the argument
  | 0 STD RUMP { int|sys||x(const void *); }
  |                                     ^
",
    );
    assert_entry(
        "0 STD RUMP { int|sys||x(... int a); }",
        "\
t:3:25: error: found `...`, expected an argument before a single `...`
  | 0 STD RUMP { int|sys||x(... int a); }
  |                         ^^^
",
    );
    assert_entry(
        "0 STD RUMP { int|sys||x(int a, long a); }",
        "\
t:3:37: error: found a second argument `a`, expected another name for each argument
  | 0 STD RUMP { int|sys||x(int a, long a); }
  |                                     ^
",
    );
    assert_entry(
        "0 STD { int|sys||x(int a, int b, int c, int d, int e, int f, int g, int h, int i); }",
        "\
t:3:76: error: found 9 arguments of `x`, expected at most 8
  | 0 STD { int|sys||x(int a, int b, int c, int d, int e, int f, int g, int h, int i); }
  |                                                                            ^^^
",
    );
}

#[test]
fn a_wide_argument_at_an_odd_slot() {
    assert_entry(
        "0 STD RUMP { int|sys||ftruncate(int fd, off_t length); }",
        "\
t:3:41: error: found `off_t` at an odd slot, expected a padding argument, `int PAD`, before it
  | 0 STD RUMP { int|sys||ftruncate(int fd, off_t length); }
  |                                         ^^^^^
",
    );
}

#[test]
fn a_c_type_that_no_register_may_hold_is_an_error_where_rump_kernels_serve_the_call() {
    assert_entry(
        "0 STD RUMP { whatever_|sys||x(struct x *p, nobody__ n); }",
        "\
t:3:14: error: found the unknown type `whatever_`, expected a type that the generator knows
  | 0 STD RUMP { whatever_|sys||x(struct x *p, nobody__ n); }
  |              ^^^^^^^^^
  = codegen/src/types.rs is where its size and sign belong
t:3:44: error: found the unknown type `nobody__`, expected a type that the generator knows
  | 0 STD RUMP { whatever_|sys||x(struct x *p, nobody__ n); }
  |                                            ^^^^^^^^
  = codegen/src/types.rs is where its size and sign belong
",
    );
    assert_eq!(
        report(
            "id\n%%\n0 STD { whatever_|sys||x(nobody__ n); }\n1 STD RUMP { int|sys||y(int a); }\n"
        ),
        ""
    );
}

#[test]
fn carets_find_their_way_through_continuation_lines() {
    assert_eq!(
        report(
            "\
id
%%
0\tSTD\tMODULAR\t\\
\t\tRUMP\t\\
\t\t{ int|sys||x(struct \\
\t\t\ttimeval *tv, $off_t b); }
1\tSTD\tRUMP\t{ int|sys||y(int a, \\
\t\tint b \\
\t\tint c); }
"
        ),
        "\
t:6:18: error: found `off_t` at an odd slot, expected a padding argument, `int PAD`, before it
  | \t\t\ttimeval *tv, $off_t b); }
  | \t\t\t              ^^^^^
t:9:3: error: found `int`, expected `,` or `)`
  | \t\tint c); }
  | \t\t^^^
"
    );
}

#[test]
fn columns_count_a_dollar_sign_that_the_grammar_does_not_see() {
    assert_entry(
        "0 STD RUMP { $int|sys||$x(int $); }",
        "\
t:3:32: error: found `)`, expected the name of the argument
  | 0 STD RUMP { $int|sys||$x(int $); }
  |                                ^
",
    );
}

#[test]
fn numbers_out_of_step() {
    assert_eq!(
        report("id\n%%\n0 UNIMPL\n1 UNIMPL\n3 UNIMPL\n4 UNIMPL\n4 UNIMPL\n5 UNIMPL\n"),
        "\
t:5:1: error: found number 3, expected number 2
  | 3 UNIMPL
  | ^
t:7:1: error: found number 4, expected number 5
  | 4 UNIMPL
  | ^
"
    );
}

#[test]
fn conditionals_out_of_balance() {
    assert_eq!(
        report("id\n%%\n#if A\n0 UNIMPL\n#elif B\n0 UNIMPL\n#endif\n#endif\n#ifdef C\n1 UNIMPL\n"),
        "\
t:6:1: error: found number 0, expected number 1
  | 0 UNIMPL
  | ^
  = only `#if…`, `#else` and `#endif` restore the number; line 5 does not
t:8:1: error: found `#endif` without an `#if`, expected `#if` before it
  | #endif
  | ^^^^^^
t:9:1: error: found `#ifdef C` without an `#endif`, expected `#endif` before the end of the file
  | #ifdef C
  | ^^^^^^
"
    );
}

#[test]
fn entries_before_the_table() {
    assert_eq!(
        report("id\n0 UNIMPL\n1 UNIMPL\n%%\n0 STD RUMP { int|sys||x(int a); }\n"),
        "\
t:2:1: error: found an entry, expected `%%` before the first one
  | 0 UNIMPL
  | ^^^^^^^^
"
    );
}

#[test]
fn one_number_or_symbol_for_two_calls() {
    assert_eq!(
        report(
            "\
id
%%
#if A
0 STD RUMP { int|sys||x(void); }
#else
0 STD RUMP { int|sys||y(void); }
#endif
1 STD RUMP { int|sys||x(void); }
"
        ),
        "\
t:6:23: error: found a second RUMP call with number 0, expected only the one of line 4
  | 0 STD RUMP { int|sys||y(void); }
  |                       ^
t:8:23: error: found a second RUMP call with symbol `rump___sysimpl_x`, expected only the one of \
line 4
  | 1 STD RUMP { int|sys||x(void); }
  |                       ^
"
    );
}

#[test]
fn bytes_that_are_no_text() {
    let table =
        b"id\n%%\n0 STD RUMP { int|sys||x(\xff a); }\n1 STD RUMP { int|sys||y\x00(int a); }\n";
    let errors = rumpclient_codegen::parse(table, "t").unwrap_err();
    assert_eq!(
        errors.to_string(),
        "\
t:3:25: error: found `\u{fffd}`, expected an argument: a type and a name
  | 0 STD RUMP { int|sys||x(\u{fffd} a); }
  |                         ^
t:4:24: error: found `\\0`, expected `(`
  | 1 STD RUMP { int|sys||y\u{fffd}(int a); }
  |                        ^
"
    );
}

#[test]
fn windows_line_ends() {
    assert_eq!(
        report("id\r\n%%\r\n0 STD RUMP { int|sys||x(int a); }\r\n"),
        "\
t:1:3: error: found `\\r`, expected lines that end in a line feed alone
  | id\u{fffd}
  |   ^
"
    );
}

#[test]
fn a_backslash_that_does_not_end_its_line() {
    assert_eq!(
        report("id\n%%\n0 STD RUMP { int|sys||x(int a, \\ \n\tint b); }\n"),
        "\
t:3:32: error: found `\\`, expected an argument: a type and a name
  | 0 STD RUMP { int|sys||x(int a, \\ 
  |                                ^
t:4:2: error: found `int`, expected a system call number
  | \tint b); }
  | \t^^^
"
    );
}

#[test]
fn files_that_are_no_tables() {
    assert_eq!(
        report(""),
        "\
t:1:1: error: found an empty file, expected a syscalls.master
  | 
  | ^
"
    );
    assert_eq!(
        report("Dear all,\n"),
        "\
t:1:1: error: found a table without entries, expected a syscalls.master
  | Dear all,
  | ^
"
    );
    assert_eq!(
        report("id\n%%\n0 STD { int|sys||x(int a); }\n"),
        "\
t:3:1: error: found a table without RUMP calls, expected some
  | 0 STD { int|sys||x(int a); }
  | ^
"
    );
}

/// Each mistake in a table is reported in the same run, and none of them twice.
#[test]
fn many_mistakes_in_one_run() {
    let mut table = String::from_utf8(common::own("syscalls.master")).expect("it is UTF-8");
    for (good, bad) in [
        ("3\tSTD\tRUMP\t{ ssize_t|sys||read(int fd,", "3\tSTD\tRUMP\t{ ssize_t|sys||read(int fd;"),
        ("\n6\tSTD\tRUMP", "\n6\tSTD\tRUMB"),
        (
            "MODULAR compat_43 \\\n\t\t{ int|sys||creat(",
            "MODULAR compat_43 \\\n\t\t{ int|sys|creat(",
        ),
        (
            "199\tSTD\tRUMP\t{ off_t|sys||lseek(int fd, int PAD,",
            "199\tSTD\tRUMP\t{ off_t|sys||lseek(int fd,",
        ),
        ("339\tUNIMPL\n", ""),
    ] {
        assert_eq!(table.matches(good).count(), 1, "{good}");
        table = table.replace(good, bad);
    }
    let errors = rumpclient_codegen::parse(table.as_bytes(), "t").unwrap_err();
    let found: Vec<(&str, &str)> =
        errors.iter().map(|error| (error.found.as_str(), error.expected.as_str())).collect();
    assert_eq!(
        found,
        [
            ("`;`", "`,` or `)`"),
            ("`RUMB`", "`MODULAR`, `RUMP` or `{`"),
            ("`(`", "a version or `|`"),
            ("`off_t` at an odd slot", "a padding argument, `int PAD`, before it"),
            ("number 340", "number 339"),
        ]
    );
}
