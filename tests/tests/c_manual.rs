//! The manual page: it tells of everything there is, in good mdoc.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rumpclient_tests::c::workspace;

const PAGE: &str = "rumpclient-sys/man/rumpclient.3";

fn text(path: &str) -> String {
    fs::read_to_string(workspace(path)).unwrap()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

#[track_caller]
fn expect_known(names: impl IntoIterator<Item = String>) {
    let page = text(PAGE);
    let known = words(&page);
    for name in names {
        assert!(known.contains(&*name), "the manual page does not tell of {name}");
    }
}

#[test]
fn every_function_is_told_of() {
    // The calls have manual pages of their own, in NetBSD.
    let symbols = text("rumpclient-sys/abi/librumpclient.symbols");
    let functions = symbols.lines().filter(|line| !line.starts_with(['#']));
    let functions = functions.filter(|name| !name.starts_with("rump___sysimpl_"));
    expect_known(functions.map(str::to_owned));
}

#[test]
fn everything_in_the_header_is_told_of() {
    // Parts of the machinery rather than of the interface.
    let inner = ["rumpclient_register_t", "rumpclient__dofork"];
    let header = text("rumpclient-sys/include/rump/rumpclient.h");
    let names = words(&header).into_iter().filter(|word| !inner.contains(word));
    let names = names.filter(|word| word.to_lowercase().starts_with("rumpclient_"));
    expect_known(names.map(str::to_owned));
}

/// The names of environment variables in the sources below a folder.
fn variables(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            variables(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let quoted = source.split('"');
            let quoted =
                quoted.filter(|part| part.starts_with("RUMP_") || part.starts_with("RUMPCLIENT_"));
            let names = quoted
                .filter(|part| part.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_variable_is_told_of() {
    let mut found = BTreeSet::new();
    variables(&workspace("rumpclient/src"), &mut found);
    variables(&workspace("rumpclient-sys/src"), &mut found);
    assert!(found.contains("RUMP_SERVER"));
    expect_known(found);
}

#[test]
fn mandoc_has_nothing_to_say() {
    let lint =
        Command::new("mandoc").args(["-Tlint", "-W", "warning"]).arg(workspace(PAGE)).output();
    let Ok(output) = lint else {
        println!("skipped: mandoc is not installed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
