//! Every exported call, as C makes it and as the server sees it.
//!
//! The prototypes come from `syscalls.master`. What should be on the wire is worked out here from
//! the rules for argument slots, apart from the generator, which knows them in its own way.

use std::fmt::Write as _;
use std::fs;
use std::process::Output;

use rumpclient::proto::header::Kind as Frame;
use rumpclient::table::{MASTER, SYSCALLS};
use rumpclient_codegen::model::{Call, Kind, Param, Table};
use rumpclient_tests::c::{CC, Library, workspace};
use rumpclient_tests::peer::{Conversation, converse};

/// Bytes of a register.
const WORD: usize = size_of::<usize>();
/// What errno is before each call.
const UNTOUCHED: i32 = 4242;
/// Zeroed memory of the program's, at which pointer arguments point in steps.
const STEP: usize = 64;

/// A C integer type.
#[derive(Clone, Copy)]
struct Integer {
    size: usize,
    signed: bool,
}

/// The integer types of NetBSD's prototypes; `None` for a pointer.
fn integer(c_type: &str) -> Option<Integer> {
    let of = |size, signed| Some(Integer { size, signed });
    match c_type {
        pointer if pointer.contains('*') => None,
        "int" | "pid_t" | "clockid_t" | "timer_t" | "int32_t" | "idtype_t" => of(4, true),
        "u_int" | "unsigned int" | "unsigned" | "uid_t" | "gid_t" | "id_t" | "mode_t"
        | "socklen_t" | "uint32_t" => of(4, false),
        "long" | "intptr_t" | "ssize_t" | "register_t" => of(WORD, true),
        "u_long" | "size_t" => of(WORD, false),
        "off_t" | "int64_t" | "quad_t" => of(8, true),
        "dev_t" => of(8, false),
        other => panic!("a type this test does not know: {other}"),
    }
}

/// What the program passes for a parameter: an integer with all its bits in use, or a step.
fn argument(call: &Call, index: usize, integer: Integer) -> u64 {
    let bits = 0x8091_a2b3_c4d5_e6f7_u64.rotate_left(8 * (index as u32 + call.number)) | 1 << 63;
    let value = bits >> (64 - 8 * integer.size);
    // The sign bit is set: only its own bytes may show.
    assert_eq!(value >> (8 * integer.size - 1), 1);
    value
}

/// What C makes of a -1 of this type.
fn minus_one(c_type: &str) -> i64 {
    match integer(c_type) {
        Some(Integer { size, signed: false }) => (1 << (8 * size)) - 1,
        _ => -1,
    }
}

/// Byte by byte, where the value of one slot goes.
fn put(bytes: &mut Vec<u8>, value: u64, size: usize) {
    let slot = size.max(WORD);
    // Each slot is aligned to its size, as far as the ABI has such an alignment.
    let alignment = if cfg!(target_arch = "x86") { WORD } else { slot };
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
    let at = bytes.len();
    bytes.resize(at + slot, 0);
    let (value, unused) = (value.to_ne_bytes(), slot - size);
    if cfg!(target_endian = "little") {
        bytes[at..at + size].copy_from_slice(&value[..size]);
    } else {
        bytes[at + unused..].copy_from_slice(&value[8 - size..]);
    }
}

/// What should be on the wire, given where the program's memory is.
fn expected(call: &Call, base: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if is_pipe(call) {
        return bytes;
    }
    for (index, param) in call.params.iter().enumerate() {
        match integer(&param.c_type) {
            _ if is_pad(param) => put(&mut bytes, 0, 4),
            Some(integer) => put(&mut bytes, argument(call, index, integer), integer.size),
            None => put(&mut bytes, base + (index * STEP) as u64, WORD),
        }
    }
    bytes
}

fn is_pad(param: &Param) -> bool {
    param.name == "PAD"
}

fn is_pipe(call: &Call) -> bool {
    call.base == "pipe"
}

fn symbol(call: &Call) -> String {
    if is_pipe(call) {
        return "rump_sys_pipe".to_owned();
    }
    match &call.alias {
        Some(alias) => format!("rump___sysimpl_{alias}"),
        None => format!("rump___sysimpl_{}{}", call.base, call.compat),
    }
}

/// The integer type of C that is as wide, and as signed.
fn c_name(integer: Integer) -> String {
    format!("{}int{}_t", if integer.signed { "" } else { "u" }, 8 * integer.size)
}

/// A program that makes all calls in their order, and prints for each what it returned and errno.
fn program(calls: &[&Call]) -> String {
    let mut text = String::from(
        "#include <errno.h>\n#include <stdint.h>\n#include <stdio.h>\n\
         int rumpclient_init(void);\nstatic _Alignas(64) char memory[8 * 64];\n",
    );
    let mut body = String::new();
    for call in calls {
        let (mut types, mut values) = (Vec::new(), Vec::new());
        for (index, param) in call.params.iter().enumerate().filter(|(_, param)| !is_pad(param)) {
            match integer(&param.c_type) {
                Some(integer) => {
                    types.push(c_name(integer));
                    let value = argument(call, index, integer);
                    values.push(format!("({}){value:#x}u", c_name(integer)));
                }
                None => {
                    types.push("void *".to_owned());
                    values.push(format!("memory + {}", index * STEP));
                }
            }
        }
        if is_pipe(call) {
            types = vec!["int *".to_owned()];
            values = vec!["(int *)(void *)memory".to_owned()];
        } else if types.is_empty() {
            types.push("void".to_owned());
        }
        let symbol = symbol(call);
        let made = format!("{symbol}({})", values.join(", "));
        let returns = match call.returns.as_str() {
            "void" => "void".to_owned(),
            other => c_name(integer(other).expect("no call returns a pointer")),
        };
        writeln!(text, "{returns} {symbol}({});", types.join(", ")).unwrap();
        let made = match call.returns.as_str() {
            "void" => format!("{made}; printf(\"0"),
            _ => format!("result = (long long){made}; printf(\"%lld"),
        };
        let result = if call.returns == "void" { "" } else { "result, " };
        writeln!(body, "\terrno = {UNTOUCHED}; {made} %d\\n\", {result}errno);").unwrap();
    }
    text.push_str(
        "int\nmain(void)\n{\n\tlong long result;\n\tif (rumpclient_init() == -1) return 1;\n",
    );
    text.push_str("\tprintf(\"%llu\\n\", (unsigned long long)(uintptr_t)memory);\n");
    text.push_str(&body);
    text.push_str("\treturn 0;\n}\n");
    text
}

/// What the server returns for a call.
fn returned(index: usize) -> isize {
    index as isize + 1
}

/// Takes this many calls and answers them with `error`; the number and the bytes of each.
fn record(peer: &mut Conversation, count: usize, error: i32) -> Vec<(u32, Vec<u8>)> {
    peer.greet();
    let calls = (0..count).map(|index| {
        let frame = peer.expect_frame();
        assert_eq!(frame.header.kind, Frame::Syscall as u16);
        peer.answer(frame.header.reqno, error, returned(index));
        (frame.header.aux, frame.body)
    });
    calls.collect()
}

fn table() -> Table {
    let master = fs::read(workspace("syscalls.master")).unwrap();
    rumpclient_codegen::parse(&master, "syscalls.master")
        .unwrap_or_else(|errors| panic!("{errors}"))
}

/// The table's calls that the library exports: all, unless it was made from another table.
fn exported(table: &Table) -> Vec<&Call> {
    let has = |call: &&Call| SYSCALLS.iter().any(|known| known.symbol == call.symbol());
    let calls: Vec<&Call> = table.rump_calls().filter(has).collect();
    if MASTER == table.ident {
        assert_eq!(calls.len(), table.rump_calls().count());
    }
    calls
}

/// Runs a program that makes all calls, each answered with `error`; what came over the wire, and
/// the lines that the program prints.
fn converse_about(calls: &[&Call], error: i32) -> (Vec<(u32, Vec<u8>)>, Vec<String>) {
    let binary = CC.program_of("wire", &program(calls));
    let count = calls.len();
    let (seen, output): (_, Output) = converse(
        move |peer| record(peer, count, error),
        |url| Library::ours().command(&binary, url).output().unwrap(),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    (seen, text.lines().map(str::to_owned).collect())
}

#[test]
fn every_call_arrives_as_netbsd_marshals_it() {
    let table = table();
    let calls = exported(&table);
    let (seen, lines) = converse_about(&calls, 0);
    let base: u64 = lines[0].parse().unwrap();
    assert_eq!(lines.len(), 1 + calls.len());
    let all = calls.iter().zip(seen).zip(&lines[1..]).enumerate();
    for (index, ((call, (number, bytes)), line)) in all {
        let name = symbol(call);
        assert_eq!(number, call.number, "{name}");
        assert_eq!(bytes, expected(call, base), "{name}");
        let value = match (is_pipe(call), call.returns.as_str()) {
            (true, _) | (_, "void") => 0,
            _ => returned(index),
        };
        // What sets errno sets it to 0 on success.
        let errno = match is_pipe(call) || call.kind == Kind::Noerr {
            true => UNTOUCHED,
            false => 0,
        };
        assert_eq!(*line, format!("{value} {errno}"), "{name}");
    }
}

#[test]
fn every_call_tells_of_the_kernels_error() {
    const ERROR: i32 = 5;
    let table = table();
    let calls = exported(&table);
    let (_, lines) = converse_about(&calls, ERROR);
    for (call, line) in calls.iter().zip(&lines[1..]) {
        let (value, errno) = match call.base.as_str() {
            "posix_fadvise" | "posix_fallocate" | "clock_nanosleep" => (ERROR.into(), UNTOUCHED),
            _ if call.returns == "void" => (0, UNTOUCHED),
            _ => (minus_one(&call.returns), ERROR),
        };
        assert_eq!(*line, format!("{value} {errno}"), "{}", symbol(call));
    }
}
