"""How fast images reach a Keras net.

    .venv/bin/python benchmarks/keras_input.py [--rounds 15] [--threads 1]

Trains the Keras nets of two studies on random images and compares, in turns within one process, images per second of

- the bare step: forward, backward and update on one batch that lies ready, in a graph that does nothing else;
- this workflow's epoch: a graph that gathers each batch from uint8 images in memory;
- Keras's own `fit` on the same arrays, and on a tf.data pipeline of them.

Ratios are medians over rounds of ways that ran right after each other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from turns import in_turns, show

sys.path.append(str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from espalier.datasets.prepare import Data, Split
from espalier.keras import runtime, train
from espalier.keras.models import build_model
from espalier.keras.optimizers import make_optimizer
from espalier.keras.runtime import keras, tf
from espalier.plan.keys import table
from espalier.plan.recipe import Recipe as Keys
from espalier.training.recipe import Recipe

RECIPE = {key: part.get("default") for key, part in table(Keys)["properties"].items()}
RECIPE |= {"epochs": 1, "optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.001}
NETS = {"mlp": (28, 28, 1), "cifar10_cnn": (32, 32, 3)}  # and the shape of their images
BATCH, BATCHES, CLASSES = 128, 40, 10


def learner(name: str):
    net = build_model({"name": name}, NETS[name], CLASSES, mean=0.5, std=0.5, init=None, seed=0)
    return net, make_optimizer(net, Recipe(**RECIPE))


def bare(name: str, split: Split):
    """A function that makes as many steps as an epoch has, all on the first batch."""
    net, optimizer = learner(name)
    images, labels = tf.constant(split.images[:BATCH]), tf.constant(split.labels[:BATCH])

    @tf.function
    def steps():
        total = 0.0
        for _ in tf.range(BATCHES):
            with tf.GradientTape() as tape:
                logits = net(images, training=True)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            variables = net.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            total += loss
        return total

    def run():
        with runtime.as_built():  # as the workflow's
            return steps().numpy()

    return run


def ours(name: str, split: Split):
    """A function that trains an epoch as the workflow does."""
    net, _ = learner(name)
    trained = train.Learner(net, Data(split, split, split, {}), Recipe(**RECIPE | {"batch_size": BATCH}), 0, {})
    return lambda: trained.train_epoch([])


def fitted(name: str, split: Split, piped: bool):
    """A function that trains an epoch as Keras does."""
    net, _ = learner(name)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.SGD(RECIPE["learning_rate"]), loss, metrics=["accuracy"])
    if not piped:
        return lambda: net.fit(split.images, split.labels, batch_size=BATCH, verbose=0)
    images = tf.data.Dataset.from_tensor_slices((split.images, split.labels))
    batches = images.shuffle(len(split.labels)).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return lambda: net.fit(batches, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help=f"of {BATCHES} batches each (default 15)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    given = parser.parse_args()
    runtime.start(given.threads)
    generator = np.random.default_rng(0)
    for name, shape in NETS.items():
        images = generator.integers(0, 256, (BATCHES * BATCH, *shape), np.uint8)
        split = Split(images, generator.integers(0, CLASSES, len(images)))
        ways = {"bare step": bare(name, split), "this workflow": ours(name, split)}
        ways |= {"fit on arrays": fitted(name, split, False), "fit on tf.data": fitted(name, split, True)}
        title = f"{name}, {'x'.join(map(str, shape))}, batches of {BATCH}, threads: {given.threads}"
        show(title, in_turns(ways, given.rounds, len(images)))


if __name__ == "__main__":
    main()
