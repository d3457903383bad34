//! Wrong calls of `loss`, `metric` and `net`: each one line that says what was found and what is expected, exit code 2, and no
//! file changed.

use std::fs;

use gobelin_nets::weights::{self, Stored, Weights};
use safetensors::Dtype;
use tempfile::TempDir;

use crate::refusals::must_refuse;
use crate::shell::call;
use crate::tensors::{floats, integers, noise, write};

/// A directory with files that are right in some way and wrong in others.
fn files() -> TempDir {
    let here = tempfile::tempdir().unwrap();
    let path = |name: &str| here.path().join(name);
    let double = Stored { dtype: Dtype::F64, shape: vec![2], bytes: vec![0; 16] };
    write(&path("pair"), [("pred", noise(1, &[2])), ("target", noise(2, &[2]))]);
    write(&path("missing"), [("pred", noise(1, &[2]))]);
    write(&path("shape"), [("pred", noise(1, &[2])), ("target", noise(2, &[3]))]);
    write(&path("double"), [("pred", double), ("target", noise(2, &[2]))]);
    write(&path("whole"), [("pred", integers(Dtype::I64, &[2], &[1, 2])), ("target", noise(2, &[2]))]);
    write(&path("none"), [("pred", floats(&[0], &[])), ("target", floats(&[0], &[]))]);
    write(&path("more"), [("pred", noise(1, &[2])), ("target", noise(2, &[2])), ("weight", noise(3, &[2]))]);
    let classes =
        |dtype, values: &[i64]| [("logits", noise(1, &[2, 3])), ("target", integers(dtype, &[2], values))];
    write(&path("short"), classes(Dtype::I16, &[0, 1]));
    write(&path("class"), classes(Dtype::U8, &[0, 3]));
    write(&path("pictures"), [("pred", noise(1, &[1, 3, 6, 7])), ("target", noise(2, &[1, 3, 6, 7]))]);
    write(&path("grey"), [("pred", noise(1, &[1, 1, 6, 7])), ("target", noise(2, &[1, 1, 6, 7]))]);
    let bytes = fs::read(path("pair")).unwrap();
    fs::write(path("truncated"), &bytes[..bytes.len() - 3]).unwrap();
    fs::write(path("header"), &bytes[..20]).unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::write(path("text"), "pred: 1, 2, 3; target: 4, 5, 6").unwrap();
    fs::write(path("pickle"), b"PK\x03\x04 a zip as torch.save writes").unwrap();
    fs::create_dir(path("folder")).unwrap();
    here
}

#[test]
fn losses_and_metrics() {
    let here = files();
    let save_file = "expected one, such as PyTorch's safetensors.torch.save_file writes";
    for (words, begin, end) in [
        ("loss", "expected the NAME of a loss: --list names them", ""),
        (
            "loss mes --input pair",
            "no loss `mes`, did you mean `mae`?; expected one of mse, mae, ",
            "identity",
        ),
        ("loss mse", "--input is missing: expected a safetensors file with the tensors `pred`, `target`", ""),
        ("loss mse --input nothing", "nothing: No such file", ""),
        ("loss mse --input folder", "folder: Is a directory", ""),
        ("loss mse --input truncated", "truncated: no safetensors file (incomplete metadata", save_file),
        ("loss mse --input header", "header: no safetensors file (invalid header length)", save_file),
        ("loss mse --input empty", "empty: no safetensors file (header too small)", save_file),
        ("loss mse --input text", "text: no safetensors file (header too large)", save_file),
        (
            "loss mse --input pickle",
            "pickle: no safetensors file (a pickle, as torch.save writes)",
            save_file,
        ),
        ("loss mse --input missing", "missing: no tensor `target` (found `pred`); expected F32 (...)", ""),
        ("loss mse --input shape", "shape: tensor `target` is F32 [3], expected F32 (...), here [2]", ""),
        ("loss mse --input double", "double: tensor `pred` is F64 [2], expected F32 (...)", ""),
        ("loss mse --input whole", "whole: tensor `pred` is integers [2], expected F32 (...)", ""),
        ("loss mse --input none", "none: tensor `pred` is F32 [0], expected at least one value", ""),
        (
            "loss mse --input more",
            "more: no tensor of mse is called `weight`; expected one of pred, target",
            "",
        ),
        (
            "loss cross-entropy --input short",
            "short: tensor `target` is I16 [2], expected I64, I32 or U8 (N, ...)",
            "",
        ),
        (
            "loss cross-entropy --input class",
            "class: tensor `target` is class 3 among others, expected classes from 0 to 2, ",
            "",
        ),
        ("loss mse --input pair --set margin=1", "no option of mse `margin`; expected one of reduction", ""),
        (
            "loss huber --input pair --set dleta=1",
            "no option of huber `dleta`, did you mean `delta`?; expected one of delta, reduction",
            "",
        ),
        ("loss huber --input pair --set delta=0", "delta=0: expected a number above 0", ""),
        ("loss huber --input pair --set delta=nan", "delta=nan: expected a number above 0", ""),
        ("loss mse --input pair --set reduction=avg", "reduction=avg: expected one of mean, sum, none", ""),
        (
            "loss mse --input pair --set reduction",
            "invalid value 'reduction' for '--set <KEY=VALUE>'",
            "(see --help)",
        ),
        ("loss mse --list --device cuda", "the argument '--list' cannot be", ""),
        (
            "loss mse --input pair --list --set reduction=sum",
            "the argument '--list' cannot be",
            "(see --help)",
        ),
        ("loss mse --input pair --grad pair", "--grad pair: this is the file of --input, ", "choose another"),
        (
            "loss mse --input pair --grad ./folder/../pair",
            "--grad ./folder/../pair: this is the file of --input",
            "",
        ),
        ("loss mse --input pair --grad nowhere/g", "cannot write nowhere/g: No such file or directory", ""),
        ("loss mse --input pair --grad folder", "cannot write folder: is a directory", ""),
        ("loss mse --input pair --grad nowhere/..", "cannot write nowhere/..: invalid filename", ""),
        ("loss mse --input pair --grad pair/g", "cannot write pair/g: Not a directory", ""),
        ("loss mse --input pair --grad /dev/full", "cannot write /dev/full: No space left on device", ""),
        ("loss mse --input pair --vgg pair", "--vgg: mse looks through no network; leave it out", ""),
        ("loss mse --input pair --device cuda", "--device cuda: ", "use --device cpu"),
        ("loss mse --input pair --threads 0", "invalid value '0' for '--threads <T>'", "(see --help)"),
        ("metric", "expected the NAME of a metric: --list names them", ""),
        (
            "metric pnsr --input pictures",
            "no metric `pnsr`, did you mean `psnr`?; expected one of psnr, ssim, ",
            "",
        ),
        ("metric psnr --input pair", "pair: tensor `pred` is F32 [2], expected F32 (N, C, H, W)", ""),
        ("metric iou --input pair", "pair: tensor `pred` is F32 [2], expected I64, I32 or U8 (...)", ""),
        ("metric psnr --input pictures --set data-range=0", "data-range=0: expected a number above 0", ""),
        ("metric psnr --input pictures --grad g", "unexpected argument '--grad' found", "(see --help)"),
        (
            "metric pyramid-wasserstein --input pictures --set projections=9999999999",
            "projections=9999999999: expected a whole number from 1 to 1048576",
            "",
        ),
    ] {
        must_refuse(here.path(), words, 2, begin, end);
    }
}

#[test]
fn losses_that_look_through_vgg19() {
    let here = files();
    let get = "get the weights with python: safetensors.torch.save_file(torchvision.models.vgg19(weights=\"DEFAULT\")\
               .state_dict(), \"vgg19.safetensors\")";
    for (words, begin, end) in [
        ("--vgg nothing", "nothing: No such file or directory", get),
        ("--vgg folder", "folder: a folder, expected safetensors", get),
        ("--vgg empty", "empty: a file of 0 bytes, expected safetensors", get),
        ("--vgg text", "text: a broken header (header too large), expected safetensors", get),
        ("--vgg truncated", "truncated: a broken header (incomplete metadata", get),
        ("--vgg pickle", "pickle: a pickle, as torch.save writes, expected safetensors", get),
        (
            "--vgg pair",
            "pair: no tensor `features.0.weight` among 2 tensors, of which `pred` is the first",
            get,
        ),
        ("--grad pictures", "--grad pictures: this is the file of --input", "choose another"),
        ("--vgg pair --grad pair", "--grad pair: this is the file of --vgg", "choose another"),
        (
            "--vgg-normalisation torch",
            "invalid value 'torch' for '--vgg-normalisation <KIND>'",
            "(see --help)",
        ),
        ("--set layers=relu9_9", "layers=relu9_9: expected VGG-19's layers: convB_L", "such as relu2_2"),
        ("--set images=grey", "images=grey: expected one of unit, signed, normalised", ""),
        ("--set layer-weights=1,2", "layer-weights=1,2: expected 1 numbers, one for each of relu2_2", ""),
        (
            "--set layers=pool3",
            "pictures: tensor `pred` is pictures of 6x7, expected pictures of at least 8x8",
            "",
        ),
    ] {
        must_refuse(here.path(), &format!("loss perceptual --input pictures {words}"), 2, begin, end);
    }
    let twice = "loss perceptual --input pictures --set pool=max --set images=unit --set pool=average";
    let begin = "--set pool: given twice, as max and as average; leave one of them out";
    must_refuse(here.path(), twice, 2, begin, "");
    let words = "loss perceptual --input grey";
    let begin = "grey: tensor `pred` is F32 [1, 1, 6, 7], expected F32 (N, 3, H, W)";
    must_refuse(here.path(), words, 2, begin, "");
}

#[test]
fn networks() {
    let here = files();
    let net = "net unet --set width=2 --set depth=2";
    assert_eq!(call(here.path(), &format!("{net} --init 1 --weights w")), (0, Vec::new()));
    let mut tensors: Weights = weights::read(&here.path().join("w")).unwrap();
    let name = tensors.keys().next().unwrap().clone();
    tensors.remove(&name);
    weights::write(&here.path().join("fewer"), &tensors).unwrap();
    let input = |name: &str, tensor: Stored| write(&here.path().join(name), [("input", tensor)]);
    input("x", noise(1, &[1, 3, 8, 8]));
    input("odd", noise(1, &[1, 3, 9, 8]));
    input("flat", noise(1, &[3, 8]));
    input("grey-x", noise(1, &[1, 1, 8, 8]));
    input("whole-x", integers(Dtype::U8, &[1, 3, 8, 8], &[0; 192]));
    let run = |weights: &str, x: &str, more: &str| format!("{net} --weights {weights} --input {x} {more}");
    let shape = "expected [N, 3, H, W] with H and W multiples of 4";
    for (words, begin, end) in [
        ("net".into(), "expected the NAME of a network: --list names them", ""),
        ("net resnet".into(), "unknown network `resnet`: choose from dcgan-generator, ", "vgg19"),
        ("net resnet --list".into(), "unknown network `resnet`: choose from dcgan-generator, ", "vgg19"),
        ("net unet --set blocks=3".into(), "unet: no option `blocks`: choose from channels, ", "depth"),
        ("net unet --set depth=0".into(), "unet: depth=0: expected a whole number from 1 to 8", ""),
        ("net unet --set depth".into(), "invalid value 'depth' for '--set <KEY=VALUE>'", "(see --help)"),
        (
            format!("{net} --set width=3"),
            "--set width: given twice, as 2 and as 3; leave one of them out",
            "",
        ),
        (net.into(), "--weights is missing: expected a safetensors file", ""),
        (format!("{net} --init 1"), "--weights is missing: expected a safetensors file", ""),
        (format!("{net} --init 1 --weights folder"), "cannot write folder: is a directory", ""),
        (format!("{net} --init 1 --weights nowhere/w"), "cannot write nowhere/w: No such file", ""),
        (format!("{net} --init -1 --weights w"), "unexpected argument '-1' found", "(see --help)"),
        (
            format!("{net} --init 1 --weights w --input x"),
            "the argument '--init <SEED>' cannot be",
            "(see --help)",
        ),
        (run("w", "x", ""), "--output is missing: expected a safetensors file", ""),
        (run("nothing", "x", "--output y"), "nothing: No such file", ""),
        (run("empty", "x", "--output y"), "empty: no safetensors file (header too small)", ""),
        (run("pickle", "x", "--output y"), "pickle: no safetensors file (a pickle", ""),
        (run("pair", "x", "--output y"), "pair: tensor `pred` belongs to no part of this net", ""),
        (run("fewer", "x", "--output y"), "fewer: no tensor `", "these options"),
        (
            "net unet --set width=4 --set depth=2 --weights w --input x --output y".into(),
            "w: tensor `",
            "with these options?",
        ),
        (run("w", "nothing", "--output y"), "nothing: No such file", ""),
        (run("w", "text", "--output y"), "text: no safetensors file", ""),
        (run("w", "pair", "--output y"), "pair: no tensor `input`, only [pred, target]; expected one", ""),
        (run("w", "whole-x", "--output y"), "whole-x: tensor `input` is U8, expected F32", ""),
        (run("w", "odd", "--output y"), "odd: tensor `input` has shape [1, 3, 9, 8], ", shape),
        (run("w", "flat", "--output y"), "flat: tensor `input` has shape [3, 8], ", shape),
        (run("w", "grey-x", "--output y"), "grey-x: tensor `input` has shape [1, 1, 8, 8], ", shape),
        (run("w", "x", "--output x"), "--output x: this is the file of --input, ", "choose another"),
        (run("w", "x", "--output w"), "--output w: this is the file of --weights, ", "choose another"),
        (run("w", "x", "--output nowhere/y"), "cannot write nowhere/y: No such file", ""),
        (run("w", "x", "--output y --taps up9"), "no module `up9` in this network: choose from ", ""),
        (
            "net vgg19 --weights pickle --input x --output y".into(),
            "pickle: a pickle, as torch.save writes, expected safetensors; get the weights with python: ",
            "",
        ),
        (
            "net vgg19 --set images=grey".into(),
            "vgg19: images=grey: expected normalised or unit or signed",
            "",
        ),
    ] {
        must_refuse(here.path(), &words, 2, begin, end);
    }
}
