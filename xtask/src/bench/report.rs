//! What was measured, as a table and as JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::kernel::Transport;
use super::machine;
use super::placement::Placement;
use super::programs::Sample;
use super::rows::Row;

pub(super) struct Report {
    machine: String,
    load: f64,
    server: &'static str,
    compares: bool,
    pub(super) sections: Vec<Section>,
}

/// The rows of one transport and placement.
pub(super) struct Section {
    transport: Transport,
    placement: Placement,
    banner: String,
    pub(super) rows: Vec<Measured>,
}

/// One row's rounds. Those of the others are as many as ours, or none.
pub(super) struct Measured {
    pub(super) row: Row,
    pub(super) reference: Vec<Sample>,
    pub(super) ours: Vec<Sample>,
    /// Those of the least that a client can be, where it can do the row's work.
    pub(super) floor: Vec<Sample>,
    pub(super) host_calls: Option<f64>,
    pub(super) reference_host_calls: Option<f64>,
}

/// A figure over all rounds.
#[derive(Clone, Copy)]
pub(super) struct Figure {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Figure {
    /// `None` of nothing.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { median, min, max })
    }
}

impl Sample {
    fn rate(&self) -> f64 {
        self.calls * 1e9 / self.wall
    }

    /// Microseconds a call.
    fn client_cpu(&self) -> f64 {
        self.client_cpu / self.calls / 1e3
    }

    fn server_cpu(&self) -> f64 {
        self.server_cpu / self.calls / 1e3
    }
}

impl Measured {
    /// How many times the reference's figure that of other samples is, round by round.
    fn ratio(&self, samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Option<Figure> {
        let rounds = samples.iter().zip(&self.reference);
        Figure::of(rounds.map(|(sample, reference)| figure(sample) / figure(reference)))
    }

    /// The ratio of the rates.
    pub(super) fn speedup(&self) -> Option<Figure> {
        self.ratio(&self.ours, Sample::rate)
    }

    /// The same for the least that a client can be.
    fn most(&self) -> Option<Figure> {
        self.ratio(&self.floor, Sample::rate)
    }

    /// What the ratio is to reach in a place like this.
    pub(super) fn wanted(&self, section: &Section) -> Option<f64> {
        match (section.placement, section.transport) {
            // Never slower, where there is nothing to win.
            (Placement::One, _) => Some(1.0),
            (Placement::Free, Transport::Unix) => self.row.wanted,
            _ => self.row.wanted.map(|ratio| ratio.min(1.0)),
        }
    }

    /// "the reference's → ours", or ours alone.
    fn both(&self, digits: usize, figure: impl Fn(&Sample) -> f64) -> String {
        let median = |samples: &[Sample]| {
            let value = Figure::of(samples.iter().map(&figure));
            value.map(|value| format!("{:.digits$}", value.median))
        };
        arrow(median(&self.reference), median(&self.ours))
    }

    fn cells(&self, section: &Section, report: &Report) -> Vec<String> {
        let mut cells = vec![self.row.name.to_owned(), self.both(0, Sample::rate)];
        if report.compares {
            cells.push(self.speedup().map_or_else(dash, |Figure { median, min, max }| {
                format!("{median:.2} ({min:.2}–{max:.2})")
            }));
            let wanted = self.wanted(section).zip(self.speedup());
            cells.push(wanted.map_or_else(dash, |(wanted, ratio)| {
                format!("{wanted:.1} {}", yes_or_no(ratio.median >= wanted))
            }));
            cells.push(self.most().map_or_else(dash, |ratio| format!("{:.2}", ratio.median)));
        }
        cells.push(self.both(1, |sample| sample.p50 / 1e3));
        cells.push(self.both(1, |sample| sample.p99 / 1e3));
        cells.push(self.both(1, Sample::client_cpu));
        if report.compares {
            let limit = self.row.cpu_at_most.filter(|_| section.placement == Placement::Free);
            cells.push(self.ratio(&self.ours, Sample::client_cpu).map_or_else(dash, |ratio| {
                format!("{:.2}{}", ratio.median, verdict(ratio.median, limit))
            }));
        }
        cells.push(self.both(1, Sample::server_cpu));
        let count = |count: Option<f64>| count.map(|count| format!("{count:.1}"));
        let judged = self.host_calls.map(|calls| verdict(calls, self.row.host_calls_at_most));
        let counted = arrow(count(self.reference_host_calls), count(self.host_calls));
        cells.push(counted + &judged.unwrap_or_default());
        cells.push(self.both(1, |sample| sample.allocations / sample.calls));
        cells
    }
}

fn yes_or_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "**no**" }
}

/// Whether a figure keeps its limit, where it has one, but for what no table shows.
fn verdict(figure: f64, limit: Option<f64>) -> String {
    let holds = |limit| yes_or_no(figure < limit + 0.005);
    limit.map(|limit| format!(" (≤ {limit} {})", holds(limit))).unwrap_or_default()
}

fn dash() -> String {
    "–".to_owned()
}

fn arrow(reference: Option<String>, ours: Option<String>) -> String {
    let ours = ours.unwrap_or_else(dash);
    reference.map_or_else(|| ours.clone(), |reference| format!("{reference} → {ours}"))
}

impl Section {
    pub(super) fn new(transport: Transport, placement: Placement, banner: &str) -> Self {
        Self { transport, placement, banner: banner.to_owned(), rows: Vec::new() }
    }

    pub(super) fn title(&self) -> String {
        format!("{} socket, {}", self.transport.name(), self.placement.title())
    }
}

impl Report {
    pub(super) fn new(load: f64, server: &'static str, compares: bool) -> Self {
        Self { machine: machine::description(), load, server, compares, sections: Vec::new() }
    }

    pub(super) fn machine(&self) -> &str {
        &self.machine
    }

    pub(super) fn preamble(&self) -> String {
        let compared = if self.compares {
            "C library → rumpclient: medians of rounds in turn; ratios round by round, (min–max)"
        } else {
            "Medians of rounds; RUMPCLIENT_REFERENCE is not set, so nothing to compare with"
        };
        let noisy = if self.load > 1.0 {
            format!("The load average was {:.1} before: the figures are noisy.\n", self.load)
        } else {
            String::new()
        };
        format!("{}, against {}.\n{compared}.\n{noisy}", self.machine, self.server)
    }

    /// A table in Markdown, with columns that line up.
    pub(super) fn table(&self, section: &Section) -> String {
        let mut header = vec!["row", "calls/s"];
        if self.compares {
            header.extend(["ratio", "wanted", "floor"]);
        }
        header.extend(["p50 µs", "p99 µs", "client CPU µs"]);
        if self.compares {
            header.push("ratio");
        }
        header.extend(["server CPU µs", "host calls", "allocations"]);
        let mut lines: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
        lines.extend(section.rows.iter().map(|row| row.cells(section, self)));
        let mut text = format!("\n### {}\n\n{}\n\n", section.title(), section.banner);
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..lines[0].len()).filter_map(width).collect();
        for (number, line) in lines.iter().enumerate() {
            for (cell, &width) in line.iter().zip(&widths) {
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if number == 0 {
                for &width in &widths {
                    let _ = write!(text, "|{:-<1$}", "", width + 2);
                }
                text.push_str("|\n");
            }
        }
        text
    }

    /// All of it.
    pub(super) fn markdown(&self) -> String {
        let tables: String = self.sections.iter().map(|section| self.table(section)).collect();
        format!("{}{tables}", self.preamble())
    }

    /// Every round's figures.
    pub(super) fn json(&self) -> String {
        let sections: Vec<Json> = self.sections.iter().map(section_json).collect();
        let report = json!({
            "machine": self.machine,
            "load": self.load,
            "server": self.server,
            "sections": sections,
        });
        format!("{report:#}\n")
    }
}

fn section_json(section: &Section) -> Json {
    let rows = section.rows.iter().map(|measured| {
        let ratio = measured
            .speedup()
            .map(|Figure { median, min, max }| json!({ "median": median, "min": min, "max": max }));
        json!({
            "row": measured.row.name,
            "ratio": ratio,
            "wanted": measured.wanted(section),
            "reference": measured.reference.iter().map(sample_json).collect::<Json>(),
            "rumpclient": measured.ours.iter().map(sample_json).collect::<Json>(),
            "floor": measured.floor.iter().map(sample_json).collect::<Json>(),
            "host_calls": {
                "reference": measured.reference_host_calls,
                "rumpclient": measured.host_calls,
            },
        })
    });
    json!({
        "transport": section.transport.name(),
        "placement": section.placement.name(),
        "banner": section.banner,
        "rows": rows.collect::<Json>(),
    })
}

fn sample_json(sample: &Sample) -> Json {
    json!({
        "calls_per_second": sample.rate(),
        "p50_us": sample.p50 / 1e3,
        "p99_us": sample.p99 / 1e3,
        "client_cpu_us": sample.client_cpu(),
        "server_cpu_us": sample.server_cpu(),
        "allocations": sample.allocations / sample.calls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_middle_of_all_rounds() {
        let figure = |values: &[f64]| {
            Figure::of(values.iter().copied()).map(|Figure { median, min, max }| [min, median, max])
        };
        assert_eq!(figure(&[]), None);
        assert_eq!(figure(&[5.0]), Some([5.0; 3]));
        assert_eq!(figure(&[9.0, 1.0, 2.0]), Some([1.0, 2.0, 9.0]));
        assert_eq!(figure(&[4.0, 1.0, 2.0, 9.0]), Some([1.0, 3.0, 9.0]));
        // A server whose CPU time is not known.
        assert_eq!(figure(&[f64::NAN]), None);
    }
}
