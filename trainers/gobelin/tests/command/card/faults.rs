//! How each thing that can fail on a card is told, and what it leaves behind.

use std::fs;

use super::{Machine, RUNS, STEPS, trainer};
use crate::shell::{contents, gobelin, must_be_the_same_run, told};

/// While there is a checkpoint of the first step, so in the second.
fn in_the_second_step(code: &str) -> String {
    ["cuLaunchKernel", "cuGraphLaunch"]
        .map(|call| format!("fail={call}:run/checkpoint.previous:{code}"))
        .join(" ")
}

/// Whatever stops a run on a card: one line names what was saved, and the call in it ends the run as if nothing had been.
#[test]
fn a_card_that_is_lost_takes_no_more_than_a_step_with_it() {
    let Some(whole) = Machine::new() else { return };
    for (run, (code, text)) in RUNS.iter().zip([
        ("LAUNCH_FAILED", "unspecified launch failure"),
        ("ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"),
        ("ILLEGAL_ADDRESS", "an illegal memory access was encountered"),
        ("DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"),
        ("UNKNOWN", "unknown error"),
        ("CONTEXT_IS_DESTROYED", "context is destroyed"),
    ]) {
        let words = format!("{run} {STEPS} --device cuda");
        whole.train(&words);
        let card = Machine::new().unwrap();
        let (exit, lines) = card.call(&in_the_second_step(code), &words);
        let last = lines.last().unwrap();
        let resume = format!("gobelin {} --out run --resume", trainer(run));
        assert_eq!(exit, 1, "{run}: {lines:?}");
        assert!(last.starts_with("error: after step 1: the graphics card was lost ("), "{run}: {last}");
        assert!(last.contains(text), "{run}: {last}");
        let advice = format!("; the state of step 1 is in run/checkpoint, continue with: {resume}");
        assert!(last.ends_with(&advice), "{run}: {last}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("error")).count(), 1, "{run}: {lines:?}");
        // Nor does a card that is lost again, before anything was done.
        let before = contents(&card.path().join("run"))["checkpoint"].clone();
        let (exit, lines) = card.call(&in_the_second_step(code), resume.trim_start_matches("gobelin "));
        assert!(exit == 1 && lines.last().unwrap().ends_with(&advice), "{run}: {lines:?}");
        assert!(contents(&card.path().join("run"))["checkpoint"] == before, "{run}");
        card.train(resume.trim_start_matches("gobelin "));
        must_be_the_same_run(card.path(), whole.path(), run);
        fs::remove_dir_all(whole.path().join("run")).unwrap();
    }
}

/// For a step, and then even for the weights.
#[test]
fn memory_that_runs_out_leaves_what_was_saved() {
    let Some(card) = Machine::new() else { return };
    let words = format!("{} {STEPS} --device cuda", RUNS[0]);
    let (exit, lines) = card.call("fail=cuMemAlloc_v2:run/checkpoint:OUT_OF_MEMORY memory=96", &words);
    let last = lines.last().unwrap();
    assert_eq!(exit, 1, "{lines:?}");
    let begin = "error: after step 0: out of memory on the graphics card: ";
    assert!(
        last.starts_with(begin)
            && last.contains(" of 96 MiB are free: use smaller batches or pictures, or --device cpu; "),
        "{last}"
    );
    let end = "; the state of step 0 is in run/checkpoint, continue with: gobelin gan --out run --resume";
    assert!(last.ends_with(end), "{last}");
    let (exit, lines) = card.call("memory=0", "gan --out run --resume");
    let last = lines.last().unwrap();
    assert!(
        exit == 1 && last.starts_with("error: out of memory on the graphics card: ") && last.ends_with(end),
        "{last}"
    );
    card.train("gan --out run --resume");
    let whole = Machine::new().unwrap();
    whole.train(&words);
    must_be_the_same_run(card.path(), whole.path(), "out of memory, resumed");
}

/// The compiler is needed once; then its code lies in the cache, where what is spoilt is made again.
#[test]
fn code_is_compiled_once_and_spoilt_code_again() {
    let Some(machine) = Machine::new() else { return };
    let alone = machine.path().join("driver");
    fs::create_dir(&alone).unwrap();
    fs::copy(machine.driver.join("libcuda.so.1"), alone.join("libcuda.so.1")).unwrap();
    let words = format!("{} {STEPS} --device cuda", RUNS[0]);
    let (exit, lines) = machine.call_with(&alone, "", &words);
    let last = lines.last().unwrap();
    assert!(exit == 1 && last.contains("no CUDA compiler (libnvrtc) on this machine: install"), "{lines:?}");
    machine.train("gan --out run --resume");
    fs::remove_dir_all(machine.path().join("run")).unwrap();
    assert_eq!(machine.call_with(&alone, "", &words).0, 0);
    let kept = machine.path().join("cache/gobelin/kernels");
    for file in fs::read_dir(&kept).unwrap() {
        let path = file.unwrap().path();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    }
    fs::remove_dir_all(machine.path().join("run")).unwrap();
    machine.train(&words);
}

/// What it is to be compiled by is older than the card.
#[test]
fn a_compiler_that_does_not_know_the_card_is_told() {
    let Some(machine) = Machine::new() else { return };
    let (exit, lines) = machine.call("capability=14.0", &format!("{} {STEPS} --device cuda", RUNS[0]));
    let expected = "error: after step 0: NVRTC 13.0 does not know this graphics card (sm_140): install a newer NVRTC, or use \
                    --device cpu; the state of step 0 is in run/checkpoint, continue with: gobelin gan --out run --resume";
    assert!(exit == 1 && lines.last().unwrap() == expected, "{exit} {lines:?}");
}

/// What it was compiled by is newer than what is to run it.
#[test]
fn a_driver_that_does_not_take_the_compilers_code_is_told() {
    let Some(machine) = Machine::new() else { return };
    let words = format!("{} {STEPS} --device cuda", RUNS[0]);
    for code in ["UNSUPPORTED_PTX_VERSION", "NO_BINARY_FOR_GPU", "INVALID_IMAGE"] {
        let settings = format!("version=12020 fail=cuModuleLoadData:1+:{code}");
        let (exit, lines) = machine.call(&settings, &words);
        let expected = "error: after step 0: the driver (CUDA 12.2) does not take code of NVRTC 13.0: install a newer driver or an older \
                        NVRTC; the state of step 0 is in run/checkpoint, continue with: gobelin gan --out run --resume";
        assert!(exit == 1 && lines.last().unwrap() == expected, "{code}: {exit} {lines:?}");
        fs::remove_dir_all(machine.path().join("run")).unwrap();
    }
}

/// All that computes, with files that need not be there to tell that a card cannot be used.
const CALLS: [&str; 12] = [
    "gan --out run",
    "cyclegan apply --weights w --input x --output y",
    "superres apply --weights w --input x --output y",
    "segment apply --weights w --input x --output y",
    "facenet embed --weights w --input x --output y",
    "facenet compare x y --weights w",
    "facenet search x y --weights w",
    "loss mse --input x",
    "metric ssim --input x",
    "net unet --weights w --input x --output y",
    "bench",
    "bench wgan",
];

/// What is known before anything was done is a wrong call for this machine, and leaves nothing behind.
#[test]
fn a_card_that_cannot_be_used_is_told_at_once() {
    let Some(machine) = Machine::new() else { return };
    for (settings, device, expected) in [
        (
            "capability=3.5",
            "cuda",
            "graphics card Emulated Card has compute capability 3.5, but at least 8.0 is needed",
        ),
        (
            "capability=7.0",
            "cuda",
            "graphics card Emulated Card has compute capability 7.0, but at least 8.0 is needed",
        ),
        (
            "version=11020",
            "cuda",
            "the driver knows CUDA 11.2, but at least 11.4 is needed: install a newer driver",
        ),
        ("", "cuda:1", "no graphics card 1: this machine has 1; use a smaller number or --device cpu"),
        ("cards=0", "cuda", "no graphics card 0: this machine has 0; use a smaller number or --device cpu"),
        (
            "fail=cuInit:1:SYSTEM_DRIVER_MISMATCH",
            "cuda",
            "cuInit: system has unsupported display driver / cuda driver",
        ),
        (
            "fail=cuDevicePrimaryCtxRetain:1:DEVICE_UNAVAILABLE",
            "cuda",
            "opening graphics card 0: another program holds it for itself: end that, or use another card",
        ),
        ("fail=cuDevicePrimaryCtxRetain:1:OUT_OF_MEMORY", "cuda", "out of memory on the graphics card: "),
    ] {
        for words in CALLS {
            let (exit, lines) = machine.call(settings, &format!("{words} --device {device}"));
            let expected = format!("error: --device {device}: {expected}");
            assert!(
                exit == 2 && lines.len() == 1 && lines[0].starts_with(&expected),
                "{settings}: {exit} {lines:?}"
            );
        }
    }
    for words in CALLS {
        let (exit, lines) = machine.call("", &format!("{words} --device cuda:x"));
        let expected = "error: invalid value 'cuda:x' for '--device <DEVICE>': expected cpu, cuda or cuda:N (see --help)";
        assert_eq!((exit, &*lines.join("\n")), (2, expected), "{words}");
        // Where there is no driver.
        let mut alone = gobelin(machine.path(), &format!("{words} --device cuda"));
        let (exit, lines) = told(&alone.env("LD_LIBRARY_PATH", "").output().unwrap());
        let expected = "error: --device cuda: no CUDA driver (libcuda) on this machine: install NVIDIA's driver, or use --device cpu";
        let has_a_driver = gobelin_kernels::cuda::is_driver_present();
        assert!(has_a_driver || (exit, &*lines.join("\n")) == (2, expected), "{words}: {exit} {lines:?}");
    }
    assert!(!machine.path().join("run").exists());
}

/// A driver that says it is new enough, and is not whole. (cudarc panics at the first call that is missing.)
#[test]
fn a_call_that_the_driver_lacks_is_named() {
    let Some(machine) = Machine::new() else { return };
    let broken = machine.path().join("driver");
    fs::create_dir(&broken).unwrap();
    let library = fs::read(machine.driver.join("libcuda.so.1")).unwrap();
    // Without its version, a driver tells nothing; the names of errors are nothing that is asked for.
    let needed = gobelin_emulation_driver::CALLS
        .iter()
        .filter(|call| !["cuDriverGetVersion", "cuGetErrorName"].contains(call));
    for call in needed {
        let name = format!("\0{call}\0");
        let at = library.windows(name.len()).position(|part| part == name.as_bytes()).expect("its name");
        let mut library = library.clone();
        library[at + call.len()] = b'-';
        fs::write(broken.join("libcuda.so.1"), library).unwrap();
        let (exit, lines) = machine.call_with(&broken, "", "gan --out run --device cuda");
        let expected = format!(
            "error: --device cuda: the driver has no {call}, although it knows CUDA 13.0: install it"
        );
        assert!(exit == 2 && lines.len() == 1 && lines[0].starts_with(&expected), "{call}: {exit} {lines:?}");
    }
    let (exit, lines) = machine.call_with(&broken, "version=10020", "gan --out run --device cuda");
    assert!(
        exit == 2 && lines[0].contains("the driver knows CUDA 10.2, but at least 11.4 is needed"),
        "{lines:?}"
    );
}
