//! report.html: a run's curves, pictures and options in one file that needs no network.

mod chart;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::Error;
use crate::files;
use chart::{Chart, Curve};

/// Pictures shown under each name, from the first to the last.
const SHOWN: usize = 5;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.5rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(26rem,1fr));gap:1rem}svg{width:100%}\
.samples{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0}figcaption{color:#777;font-size:.85rem}\
img{max-width:100%;image-rendering:pixelated}pre{background:#f4f4f4;padding:1rem;overflow:auto}\
table{border-collapse:collapse}td{padding:.1rem 1rem .1rem 0}";

/// Writes the report of the run in `directory` from the files that lie there; `line` says how it went.
///
/// # Errors
/// The system's refusal.
pub fn write(directory: &Path, trainer: &str, line: &str) -> Result<(), Error> {
    let read = |name: &str| {
        let path = directory.join(name);
        fs::read_to_string(&path).map_err(|source| Error::file("read", &path, source))
    };
    let lines: Vec<Value> =
        read("metrics.jsonl")?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let samples = directory.join("samples");
    let pictures = pictures(&samples).map_err(|source| Error::file("read", &samples, source))?;
    let page = page(trainer, line, &lines, &pictures, &read("config.toml")?);
    files::replace_with(&directory.join("report.html"), page.as_bytes())
}

/// The PNG files of each name, by step.
type Pictures = BTreeMap<String, Vec<(String, Vec<u8>)>>;

/// What `NAME-STEP.png` are there, thinned out to [`SHOWN`] of each name.
fn pictures(samples: &Path) -> io::Result<Pictures> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(samples)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if let Some((name, step)) = file.strip_suffix(".png").and_then(|stem| stem.rsplit_once('-')) {
            found.entry(name.to_owned()).or_default().push(step.to_owned());
        }
    }
    let mut read = Pictures::new();
    for (name, mut steps) in found {
        steps.sort();
        let last = steps.len() - 1;
        let shown = steps.len().min(SHOWN);
        for place in 0..shown {
            // At even distances; the first and the last are always there.
            let step = &steps[place * last / (shown - 1).max(1)];
            let bytes = fs::read(samples.join(format!("{name}-{step}.png")))?;
            read.entry(name.clone()).or_default().push((step.clone(), bytes));
        }
    }
    Ok(read)
}

fn page(trainer: &str, line: &str, lines: &[Value], pictures: &Pictures, config: &str) -> String {
    let mut page = format!(
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>gobelin {0}</title><style>{STYLE}</style><h1>gobelin {0}</h1><p>{1}</p>",
        escaped(trainer),
        escaped(line)
    );
    for (name, shown) in pictures {
        let _ = write!(page, "<h2>{}</h2><div class=samples>", escaped(name));
        for (step, bytes) in shown {
            let step = step.trim_start_matches('0');
            let data = STANDARD.encode(bytes);
            let _ = write!(
                page,
                "<figure><img alt='step {step}' src='data:image/png;base64,{data}'>\
                 <figcaption>step {step}</figcaption></figure>"
            );
        }
        page.push_str("</div>");
    }
    page.push_str("<h2>Curves</h2><div class=charts>");
    for chart in charts(lines) {
        page.push_str(&chart.svg());
    }
    page.push_str("</div>");
    push_warnings(&mut page, lines);
    let _ = writeln!(page, "<h2>config.toml</h2><pre>{}</pre>", escaped(config));
    page
}

/// A chart for all names that are alike before their last `/`.
fn charts(lines: &[Value]) -> Vec<Chart> {
    let mut charts: Vec<Chart> = Vec::new();
    for line in lines.iter().filter(|line| line["summary"].is_null()) {
        let (Some(step), Some(object)) = (line["step"].as_u64(), line.as_object()) else { continue };
        for (name, value) in object {
            let Some(value) = value.as_f64().filter(|_| !["step", "seconds"].contains(&name.as_str())) else {
                continue;
            };
            let (title, label) = name.rsplit_once('/').unwrap_or((name, ""));
            let chart = place(&mut charts, |chart| chart.title == title, || Chart::new(title));
            let curve = place(&mut chart.curves, |curve| curve.label == label, || Curve::new(label));
            curve.points.push((step as f64, value));
        }
    }
    charts
}

/// The first that is as wanted, or a new one at the end.
fn place<T>(all: &mut Vec<T>, wanted: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let at = all.iter().position(wanted).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    });
    &mut all[at]
}

/// From which step to which each kind of warning was logged.
fn push_warnings(page: &mut String, lines: &[Value]) {
    let mut kinds: BTreeMap<&str, (u64, u64, usize)> = BTreeMap::new();
    for line in lines {
        let step = line["step"].as_u64().unwrap_or(0);
        for kind in line["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (_, last, count) = kinds.entry(kind).or_insert((step, step, 0));
            (*last, *count) = (step, *count + 1);
        }
    }
    if kinds.is_empty() {
        return;
    }
    page.push_str("<h2>Signs of trouble</h2><table>");
    for (kind, (first, last, count)) in kinds {
        let _ =
            write!(page, "<tr><td>{}<td>steps {first} to {last}<td>at {count} logged steps", escaped(kind));
    }
    page.push_str("</table>");
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Value> {
        let text = r#"{"step":1,"seconds":0.5,"loss/d":1.5,"loss/g":0.5,"spread":null}
                      {"step":2,"seconds":1.0,"loss/d":0.5,"loss/g":0.75,"spread":0.25,"warnings":["flat"]}
                      {"step":2,"seconds":1.0,"summary":true,"swd":3.0}"#;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn names_alike_share_a_chart_and_what_is_not_finite_has_no_point() {
        let charts = charts(&lines());
        let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(titles, ["loss", "spread"]);
        let labels: Vec<&str> = charts[0].curves.iter().map(|curve| curve.label.as_str()).collect();
        assert_eq!(labels, ["d", "g"]);
        assert_eq!(charts[0].curves[1].points, [(1.0, 0.5), (2.0, 0.75)]);
        assert_eq!(charts[1].curves[0].points, [(2.0, 0.25)]);
    }

    #[test]
    fn a_report_holds_everything_and_nothing_of_a_network() {
        let directory = tempfile::tempdir().unwrap();
        let samples = directory.path().join("samples");
        fs::create_dir(&samples).unwrap();
        for step in 0..23 {
            fs::write(samples.join(format!("drawn-{step:06}.png")), [step; 3]).unwrap();
        }
        fs::write(samples.join("notes.txt"), "not a picture").unwrap();
        let text: Vec<String> = lines().iter().map(Value::to_string).collect();
        fs::write(directory.path().join("metrics.jsonl"), text.join("\n")).unwrap();
        fs::write(directory.path().join("config.toml"), "data = \"a<b\"").unwrap();
        write(directory.path(), "gan", "distance 3 < 4").unwrap();
        let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
        assert!(page.contains("distance 3 &lt; 4") && page.contains("a&lt;b"), "{page}");
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains("<td>flat<td>steps 2 to 2<td>at 1 logged steps"));
        let shown: Vec<&str> = page.split("<figcaption>step ").skip(1).collect();
        let shown: Vec<&str> = shown.iter().map(|rest| rest.split('<').next().unwrap()).collect();
        assert_eq!(shown, ["", "5", "11", "16", "22"]);
        assert!(page.contains(&STANDARD.encode([22; 3])));
        assert!(!page.contains("http"), "nothing is loaded from elsewhere");
    }
}
