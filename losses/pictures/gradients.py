"""Writes masks.png and pictures.png: where losses look, as the gradients that `gobelin loss --grad` writes.

    cargo build --release
    python losses/pictures/gradients.py        # needs numpy, pillow and safetensors

Red: the value is to fall. Blue: it is to rise. White: nothing. Each map by its own largest number; its square root is shown, so
that small gradients are seen too.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
GOBELIN = HERE.parents[1] / "target/release/gobelin"
GAP, TEXT = 10, 18


def gradient(loss, tensors, of, options=()):
    """The gradient of `of`, summed over channels: (H, W)."""
    with tempfile.TemporaryDirectory() as folder:
        given, written = Path(folder) / "in.safetensors", Path(folder) / "out.safetensors"
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, given)
        sets = [word for option in options for word in ("--set", option)]
        subprocess.run([GOBELIN, "loss", loss, "--input", given, "--grad", written, *sets], check=True, capture_output=True)
        return load_file(written)[of][0].sum(0)


def grey(values):
    return np.repeat((255 * np.clip(values, 0, 1))[..., None], 3, 2).astype(np.uint8)


def signed(values):
    values = values / max(np.abs(values).max(), 1e-30)
    strength = np.sqrt(np.abs(values))
    other = 255 * (1 - strength)
    red, blue = np.where(values > 0, 255, other), np.where(values < 0, 255, other)
    return np.stack([red, other, blue], 2).astype(np.uint8)


def sheet(path, panels, zoom, columns=5):
    height, width, _ = panels[0][1].shape
    cell = (zoom * width + GAP, zoom * height + GAP + TEXT)
    rows = -(-len(panels) // columns)
    image = Image.new("RGB", (columns * cell[0] + GAP, rows * cell[1] + GAP), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    for i, (name, values) in enumerate(panels):
        left, top = GAP + i % columns * cell[0], GAP + i // columns * cell[1]
        draw.text((left, top), name, "black", font=font)
        panel = Image.fromarray(values).resize((zoom * width, zoom * height), Image.NEAREST)
        image.paste(panel, (left, top + TEXT))
        draw.rectangle((left - 1, top + TEXT - 1, left + zoom * width, top + TEXT + zoom * height), outline="grey")
    image.quantize(64).save(path, optimize=True)
    print(path.name, path.stat().st_size)


def masks():
    """A membrane, predicted with a gap, one stretch too thick, and a speck beside it."""
    side = 48
    rows, columns = np.mgrid[:side, :side]
    middle = 24 + 8 * np.sin(columns / 9)
    target = (np.abs(rows - middle) < 1.6).astype(np.float32)
    predicted = target.copy()
    predicted[:, 20:23] = 0
    thick = (columns >= 32) & (columns < 42) & (np.abs(rows - middle) < 3.6)
    predicted[thick] = 1
    predicted[8:10, 9:11] = 1
    logits = np.where(predicted > 0, 2.0, -2.0).astype(np.float32)
    pictures = {"logits": logits[None, None], "target": target[None, None]}
    panels = [("target", grey(target)), ("prediction", grey(1 / (1 + np.exp(-logits))))]
    for name in ["bce", "focal", "dice", "tversky", "lovasz", "cldice", "topology"]:
        panels.append((name, signed(gradient(name, pictures, "logits"))))
    panels.append(("topology, mu=10", signed(gradient("topology", pictures, "logits", ["mu=10"]))))
    sheet(HERE / "masks.png", panels, zoom=4)


def pictures():
    """A texture, predicted blurred on the left, noisy in the middle, and one pixel off on the right."""
    height, width = 36, 66
    rows, columns = np.mgrid[:height, :width]
    target = 0.5 + 0.2 * np.sign(np.sin(columns * 0.9) * np.sin(rows * 0.9)) + 0.2 * np.sin((rows + columns) / 7)
    blurred = sum(np.roll(target, (dy, dx), (0, 1)) for dy in [-1, 0, 1] for dx in [-1, 0, 1]) / 9
    noise = np.random.default_rng(0).normal(0, 0.08, target.shape)
    pred = np.where(columns < 22, blurred, np.where(columns < 44, target + noise, np.roll(target, 1, 1)))
    coloured = {name: np.repeat(values[None, None], 3, 1).astype(np.float32) for name, values in [("pred", pred), ("target", target)]}
    panels = [("target", grey(target)), ("prediction", grey(pred))]
    for name, options in [("mse", []), ("mae", []), ("huber", ["delta=0.1"]), ("ssim", []), ("ms-ssim", []),
                          ("perceptual", []), ("perceptual", ["layers=relu3_4"]), ("tv", [])]:
        given = {"pred": coloured["pred"]} if name == "tv" else coloured
        panels.append((" ".join([name, *options]), signed(gradient(name, given, "pred", options))))
    sheet(HERE / "pictures.png", panels, zoom=3)


if __name__ == "__main__":
    masks()
    pictures()
