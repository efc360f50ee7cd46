//! Tables of other systems and of older NetBSD, refused by name.

mod common;

/// The one error about a table, or nothing.
fn refusal(bytes: &[u8]) -> String {
    let errors = rumpclient_codegen::parse(bytes, "syscalls.master").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors}");
    errors[0].found.clone()
}

#[test]
fn the_foreign_tables_of_the_reference_data() {
    for (file, origin) in [
        ("freebsd-10.1.master", "a FreeBSD table (an audit event stands behind each number)"),
        ("openbsd-1.273.master", "an OpenBSD table (prototypes without `|`)"),
        ("netbsd-5.2-1.211.4.1.master", "a table of NetBSD 5 or earlier (prototypes without `|`)"),
    ] {
        let test = "the_foreign_tables_of_the_reference_data";
        let Some(table) = common::read_shared(test, &format!("masters/{file}")) else {
            return;
        };
        assert_eq!(refusal(&table), origin, "{file}");
    }
}

#[test]
fn a_freebsd_table() {
    let table = b" $FreeBSD$\n\n0\tAUE_NULL\tSTD\t{ int nosys(void); } syscall nosys_args int\n\
                  3\tAUE_NULL\tSTD\t{ ssize_t read(int fd, void *buf, size_t nbyte); }\n";
    assert_eq!(refusal(table), "a FreeBSD table (an audit event stands behind each number)");
}

#[test]
fn an_openbsd_table() {
    let table = b";\t$OpenBSD: syscalls.master,v 1.1 2000/01/01 00:00:00 nobody Exp $\n%%\n\
                  0\tSTD\t\t{ int sys_syscall(int number, ...); }\n\
                  3\tSTD\t\t{ ssize_t sys_read(int fd, void *buf, size_t nbyte); }\n";
    assert_eq!(refusal(table), "an OpenBSD table (prototypes without `|`)");
}

#[test]
fn a_netbsd_5_table_and_what_is_needed_instead() {
    let table = b"\t$NetBSD: syscalls.master,v 1.211 2008/01/01 00:00:00 nobody Exp $\n%%\n\
                  0\tINDIR\t\t{ int sys_syscall(int code, \\\n\t\t\t    ... register_t args[8]); }\n\
                  3\tSTD\t\t{ ssize_t sys_read(int fd, void *buf, size_t nbyte); }\n";
    let errors = rumpclient_codegen::parse(table, "old.master").unwrap_err();
    assert_eq!(
        errors.to_string(),
        "\
old.master:3:1: error: found a table of NetBSD 5 or earlier (prototypes without `|`), expected a \
syscalls.master of NetBSD 6 or later
  | 0\tINDIR\t\t{ int sys_syscall(int code, \\
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = take sys/kern/syscalls.master from the NetBSD release to support; its entries look like `6 STD \
RUMP { int|sys||close(int fd); }`
"
    );
}
