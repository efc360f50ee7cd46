//! What a changed call means for the users of rump kernels.
//!
//! They meet a call in four ways: by its symbol, which compiled programs use; by its plain name,
//! which source uses and which means the newest version; by its number and the layout of its
//! arguments, which client and server must agree on; and by how it tells of errors.

use std::collections::BTreeMap;

use super::{Effect, Impact};
use crate::list::prototype;
use crate::model::{Call, Kind, Table};
use crate::types::{Scalar, Shape, Target, Type, Types};

/// The two tables.
pub(super) struct Sides<'a> {
    old: Side<'a>,
    new: Side<'a>,
}

/// What a table as a whole says about its RUMP calls.
struct Side<'a> {
    /// The name in Rust, by number.
    rust: BTreeMap<u32, String>,
    /// The call that a plain name means.
    newest: BTreeMap<&'a str, &'a Call>,
    /// What its C types mean.
    types: Types,
}

impl<'a> Side<'a> {
    fn of(table: &'a Table) -> Side<'a> {
        let names = table.named_rump_calls();
        Side {
            rust: names.into_iter().map(|(name, call)| (call.number, name)).collect(),
            newest: table.rump_calls().map(|call| (call.real_name(), call)).collect(),
            types: Types::of(table),
        }
    }

    fn rust_name(&self, call: &Call) -> &str {
        self.rust.get(&call.number).map_or("", String::as_str)
    }

    fn params<'c>(&self, call: &'c Call) -> Vec<Known<'c>> {
        call.params.iter().map(|param| self.known(&param.c_type)).collect()
    }

    fn known<'c>(&self, spelling: &'c str) -> Known<'c> {
        self.types.resolve(spelling).ok_or(spelling)
    }
}

impl<'a> Sides<'a> {
    pub(super) fn of(old: &'a Table, new: &'a Table) -> Sides<'a> {
        Sides { old: Side::of(old), new: Side::of(new) }
    }

    /// For a call that only the old table has.
    pub(super) fn removed(&self, old: &Call) -> Vec<Effect> {
        if old.rump { vec![self.gone(old)] } else { Vec::new() }
    }

    /// For a call that only the new table has.
    pub(super) fn added(&self, new: &Call) -> Vec<Effect> {
        if new.rump { vec![self.come(new)] } else { Vec::new() }
    }

    /// For a call that both tables have.
    pub(super) fn kept(&self, old: &Call, new: &Call) -> Vec<Effect> {
        match (old.rump, new.rump) {
            (false, _) => self.added(new),
            (true, false) => self.removed(old),
            (true, true) => [
                number(old, new),
                self.symbol(old, new),
                self.arguments(old, new),
                self.returns(old, new),
                errors(old, new),
                constant(old, new),
                self.name(old, new),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    /// The call comes to rump kernels.
    fn come(&self, call: &Call) -> Effect {
        let (name, symbol) = (call.rump_name(), call.symbol());
        let newest = self.new.newest.get(call.real_name());
        let text = if newest.is_none_or(|newest| newest.number != call.number) {
            format!("{symbol} is there for programs that were built when it was {name}")
        } else if self.old.newest.contains_key(call.real_name()) {
            format!("new version of {name}: programs compiled anew need a server that has it")
        } else {
            format!("new function {name}; servers that lack it answer ENOSYS")
        };
        effect(Impact::New, text)
    }

    /// The symbol leaves rump kernels.
    fn gone(&self, call: &Call) -> Effect {
        let symbol = call.symbol();
        let text = match self.new.newest.get(call.real_name()) {
            Some(newest) => format!(
                "programs that use {symbol} no longer start; compiled anew they use {}",
                newest.symbol()
            ),
            None => format!(
                "programs that use {symbol} no longer start, and there is no {} any more",
                call.rump_name()
            ),
        };
        effect(Impact::Breaking, text)
    }

    fn symbol(&self, old: &Call, new: &Call) -> Option<Effect> {
        (old.symbol() != new.symbol()).then(|| self.gone(old))
    }

    fn arguments(&self, old: &Call, new: &Call) -> Option<Effect> {
        let (was, is) = (self.old.params(old), self.new.params(new));
        if !alike(&was, &is, same_layout) {
            let text = "the arguments are laid out differently: a client with the one form and a \
                        server with the other misunderstand each other";
            return Some(effect(Impact::Breaking, text));
        }
        if !alike(&was, &is, same_type) || old.varargs != new.varargs {
            let text = "callers pass other types; the arguments keep their layout";
            return Some(effect(Impact::Source, text));
        }
        let text = "the arguments are spelled differently and mean the same";
        (prototype(old) != prototype(new)).then(|| effect(Impact::Unseen, text))
    }

    fn returns(&self, old: &Call, new: &Call) -> Option<Effect> {
        if old.returns == new.returns {
            return None;
        }
        let was = [self.old.known(&old.returns)];
        let is = [self.new.known(&new.returns)];
        Some(if !alike(&was, &is, same_layout) {
            effect(Impact::Breaking, "callers get a result of another width")
        } else if !alike(&was, &is, same_type) {
            effect(Impact::Source, "callers get another type of the same width")
        } else {
            effect(Impact::Unseen, "the result is spelled differently and means the same")
        })
    }

    /// What the plain name means, and what the call is called now.
    fn name(&self, old: &Call, new: &Call) -> Option<Effect> {
        let (was, is) = (self.old.rust_name(old), self.new.rust_name(new));
        if was == is {
            return None;
        }
        let text = match self.new.newest.get(was) {
            Some(newest) => format!(
                "rump_sys_{was} means the newer {} {} now; in Rust this one is rump_sys_{is}",
                newest.number,
                newest.symbol()
            ),
            None => format!("in Rust rump_sys_{was} is rump_sys_{is} now"),
        };
        Some(effect(Impact::Source, text))
    }
}

fn effect(impact: Impact, text: impl Into<String>) -> Effect {
    Effect { impact, text: text.into() }
}

fn number(old: &Call, new: &Call) -> Option<Effect> {
    let text = "a client with the one number and a server with the other do not understand each \
                other";
    (old.number != new.number).then(|| effect(Impact::Breaking, text))
}

fn errors(old: &Call, new: &Call) -> Option<Effect> {
    let text = match (old.kind == Kind::Noerr, new.kind == Kind::Noerr) {
        (false, true) => "errno is not set any more: the call cannot fail, or returns its error",
        (true, false) => "the call fails with -1 and errno, which it did not do before",
        _ => return None,
    };
    Some(effect(Impact::Source, text))
}

fn constant(old: &Call, new: &Call) -> Option<Effect> {
    let (was, is) = (old.constant(), new.constant());
    (was != is).then(|| effect(Impact::Source, format!("the constant {was} is {is} now")))
}

/// A type, or how one is spelled that is not known.
type Known<'c> = Result<Type, &'c str>;

/// Whether two lists of types agree, one by one. One that is not known agrees with its like only.
fn alike(one: &[Known<'_>], other: &[Known<'_>], same: fn(&Shape, &Shape) -> bool) -> bool {
    let same = |pair: (&Known<'_>, &Known<'_>)| match pair {
        (Ok(one), Ok(other)) => same(&one.shape, &other.shape),
        (Err(one), Err(other)) => one == other,
        _ => false,
    };
    one.len() == other.len() && std::iter::zip(one, other).all(same)
}

/// Whether two values lie in memory alike, and, if they are pointers, what they point at as far as
/// its layout is known.
fn same_layout(one: &Shape, other: &Shape) -> bool {
    match (one, other) {
        (Shape::Void, Shape::Void) => true,
        (Shape::Scalar(one), Shape::Scalar(other)) => same_width(one, other),
        (Shape::Pointer { target: one, .. }, Shape::Pointer { target: other, .. }) => {
            match (one, other) {
                (Target::Struct { .. }, Target::Struct { .. }) => one == other,
                (Target::Scalar(one), Target::Scalar(other)) => same_width(one, other),
                _ => true,
            }
        }
        _ => false,
    }
}

/// Whether two types mean the same, whatever they are called.
fn same_type(one: &Shape, other: &Shape) -> bool {
    match (one, other) {
        (Shape::Scalar(one), Shape::Scalar(other)) => same_number(one, other),
        (
            Shape::Pointer { target: one, constant: one_constant },
            Shape::Pointer { target: other, constant: other_constant },
        ) => {
            let same_target = match (one, other) {
                (Target::Scalar(one), Target::Scalar(other)) => same_number(one, other),
                _ => one == other,
            };
            one_constant == other_constant && same_target
        }
        _ => one == other,
    }
}

fn same_number(one: &Scalar, other: &Scalar) -> bool {
    same_width(one, other) && one.signed == other.signed
}

fn same_width(one: &Scalar, other: &Scalar) -> bool {
    (one.lp64, one.ilp32) == (other.lp64, other.ilp32)
}
