//! `lending.txt` and the tables fit together.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use rumpclient_codegen::lending::Annotations;
use rumpclient_codegen::model::Table;

/// The tables that are part of the sources: the oldest and the newest, and one between.
fn tables() -> Vec<Table> {
    let mut tables = vec![common::own_table()];
    for file in ["codegen/masters/netbsd-1.239.master", "codegen/masters/netbsd-1.285.master"] {
        tables.push(common::parse(&common::own(file), file));
    }
    tables
}

fn annotations() -> Annotations {
    Annotations::parse(&common::lending(), "lending.txt")
        .unwrap_or_else(|errors| panic!("{errors}"))
}

/// Names of calls and of their arguments that some table has.
fn known(tables: &[Table]) -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for table in tables {
        for (name, call) in table.named_rump_calls() {
            let args = call.params.iter().map(|param| param.name.clone());
            known.entry(call.real_name().to_owned()).or_default().extend(args.clone());
            known.entry(name).or_default().extend(args);
        }
    }
    known
}

#[test]
fn every_annotation_is_of_a_call_and_argument_that_some_table_has() {
    let known = known(&tables());
    for (name, note) in annotations().iter() {
        let args = known.get(name).unwrap_or_else(|| panic!("no table has a call {name}"));
        for arg in note.args.keys() {
            assert!(args.contains(arg), "no table has an argument {arg} of {name}");
        }
    }
}

#[test]
fn every_call_is_described() {
    let annotations = annotations();
    for table in tables() {
        for (name, call) in table.named_rump_calls() {
            let note = annotations.of(call.real_name(), &name);
            assert!(note.summary.is_some(), "{name} is not described in lending.txt");
        }
    }
}

#[test]
fn no_argument_is_opaque_for_want_of_an_annotation() {
    for table in tables() {
        let generated = rumpclient_codegen::generate(&table, &common::lending(), "lending.txt");
        let generated = generated.unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(generated.notes, [""; 0], "{}", table.ident);
    }
}
