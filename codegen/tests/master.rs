//! The tables in this workspace, held against NetBSD's.

use std::collections::BTreeSet;

use rumpclient_codegen::model::{Call, Entry, Table, What};
use rumpclient_codegen::source::Span;

mod common;

/// The calls that rump kernels serve by our table and not by NetBSD's own.
const DEVIATING: [u32; 4] = [356, 357, 358, 397];

/// An entry without where it stands in its file.
fn fact(mut entry: Entry) -> Entry {
    entry.span = Span::default();
    if let What::Call(call) = &mut entry.what {
        call.span = Span::default();
        call.returns_span = Span::default();
        for param in &mut call.params {
            param.span = Span::default();
            param.name_span = Span::default();
        }
    }
    entry
}

fn facts(table: Table) -> Vec<Entry> {
    table.entries.into_iter().map(fact).collect()
}

fn assert_same(ours: Vec<Entry>, theirs: Vec<Entry>) {
    for (ours, theirs) in std::iter::zip(&ours, &theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

fn call(entry: &mut Entry) -> &mut Call {
    match &mut entry.what {
        What::Call(call) => call,
        What::Reserved { .. } => panic!("{} is no call", entry.number),
    }
}

#[test]
fn our_table_is_revision_1_316_but_for_the_documented_deviation() {
    let test = "our_table_is_revision_1_316_but_for_the_documented_deviation";
    let Some(theirs) = common::shared_table(test, "netbsd-1.316.master") else {
        return;
    };
    let mut theirs = facts(theirs);
    for entry in theirs.iter_mut().filter(|entry| DEVIATING.contains(&entry.number)) {
        let number = entry.number;
        let call = call(entry);
        assert!(!call.rump, "{number} carries RUMP upstream by now");
        call.rump = true;
        if number == 397 {
            call.compat = "40".to_owned();
        }
    }
    assert_same(facts(common::own_table()), theirs);
}

#[test]
fn the_kept_tables_are_netbsds() {
    for revision in ["1.239", "1.285"] {
        let file = format!("netbsd-{revision}.master");
        let kept = common::parse(&common::own(&format!("codegen/masters/{file}")), &file);
        assert!(kept.ident.contains(revision), "{}", kept.ident);
        let Some(theirs) = common::shared_table("the_kept_tables_are_netbsds", &file) else {
            return;
        };
        assert_same(facts(kept), facts(theirs));
    }
}

#[test]
fn our_table_names_its_revision() {
    assert!(common::own_table().ident.contains("1.316"));
}

/// Programs built against an older release find every symbol, and servers of an older release are
/// sent the numbers they know.
#[test]
fn our_table_has_every_rump_call_since_netbsd_6() {
    let test = "our_table_has_every_rump_call_since_netbsd_6";
    let calls = |table: &Table| -> BTreeSet<(u32, String)> {
        table.rump_calls().map(|call| (call.number, call.symbol())).collect()
    };
    let ours = calls(&common::own_table());
    for kept in ["codegen/masters/netbsd-1.239.master", "codegen/masters/netbsd-1.285.master"] {
        let older = calls(&common::parse(&common::own(kept), kept));
        assert_eq!(
            older.difference(&ours).collect::<Vec<_>>(),
            [] as [&(u32, String); 0],
            "{kept}"
        );
    }
    for (_, file) in common::RELEASES {
        let Some(table) = common::shared_table(test, file) else {
            return;
        };
        let older = calls(&table);
        assert_eq!(
            older.difference(&ours).collect::<Vec<_>>(),
            [] as [&(u32, String); 0],
            "{file}"
        );
    }
}
