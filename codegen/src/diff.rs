//! What changed between two tables, and what that means for those who use the calls.

mod effects;
mod facts;

use std::fmt;

use crate::model::{Call, Table};

/// The differences between two tables. Printing it gives the report of `cargo xtask diff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The line that names the old table's revision.
    pub old: String,
    /// The line that names the new table's revision.
    pub new: String,
    /// What became of each call that is not the same, by number.
    pub changes: Vec<Change>,
}

/// What became of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number: the new one, unless it is gone.
    pub number: u32,
    /// The kernel's function, `sys___stat50`: the new one, unless it is gone.
    pub function: String,
    /// What the tables say differently, e.g. `number 450 → 451`.
    pub facts: Vec<String>,
    /// What follows for the users of rump kernels; nothing where rump kernels serve neither form.
    pub effects: Vec<Effect>,
}

/// A consequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Whom it reaches.
    pub impact: Impact,
    /// What it is.
    pub text: String,
}

/// Whom a change reaches, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Existing programs: binaries do not start or misbehave, or client and server no longer
    /// understand each other.
    Breaking,
    /// Those who compile: what their source means changes, binaries and the protocol do not.
    Source,
    /// Those who look for more: a call can be used that could not be used before.
    New,
    /// Nobody.
    Unseen,
}

impl Impact {
    const ALL: [Impact; 4] = [Impact::Breaking, Impact::Source, Impact::New, Impact::Unseen];

    fn word(self) -> &'static str {
        match self {
            Impact::Breaking => "breaking",
            Impact::Source => "for source",
            Impact::New => "new",
            Impact::Unseen => "without effect",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Impact::Breaking => {
                "Breaking: existing programs, or clients and servers of different ages, break"
            }
            Impact::Source => "For source: programs may need a change when they are compiled anew",
            Impact::New => "New: calls that could not be used before",
            Impact::Unseen => "Without effect for users of rump kernels",
        }
    }
}

impl Change {
    /// Whom it reaches at worst.
    pub fn impact(&self) -> Impact {
        self.effects.iter().map(|effect| effect.impact).min().unwrap_or(Impact::Unseen)
    }
}

impl Diff {
    /// Compares two tables.
    pub fn between(old: &Table, new: &Table) -> Diff {
        let sides = effects::Sides::of(old, new);
        let changes = pairs(old, new).into_iter().filter_map(|pair| change(pair, &sides)).collect();
        let ident = |table: &Table| table.ident.trim().to_owned();
        Diff { old: ident(old), new: ident(new), changes }
    }

    fn of_impact(&self, impact: Impact) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.impact() == impact)
    }
}

fn change(pair: Pair<'_>, sides: &effects::Sides<'_>) -> Option<Change> {
    let (facts, effects) = match pair {
        Pair::Removed(old) => (vec!["removed".to_owned()], sides.removed(old)),
        Pair::Added(new) => (vec![facts::added(new)], sides.added(new)),
        Pair::Kept { old, new } => (facts::kept(old, new), sides.kept(old, new)),
    };
    let call = pair.current();
    (!facts.is_empty() || !effects.is_empty()).then(|| Change {
        number: call.number,
        function: call.function(),
        facts,
        effects,
    })
}

/// A call in the old table, the new one, or both.
#[derive(Clone, Copy)]
enum Pair<'a> {
    Removed(&'a Call),
    Added(&'a Call),
    Kept { old: &'a Call, new: &'a Call },
}

impl<'a> Pair<'a> {
    /// The call as it is now, or as it was last.
    fn current(self) -> &'a Call {
        match self {
            Pair::Removed(call) | Pair::Added(call) | Pair::Kept { new: call, .. } => call,
        }
    }
}

/// Finds for each call its other self: the same name at the same number, whatever else became of
/// it, or else the same kernel function at another number.
fn pairs<'a>(old: &'a Table, new: &'a Table) -> Vec<Pair<'a>> {
    let mut left: Vec<&Call> = old.calls().collect();
    let mut take = |same: &dyn Fn(&Call) -> bool| {
        left.iter().position(|call| same(call)).map(|index| left.remove(index))
    };
    let mut pairs = Vec::new();
    let mut unmatched = Vec::new();
    for new in new.calls() {
        match take(&|old| old.number == new.number && old.base == new.base) {
            Some(old) => pairs.push(Pair::Kept { old, new }),
            None => unmatched.push(new),
        }
    }
    for new in unmatched {
        let function = new.function();
        pairs.push(match take(&|old| old.function() == function) {
            Some(old) => Pair::Kept { old, new },
            None => Pair::Added(new),
        });
    }
    pairs.extend(left.into_iter().map(Pair::Removed));
    pairs.sort_by_key(|pair| pair.current().number);
    pairs
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old: {}\nnew: {}", self.old, self.new)?;
        if self.changes.is_empty() {
            return writeln!(f, "\nThe tables have the same calls.");
        }
        let counts = Impact::ALL
            .map(|impact| format!("{} {}", self.of_impact(impact).count(), impact.word()));
        writeln!(f, "\nChanged calls: {}.", counts.join(", "))?;
        for impact in Impact::ALL {
            let mut changes = self.of_impact(impact).peekable();
            if changes.peek().is_some() {
                writeln!(f, "\n{}", impact.heading())?;
            }
            changes.try_for_each(|change| write!(f, "{change}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} {}: {}", self.number, self.function, self.facts.join("; "))?;
        self.effects.iter().try_for_each(|effect| writeln!(f, "      {}", effect.text))
    }
}
