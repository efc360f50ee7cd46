//! `cargo xtask list` on a table with one entry of each sort.

use rumpclient_codegen::list;
use rumpclient_codegen::model::Table;
use serde_json::{Value, json};

mod common;

const TABLE: &str = "\
a small table
%%
0 INDIR { int|sys||syscall(int code, ... register_t args[SYS_MAXSYSARGS]); }
1 OBSOL execv
2 UNIMPL
#if defined(NTP)
3 STD { int|sys||ntp_adjtime(struct timex *tp); }
#else
3 EXCL ntp_adjtime
#endif
4 COMPAT_50 MODULAR compat_50 RUMP { int|sys|30|stat(const char *path, struct stat30 *ub); }
5 STD RUMP { int|sys|50|stat(const char *path, struct stat *ub); }
6 NOERR RUMP { pid_t|sys||getpid_with_ppid(void); } getpid
7 STD MODULAR RUMP { off_t|sys||lseek(int fd, int PAD, off_t offset, int whence); }
8 STD RUMP { int|sys||open(const char *path, int flags, ... mode_t mode); }
9 STD RUMP { int|sys||pipe(void); }
";

fn table() -> Table {
    common::parse(TABLE.as_bytes(), "t")
}

#[test]
fn for_people() {
    assert_eq!(
        list::text(&table()),
        "\
0  syscall      -                      int code, ... register_t args[SYS_MAXSYSARGS]
1  execv        -                      OBSOL
2  -            -                      UNIMPL
3  ntp_adjtime  -                      struct timex *tp
3  ntp_adjtime  -                      EXCL
4  stat30       rump___sysimpl_stat30  const char *path, struct stat30 *ub
5  stat         rump___sysimpl_stat50  const char *path, struct stat *ub
6  getpid       rump___sysimpl_getpid  void
7  lseek        rump___sysimpl_lseek   int fd, int PAD, off_t offset, int whence
8  open         rump___sysimpl_open    const char *path, int flags, ... mode_t mode
9  pipe         rump_sys_pipe          void
"
    );
}

#[test]
fn as_tab_separated_values() {
    let expected = "\
nr|type|module|sys_const|args_struct|sysimpl_symbol|rump_sys_name|rename_macro|ret|varargs_fixed|args
4|COMPAT_50|compat_50|SYS_compat_50___stat30|compat_50_sys___stat30_args|rump___sysimpl_stat30|rump_sys_stat|RUMP_SYS_RENAME_STAT|int||const char *path, struct stat30 *ub
5|STD||SYS___stat50|sys___stat50_args|rump___sysimpl_stat50|rump_sys_stat|RUMP_SYS_RENAME_STAT|int||const char *path, struct stat *ub
6|NOERR||SYS_getpid|-|rump___sysimpl_getpid|rump_sys_getpid|RUMP_SYS_RENAME_GETPID|pid_t||void
7|STD|(unnamed)|SYS_lseek|sys_lseek_args|rump___sysimpl_lseek|rump_sys_lseek|RUMP_SYS_RENAME_LSEEK|off_t||int fd, int PAD, off_t offset, int whence
8|STD||SYS_open|sys_open_args|rump___sysimpl_open|rump_sys_open|RUMP_SYS_RENAME_OPEN|int|2|const char *path, int flags, mode_t mode
9|STD||SYS_pipe|-|rump_sys_pipe|rump_sys_pipe|-|int||(special: C prototype int *fd)
";
    assert_eq!(list::tsv(&table()), expected.replace('|', "\t"));
}

#[test]
fn for_programs() {
    let listed: Value = serde_json::from_str(&list::json(&table())).expect("it is JSON");
    assert_eq!(listed["ident"], "a small table");
    let entries = listed["entries"].as_array().expect("an array");
    let entry =
        |number: u32| entries.iter().find(|entry| entry["number"] == number).expect("an entry");
    assert_eq!(entries.len(), 11);
    assert_eq!(
        entry(1),
        &json!({ "number": 1, "type": "OBSOL", "condition": null, "comment": "execv" })
    );
    assert_eq!(entry(3)["condition"], "#if defined(NTP)");
    assert_eq!(entry(3)["rump"], Value::Null);
    assert_eq!(entry(6)["args_struct"], Value::Null);
    assert_eq!(entry(7)["module"], "");
    assert_eq!(
        entry(4),
        &json!({
            "number": 4,
            "condition": null,
            "type": "COMPAT_50",
            "indirect": false,
            "module": "compat_50",
            "rump": {
                "name": "stat30",
                "symbol": "rump___sysimpl_stat30",
                "function": "rump_sys_stat",
                "rename_macro": "RUMP_SYS_RENAME_STAT",
            },
            "returns": "int",
            "prefix": "sys",
            "version": "30",
            "base": "stat",
            "alias": null,
            "constant": "SYS_compat_50___stat30",
            "args_struct": "compat_50_sys___stat30_args",
            "args": [
                { "type": "const char *", "name": "path", "array": null },
                { "type": "struct stat30 *", "name": "ub", "array": null },
            ],
            "varargs_fixed": null,
        })
    );
}

#[test]
fn what_a_comment_holds_does_not_reach_the_terminal() {
    let table = common::parse(b"id\n%%\n0\tOBSOL\t\x1b[31m\x00old\n", "table");
    let text = rumpclient_codegen::list::text(&table);
    assert!(text.contains("old") && !text.contains(['\x1b', '\0']), "{text:?}");
}
