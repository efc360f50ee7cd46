//! `cargo xtask bench`: what calls cost, against the C library where it is given.

mod chart;
mod kernel;
mod machine;
mod page;
mod placement;
mod programs;
mod report;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

use crate::{Failure, output, workspace};
use kernel::{Choice, Kernel, Transport};
use placement::{Placement, Places};
use programs::{Library, Programs, Sample, Span};
use report::{Measured, Report, Section};
use rows::{ROWS, Row};

const USAGE: &str = "\
Usage: cargo xtask bench [options]

Measures calls on the kernel in RUMP_SERVER, on the server that RUMP_SERVER_BIN names, or on the
test server. Where RUMPCLIENT_REFERENCE names NetBSD's librumpclient.so.0, the same program runs
with both libraries in turn, and with the least that a client can be. See docs/performance.md for
what the rows and columns mean.

  --quick                      short rounds, unix socket, any CPU
  --rows FILTER[,FILTER…]      only rows whose name contains one of these
  --transport unix|tcp         only this one
  --placement one|two|free     only this one
  --rounds N                   how often each row is measured with each library
  --json FILE                  write every round's figures
  --svg FILE                   write a chart of the ratios
  --markdown FILE              put the tables into a page, in place of those it has
";

struct Options {
    rows: Vec<String>,
    transports: Vec<Transport>,
    placements: Vec<Placement>,
    rounds: usize,
    milliseconds: u64,
    json: Option<PathBuf>,
    svg: Option<PathBuf>,
    markdown: Option<PathBuf>,
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = options(args)? else {
        output::report(USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let rows: Vec<Row> = ROWS.into_iter().filter(|row| options.wants(row)).collect();
    if rows.is_empty() {
        return Err("no row has such a name; see docs/performance.md".into());
    }
    let load = machine::load();
    let choice = Choice::from_environment()?;
    let programs = Programs::build(&rows)?;
    let mut report = Report::new(load, choice.name(), programs.reference.is_some());
    output::report(&report.preamble())?;
    for &transport in &options.transports {
        if choice.transport().is_some_and(|only| only != transport) {
            continue;
        }
        for &placement in &options.placements {
            let Some(places) = Places::new(placement)? else {
                eprintln!("{}: skipped, this host has one CPU", placement.title());
                continue;
            };
            let kernel = choice.start(transport, places)?;
            let mut section = Section::new(transport, placement, &kernel.banner);
            for row in &rows {
                eprintln!("{}, {}: {}", transport.name(), placement.name(), row.name);
                section.rows.push(measure(&options, &programs, &kernel, row)?);
            }
            output::report(&report.table(&section))?;
            report.sections.push(section);
        }
    }
    if let Some(file) = &options.json {
        workspace::write(file, &report.json())?;
    }
    if let Some(file) = &options.markdown {
        let page = String::from_utf8(workspace::read(file)?)?;
        let page = page::with_results(&page, &report.markdown());
        workspace::write(file, &page.map_err(|error| format!("{}: {error}", file.display()))?)?;
    }
    if let Some(file) = &options.svg {
        workspace::write(file, &chart::draw(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn options(mut args: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        rows: Vec::new(),
        transports: Transport::ALL.to_vec(),
        placements: Placement::ALL.to_vec(),
        rounds: 9,
        milliseconds: 250,
        json: None,
        svg: None,
        markdown: None,
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("quick") => {
                options.transports = vec![Transport::Unix];
                options.placements = vec![Placement::Free];
                (options.rounds, options.milliseconds) = (3, 50);
            }
            Long("rows") => {
                options.rows = args.value()?.string()?.split(',').map(str::to_owned).collect();
            }
            Long("transport") => {
                let named = |name: &str| Transport::named(name).ok_or("it is unix or tcp");
                options.transports = vec![args.value()?.parse_with(named)?];
            }
            Long("placement") => {
                let named = |name: &str| Placement::named(name).ok_or("it is one, two or free");
                options.placements = vec![args.value()?.parse_with(named)?];
            }
            Long("rounds") => options.rounds = args.value()?.parse()?,
            Long("json") => options.json = Some(args.value()?.into()),
            Long("markdown") => options.markdown = Some(args.value()?.into()),
            Long("svg") => options.svg = Some(args.value()?.into()),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    if options.rounds == 0 {
        return Err("--rounds takes a number from 1".into());
    }
    Ok(Some(options))
}

impl Options {
    /// A filter that is a row's whole name is meant to be that row alone.
    fn wants(&self, row: &Row) -> bool {
        let matches = |filter: &String| {
            let exact = ROWS.iter().any(|row| row.name == filter);
            if exact { row.name == filter } else { row.name.contains(filter.as_str()) }
        };
        self.rows.is_empty() || self.rows.iter().any(matches)
    }
}

/// One row: rounds with each library in turn, so that what else the host does meets both.
fn measure(
    options: &Options,
    programs: &Programs,
    kernel: &Kernel,
    row: &Row,
) -> Result<Measured, Failure> {
    let span = Span::Milliseconds(options.milliseconds);
    let run = |library: &Library| programs.run(library, row, span, kernel);
    let mut reference: Vec<Sample> = Vec::new();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        if let Some(library) = &programs.reference {
            reference.push(run(library)?);
        }
        ours.push(run(&programs.ours)?);
        // It says what of the C library's rate can be won.
        if programs.reference.is_some() && row.has_floor() {
            floor.push(run(&programs.floor)?);
        }
    }
    let count = |library: &Library| programs.host_calls(library, row, kernel);
    let host_calls = count(&programs.ours)?;
    let reference_host_calls = programs.reference.as_ref().map(count).transpose()?.flatten();
    Ok(Measured { row: *row, reference, ours, floor, host_calls, reference_host_calls })
}
