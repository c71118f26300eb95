//! A report as one self-contained page.

use std::fmt::Write;

use super::figures::{self, Figure, Run, spoken};
use super::{Measured, Results};

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem;
  color: light-dark(#1b2529, #e6edf0); background: light-dark(#ffffff, #12191c); }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
p, figcaption { margin: 0.3rem 0; } .note { color: light-dark(#4d5c64, #b3c0c6); font-size: 0.9rem; }
figure { margin: 0.5rem 0; break-inside: avoid; } svg { width: 100%; height: auto; max-width: 760px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid light-dark(#c4ced3, #3d4b52);
  white-space: nowrap; font-variant-numeric: tabular-nums; } th:first-child { text-align: left; }
figcaption { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; }
figcaption i { display: inline-block; width: 1rem; height: 0.7rem; print-color-adjust: exact; }
code { overflow-wrap: anywhere; } .bad { color: light-dark(#9c1c1c, #ffa8a8); font-weight: 600; }
@media print { :root { color-scheme: light; } body { max-width: none; }
  table { font-size: 0.55rem; } th, td { padding: 0.2rem; white-space: normal; } }
";

/// The page. `before` is an earlier run to compare with.
pub fn page(results: &Results, before: Option<&Results>) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Load test of {target}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Load test of {target}</h1>\n<p>{started} (UTC), airshed {version}.</p>\n",
        target = escaped(&results.target),
        started = results.started.strftime("%Y-%m-%d %H:%M:%S"),
        version = escaped(&results.version),
    );
    for (asked, reference) in results.mix.iter().zip(&results.reference) {
        let query = serde_json::Value::Object(asked.query.clone()).to_string();
        let _ = writeln!(
            html,
            "<p>Query, with weight {}: <code>{}</code>: {} rows, {} bytes.</p>",
            asked.weight,
            escaped(&query),
            reference.rows,
            reference.bytes
        );
    }
    if results.idle > 0 {
        let _ = writeln!(html, "<p>{} additional idle connections were open.</p>", results.idle);
    }
    if let Some(before) = before {
        let _ = writeln!(
            html,
            "<p>Compared with: {} at {} (UTC), airshed {}.</p>",
            escaped(&before.target),
            before.started.strftime("%Y-%m-%d %H:%M:%S"),
            escaped(&before.version)
        );
    }
    html.push_str(
        "<p class=\"note\">A request ends when its file is there: one that became a job, when the \
         job's result has been fetched. A file with other rows or bytes than before the test is \
         an error. Times are of requests that succeeded; with a fixed rate they count from the \
         moment at which the request was due.</p>\n",
    );
    html.push_str(&table("Steps", &results.steps));
    let runs: Vec<_> = match before {
        None => vec![Run { name: "this run", steps: &results.steps }],
        Some(before) => vec![
            Run { name: "this run", steps: &results.steps },
            Run { name: "before", steps: &before.steps },
        ],
    };
    if let Some(before) = before {
        html.push_str(&table("Steps before", &before.steps));
    }
    for (title, drawn) in
        [("Response times", figures::response_times(&runs)), ("Errors", figures::errors(&runs))]
    {
        write_figure(&mut html, title, &drawn);
    }
    for run in &runs {
        let title = match runs.len() {
            1 => "Distribution".to_owned(),
            _ => format!("Distribution, {}", run.name),
        };
        let drawn = figures::distributions(run);
        write_figure(&mut html, &title, &drawn);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn write_figure(html: &mut String, title: &str, figure: &Figure) {
    let _ = write!(html, "<h2>{title}</h2>\n<figure>{}\n<figcaption>", figure.svg);
    for (colour, name) in &figure.legend {
        let name = escaped(name);
        let _ = writeln!(html, "<span><i style=\"background: {colour}\"></i> {name}</span>");
    }
    html.push_str("</figcaption></figure>\n");
}

fn table(title: &str, steps: &[Measured]) -> String {
    let mut html = format!(
        "<h2>{title}</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Requests / concurrent</th>\
         <th scope=\"col\">Success</th><th scope=\"col\">Errors</th><th scope=\"col\">Average</th>\
         <th scope=\"col\">Minimum</th><th scope=\"col\">p50</th><th scope=\"col\">p90</th>\
         <th scope=\"col\">p99</th><th scope=\"col\">p99.9</th><th scope=\"col\">Maximum</th>\
         <th scope=\"col\">Direct</th><th scope=\"col\">Jobs</th><th scope=\"col\">Requests/s</th>\
         <th scope=\"col\">Rows/s</th><th scope=\"col\">MB/s</th></tr></thead>\n<tbody>\n",
    );
    for step in steps {
        let times = &step.times;
        let rate = step.rate.map_or(String::new(), |rate| format!(" at {rate}/s"));
        let kinds: Vec<_> =
            step.errors.iter().map(|(kind, count)| format!("{count} {}", escaped(kind))).collect();
        let errors = match kinds.is_empty() {
            true => "0".to_owned(),
            false => format!("<span class=\"bad\">{}</span>", kinds.join(", ")),
        };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{} / {}{rate}</th><td>{}</td><td>{errors}</td>",
            step.step.requests, step.step.concurrency, step.success
        );
        for time in [
            times.average,
            times.minimum,
            times.p50,
            times.p90,
            times.p99,
            times.p999,
            times.maximum,
        ] {
            let _ = write!(html, "<td>{}</td>", spoken(time));
        }
        let _ = writeln!(
            html,
            "<td>{}</td><td>{}</td><td>{:.0}</td><td>{:.0}</td><td>{:.1}</td></tr>",
            step.direct,
            step.by_job,
            step.a_second(step.success),
            step.a_second(step.rows),
            step.a_second(step.bytes) / 1e6
        );
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
