//! `gobelin loss` and `gobelin metric` on a card.

use rayon::prelude::*;

use super::Machine;
use crate::tensors::{Case, answer_of, cases, noise, write};

/// A case of each way that losses compute: elementwise, of pictures, of sorted errors, of pairs, through a mask of whole numbers,
/// mined in a batch, through VGG-19. (All cases are held to their references in `losses/tests/reference` and `tests/tests/vgg19`.)
#[test]
fn a_loss_has_the_value_and_gradients_of_its_reference() {
    let Some(card) = Machine::new() else { return };
    let all = cases(false);
    let first = |loss: &str| all.iter().find(|case| case.loss == loss).expect("a case");
    let chosen =
        ["huber", "cross-entropy", "lovasz", "ms-ssim", "cldice", "contrastive", "triplet-batch", "tv"];
    let wrong = |case: &&Case| {
        let call = |here: &_, words: &_| card.command_in(here, &card.driver, "", words);
        case.check_by(call, "--device cuda")
            .err()
            .map(|error| format!("{} {}: {error}", case.loss, case.name))
    };
    let wrong: Vec<String> = chosen.map(first).par_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Through random filters, said once, as on the host.
#[test]
fn a_loss_through_vgg19_is_that_of_the_host() {
    let Some(card) = Machine::new() else { return };
    let pictures = [("pred", noise(1, &[1, 3, 9, 8])), ("target", noise(2, &[1, 3, 9, 8]))];
    write(&card.path().join("in"), pictures);
    let words = "loss perceptual --set images=signed --input in";
    let [(expected, on_host), (found, on_card)] = [("", "cpu"), ("", "cuda")].map(|(settings, device)| {
        let words = format!("{words} --device {device}");
        answer_of(card.command(&card.driver, settings, &words), &words)
    });
    assert!(on_host.len() == 1 && on_host == on_card, "{on_card:?}");
    let [expected, found] = [expected, found].map(|answer| answer["value"].as_f64().unwrap());
    assert!((found - expected).abs() <= 1e-5 * expected, "{found}, on the host {expected}");
}

/// Metrics look at values on the host, wherever they are to be computed.
#[test]
fn a_metric_is_that_of_the_host() {
    let Some(card) = Machine::new() else { return };
    let pictures = [("pred", noise(1, &[2, 3, 20, 24])), ("target", noise(2, &[2, 3, 20, 24]))];
    write(&card.path().join("in"), pictures);
    let [on_host, on_card] = ["cpu", "cuda"].map(|device| {
        let words = format!("metric ssim --set data-range=2 --input in --device {device}");
        answer_of(card.command(&card.driver, "", &words), &words)
    });
    assert_eq!(on_card, on_host);
}
