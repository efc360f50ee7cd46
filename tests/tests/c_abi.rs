//! What the shared library shows to the dynamic linker.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use rumpclient_tests::c::{Library, workspace};

/// The last word of each line that `program` prints about the library.
fn words_of(program: &str, args: &[&str], library: &Path) -> Vec<String> {
    let output = Command::new(program).args(args).arg(library).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect()
}

fn exported(library: &Path) -> BTreeSet<String> {
    words_of("nm", &["-D", "--defined-only"], library).into_iter().collect()
}

fn committed() -> BTreeSet<String> {
    let list = workspace("rumpclient-sys/abi/librumpclient.symbols");
    let list = fs::read_to_string(list).unwrap();
    list.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn exactly_the_committed_symbols_are_exported() {
    assert_eq!(exported(&Library::ours().path()), committed());
}

/// Programs linked with the original find all they need, but for its variables.
#[test]
fn nothing_that_the_original_exports_is_missing() {
    let Some(reference) = Library::reference() else { return };
    let missing: Vec<String> = exported(&reference.path())
        .difference(&committed())
        .filter(|symbol| !symbol.starts_with("host_"))
        .cloned()
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_library_goes_by_the_name_that_programs_know() {
    let facts = words_of("readelf", &["-dW"], &Library::ours().path());
    assert!(facts.contains(&"[librumpclient.so.0]".to_owned()), "{facts:?}");
}

#[test]
fn it_needs_nothing_but_libc() {
    let library = Library::ours().path();
    let output = Command::new("readelf").arg("-dW").arg(&library).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines().filter(|line| line.contains("(NEEDED)")) {
        let known = ["[libc.so", "[libgcc_s.so", "[ld-linux"];
        assert!(known.iter().any(|name| line.contains(name)), "{line}");
    }
}
