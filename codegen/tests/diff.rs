//! `cargo xtask diff`: what changed, and what that means.

use rumpclient_codegen::diff::{Diff, Impact};

mod common;

fn diff(old: &str, new: &str) -> Diff {
    let parse = |entries: &str, ident: &str| {
        common::parse(format!("{ident}\n%%\n{entries}\n").as_bytes(), ident)
    };
    Diff::between(&parse(old, "old table"), &parse(new, "new table"))
}

/// What the diff says of the only call that changed.
fn change(old: &str, new: &str) -> (Impact, Vec<String>, Vec<String>) {
    let mut diff = diff(old, new);
    assert_eq!(diff.changes.len(), 1, "{diff}");
    let change = diff.changes.remove(0);
    let impact = change.impact();
    (impact, change.facts, change.effects.into_iter().map(|effect| effect.text).collect())
}

/// A table with a call that takes these arguments.
fn taking(params: &str) -> String {
    format!("0 STD RUMP {{ int|sys||x({params}); }}")
}

#[test]
fn equal_calls_are_no_difference() {
    let diff =
        diff("0 STD RUMP { int|sys||x(int a); }", "0\tSTD\tRUMP\t{ int|sys||x( \\\nint  a ); }");
    assert_eq!(
        diff.to_string(),
        "old: old table\nnew: new table\n\nThe tables have the same calls.\n"
    );
}

#[test]
fn types_that_are_not_known_agree_with_their_like() {
    assert_eq!(diff(&taking("novel_t a"), &taking("novel_t a")).changes, []);
    let (impact, ..) = change(&taking("novel_t a"), &taking("other_t a"));
    assert_eq!(impact, Impact::Breaking);
}

#[test]
fn a_new_function() {
    assert_eq!(
        change("0 UNIMPL", "0 STD RUMP { ssize_t|sys||getrandom(void *buf, size_t n); }"),
        (
            Impact::New,
            vec!["added: STD RUMP ssize_t(void *buf, size_t n)".to_owned()],
            vec!["new function rump_sys_getrandom; servers that lack it answer ENOSYS".to_owned()]
        )
    );
}

#[test]
fn a_call_that_rump_kernels_begin_and_cease_to_serve() {
    let (without, with) = ("0 STD { int|sys||x(void); }", "0 STD RUMP { int|sys||x(void); }");
    let (impact, facts, _) = change(without, with);
    assert_eq!((impact, facts), (Impact::New, vec!["RUMP no → yes".to_owned()]));
    let (impact, facts, effects) = change(with, without);
    assert_eq!((impact, facts), (Impact::Breaking, vec!["RUMP yes → no".to_owned()]));
    assert_eq!(
        effects,
        ["programs that use rump___sysimpl_x no longer start, and there is no rump_sys_x any more"]
    );
}

#[test]
fn a_removed_call() {
    let (impact, facts, effects) = change("0 STD RUMP { int|sys||x(void); }", "0 OBSOL x");
    assert_eq!((impact, facts), (Impact::Breaking, vec!["removed".to_owned()]));
    assert_eq!(effects.len(), 1);
    let kernel_only = change("0 STD { int|sys||x(void); }", "0 OBSOL x");
    assert_eq!((kernel_only.0, kernel_only.2.len()), (Impact::Unseen, 0));
}

#[test]
fn a_renumbered_call() {
    let (impact, facts, effects) = change(
        "0 STD RUMP { int|sys||x(void); }\n1 UNIMPL",
        "0 UNIMPL\n1 STD RUMP { int|sys||x(void); }",
    );
    assert_eq!((impact, facts), (Impact::Breaking, vec!["number 0 → 1".to_owned()]));
    assert_eq!(
        effects,
        ["a client with the one number and a server with the other do not understand each other"]
    );
}

#[test]
fn a_new_version_of_a_call() {
    let old = "0 STD RUMP { int|sys||dup3(int a, int b); }\n1 UNIMPL";
    let new = "0 COMPAT_100 MODULAR compat_100 RUMP { int|sys||dup3(int a, int b); }\n\
               1 STD RUMP { int|sys|100|dup3(int a, int b); }";
    assert_eq!(
        diff(old, new).to_string(),
        "\
old: old table
new: new table

Changed calls: 0 breaking, 1 for source, 1 new, 0 without effect.

For source: programs may need a change when they are compiled anew
  0 compat_100_sys_dup3: type STD → COMPAT_100; module none → compat_100
      the constant SYS_dup3 is SYS_compat_100_dup3 now
      rump_sys_dup3 means the newer 1 rump___sysimpl_dup3100 now; in Rust this one is \
rump_sys_compat_100_dup3

New: calls that could not be used before
  1 sys___dup3100: added: STD RUMP int(int a, int b)
      new version of rump_sys_dup3: programs compiled anew need a server that has it
"
    );
}

#[test]
fn arguments_that_change_the_layout() {
    for (old, new) in [
        ("int a", "int a, int b"),
        ("int a", "long a"),
        ("int a", "void *a"),
        ("struct stat *a", "struct stat30 *a"),
        ("int *a", "size_t *a"),
        ("int fd, int flags, off_t o", "int fd, int PAD, int flags, int PAD, off_t o"),
    ] {
        let (impact, _, effects) = change(&taking(old), &taking(new));
        assert_eq!(impact, Impact::Breaking, "{old} → {new}: {effects:?}");
    }
}

#[test]
fn arguments_that_keep_the_layout() {
    for (old, new, impact) in [
        ("int a", "unsigned int a", Impact::Source),
        ("void *a", "const void *a", Impact::Source),
        ("int a, int b", "int a, ... int b", Impact::Source),
        ("int a", "pid_t a", Impact::Unseen),
        ("unsigned int *a", "socklen_t *a", Impact::Unseen),
        ("int a", "int b", Impact::Unseen),
    ] {
        let (found, _, effects) = change(&taking(old), &taking(new));
        assert_eq!(found, impact, "{old} → {new}: {effects:?}");
    }
}

/// The name changed, the layout did not: old tables mean the old struct by the plain name.
#[test]
fn a_struct_that_is_called_by_its_release_now() {
    let (impact, facts, _) = change(
        "0 STD RUMP { int|sys||x(struct kevent *k); }",
        "0 STD RUMP { int|sys||x(struct kevent100 *k); }",
    );
    assert_eq!(impact, Impact::Unseen);
    assert_eq!(facts, ["argument struct kevent *k → struct kevent100 *k"]);
}

#[test]
fn results() {
    for (old, new, impact) in [
        ("int", "ssize_t", Impact::Breaking),
        ("int", "unsigned int", Impact::Source),
        ("int", "pid_t", Impact::Unseen),
    ] {
        let call = |returns: &str| format!("0 STD RUMP {{ {returns}|sys||x(void); }}");
        assert_eq!(change(&call(old), &call(new)).0, impact, "{old} → {new}");
    }
}

#[test]
fn how_errors_are_told() {
    let (std, noerr) = ("0 STD RUMP { int|sys||x(void); }", "0 NOERR RUMP { int|sys||x(void); }");
    assert_eq!(change(std, noerr).0, Impact::Source);
    assert_eq!(change(noerr, std).0, Impact::Source);
}

#[test]
fn a_changed_symbol() {
    let (impact, facts, effects) =
        change("0 STD RUMP { int|sys|40|x(void); }", "0 STD RUMP { int|sys||x(void); }");
    assert_eq!((impact, facts), (Impact::Breaking, vec!["version 40 → none".to_owned()]));
    assert_eq!(
        effects,
        [
            "programs that use rump___sysimpl_x40 no longer start; compiled anew they use \
             rump___sysimpl_x",
            "the constant SYS___x40 is SYS_x now",
        ]
    );
}

/// NetBSD keeps its system calls: between the releases here nothing breaks, and our table breaks
/// nothing that NetBSD 11 has.
#[test]
fn between_releases() {
    let table = |file: &str| common::parse(&common::own(file), file);
    let ours = common::own_table();
    for older in ["codegen/masters/netbsd-1.239.master", "codegen/masters/netbsd-1.285.master"] {
        let diff = Diff::between(&table(older), &ours);
        assert!(!diff.changes.is_empty());
        assert!(diff.changes.iter().all(|change| change.impact() != Impact::Breaking), "{diff}");
    }
    let Some(upstream) = common::shared_table("between_releases", "netbsd-1.316.master") else {
        return;
    };
    let numbers: Vec<u32> =
        Diff::between(&upstream, &ours).changes.iter().map(|change| change.number).collect();
    assert_eq!(numbers, [356, 357, 358, 397]);
}
