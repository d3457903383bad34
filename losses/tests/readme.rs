//! The index in README.md names every loss and metric with its options.

use std::collections::BTreeSet;

use gobelin_losses::catalogue::{LOSSES, METRICS};

/// The names and the options of each row of a table, given in which column its options are.
fn rows(title: &str, column: usize) -> Vec<(Vec<&'static str>, BTreeSet<&'static str>)> {
    let text = include_str!("../README.md");
    let begin = text.find(title).expect("the table");
    let lines = text[begin..].lines().take_while(|line| line.starts_with('|')).skip(2);
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split(" |").map(|cell| cell.trim_start_matches('|').trim()).collect();
        let names = cells[0].split(", ").map(|name| name.trim_matches('`')).collect();
        (names, cells[column].split(", ").filter(|option| !option.is_empty()).collect())
    };
    lines.map(row).collect()
}

#[test]
fn every_loss_has_a_row_with_its_options() {
    let found = rows("| loss | formula |", 3);
    let known: Vec<_> = LOSSES
        .iter()
        .map(|entry| (vec![entry.name], entry.options.iter().map(|option| option.name).collect()))
        .collect();
    assert_eq!(found, known);
}

#[test]
fn every_metric_has_a_row_with_its_options() {
    let rows = rows("| metric | what |", 3);
    let found =
        rows.iter().flat_map(|(names, options)| names.iter().map(move |name| (*name, options.clone())));
    let found: Vec<_> = found.collect();
    let known: Vec<_> = METRICS
        .iter()
        .map(|entry| (entry.name, entry.options.iter().map(|option| option.name).collect::<BTreeSet<_>>()))
        .collect();
    assert_eq!(found, known);
}
