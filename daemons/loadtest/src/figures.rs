//! The charts of a report as SVG, in colours that are readable on light and dark backgrounds.

use plotters::coord::Shift;
use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::{
    AsRangedCoord, KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter,
};
use plotters::prelude::*;

use super::measure::Measured;

const WIDTH: u32 = 760;
const HEIGHT: u32 = 380;

/// Placeholder for the text colour around the chart.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_AS_WRITTEN: &str = "#010203";

/// After the Okabe-Ito palette, which is safe for colour-blind readers; each colour has a contrast
/// of at least 3 to 1 on white and on near-black.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 148, 108),
    RGBColor(196, 104, 157),
    RGBColor(128, 128, 128),
    RGBColor(174, 121, 0),
];

const STEPS: &str = "requests / concurrent";

/// A run, with its name in the legend.
pub(super) struct Run<'a> {
    pub(super) name: &'a str,
    pub(super) steps: &'a [Measured],
}

/// A chart with its legend.
pub(super) struct Figure {
    pub(super) svg: String,
    pub(super) legend: Vec<(String, String)>,
}

type Legend = Vec<(RGBColor, String)>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// Draws a chart; if that fails, the chart is replaced by the error.
fn figure(title: &str, draw: impl FnOnce(&Area<'_>) -> Drawn<Legend>) -> Figure {
    let mut svg = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        draw(&area).and_then(|legend| {
            area.present()?;
            Ok(legend)
        })
    };
    match drawn {
        Ok(legend) => {
            let head = format!("<svg role=\"img\" aria-label=\"{title}\" ");
            let svg = svg.replacen("<svg ", &head, 1).replace(INK_AS_WRITTEN, "currentColor");
            let css = |RGBColor(red, green, blue)| format!("#{red:02x}{green:02x}{blue:02x}");
            let legend = legend.into_iter().map(|(colour, name)| (css(colour), name)).collect();
            Figure { svg, legend }
        }
        Err(error) => {
            let svg = format!("<p>This chart could not be drawn: {error}</p>");
            Figure { svg, legend: Vec::new() }
        }
    }
}

/// The labels of the axes and the format of their values.
struct Axes<'a> {
    x: (&'a str, &'a dyn Fn(&f64) -> String),
    y: (&'a str, &'a dyn Fn(&f64) -> String),
    /// Values along x with a label.
    labels: usize,
}

type Chart<'a, 's, X, Y> = ChartContext<
    'a,
    SVGBackend<'s>,
    Cartesian2d<<X as AsRangedCoord>::CoordDescType, <Y as AsRangedCoord>::CoordDescType>,
>;

/// Axes with a grid.
fn frame<'a, 's, X, Y>(
    area: &'a Area<'s>,
    x: X,
    y: Y,
    axes: &Axes<'_>,
) -> Drawn<Chart<'a, 's, X, Y>>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let ink = TextStyle::from(("sans-serif", 13)).color(&INK);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(36)
        .x_label_area_size(48)
        .y_label_area_size(76)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(axes.x.0)
        .x_label_formatter(&axes.x.1)
        .x_labels(axes.labels)
        .y_desc(axes.y.0)
        .y_label_formatter(&axes.y.1)
        .axis_style(INK)
        .label_style(ink.clone())
        .axis_desc_style(ink)
        .bold_line_style(INK.mix(0.2))
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(chart)
}

/// The report's figures 16 and 18: average, maximum and minimum response time by step.
pub(super) fn response_times(runs: &[Run<'_>]) -> Figure {
    figure("Response times by step", |area| {
        let lines = ["maximum", "average", "minimum"];
        let values = |step: &Measured| [step.times.maximum, step.times.average, step.times.minimum];
        let all = runs.iter().flat_map(|run| run.steps).filter(|step| step.success > 0);
        let (low, high) = around(all.flat_map(values));
        let labels = labels(runs);
        let axes = Axes {
            x: (STEPS, &|at| label_at(&labels, *at)),
            y: ("response time", &|seconds| spoken(*seconds)),
            labels: labels.len(),
        };
        let across = -0.3..labels.len() as f64 - 0.7;
        let mut chart = frame(area, across, (low..high).log_scale(), &axes)?;
        let mut legend = Vec::new();
        for (number, run) in runs.iter().enumerate() {
            for (line, what) in lines.into_iter().enumerate() {
                let colour = COLOURS[(line + lines.len() * number) % COLOURS.len()];
                let measured = run.steps.iter().filter(|step| step.success > 0);
                let points = measured.map(|step| (place(&labels, step), values(step)[line]));
                let points: Vec<_> = points.collect();
                chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
                let marks = points.into_iter().map(|point| Circle::new(point, 4, colour.filled()));
                chart.draw_series(marks)?;
                legend.push((colour, format!("{what}, {}", run.name)));
            }
        }
        Ok(legend)
    })
}

/// The report's figures 17 and 19: errors over requests and concurrency.
pub(super) fn errors(runs: &[Run<'_>]) -> Figure {
    figure("Errors by step", |area| {
        let labels = labels(runs);
        let all = runs.iter().flat_map(|run| run.steps);
        let most = all.map(Measured::error_count).max().unwrap_or(0).max(1) as f64;
        let axes = Axes {
            x: (STEPS, &|at| label_at(&labels, *at)),
            y: ("errors", &|errors| {
                if errors.fract() == 0.0 { errors.to_string() } else { String::new() }
            }),
            labels: labels.len(),
        };
        let across = -0.5..labels.len() as f64 - 0.5;
        let mut chart = frame(area, across, 0.0..most * 1.15, &axes)?;
        let ink = TextStyle::from(("sans-serif", 13)).color(&INK);
        let width = 0.7 / runs.len().max(1) as f64;
        let mut legend = Vec::new();
        for (number, run) in runs.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            for step in run.steps {
                let (left, count) =
                    (place(&labels, step) - 0.35 + width * number as f64, step.error_count());
                let corners = [(left, 0.0), (left + width * 0.95, count as f64)];
                chart.draw_series([Rectangle::new(corners, colour.filled())])?;
                let above = (left + width * 0.3, count as f64 + most * 0.08);
                chart.draw_series([Text::new(count.to_string(), above, ink.clone())])?;
            }
            legend.push((colour, run.name.to_owned()));
        }
        Ok(legend)
    })
}

/// The distribution of response times, one line per step.
pub(super) fn distributions(run: &Run<'_>) -> Figure {
    figure("Distribution of response times", |area| {
        let measured = || run.steps.iter().filter(|step| step.success > 0);
        let (low, high) =
            around(measured().flat_map(|step| step.distribution.iter().map(|(_, s)| *s)));
        let axes = Axes {
            x: ("share of the requests", &Tail::format),
            y: ("took at most", &|seconds| spoken(*seconds)),
            labels: Tail::MARKS.len(),
        };
        let mut chart = frame(area, Tail, (low..high).log_scale(), &axes)?;
        let mut legend = Vec::new();
        for (number, step) in measured().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points = step.distribution.iter().map(|(share, time)| (*share, time.max(low)));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
            legend.push((colour, name_of(step)));
        }
        Ok(legend)
    })
}

/// A logarithmic axis of percentiles: 90 to 99 % is as wide as 99 to 99.9 %.
struct Tail;

impl Tail {
    /// The end of the axis: one in ten thousand.
    const MARKS: [f64; 8] = [0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
}

impl Ranged for Tail {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, share: &f64, (from, to): (i32, i32)) -> i32 {
        let last = Self::MARKS[Self::MARKS.len() - 1];
        let place = |share: f64| -(1.0 - share.clamp(0.0, last)).log10();
        from + (f64::from(to - from) * place(*share) / place(last)) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        Self::MARKS.to_vec()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..1.0
    }
}

impl ValueFormatter<f64> for Tail {
    fn format(share: &f64) -> String {
        format!("{} %", (share * 1e4).round() / 100.0)
    }
}

fn name_of(step: &Measured) -> String {
    format!("{} / {}", step.step.requests, step.step.concurrency)
}

/// The distinct steps of all runs.
fn labels(runs: &[Run<'_>]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for name in runs.iter().flat_map(|run| run.steps).map(name_of) {
        if !labels.contains(&name) {
            labels.push(name);
        }
    }
    labels
}

/// The position of a step on the axis.
fn place(labels: &[String], step: &Measured) -> f64 {
    let name = name_of(step);
    labels.iter().position(|label| *label == name).unwrap_or_default() as f64
}

fn label_at(labels: &[String], at: f64) -> String {
    let whole = (at - at.round()).abs() < 0.01 && at.round() >= 0.0;
    labels.get(at.round() as usize).filter(|_| whole).cloned().unwrap_or_default()
}

/// A range with a margin around all values, for a logarithmic axis.
fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    if low > high { (1e-3, 1.0) } else { (low * 0.7, high * 1.6) }
}

/// Seconds in a suitable unit, to three digits.
pub(super) fn spoken(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    let decimals = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let scale = 10_f64.powi(decimals);
    format!("{} {unit}", (value * scale).round() / scale)
}
