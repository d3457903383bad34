//! What losses or metrics there are.

use std::fmt::Write;

use gobelin_losses::catalogue::{Entry, OptionKind};
use serde_json::{Value, json};

/// Entries as text for people, or as JSON; `differentiable` if their tensors may have gradients.
pub fn list<R>(entries: &[&Entry<R>], differentiable: bool, as_json: bool) -> String {
    if as_json {
        let entries: Vec<Value> = entries.iter().map(|entry| describe(entry, differentiable)).collect();
        return serde_json::to_string_pretty(&entries).expect("plain values");
    }
    entries.iter().map(|entry| text(entry, differentiable)).collect::<Vec<_>>().join("\n\n")
}

fn describe<R>(entry: &Entry<R>, differentiable: bool) -> Value {
    let tensors = entry.tensors.iter().map(|spec| {
        let mut described = json!({
            "name": spec.name,
            "dtype": spec.kind.describe(),
            "shape": spec.shape,
            "required": spec.required,
        });
        if differentiable {
            described["gradient"] = spec.gradient.into();
        }
        described
    });
    let options = entry.options.iter().map(|option| {
        let mut described = json!({ "name": option.name, "default": option.default, "help": option.help });
        match option.kind {
            OptionKind::Choice(words) => described["choices"] = json!(words),
            kind => described["values"] = json!(kind.describe()),
        }
        described
    });
    json!({
        "name": entry.name,
        "about": entry.about,
        "paper": entry.paper,
        "vgg": entry.vgg,
        "tensors": tensors.collect::<Vec<_>>(),
        "options": options.collect::<Vec<_>>(),
    })
}

fn text<R>(entry: &Entry<R>, differentiable: bool) -> String {
    let mut text = format!("{} ({})\n  {}", entry.name, entry.paper, entry.about);
    for spec in entry.tensors {
        let optional = if spec.required { "" } else { ", optional" };
        let constant = if differentiable && !spec.gradient { ", no gradient" } else { "" };
        let kind = spec.kind.describe();
        let _ = write!(text, "\n  {:<14} {kind} {}{optional}{constant}", spec.name, spec.shape);
    }
    if entry.vgg {
        text.push_str("\n  --vgg          the weights of the VGG-19 it looks through");
    }
    for option in entry.options {
        let (pair, values) = (format!("{}={}", option.name, option.default), option.kind.describe());
        let _ = write!(text, "\n  --set {pair:<22} {} ({values})", option.help);
    }
    text
}
