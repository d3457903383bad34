"""A CycleGAN generator's weights as the authors' PyTorch code has them, and what it makes of a picture.

    pip install torch safetensors
    python tests/reference/cyclegan_generator.py    # writes cyclegan_generator.safetensors and .json beside this file

The file also holds running statistics, as state dicts of PyTorch before 0.4 do; nothing may come of them. The picture's sides are no
multiples of 4: it is mirrored below and to the right, and the translation cropped.
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from nets import resnet_generator
from stable import uniform

HEIGHT, WIDTH = 13, 10


def main():
    torch.set_num_threads(1)
    net = resnet_generator(blocks=2, width=3)
    with torch.no_grad():
        for n, p in enumerate(net.parameters()):
            p.copy_((0.2 if p.dim() == 4 else 0.5) * uniform(n, *p.shape))
        picture = ((uniform(100, 1, HEIGHT, WIDTH, 3) + 1) * 127.5).round().permute(0, 3, 1, 2)
        padded = F.pad(picture / 127.5 - 1, (0, -WIDTH % 4, 0, -HEIGHT % 4), mode="reflect")
        made = ((net(padded)[:, :, :HEIGHT, :WIDTH] + 1) * 127.5).permute(0, 2, 3, 1)
    path = pathlib.Path(__file__)
    statistics = {"model.2.running_mean": torch.full((3,), 9.0), "model.10.conv_block.2.running_var": torch.full((12,), 9.0)}
    save_file(net.state_dict() | statistics, path.with_suffix(".safetensors"))
    record = {
        "height": HEIGHT,
        "width": WIDTH,
        "picture": picture.permute(0, 2, 3, 1).flatten().int().tolist(),
        "made": [round(v, 2) for v in made.flatten().tolist()],
    }
    path.with_suffix(".json").write_text(json.dumps(record, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
