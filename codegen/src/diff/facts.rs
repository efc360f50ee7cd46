//! What two tables say differently of one call.

use crate::list::{declaration, prototype};
use crate::model::{Call, Param};

/// What there is to say of a call that the old table does not have.
pub(super) fn added(call: &Call) -> String {
    let rump = if call.rump { " RUMP" } else { "" };
    format!("added: {}{rump} {}({})", call.kind, call.returns, prototype(call))
}

/// The differences, each as `what old → new`.
pub(super) fn kept(old: &Call, new: &Call) -> Vec<String> {
    let columns = [
        ("number", old.number.to_string(), new.number.to_string()),
        ("type", old.kind.to_string(), new.kind.to_string()),
        ("INDIR", yes_no(old.indirect), yes_no(new.indirect)),
        ("module", module(old), module(new)),
        ("RUMP", yes_no(old.rump), yes_no(new.rump)),
        ("return", old.returns.clone(), new.returns.clone()),
        ("prefix", old.prefix.clone(), new.prefix.clone()),
        ("version", or_none(&old.compat), or_none(&new.compat)),
        ("alias", alias(old), alias(new)),
    ];
    let mut facts: Vec<String> = columns
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| format!("{what} {old} → {new}"))
        .collect();
    facts.extend(arguments(old, new));
    facts
}

/// Argument by argument where that tells all, or else both prototypes.
fn arguments(old: &Call, new: &Call) -> Vec<String> {
    if old.params.len() != new.params.len() || old.varargs != new.varargs {
        return vec![format!("arguments ({}) → ({})", prototype(old), prototype(new))];
    }
    std::iter::zip(&old.params, &new.params).filter_map(|(old, new)| argument(old, new)).collect()
}

fn argument(old: &Param, new: &Param) -> Option<String> {
    let (was, is) = (declaration(old), declaration(new));
    (was != is).then(|| format!("argument {was} → {is}"))
}

fn module(call: &Call) -> String {
    match call.module.as_deref() {
        None => "none".to_owned(),
        Some("") => "unnamed".to_owned(),
        Some(name) => name.to_owned(),
    }
}

fn alias(call: &Call) -> String {
    or_none(call.alias.as_deref().unwrap_or_default())
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none" } else { text }.to_owned()
}

fn yes_no(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}
