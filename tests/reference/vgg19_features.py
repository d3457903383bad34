"""Writes tests/reference/vgg19.safetensors: what torchvision's VGG-19 sees in a small picture, at every layer.

The weights are those of the formula in vgg.py. Of each layer the file holds every nth value of its (1, C, H, W) output, about a
hundred of them, and its largest magnitude. Needs the packages of requirements.txt.
"""

from pathlib import Path

import torch
import torchvision
from safetensors.torch import save_file

from recorder import agree, uniform
from vgg import DEVIATION, MEAN, features, layers

SAMPLES = 100


def network():
    """torchvision's convolutional part in float64."""
    features = torchvision.models.vgg19(weights=None).features.double()
    convolutions = [layer for layer in layers() if layer is not None]
    modules = [module for module in features if isinstance(module, torch.nn.Conv2d)]
    for module, (_, weight, bias) in zip(modules, convolutions, strict=True):
        module.weight.data, module.bias.data = weight, bias
    for module in features:
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return features


if __name__ == "__main__":
    torch.set_num_threads(2)
    picture = uniform(1, 3, 37, 34, key="vgg19")
    tensors = {"picture": picture}
    with torch.no_grad():
        for pool in ["max", "average"]:
            x = (picture.double() - MEAN) / DEVIATION
            for number, module in enumerate(network()):
                if pool == "average" and isinstance(module, torch.nn.MaxPool2d):
                    module = torch.nn.AvgPool2d(2)
                x = module(x)
                if number == 35:
                    agree(features(picture.double(), ["relu5_4"], pool=pool)[0], x, "vgg.py")
                flat = x.flatten()
                tensors[f"{pool}/{number}"] = flat[:: max(1, len(flat) // SAMPLES)].float().contiguous()
                tensors[f"{pool}/{number}/largest"] = flat.abs().max().float()
    save_file(tensors, Path(__file__).parent / "vgg19.safetensors")
