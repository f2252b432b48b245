"""How fast images reach the net, and what precision and memory format its step is fastest in.

    .venv/bin/python benchmarks/input_pipeline.py [--rounds 25] [--threads 2] [--device cpu] [--two-ways]

Trains VGG16-BN at 32x32 on random images and compares, in turns within one process, images per second of

- the bare step: forward, backward and update on one batch that lies ready as float32;
- this workflow's epoch: batches gathered, augmented and normalised from uint8 in memory, loss and accuracy kept;
- the usual way: a torchvision data set of PIL images, transforms on each, a DataLoader with 0 and 2 workers.

Ratios are medians over rounds of ways that ran right after each other, so that a busy machine disturbs both. What the
input costs without any net is measured too: on a busy machine it is less than what the step varies by.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import VisionDataset
from turns import in_turns, show

sys.path.append(str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from espalier.datasets.prepare import Data, Split
from espalier.plan.keys import table
from espalier.plan.recipe import Recipe as Keys
from espalier.pytorch import runtime, train
from espalier.pytorch.evaluate import resident, to_input, to_tensor
from espalier.pytorch.models import build_model
from espalier.training.augmentation import augment as apply
from espalier.training.recipe import Recipe

BATCH, SIZE, CLASSES = 128, 32, 100
BATCHES = 2  # in a round: few, so that the ways are timed right after each other
MANIFEST = {"mean": 0.45, "std": 0.225}
RECIPE = {key: part.get("default") for key, part in table(Keys)["properties"].items()}
RECIPE |= {"epochs": 1, "batch_size": BATCH, "learning_rate": 0.001, "momentum": 0.9, "weight_decay": 1e-4}
CROP_AND_FLIP = [{"random_crop": {"size": SIZE, "padding": 4}}, "horizontal_flip"]
PUBLISHED = [{"resize": 36}, {"random_crop": SIZE}, "horizontal_flip", {"color_jitter": 0.1}, "autoaugment"]
AUGMENTATIONS = {  # what the report calls them: ours, and the same in torchvision's transforms of PIL images
    "random crop, flip": (
        CROP_AND_FLIP,
        [transforms.RandomCrop(SIZE, padding=4), transforms.RandomHorizontalFlip()],
    ),
    "as published, at 32x32": (
        PUBLISHED,
        [
            transforms.Resize(36),
            transforms.RandomCrop(SIZE),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(0.1, 0.1, 0.1, 0.1),
            transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10),
        ],
    ),
}
FORMATS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


class Pictures(VisionDataset):
    """Arrays as PIL images, as torchvision's own CIFAR classes give them."""

    def __init__(self, split: Split, steps: list):
        normalise = transforms.Normalize([MANIFEST["mean"]] * 3, [MANIFEST["std"]] * 3)
        super().__init__("", transform=transforms.Compose([*steps, transforms.ToTensor(), normalise]))
        self.split = split

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.split.images[index])), int(self.split.labels[index])


def learner_of(memory_format=torch.channels_last):
    """A new VGG16-BN on the device, and its optimizer."""
    net = build_model("vgg16_bn", CLASSES).to(runtime.device(), memory_format=memory_format)
    if runtime.device().type == "cuda":
        train.pool_by_products(net)
    return net.train(), train.make_optimizer(net, Recipe(**RECIPE))


def update(net, optimizer, images, labels, precision="float32"):
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits = net(images)
    loss = functional.cross_entropy(logits.float(), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss


def bare(split: Split, learner: tuple, precision="float32", memory_format=torch.channels_last):
    """A function that trains on the first batch as often as the split has batches."""
    net, optimizer = learner
    held = resident(Split(split.images[:BATCH], split.labels[:BATCH]), runtime.device())
    images = to_input(to_tensor(held.images), MANIFEST).contiguous(memory_format=memory_format)

    def run():
        for _ in range(len(split) // BATCH):
            loss = update(net, optimizer, images, held.labels, precision)
        loss.item()  # wait for the device

    return run


def ours(split: Split, learner: tuple, augment: list, precision="float32"):
    """A function that trains an epoch as the workflow does."""
    net, optimizer = learner
    held = resident(split, runtime.device())
    recipe = Recipe(**RECIPE | {"augment": augment, "precision": precision})
    trained = train.Learner(net, Data(held, held, held, MANIFEST), recipe, 0, {})
    trained.optimizer = optimizer
    return lambda: trained.train_epoch([])


def usual(split: Split, learner: tuple | None, steps: list, workers: int):
    """A function that trains an epoch from a DataLoader, whose workers stay; without a learner it is read only."""
    pictures = Pictures(split, steps)
    loader = DataLoader(pictures, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    def run():
        for images, labels in loader:
            images = images.to(runtime.device(), memory_format=torch.channels_last)
            if learner:
                loss = update(*learner, images, labels.to(runtime.device()))
        if learner:
            loss.item()

    return run


def alone(split: Split, augment: list):
    """A function that gathers, augments and normalises an epoch's batches for no net."""
    held, generator = resident(split, runtime.device()), torch.Generator().manual_seed(0)

    def run():
        for chosen in torch.randperm(len(held), generator=generator).to(runtime.device()).split(BATCH):
            with runtime.one_thread():
                images = to_input(
                    apply("pytorch", to_tensor(held.images[chosen]), None, augment, generator)[0], MANIFEST
                )
        images[0, 0, 0, 0].item()  # wait for the device

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25, help="of two batches each (default 25)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="cpu", help="default cpu")
    parser.add_argument("--two-ways", action="store_true", help="only the bare step and this workflow, in float32")
    given = parser.parse_args()
    runtime.start(given.threads, given.device)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (BATCHES * BATCH, SIZE, SIZE, 3), np.uint8)
    split = Split(images, generator.integers(0, CLASSES, len(images)))
    torch.manual_seed(0)
    print(f"VGG16-BN, {SIZE}x{SIZE}, batches of {BATCH}, {given.threads} threads, {runtime.versions()['device']}.")
    for name, (augment, steps) in AUGMENTATIONS.items() if not given.two_ways else ():
        ways = {"this workflow": alone(split, augment)}
        ways |= {f"DataLoader, {workers} workers": usual(split, None, steps, workers) for workers in (0, 2)}
        show(f"input alone: {name}", in_turns(ways, 2 * given.rounds, len(split)))
    learners = {name: learner_of(memory_format) for name, memory_format in FORMATS.items()}
    learner = learners["channels last"]
    for name, (augment, steps) in AUGMENTATIONS.items():
        ways = {"bare step": bare(split, learner), "this workflow": ours(split, learner, augment)}
        for workers in (0, 2) if not given.two_ways else ():
            ways[f"DataLoader, {workers} workers"] = usual(split, learner, steps, workers)
        show(name, in_turns(ways, given.rounds, len(split)))
    if given.two_ways:
        return
    ways = {
        f"{precision}, {name}": bare(split, learners[name], precision, memory_format)
        for precision in ("float32", "bf16")
        for name, memory_format in FORMATS.items()
    }
    show("the bare step in", in_turns(ways, given.rounds, len(split)))
    ways = {
        "bare step": bare(split, learner, "bf16"),
        "this workflow": ours(split, learner, CROP_AND_FLIP, "bf16"),
    }
    show("random crop, flip, in bf16", in_turns(ways, given.rounds, len(split)))


if __name__ == "__main__":
    main()
