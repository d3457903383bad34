"""People made of pictures that PyPI's scikit-image carries, for .ci/facenet.

A person is one face of its part of LFW, or one place of a picture in colour; a person's pictures are crops of that by a few
pixels apart, some darker, some turned left to right, in every mode and of unequal sizes.

    python .ci/facenet.py FOLDER
"""

import pathlib
import sys

import numpy as np
import skimage
from PIL import Image

FACES = 100
SCENES = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg")
PLACES = 20
PICTURES = 6
# Of which pairs.txt asks: those with these places among all people.
LISTED = range(0, 160, 8)

data = pathlib.Path(skimage.__file__).parent / "data"
folder = pathlib.Path(sys.argv[1])
numbers = np.random.default_rng(0)


def crop(picture):
    """Of a picture with two spare pixels in 25 at each side, a part moved by up to that, darker or brighter, perhaps mirrored."""
    spare = len(picture) * 2 // 25
    top, left = numbers.integers(0, 2 * spare + 1, 2)
    part = picture[top : len(picture) - 2 * spare + top, left : len(picture) - 2 * spare + left]
    part = part[:, ::-1] if numbers.random() < 0.5 else part
    return np.clip(part * numbers.uniform(0.7, 1.2), 0, 1)


def write(path, picture, mode):
    """Values from 0 to 1, (S, S, 3) or (S, S), in one of the modes that pictures come in."""
    side = int(numbers.integers(28, 57))
    image = Image.fromarray(np.uint8(np.round(picture * 255))).resize((side, side), Image.Resampling.BICUBIC)
    if mode == "16-bit":
        # The low byte is the high one again.
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path.with_suffix(".png"))
    elif mode == "JPEG":
        image.save(path.with_suffix(".jpg"), quality=90)
    elif mode == "CMYK":
        image.convert("RGB").convert("CMYK").save(path.with_suffix(".jpg"), quality=90)
    elif mode == "P":
        image.convert("RGB").quantize(64).save(path.with_suffix(".png"))
    else:
        image.convert(mode).save(path.with_suffix(".png"))


def people():
    """A name and a square picture of each."""
    faces = np.load(data / "lfw_subset.npy")[:FACES]
    for number, face in enumerate(faces):
        yield f"face_{number:03}", (face - face.min()) / (face.max() - face.min())
    for scene in SCENES:
        picture = np.asarray(Image.open(data / scene).convert("RGB")) / 255
        rows, columns = picture.shape[0] // 4, picture.shape[1] // 5
        side = min(rows, columns)
        for place in range(PLACES):
            top, left = place // 5 * rows, place % 5 * columns
            yield f"{pathlib.Path(scene).stem}_{place:02}", picture[top : top + side, left : left + side]


def pairs(names):
    """A list of LFW's form: ten folds of two people, with four pairs of one person and four of two."""
    lines = ["10\t4"]
    for fold in range(10):
        one, other = names[2 * fold], names[2 * fold + 1]
        lines += [f"{name}\t{a}\t{b}" for name in (one, other) for a, b in ((1, 2), (3, 5))]
        lines += [f"{one}\t{a}\t{other}\t{b}" for a, b in ((1, 4), (2, 2), (5, 6), (6, 3))]
    return "\n".join(lines) + "\n"


modes = ("L", "RGB", "RGBA", "16-bit", "JPEG", "LA", "CMYK", "P")
names = []
for number, (name, picture) in enumerate(people()):
    names.append(name)
    (folder / "people" / name).mkdir(parents=True)
    for place in range(PICTURES):
        mode = modes[(number + place) % len(modes)]
        write(folder / "people" / name / f"{name}_{place + 1:04}", crop(picture), mode)
(folder / "pairs.txt").write_text(pairs([sorted(names)[place] for place in LISTED]))
