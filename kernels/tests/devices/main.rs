//! Every kernel on every device: the host's forms, and the card or what stands in for it. One set of cases drives them all.
//!
//! Where there is no C++ compiler or no card, their tests say so and pass; `GOBELIN_EMULATION=1` and `GOBELIN_CARD=1` make
//! them fail. `GOBELIN_CASES=PART` runs those cases only whose names hold the part.

mod case;
mod cases;
mod feed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use case::Case;
use gobelin_emulation::{Emulation, Order};
use gobelin_kernels::cpu::simd::{self, Form};
use gobelin_kernels::cuda::driver::Driver;
use gobelin_kernels::cuda::{Device, DeviceBuffer, Error, is_driver_present};

/// Where a child process writes its results.
const RESULTS: &str = "GOBELIN_RESULTS";

fn host_results(cases: &[Case]) -> Vec<Vec<f32>> {
    cases.iter().map(|case| (case.host)()).collect()
}

/// All that is wrong with the results of a device.
fn compare(cases: &[Case], expected: &[Vec<f32>], found: &[Result<Vec<f32>, Error>]) -> Vec<String> {
    let each = cases.iter().zip(expected).zip(found);
    each.filter_map(|((case, expected), found)| {
        let trouble = match found {
            Err(error) => Some(error.to_string()),
            Ok(found) => case.difference(expected, found),
        };
        trouble.map(|trouble| format!("{}: {trouble}", case.name))
    })
    .collect()
}

fn assert_none(what: &str, troubles: &[String]) {
    assert!(troubles.is_empty(), "{what}: {} cases:\n{}", troubles.len(), troubles.join("\n"));
}

/// The results of all cases; between them no memory is kept, so that each finds it as it was never used.
fn device_results(cases: &[Case], driver: Arc<dyn Driver>) -> Vec<Result<Vec<f32>, Error>> {
    let device = Device::new(driver);
    let run = |case: &Case| {
        let result = (case.device)(&device);
        device.trim();
        device.synchronise().and(result)
    };
    cases.iter().map(run).collect()
}

#[test]
fn every_plainer_form_agrees() {
    let cases = cases::all();
    let expected = host_results(&cases);
    for (form, name) in [(Form::Portable, "portable"), (Form::Avx, "avx2")] {
        if form >= simd::form() || !simd::forms().any(|found| found == form) {
            continue;
        }
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-results"));
        let test = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "write_results", "--ignored"])
            .envs([("GOBELIN_SIMD", name.as_ref()), (RESULTS, path.as_os_str())])
            .output()
            .unwrap();
        assert!(test.status.success(), "{}", String::from_utf8_lossy(&test.stdout));
        let found = read_results(&path);
        fs::remove_file(path).unwrap();
        assert_eq!(found.len(), cases.len());
        let found: Vec<_> = found.into_iter().map(Ok).collect();
        assert_none(&format!("{form:?} differs"), &compare(&cases, &expected, &found));
    }
}

/// Not a test: what a child process in another form is asked for.
#[test]
#[ignore = "writes the results that another test reads"]
fn write_results() {
    let results = host_results(&cases::all());
    let mut bytes = Vec::new();
    for result in results {
        bytes.extend((result.len() as u64).to_le_bytes());
        bytes.extend(result.iter().flat_map(|value| value.to_le_bytes()));
    }
    fs::write(std::env::var_os(RESULTS).expect("the path of the results"), bytes).unwrap();
}

fn read_results(path: &Path) -> Vec<Vec<f32>> {
    let bytes = fs::read(path).unwrap();
    let (mut results, mut rest) = (Vec::new(), &*bytes);
    while let Some((count, after)) = rest.split_first_chunk::<8>() {
        let (values, after) = after.split_at(u64::from_le_bytes(*count) as usize * 4);
        results.push(values.chunks_exact(4).map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect());
        rest = after;
    }
    results
}

/// The kernels of the card, on the host: the same results as the host's own kernels, and the same bytes whatever runs first. Where
/// races are looked for, one order finds them.
#[test]
fn the_emulated_card_agrees() {
    let emulation = |order, multiprocessors| Some(Arc::new(Emulation::new(order, multiprocessors)?));
    let Some(card) = emulation(Order::Forwards, 2) else { return };
    let cases = cases::all();
    let expected = host_results(&cases);
    let forwards = device_results(&cases, card);
    assert_none("the emulated card differs", &compare(&cases, &expected, &forwards));
    if std::env::var_os("GOBELIN_RACES").is_some() {
        return;
    }
    let backwards = device_results(&cases, emulation(Order::Backwards, 2).unwrap());
    let bits = |result: &Result<Vec<f32>, Error>| -> Vec<u32> {
        result.as_ref().map(|values| values.iter().map(|v| v.to_bits()).collect()).unwrap_or_default()
    };
    for ((case, a), b) in cases.iter().zip(&forwards).zip(&backwards) {
        assert!(bits(a) == bits(b), "{}: the result depends on the order of threads or blocks", case.name);
    }
    let cases = cases::cut_by_the_card();
    let larger = device_results(&cases, emulation(Order::Forwards, 24).unwrap());
    assert_none("the larger emulated card differs", &compare(&cases, &host_results(&cases), &larger));
}

#[test]
fn an_emulated_card_has_no_more_memory_than_others() {
    let Some(device) = gobelin_emulation::device() else { return };
    let trouble = DeviceBuffer::<f64>::new(&device, i32::MAX as usize).unwrap_err();
    assert_eq!(trouble, Error::OutOfMemory { asked: 16_384, free: 4096, total: 4096 });
    assert!(DeviceBuffer::<f32>::new(&device, 1).is_ok());
}

/// Between this crate and a card lies NVIDIA's driver, by way of cudarc: a stand-in for it runs all cases on the emulated card,
/// where `GOBELIN_EMULATION` asks for it.
#[test]
fn a_card_agrees_through_the_driver() {
    if std::env::var_os("GOBELIN_EMULATION").is_none() {
        return;
    }
    let driver = gobelin_emulation_driver::folder().expect("a compiler");
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("driver-cache");
    // A wait that is left out shows in one of the orders.
    let feed = ["feed::each_step_gets_its_own_batch", "feed::a_card_waits_where_it_is_told_to"];
    for (settings, tests) in [("", &feed[..]), ("order=backwards", &[feed[0], feed[1], "a_card_agrees"])] {
        let output = Command::new(std::env::current_exe().unwrap())
            .arg("--exact")
            .args(tests)
            .envs([("LD_LIBRARY_PATH", &driver), ("XDG_CACHE_HOME", &cache)])
            .envs([("GOBELIN_CARD", "1"), ("GOBELIN_DRIVER", settings)])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        let all_passed = format!("{} passed", tests.len());
        assert!(output.status.success() && told.contains(&all_passed), "{settings}: {told}");
    }
}

#[test]
fn a_card_agrees() {
    if !is_driver_present() {
        assert!(std::env::var_os("GOBELIN_CARD").is_none(), "{}", Device::card(0).err().unwrap());
        assert_eq!(Device::card(0).err(), Some(Error::NoDriver));
        eprintln!("SKIPPED: no graphics card here");
        return;
    }
    let cases = cases::all();
    let expected = host_results(&cases);
    let device = Device::card(0).unwrap();
    let run = || -> Vec<_> { cases.iter().map(|case| (case.device)(&device)).collect() };
    let found = run();
    assert_none("the card differs", &compare(&cases, &expected, &found));
    for ((case, first), second) in cases.iter().zip(&found).zip(run()) {
        let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|v| v.to_bits()).collect() };
        assert!(
            bits(first.as_ref().unwrap()) == bits(&second.unwrap()),
            "{}: two runs give other bytes",
            case.name
        );
    }
}
