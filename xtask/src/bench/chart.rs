//! The ratios as a chart.

use std::fmt::Write as _;

use super::report::{Figure, Report};

const LABELS: f64 = 140.0;
const BARS: f64 = 560.0;
const LINE: f64 = 18.0;
const HEADING: f64 = 34.0;

/// Bars of the rates' ratios, with their range and, as a line, what is wanted. Without a reference
/// there are none.
pub(super) fn draw(report: &Report) -> String {
    let scale = BARS / longest(report);
    let (mut body, mut y) = (String::new(), 0.0);
    for section in &report.sections {
        y += HEADING;
        let top = y;
        let _ =
            writeln!(body, r#"<text x="0" y="{}" class="h">{}</text>"#, y - 12.0, section.title());
        for row in &section.rows {
            let Some(Figure { median, min, max }) = row.speedup() else { continue };
            let (bar, middle) = (median * scale, y + LINE / 2.0);
            let wanted = row.wanted(section);
            let class = if wanted.is_some_and(|wanted| median < wanted) { "less" } else { "bar" };
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{}" text-anchor="end">{}</text>"#,
                LABELS - 8.0,
                middle + 4.0,
                row.row.name
            );
            let _ = writeln!(
                body,
                r#"<rect x="{LABELS}" y="{}" width="{bar:.1}" height="{}" class="{class}"/>"#,
                y + 3.0,
                LINE - 6.0
            );
            let [from, to] = [min, max].map(|ratio| LABELS + (ratio * scale).min(BARS));
            let _ = writeln!(
                body,
                r#"<line x1="{from:.1}" x2="{to:.1}" y1="{middle}" y2="{middle}" class="range"/>"#
            );
            if let Some(wanted) = wanted {
                let x = LABELS + wanted * scale;
                let _ = writeln!(
                    body,
                    r#"<line x1="{x:.1}" x2="{x:.1}" y1="{}" y2="{}" class="wanted"/>"#,
                    y + 1.0,
                    y + LINE - 1.0
                );
            }
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{}">{median:.2}</text>"#,
                LABELS + BARS + 8.0,
                middle + 4.0
            );
            y += LINE;
        }
        let x = LABELS + scale;
        let _ =
            writeln!(body, r#"<line x1="{x:.1}" x2="{x:.1}" y1="{top}" y2="{y}" class="same"/>"#);
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="sans-serif" font-size="12">
<style>
.h {{ font-weight: bold }} .bar {{ fill: #4c8c5c }} .less {{ fill: #c46a4a }}
.range {{ stroke: #222 }} .wanted {{ stroke: #d4a017; stroke-width: 3 }}
.same {{ stroke: #888; stroke-dasharray: 4 3 }}
</style>
<rect width="100%" height="100%" fill="white"/>
<text x="0" y="14">Calls per second, times the C library's: median, min to max; yellow: wanted</text>
<text x="0" y="30">{}</text>
<g transform="translate(0, 32)">
{body}</g>
</svg>
"##,
        LABELS + BARS + 60.0,
        y + 48.0,
        report.machine()
    )
}

/// What the scale has to hold: medians and what is wanted. Outliers are cut off.
fn longest(report: &Report) -> f64 {
    let rows = report
        .sections
        .iter()
        .flat_map(|section| section.rows.iter().map(move |row| (section, row)));
    let ratios = rows.filter_map(|(section, row)| {
        let median = row.speedup()?.median;
        Some(median.max(row.wanted(section).unwrap_or(0.0)))
    });
    ratios.fold(1.0, f64::max) * 1.1
}
