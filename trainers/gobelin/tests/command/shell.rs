//! Calling the command, data to call it with, and what it left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use tempfile::{TempDir, tempdir};

/// The command `gobelin WORDS` in `directory`.
pub fn gobelin(directory: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gobelin"));
    command.args(words.split_whitespace()).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `gobelin WORDS`: its exit code, and its lines on standard error.
pub fn call(directory: &Path, words: &str) -> (i32, Vec<String>) {
    told(&gobelin(directory, words).output().unwrap())
}

/// The exit code (-1 for a process that was killed) and the lines on standard error.
pub fn told(output: &Output) -> (i32, Vec<String>) {
    let lines = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    (output.status.code().unwrap_or(-1), lines)
}

/// A new directory with data in `idx` and `pictures`.
pub fn workplace() -> TempDir {
    let here = tempdir().unwrap();
    write_idx(&here.path().join("idx"), 64, 40);
    write_pictures(&here.path().join("pictures"), 30);
    here
}

/// A new directory in which `gobelin gan --out run WORDS` was run to the end.
pub fn trained(words: &str) -> TempDir {
    let here = workplace();
    let (code, lines) = call(here.path(), &format!("gan --out run {words}"));
    assert_eq!(code, 0, "gan {words}: {lines:?}");
    here
}

/// The four files of MNIST, the pictures gzipped: grey 28x28 pictures of a bright rectangle each.
pub fn write_idx(folder: &Path, train: usize, held_out: usize) {
    fs::create_dir_all(folder).unwrap();
    for (part, count) in [("train", train), ("t10k", held_out)] {
        let mut pictures = [0x0000_0803, count as u32, 28, 28].map(u32::to_be_bytes).concat();
        for number in 0..count {
            let (height, width) = (6 + number % 13, 5 + number % 17);
            let inside =
                |at: usize| (at / 28).abs_diff(14) < height / 2 && (at % 28).abs_diff(14) < width / 2;
            pictures.extend((0..28 * 28).map(|at| if inside(at) { 200 + number as u8 % 50 } else { 10 }));
        }
        let file = fs::File::create(folder.join(format!("{part}-images-idx3-ubyte.gz"))).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all(&pictures).unwrap();
        packed.finish().unwrap();
        let mut labels = [0x0000_0801, count as u32].map(u32::to_be_bytes).concat();
        labels.extend((0..count).map(|number| number as u8 % 10));
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// Coloured PNG pictures of different sizes, in two folders.
pub fn write_pictures(folder: &Path, count: u32) {
    for number in 0..count {
        let part = folder.join(if number % 2 == 0 { "even" } else { "odd" });
        fs::create_dir_all(&part).unwrap();
        let colour = |x: u32, y: u32| image::Rgb([(x * 5) as u8, (y * 6) as u8, (number * 8) as u8]);
        let picture = image::RgbImage::from_fn(30 + number % 7, 36, colour);
        picture.save(part.join(format!("{number:03}.png"))).unwrap();
    }
}

/// A JPEG of four inks, which no encoder here can make.
pub const CMYK: &[u8] = include_bytes!("../../../../datasets/tests/cmyk.jpg");

/// A picture that differs with every number, in every mode that pictures come in.
pub fn write_picture(path: &Path, number: u32) {
    let (width, height) = (25 + number % 9, 24 + number % 5);
    let at = |x: u32, y: u32, by: u32| ((x * 7 + y * 5 * by + number * 31) % 256) as u8;
    let deep = |x, y| u16::from(at(x, y, 1)) * 257;
    let picture: DynamicImage = match number % 5 {
        0 => ImageBuffer::from_fn(width, height, |x, y| Luma([at(x, y, 1)])).into(),
        1 => ImageBuffer::from_fn(width, height, |x, y| LumaA([at(x, y, 1), at(y, x, 2)])).into(),
        2 => ImageBuffer::from_fn(width, height, |x, y| Rgba([at(x, y, 1), 50, 90, at(y, x, 2)])).into(),
        3 => ImageBuffer::from_fn(width, height, |x, y| Rgb([deep(x, y), 9000, deep(y, x)])).into(),
        _ => ImageBuffer::from_fn(width, height, |x, y| Rgb([at(x, y, 1), at(x, y, 2), at(x, y, 3)])).into(),
    };
    picture.save(path).unwrap();
}

/// Every file below `directory` and what it holds, without the sign of who works in it.
pub fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let name = name.into_string().unwrap();
        if path.is_dir() {
            found
                .extend(contents(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else if name != ".lock" {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

/// The lines of a run's metrics.jsonl.
pub fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// `gobelin WORDS`, a run with `--out run`, must end in the same bytes with one thread and with three.
#[track_caller]
pub fn must_not_depend_on_threads(workplace: fn() -> TempDir, words: &str) {
    let [alone, several] = ["1", "3"].map(|threads| {
        let here = workplace();
        // By the environment, since --threads is kept in config.toml.
        let output = gobelin(here.path(), words).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{words}: {:?}", told(&output).1);
        here
    });
    must_be_the_same_run(several.path(), alone.path(), words);
}

/// `gobelin WORDS`, a run with `--out run`, must end in the same bytes whether it is left alone or killed and resumed; how many
/// kills came before a process had ended by itself.
#[track_caller]
pub fn must_survive_kills(workplace: fn() -> TempDir, words: &str) -> u32 {
    let (whole, here) = (workplace(), workplace());
    let (code, lines) = call(whole.path(), words);
    assert_eq!(code, 0, "{words}: {lines:?}");
    let kills = killed_and_resumed(here.path(), words, gobelin);
    must_be_the_same_run(here.path(), whole.path(), &format!("{words}, killed {kills} times"));
    kills
}

/// Begins a run with `gobelin WORDS`, kills it, resumes it and kills it again, then resumes it to its end; how many kills came in
/// time.
#[track_caller]
pub fn killed_and_resumed(here: &Path, words: &str, gobelin: impl Fn(&Path, &str) -> Command) -> u32 {
    let trainer = words.split_whitespace().next().expect("a trainer");
    let (mut next, mut kills) = (words.to_owned(), 0);
    // Killed as soon as there are checkpoints, then as soon as there is another, and so on.
    for kill in [true, true, true, false] {
        let checkpoint = here.join("run/checkpoint.previous");
        let written = || fs::metadata(&checkpoint).and_then(|file| file.modified()).ok();
        let before = written();
        let mut process = gobelin(here, &next).spawn().unwrap();
        if kill {
            while written() == before && process.try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(1));
            }
            process.kill().unwrap();
        }
        let output = process.wait_with_output().unwrap();
        kills += u32::from(output.status.code().is_none());
        assert!(output.status.code().is_none_or(|code| code == 0), "{words}: {:?}", told(&output).1);
        if here.join("run/config.toml").exists() {
            next = format!("{trainer} --out run --resume");
        }
    }
    kills
}

/// All that the directory `run` of both workplaces holds must be the same to the last byte, but for the seconds in
/// metrics.jsonl and TensorBoard's files, which hold wall times.
#[track_caller]
pub fn must_be_the_same_run(found: &Path, expected: &Path, how: &str) {
    let [found, expected] = [found, expected].map(|here| {
        let run = here.join("run");
        let mut files = contents(&run);
        // The report tells how long the run took.
        let differ = ["checkpoint.previous", "report.html"];
        files.retain(|name, _| !name.starts_with("events.") && !differ.contains(&name.as_str()));
        let mut lines = metrics(&run);
        for line in &mut lines {
            line["seconds"] = 0.into();
        }
        files.insert("metrics.jsonl".into(), serde_json::to_vec(&lines).unwrap());
        files
    });
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{how}");
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{how}: {name} differs");
    }
}
