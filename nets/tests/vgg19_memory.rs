//! Opening VGG-19's weights takes no memory of its own, whatever their size.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use gobelin_autograd::Tensor;
use gobelin_nets::vgg19::Vgg19;

/// All tensors of torchvision's file, classifier and all, as a sparse file of zeros: 548 MiB that take no disk.
fn write_sparse(path: &Path) -> u64 {
    let widths = [64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512];
    let mut tensors: Vec<(String, Vec<u64>)> = Vec::new();
    let (mut number, mut channels) = (0, 3);
    for width in widths {
        if width == 0 {
            number += 1;
            continue;
        }
        tensors.push((format!("features.{number}.weight"), vec![width, channels, 3, 3]));
        tensors.push((format!("features.{number}.bias"), vec![width]));
        channels = width;
        number += 2;
    }
    for (number, [from, to]) in [(0, [25088, 4096]), (3, [4096, 4096]), (6, [4096, 1000])] {
        tensors.push((format!("classifier.{number}.weight"), vec![to, from]));
        tensors.push((format!("classifier.{number}.bias"), vec![to]));
    }
    let (mut header, mut end) = (String::from("{"), 0);
    for (name, shape) in &tensors {
        let start = end;
        end += 4 * shape.iter().product::<u64>();
        let comma = if start == 0 { "" } else { "," };
        write!(
            header,
            "{comma}\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}"
        )
        .unwrap();
    }
    header.push('}');
    let mut file = File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let length = 8 + header.len() as u64 + end;
    file.set_len(length).unwrap();
    length
}

/// Private memory of this process, and what it has of files, in KiB.
fn resident() -> [usize; 2] {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    ["RssAnon:", "RssFile:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    })
}

#[test]
fn opening_takes_no_memory_and_running_only_what_its_layers_keep() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vgg19.safetensors");
    assert!(write_sparse(&path) > 548 << 20);
    let [before, files_before] = resident();
    let vgg = Vgg19::open(&path).unwrap();
    let [opened, files_opened] = resident();
    assert!(opened < before + 1024, "opening took {} KiB", opened.saturating_sub(before));
    // The header, and the pages around each of the biases.
    assert!(files_opened < files_before + (16 << 10), "opening read {} KiB", files_opened - files_before);
    // The first two blocks: 0.26 million weights, four times as many in Winograd's filters, and maps of a few pixels.
    let layers = ["relu2_2"].map(|name| name.parse().unwrap());
    let map = vgg.features(&Tensor::zeros(&[1, 16, 16, 3]).into(), &layers).remove(0);
    assert!(map.tensor().data().iter().all(|&v| v == 0.0));
    let [run, files_run] = resident();
    assert!(run < opened + (16 << 10), "running two blocks took {} KiB", run.saturating_sub(opened));
    // Layers that are not run are not read: the file has 548 MiB.
    assert!(
        files_run < files_opened + (16 << 10),
        "running two blocks read {} KiB",
        files_run - files_opened
    );
}
