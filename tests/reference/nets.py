"""Outputs and gradients of the networks in PyTorch: what ours must give from the same weights and pictures.

    pip install torch
    python tests/reference/nets.py        # writes nets.json beside this file

The networks are written down here anew from their papers, under the names that users of the authors' code (or of the
tables in our documentation) have. Weights and pictures are made by `uniform`, an integer hash both sides compute, so only
results are stored, computed in double precision: of each tensor its shape, the root of its mean square, and 32 of its
values evenly spread over it. Beside the gradients stands how far PyTorch's own single precision is from them: in a deep
net some activations lie so near a kink (ReLU, max pooling) that rounding moves them across.
"""
import json
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F

from stable import uniform


class Residual(nn.Module):
    def __init__(self, name, c, affine, batch_norm=None):
        super().__init__()
        self.name = name
        norm = batch_norm or (lambda: nn.InstanceNorm2d(c, affine=affine))
        # A batch norm's running statistics do not take a bias away.
        half = lambda: [nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3, bias=batch_norm is None), norm()]
        setattr(self, name, nn.Sequential(*half(), nn.ReLU(), *half()))

    def forward(self, x):
        return x + getattr(self, self.name)(x)


class Named(nn.Module):
    """One module under a name."""

    def __init__(self, name, module):
        super().__init__()
        self.name = name
        setattr(self, name, module)

    def forward(self, x):
        return getattr(self, self.name)(x)


def resnet_generator(blocks=9, width=64, channels=3, upsample="deconv"):
    norm_relu = lambda c: [nn.InstanceNorm2d(c), nn.ReLU()]
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels, width, 7), *norm_relu(width)]
    for c in (width, 2 * width):
        layers += [nn.Conv2d(c, 2 * c, 3, 2, 1), *norm_relu(2 * c)]
    layers += [Residual("conv_block", 4 * width, False) for _ in range(blocks)]
    for c in (4 * width, 2 * width):
        if upsample == "deconv":
            layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1)]
        else:
            layers += [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(c, c // 2, 3)]
        layers += norm_relu(c // 2)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
    return Named("model", nn.Sequential(*layers))


def patch_discriminator(width=64, channels=3, layers=3):
    modules = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for level in range(1, layers + 1):
        c = width << level
        modules += [nn.Conv2d(c // 2, c, 4, 2 if level < layers else 1, 1), nn.InstanceNorm2d(c), nn.LeakyReLU(0.2)]
    return Named("model", nn.Sequential(*modules, nn.Conv2d(width << layers, 1, 4, 1, 1)))


def transform(width=32):
    def conv(i, o, k, s):
        return [nn.ReflectionPad2d(k // 2), nn.Conv2d(i, o, k, s)]

    def conv_norm_relu(i, o, k, s):
        return [*conv(i, o, k, s), nn.InstanceNorm2d(o, affine=True), nn.ReLU()]

    w = width
    layers = [*conv_norm_relu(3, w, 9, 1), *conv_norm_relu(w, 2 * w, 3, 2), *conv_norm_relu(2 * w, 4 * w, 3, 2)]
    layers += [Residual("b", 4 * w, True) for _ in range(5)]
    layers += [nn.Upsample(scale_factor=2), *conv_norm_relu(4 * w, 2 * w, 3, 1)]
    layers += [nn.Upsample(scale_factor=2), *conv_norm_relu(2 * w, w, 3, 1)]
    return nn.Sequential(*layers, *conv(w, 3, 9, 1), nn.Tanh())


class Skip(nn.Module):
    """What a module makes of a picture, added to the picture enlarged."""

    def __init__(self, scale, module):
        super().__init__()
        self.scale = scale
        self.residual = module

    def forward(self, x):
        # Antialiasing makes no difference where pictures grow, but takes a = -1/2 for -3/4.
        return F.interpolate(x, scale_factor=self.scale, mode="bicubic", antialias=True) + self.residual(x)


def super_resolution(scale=4, width=64, blocks=4, upsample="deconv", skip="none"):
    norm = lambda: nn.BatchNorm2d(width)
    layers = [nn.ReflectionPad2d(4), nn.Conv2d(3, width, 9, bias=False), norm(), nn.ReLU()]
    layers += [Residual("b", width, True, norm) for _ in range(blocks)]
    for _ in range(scale.bit_length() - 1):
        if upsample == "deconv":
            layers += [nn.ConvTranspose2d(width, width, 3, 2, 1, output_padding=1, bias=False)]
        else:
            layers += [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=False)]
        layers += [norm(), nn.ReLU()]
    layers += [nn.ReflectionPad2d(4), nn.Conv2d(width, 3, 9)]
    return Skip(scale, nn.Sequential(*layers)) if skip == "bicubic" else nn.Sequential(*layers, nn.Tanh())


def conv_norm_relu(i, o, k, s=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, channels=3, classes=1, width=32, depth=4):
        super().__init__()
        twice = lambda i, o: nn.Sequential(conv_norm_relu(i, o, 3), conv_norm_relu(o, o, 3))
        maps = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(twice(i, o) for i, o in zip([channels, *maps], maps[:-1]))
        self.mid = twice(maps[-2], maps[-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, 2) for c in maps[-2::-1])
        self.dec = nn.ModuleList(twice(2 * c, c) for c in maps[-2::-1])
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        maps = []
        for down in self.down:
            maps.append(down(x))
            x = F.max_pool2d(maps[-1], 2)
        x = self.mid(x)
        for up, dec in zip(self.up, self.dec):
            x = dec(torch.cat([maps.pop(), up(x)], 1))
        return self.out(x)


class L2Pool(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return (9 * F.avg_pool2d(x**2, 3, self.stride, 1) + 1e-12).sqrt()


class Inception(nn.Module):
    def __init__(self, channels, pointwise, three, five, pool, projection, stride):
        super().__init__()
        branches = [conv_norm_relu(channels, pointwise, 1)] if pointwise else []
        for k, (reduced, made) in ((3, three), (5, five)):
            branches.append(nn.Sequential(conv_norm_relu(channels, reduced, 1), conv_norm_relu(reduced, made, k, stride)))
        pool = nn.MaxPool2d(3, stride, 1) if pool == "max" else L2Pool(stride)
        branches.append(nn.Sequential(pool, conv_norm_relu(channels, projection, 1)) if projection else pool)
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class FaceNetNn2(nn.Module):
    TABLE = [
        (192, 64, (96, 128), (16, 32), "max", 32, 1),
        (256, 64, (96, 128), (32, 64), "l2", 64, 1),
        (320, 0, (128, 256), (32, 64), "max", 0, 2),
        (640, 256, (96, 192), (32, 64), "l2", 128, 1),
        (640, 224, (112, 224), (32, 64), "l2", 128, 1),
        (640, 192, (128, 256), (32, 64), "l2", 128, 1),
        (640, 160, (144, 288), (32, 64), "l2", 128, 1),
        (640, 0, (160, 256), (64, 128), "max", 0, 2),
        (1024, 384, (192, 384), (48, 128), "l2", 128, 1),
        (1024, 384, (192, 384), (48, 128), "max", 128, 1),
    ]

    def __init__(self, dimensions=128):
        super().__init__()
        stem = [conv_norm_relu(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), conv_norm_relu(64, 64, 1), conv_norm_relu(64, 192, 3)]
        self.body = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1), *(Inception(*row) for row in self.TABLE))
        self.fc = nn.Linear(1024, dimensions)

    def forward(self, x):
        return F.normalize(self.fc(self.body(x).mean((2, 3))), dim=1)


class FaceNetSmall(nn.Module):
    def __init__(self, width=32, dimensions=128):
        super().__init__()
        layers, c = [conv_norm_relu(3, width, 3)], width
        for _ in range(3):
            layers += [conv_norm_relu(c, 2 * c, 3, 2), conv_norm_relu(2 * c, 2 * c, 3)]
            c *= 2
        self.body = nn.Sequential(*layers)
        self.fc = nn.Linear(c, dimensions)

    def forward(self, x):
        return F.normalize(self.fc(self.body(x).mean((2, 3))), dim=1)


def set_weights(net, seed):
    """Filters uniform with He's deviation, biases +-0.1, scales of norms 1 +- 0.1, running means +-0.1, running variances
    1 to 1.5."""
    state = {}
    for n, (name, value) in enumerate(net.state_dict().items()):
        numbers = uniform(seed + n, *value.shape) if value.dim() else None
        if value.dim() == 4:
            fan_in = value[0].numel()
            state[name] = numbers * (6 / fan_in) ** 0.5
        elif value.dim() == 2:
            state[name] = numbers * (3 / value.shape[1]) ** 0.5
        elif name.endswith("running_var"):
            state[name] = 1.25 + 0.25 * numbers
        elif name.endswith("weight"):
            state[name] = 1 + 0.1 * numbers
        elif value.dim():
            state[name] = 0.1 * numbers
        else:
            state[name] = torch.tensor(0)
    net.load_state_dict(state)


def described(value):
    """What is stored of a tensor."""
    flat = value.detach().flatten()
    places = [(2 * i + 1) * len(flat) // 64 for i in range(32)]
    return {"shape": list(value.shape), "size": flat.square().mean().sqrt().item(), "values": flat[places].tolist()}


def gradients(net, x, seed):
    """The output in training, and the gradients of a fixed weighting of it."""
    net.train().zero_grad()
    x = x.clone().requires_grad_(True)
    y = net(x)
    (y * uniform(seed + 2000, *y.shape).to(y)).mean().backward()
    # A bias before an instance norm has no effect: PyTorch's gradient of it is rounding error.
    found = {key: p.grad.double() for key, p in net.named_parameters() if p.grad.norm() > 1e-12}
    return y, {"input": x.grad.double()} | found


def case(name, options, net, shape, taps, seed):
    set_weights(net, seed)
    state = {key: list(value.shape) for key, value in net.state_dict().items()}
    x = uniform(seed + 1000, *shape)
    tapped = {}
    for tap in taps:
        net.get_submodule(tap).register_forward_hook(lambda _, __, y, tap=tap: tapped.update({tap: y}))
    net.eval()
    with torch.no_grad():
        evaluated = net(x)
        record = {"name": name, "options": options, "seed": seed, "input": list(shape), "state": state}
        record |= {"evaluated": described(evaluated), "taps": {tap: described(value) for tap, value in tapped.items()}}
    y, kept = gradients(net, x, seed)
    record["trained"] = described(y)
    keys = [key for key in kept if key != "input"]
    chosen = [keys[0], keys[1], keys[len(keys) // 3], keys[2 * len(keys) // 3], keys[-2], keys[-1]]
    chosen = ["input", *dict.fromkeys(chosen)]
    record["gradients"] = {key: described(kept[key]) for key in chosen}
    single = gradients(net.float(), x.detach().float(), seed)[1]
    errors = [(single[key] - kept[key]).abs().max() / kept[key].square().mean().sqrt() for key in chosen]
    record["single_precision"] = max(errors).item()
    print(name, options, sum(p.numel() for p in net.parameters()))
    return record


def counts():
    """Trained numbers at full size."""
    nets = {
        "resnet-generator": resnet_generator(),
        "patch-discriminator": patch_discriminator(),
        "unet": UNet(),
        "facenet-nn2": FaceNetNn2(),
        "facenet-small": FaceNetSmall(),
        "transform": transform(),
        "super-resolution": super_resolution(),
    }
    return {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    taps = ["model.1", "model.4", "model.10"]
    cases = [
        case("resnet-generator", {"blocks": 2, "width": 4}, resnet_generator(2, 4), (2, 3, 24, 28), taps, 0),
        case("resnet-generator", {"blocks": 1, "width": 4, "upsample": "resize", "channels": 1},
             resnet_generator(1, 4, 1, "resize"), (1, 1, 20, 16), ["model.14"], 10_000),
        case("patch-discriminator", {"width": 4}, patch_discriminator(4), (2, 3, 48, 40), ["model.2", "model.11"], 20_000),
        case("patch-discriminator", {"width": 4, "layers": 2}, patch_discriminator(4, 3, 2), (1, 3, 12, 16), ["model.8"], 25_000),
        case("unet", {"width": 4, "depth": 3, "classes": 2}, UNet(3, 2, 4, 3), (2, 3, 24, 16), ["down.1", "mid", "up.0", "dec.2.1"], 30_000),
        # Of its hundreds of thousands of ReLUs and maxima some tip with any rounding: PyTorch's own gradients in single precision are
        # 3e-4 to 0.2 away from those in double, by machine and seed. What it is made of is held to 1e-5 by facenet-small.
        case("facenet-nn2", {"dimensions": 32}, FaceNetNn2(32), (4, 3, 64, 64), ["body.1", "body.6", "body.14", "fc"], 40_000),
        case("transform", {"width": 4}, transform(4), (2, 3, 20, 24), ["9", "12.b.4", "27"], 50_000),
        case("super-resolution", {"blocks": 2, "width": 4}, super_resolution(4, 4, 2), (2, 3, 8, 7), ["2", "5.b.4", "6", "12"], 60_000),
        case("super-resolution", {"scale": 8, "blocks": 1, "width": 4, "upsample": "resize", "skip": "bicubic"},
             super_resolution(8, 4, 1, "resize", "bicubic"), (2, 3, 6, 5), ["residual.4", "residual.19"], 70_000),
        case("facenet-small", {"width": 4, "dimensions": 16}, FaceNetSmall(4, 16), (4, 3, 32, 36), ["body.1", "body.6", "fc"], 60_000),
    ]
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"counts": counts(), "cases": cases}, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
