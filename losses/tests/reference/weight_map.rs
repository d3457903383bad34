//! U-Net's weights against scipy's distance transform.

use crate::files::Reference;
use gobelin_losses::weight_map::UnetWeightMap;

#[test]
fn weights_are_those_of_the_distance_transform() {
    let reference = Reference::open("weight-maps");
    assert_eq!(reference.cases.len(), 4);
    for case in &reference.cases {
        let stored = reference.tensor("unet", case, "labels");
        let labels: Vec<u32> = stored.integers.iter().map(|&label| label as u32).collect();
        let option = |name: &str| case["options"][name].as_str().map(|text| text.parse().unwrap());
        let default = UnetWeightMap::default();
        let map = UnetWeightMap {
            w0: option("w0").unwrap_or(default.w0),
            sigma: option("sigma").unwrap_or(default.sigma),
            ..default
        };
        let found = map.of_labels(&labels, stored.shape[1]);
        for (i, (found, expected)) in found.iter().zip(reference.value("unet", case)).enumerate() {
            assert!(
                (found - expected).abs() <= 1e-5 * expected,
                "{} pixel {i}: {found} is not {expected}",
                case["case"]
            );
        }
    }
}

#[test]
fn class_weights_are_added_everywhere() {
    let map = UnetWeightMap { class_weights: [0.5, 2.0], ..UnetWeightMap::default() };
    assert_eq!(map.of_labels(&[0, 0, 3, 3, 0, 0], 3), [0.5, 0.5, 2.0, 2.0, 0.5, 0.5]);
    assert!(map.of_labels(&[], 4).is_empty());
}
