//! What networks there are.

use std::fmt::Write;

use gobelin_nets::catalogue::{ALL, Architecture, CallError, OptionKind};
use serde_json::{Value, json};

/// All networks, or one with some options set, as text or as JSON.
///
/// # Errors
/// If there is no such network, option or value.
pub fn list(name: Option<&str>, options: &[(String, String)], as_json: bool) -> Result<String, CallError> {
    let chosen: Vec<&Architecture> = match name {
        Some(name) => vec![Architecture::named(name)?],
        None => ALL.iter().collect(),
    };
    let entries = chosen.into_iter().map(|architecture| describe(architecture, options));
    let entries: Vec<Value> = entries.collect::<Result<_, _>>()?;
    if as_json {
        return Ok(serde_json::to_string_pretty(&entries).expect("plain values"));
    }
    Ok(entries.iter().map(text).collect::<Vec<_>>().join("\n\n"))
}

fn describe(architecture: &Architecture, options: &[(String, String)]) -> Result<Value, CallError> {
    let net = architecture.build(options, 0)?;
    let tensors = net.tensors().into_iter().map(|tensor| {
        let dtype = format!("{:?}", tensor.dtype);
        json!({ "name": tensor.name, "dtype": dtype, "shape": tensor.shape, "trained": tensor.is_trained })
    });
    let tensors: Vec<Value> = tensors.collect();
    let options = architecture.options.iter().map(|option| {
        let mut described = json!({ "name": option.name, "default": option.default, "help": option.help });
        match option.kind {
            OptionKind::Integer(least, most) => described["range"] = json!([least, most]),
            OptionKind::Choice(words) => described["choices"] = json!(words),
        }
        described
    });
    Ok(json!({
        "name": architecture.name,
        "about": architecture.about,
        "paper": architecture.paper,
        "input": architecture.input,
        "output": architecture.output,
        "options": options.collect::<Vec<_>>(),
        "tensors": tensors,
    }))
}

/// A few lines for people; the tensors are summed up.
fn text(entry: &Value) -> String {
    let of = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let each = |key: &str| entry[key].as_array().cloned().unwrap_or_default();
    let mut text = format!("{}: {} ({})", of(entry, "name"), of(entry, "about"), of(entry, "paper"));
    let _ = write!(text, "\n  input   {}\n  output  {}", of(entry, "input"), of(entry, "output"));
    for option in each("options") {
        let pair = format!("{}={}", of(&option, "name"), of(&option, "default"));
        let choices = option.get("choices").and_then(Value::as_array).map(|choices| {
            let words: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
            format!(" ({})", words.join(", "))
        });
        let _ = write!(text, "\n  --set {pair:<16} {}{}", of(&option, "help"), choices.unwrap_or_default());
    }
    let tensors = each("tensors");
    let count = |tensor: &Value| -> u64 {
        tensor["shape"].as_array().into_iter().flatten().filter_map(Value::as_u64).product()
    };
    let trained: u64 = tensors.iter().filter(|tensor| tensor["trained"] == true).map(count).sum();
    let first = tensors.first().map_or_else(String::new, |tensor| of(tensor, "name"));
    let last = tensors.last().map_or_else(String::new, |tensor| of(tensor, "name"));
    let _ = write!(text, "\n  {} tensors, {first} to {last}; {trained} trained numbers", tensors.len());
    text
}
