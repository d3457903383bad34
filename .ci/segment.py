"""What .ci/segment needs of Python.

    segment.py pairs DIRECTORY          writes pictures of crossing lines and their masks, of different sizes
    segment.py vessels DIRECTORY        writes windows of scikit-image's real retina, and where a ridge filter finds vessels
    segment.py learned RUN LEAST        fails unless the run's last IoU is at least LEAST
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np


def write_png(path, grey):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey.astype(np.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def pairs(directory):
    numbers = np.random.default_rng(0)
    for part in ("images", "masks"):
        (directory / part).mkdir(parents=True)
    for number in range(20):
        height, width = 50 + number % 3, 64 + number % 5
        y, x = np.mgrid[:height, :width]
        mask = np.zeros((height, width), bool)
        for _ in range(3):
            angle, place = numbers.uniform(0, np.pi), numbers.uniform(20, 40)
            mask |= np.abs(np.cos(angle) * x + np.sin(angle) * y - place) < 2
        picture = np.where(mask, 90, 160) + numbers.normal(0, 20, mask.shape)
        write_png(directory / "images" / f"{number:02}.png", picture.clip(0, 255))
        write_png(directory / "masks" / f"{number:02}.png", mask * 255)


def vessels(directory):
    """Nobody has traced this retina's vessels: Sato's ridge filter (1998) says where they are. It sees the whole picture at several
    scales, the network windows of it."""
    from skimage import data, filters, transform

    for part in ("images", "masks"):
        (directory / part).mkdir(parents=True)
    green = transform.rescale(data.retina()[..., 1] / 255.0, 0.5, anti_aliasing=True)
    ridges = filters.sato(green, sigmas=(1, 2, 3))
    # The middle of the eye: its edge is no vessel.
    middle = np.s_[112:592, 112:592]
    mask = ridges > np.quantile(ridges[middle], 0.88)
    for number in range(25):
        top, left = 112 + 96 * (number // 5), 112 + 96 * (number % 5)
        window = np.s_[top : top + 96, left : left + 96]
        write_png(directory / "images" / f"{number:02}.png", (255 * green[window]).round())
        write_png(directory / "masks" / f"{number:02}.png", mask[window] * 255)


def learned(run, least):
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    print(f"-- IoU {last['iou']:.3f}, quality {last['quality']:.3f}")
    if last["iou"] < least:
        raise SystemExit(f"{run}: an IoU of {last['iou']:.3f}, expected at least {least}")


if __name__ == "__main__":
    if sys.argv[1] == "pairs":
        pairs(Path(sys.argv[2]))
    elif sys.argv[1] == "vessels":
        vessels(Path(sys.argv[2]))
    else:
        learned(Path(sys.argv[2]), float(sys.argv[3]))
