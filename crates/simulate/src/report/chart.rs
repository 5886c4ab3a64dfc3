//! Draws the report as a chart, in SVG.

use std::fmt::Write as _;

use super::table::{grouped, percent};
use super::{Cell, Report};
use crate::policies::Policy;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 104.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;
/// The minimum distance between two names on the right.
const NAME: f64 = 15.0;

/// The colour and the dashes of a policy. The colours can be told apart with any colour vision.
fn style(policy: Policy) -> (&'static str, &'static str) {
    match policy {
        Policy::Lru => ("#0072b2", ""),
        Policy::S3Fifo => ("#d55e00", ""),
        Policy::Fifo => ("#8a8a8a", "2 3"),
        Policy::Sieve => ("#009e73", "6 3"),
        Policy::Arc => ("#aa4499", "8 3 2 3"),
        Policy::Optimum => ("#666666", "1 3"),
    }
}

/// Places sizes and ratios on the chart.
struct Scale {
    /// The logarithms of the smallest size, and of the largest divided by it.
    first: f64,
    span: f64,
}

impl Scale {
    fn x(&self, size: u32) -> f64 {
        let width = WIDTH - LEFT - RIGHT;
        if self.span > 0.0 {
            LEFT + (f64::from(size).ln() - self.first) / self.span * width
        } else {
            LEFT + width / 2.0
        }
    }

    fn y(ratio: f64) -> f64 {
        HEIGHT - BOTTOM - ratio * (HEIGHT - TOP - BOTTOM)
    }
}

impl Report {
    /// The report as an SVG chart: a curve for each policy over the sizes, and a mark at each recommended size.
    #[must_use]
    pub fn svg(&self) -> String {
        let first = f64::from(self.sizes.first().copied().unwrap_or(1)).ln();
        let last = f64::from(self.sizes.last().copied().unwrap_or(1)).ln();
        let scale = Scale { first, span: last - first };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"currentColor\">\n<title>Hit ratio by size of \
             the cache: {} requests for {} keys</title>\n",
            grouped(self.requests.into()),
            grouped(self.keys.into())
        );
        let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"20\" font-weight=\"600\">Hit ratio by size of the cache</text>");
        self.axes(&mut svg, &scale);
        self.curves(&mut svg, &scale);
        for recommendation in &self.recommendations {
            let (x, y) = (scale.x(recommendation.size), Scale::y(recommendation.hit_ratio));
            let (color, _) = style(recommendation.policy);
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"><title>{}: \
                 {} entries, {}</title></circle>",
                recommendation.policy.title(),
                grouped(recommendation.size.into()),
                percent(recommendation.hit_ratio)
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn axes(&self, svg: &mut String, scale: &Scale) {
        let right = WIDTH - RIGHT;
        for step in 0..=5 {
            let ratio = f64::from(step) / 5.0;
            let y = Scale::y(ratio);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"currentColor\" \
                 stroke-opacity=\"0.15\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
                LEFT - 8.0,
                y + 4.0,
                ratio * 100.0
            );
        }
        let mut end = f64::NEG_INFINITY;
        for &size in &self.sizes {
            let (x, text) = (scale.x(size), grouped(size.into()));
            // Roughly half the width of the text.
            let half = f64::from(u32::try_from(text.len()).unwrap_or(0)) * 3.4 + 4.0;
            if x - half > end {
                end = x + half;
                let y = HEIGHT - BOTTOM + 18.0;
                let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>");
            }
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">entries</text>",
            LEFT.midpoint(right),
            HEIGHT - 10.0
        );
    }

    fn curves(&self, svg: &mut String, scale: &Scale) {
        let mut names: Vec<(f64, Policy)> = Vec::new();
        for &policy in &self.policies {
            let cells: Vec<&Cell> = self.results.iter().filter(|cell| cell.policy == policy).collect();
            let (color, dashes) = style(policy);
            let points: Vec<String> =
                cells.iter().map(|cell| format!("{:.1},{:.1}", scale.x(cell.size), Scale::y(cell.hit_ratio))).collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\" \
                 stroke-linejoin=\"round\"/>",
                points.join(" ")
            );
            // A curve through one point is invisible.
            if let [only] = cells[..] {
                let (x, y) = (scale.x(only.size), Scale::y(only.hit_ratio));
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>");
            }
            if let Some(last) = cells.last() {
                names.push((Scale::y(last.hit_ratio), policy));
            }
        }
        // The names at the ends of the curves, spread out where curves meet, and none below the axis.
        names.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut least = f64::NEG_INFINITY;
        for (y, _) in &mut names {
            *y = y.max(least);
            least = *y + NAME;
        }
        let mut most = HEIGHT - BOTTOM;
        for (y, policy) in names.iter_mut().rev() {
            *y = y.min(most);
            most = *y - NAME;
            let (color, _) = style(*policy);
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{color}\">{}</text>",
                WIDTH - RIGHT + 10.0,
                *y + 4.0,
                policy.title()
            );
        }
    }
}
