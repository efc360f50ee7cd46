//! A table as text: for people, as JSON, and as tab-separated values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::model::{Call, Entry, Param, Reserved, Table, What};

/// The table for people: one line for each entry with its number, its name, the C symbol behind
/// it, and its arguments.
///
/// Calls that rump kernels serve have the name they have in Rust (`stat`, `stat30`); the others,
/// which have no symbol, the name of their `SYS_` constant. Where an entry is no call, its type
/// stands in place of the arguments.
pub fn text(table: &Table) -> String {
    let names = rump_names(table);
    let rows: Vec<[String; 4]> = table.entries.iter().map(|entry| row(entry, &names)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (number_width, name_width, symbol_width) = (width(0), width(1), width(2));
    let mut out = String::new();
    for [number, name, symbol, arguments] in &rows {
        let _ = writeln!(
            out,
            "{number:>number_width$}  {name:name_width$}  {symbol:symbol_width$}  {arguments}"
        );
    }
    // A table's comments may hold anything, which is nothing for a terminal.
    out.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

/// The whole table as one JSON object: `ident`, the line that names its revision, and `entries`,
/// in the order of the table.
///
/// Every entry has `number`, `type` and `condition` (of the `#if` around it, or null). One that
/// is no call has `comment`. A call has what the table says of it (`module`: null without
/// MODULAR, empty where MODULAR names none), `constant`, `args_struct` (null where nothing is
/// sent), and, where rump kernels serve it, `rump`: its `name` in Rust, its C `symbol`,
/// `function` and `rename_macro`.
pub fn json(table: &Table) -> String {
    let names = rump_names(table);
    let entries: Vec<Value> = table.entries.iter().map(|entry| object(entry, &names)).collect();
    format!("{:#}\n", json!({ "ident": table.ident, "entries": entries }))
}

/// The names of the columns of [`tsv`].
const COLUMNS: [&str; 11] = [
    "nr",
    "type",
    "module",
    "sys_const",
    "args_struct",
    "sysimpl_symbol",
    "rump_sys_name",
    "rename_macro",
    "ret",
    "varargs_fixed",
    "args",
];

/// The calls that rump kernels serve as tab-separated values, a line of column names first.
///
/// `args_struct` is `-` where nothing is sent, and `rename_macro` for `pipe`, whose C prototype
/// does not follow from the table; `module` is `(unnamed)` where MODULAR names none;
/// `varargs_fixed` counts the arguments in front of the variable part, if there is one.
pub fn tsv(table: &Table) -> String {
    let mut out = COLUMNS.join("\t");
    out.push('\n');
    for call in table.rump_calls() {
        out.push_str(&columns(call).join("\t"));
        out.push('\n');
    }
    out
}

fn columns(call: &Call) -> [String; COLUMNS.len()] {
    let module = match call.module.as_deref() {
        Some("") => "(unnamed)".to_owned(),
        module => module.unwrap_or_default().to_owned(),
    };
    let args = if call.is_pipe() {
        "(special: C prototype int *fd)".to_owned()
    } else {
        joined(&call.params)
    };
    [
        call.number.to_string(),
        call.kind.to_string(),
        module,
        call.constant(),
        call.args_struct().unwrap_or_else(|| "-".to_owned()),
        call.symbol(),
        call.rump_name(),
        call.rename_macro().unwrap_or_else(|| "-".to_owned()),
        call.returns.clone(),
        call.varargs.map_or_else(String::new, |fixed| fixed.to_string()),
        args,
    ]
}

/// The names that calls have in Rust, by number; the numbers of RUMP calls are unique.
fn rump_names(table: &Table) -> BTreeMap<u32, String> {
    table.named_rump_calls().into_iter().map(|(name, call)| (call.number, name)).collect()
}

fn row(entry: &Entry, names: &BTreeMap<u32, String>) -> [String; 4] {
    let number = entry.number.to_string();
    let none = || "-".to_owned();
    match &entry.what {
        What::Reserved { why, comment } => {
            let name = if comment.is_empty() { none() } else { comment.clone() };
            [number, name, none(), why.keyword().to_owned()]
        }
        What::Call(call) => {
            let name = names.get(&entry.number).filter(|_| call.rump);
            let name =
                name.cloned().unwrap_or_else(|| call.compat_prefix() + &call.function_alias());
            let symbol = if call.rump { call.symbol() } else { none() };
            [number, name, symbol, prototype(call)]
        }
    }
}

fn object(entry: &Entry, names: &BTreeMap<u32, String>) -> Value {
    let mut object = match &entry.what {
        What::Reserved { why, comment } => reserved_object(*why, comment),
        What::Call(call) => call_object(call, names),
    };
    object["number"] = json!(entry.number);
    object["condition"] = json!(entry.condition.as_deref());
    object
}

fn reserved_object(why: Reserved, comment: &str) -> Value {
    json!({ "type": why.keyword(), "comment": comment })
}

fn call_object(call: &Call, names: &BTreeMap<u32, String>) -> Value {
    let rump = call.rump.then(|| {
        json!({
            "name": names.get(&call.number),
            "symbol": call.symbol(),
            "function": call.rump_name(),
            "rename_macro": call.rename_macro(),
        })
    });
    let args: Vec<Value> = call
        .params
        .iter()
        .map(|param| json!({ "type": param.c_type, "name": param.name, "array": param.array }))
        .collect();
    json!({
        "type": call.kind.to_string(),
        "indirect": call.indirect,
        "module": call.module,
        "rump": rump,
        "returns": call.returns,
        "prefix": call.prefix,
        "version": call.compat,
        "base": call.base,
        "alias": call.alias,
        "constant": call.constant(),
        "args_struct": call.args_struct(),
        "args": args,
        "varargs_fixed": call.varargs,
    })
}

/// The arguments as the table has them, fillers and the dots of a variable part included; `void`
/// where there are none.
pub(crate) fn prototype(call: &Call) -> String {
    match call.varargs {
        Some(fixed) => {
            let (before, behind) = call.params.split_at(fixed.min(call.params.len()));
            format!("{}, ... {}", joined(before), joined(behind))
        }
        None => joined(&call.params),
    }
}

fn joined(params: &[Param]) -> String {
    if params.is_empty() {
        return "void".to_owned();
    }
    params.iter().map(declaration).collect::<Vec<_>>().join(", ")
}

/// `int fd`, `const char *path`, `register_t args[SYS_MAXSYSARGS]`.
pub(crate) fn declaration(param: &Param) -> String {
    let Param { c_type, name, array, .. } = param;
    let blank = if c_type.ends_with('*') { "" } else { " " };
    let brackets = array.as_ref().map_or_else(String::new, |size| format!("[{size}]"));
    format!("{c_type}{blank}{name}{brackets}")
}
