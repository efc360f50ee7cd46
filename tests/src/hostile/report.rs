//! What a program tells about its meeting with a hostile server.

use std::time::Duration;

/// Stands for a reason where the interface does not tell any.
pub(super) const UNTOLD: &str = "-";

/// Stands for a reason where the interface tells an errno of the host's.
pub(super) fn told_by(errno: i32) -> String {
    format!("errno {errno}")
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well, with this result.
    Ok(isize),
    /// With an errno of NetBSD's.
    Errno(i32),
    /// For want of a connection.
    Lost,
}

impl Outcome {
    pub(super) fn print(self) -> String {
        match self {
            Self::Ok(result) => format!("ok {result}"),
            Self::Errno(errno) => format!("errno {errno}"),
            Self::Lost => "lost -".to_owned(),
        }
    }

    fn read(kind: &str, value: &str) -> Self {
        let bad = || panic!("no outcome: {kind} {value}");
        match kind {
            "ok" => value.parse().map_or_else(|_| bad(), Self::Ok),
            "errno" => value.parse().map_or_else(|_| bad(), Self::Errno),
            "lost" => Self::Lost,
            _ => bad(),
        }
    }
}

/// What a program told.
#[derive(Debug, Default)]
pub struct Report {
    /// Why it got no connection: Rust's error, or what `told_by` makes of C's errno.
    pub refused: Option<String>,
    /// How its calls ended.
    pub outcomes: Vec<Outcome>,
    /// Why the connection was lost; `-` where the interface does not tell.
    pub reason: Option<String>,
    /// What the buffer held in the end.
    pub buffer: Vec<u8>,
    /// The signals that its handler was called with, NetBSD's numbers.
    pub raised: Vec<i32>,
    /// The time that the slowest step took.
    pub slowest: Duration,
    /// How much memory the program took besides its own, at most, bytes.
    pub growth: usize,
    pub(super) changed: Vec<String>,
    pub(super) descriptors_gained: isize,
}

impl Report {
    /// Reads the lines that `victim` prints behind its landmarks.
    pub(super) fn read(lines: &[String]) -> Self {
        let mut report = Self::default();
        for line in lines {
            let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
            let number = || rest.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            match head {
                "connected" => report.took(rest),
                "refused" => {
                    let (millis, reason) = rest.split_once(' ').expect("a time and a reason");
                    report.took(millis);
                    report.refused = Some(reason.to_owned());
                }
                "call" => {
                    let words: Vec<_> = rest.split(' ').collect();
                    let [_, kind, value, millis] = words[..] else { panic!("{line}") };
                    report.took(millis);
                    report.outcomes.push(Outcome::read(kind, value));
                }
                "reason" => report.reason = Some(rest.to_owned()),
                "buffer" => report.buffer = unhex(rest),
                "raised" => report.raised = rest.split(' ').flat_map(str::parse).collect(),
                "changed" => report.changed.push(rest.to_owned()),
                "descriptors" => report.descriptors_gained = number(),
                "growth" => report.growth = number().unsigned_abs(),
                _ => panic!("the program says: {line}"),
            }
        }
        report
    }

    fn took(&mut self, millis: &str) {
        let took = Duration::from_millis(millis.parse().expect("a time is a number"));
        self.slowest = self.slowest.max(took);
    }

    pub(super) fn expect_refused(&self, reason: &str, errno: i32) {
        let refused = self.refused.as_deref().expect("the connection is refused");
        let fits = refused.contains(reason) || refused == told_by(errno);
        assert!(fits, "refused with {refused}, not {reason} or errno {errno}");
    }

    pub(super) fn expect_outcomes(&self, outcomes: &[Outcome], lost: Option<&str>) {
        assert_eq!(self.refused, None);
        assert_eq!(self.outcomes, outcomes, "reason: {:?}", self.reason);
        match (lost, self.reason.as_deref()) {
            (None, None) | (_, Some(UNTOLD)) => {}
            (Some(expected), Some(reason)) => {
                assert!(reason.contains(expected), "lost for {reason}, not {expected}");
            }
            (expected, reason) => panic!("lost for {reason:?}, not {expected:?}"),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits are a byte");
    (0..digits.len()).step_by(2).map(byte).collect()
}
