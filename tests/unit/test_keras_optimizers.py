"""The Keras backend's optimizers, against their formulas in float64."""

import numpy as np
import pytest
from a_recipe import a_recipe

from espalier.keras.optimizers import make_optimizer
from espalier.keras.runtime import keras, start, tf

STEPS = 5


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    start(1)


@pytest.fixture
def net():
    return keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])


def stepped(net, recipe, rates, gradients):
    """The net's kernel after steps in a graph, as a training makes them: of these learning rates and gradients."""
    optimizer = make_optimizer(net, a_recipe(**{"momentum": 0.9} | recipe))
    kernel, bias = net.trainable_variables

    @tf.function
    def step(rate, gradient):
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients([(gradient, kernel), (tf.zeros_like(bias), bias)])

    for rate, gradient in zip(rates, gradients, strict=True):
        step(tf.constant(rate, tf.float32), tf.constant(gradient, tf.float32))
    return kernel.numpy()


def test_adam_makes_the_steps_of_its_paper(net):
    generator = np.random.default_rng(0)
    gradients, rates = generator.normal(size=(STEPS, 3, 2)), [0.1, 0.1, 0.05, 0.05, 0.01]
    weights, first, second = net.get_weights()[0].astype(float), 0.0, 0.0
    for number, (rate, gradient) in enumerate(zip(rates, gradients, strict=True), start=1):
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        rate *= np.sqrt(1 - 0.999**number) / (1 - 0.9**number)  # as at the end of the paper's section 2
        weights = weights - rate * first / (np.sqrt(second) + 1e-7)
    np.testing.assert_allclose(stepped(net, {"optimizer": "adam"}, rates, gradients), weights, atol=1e-5)


def test_adam_does_what_that_of_keras_does(net):
    generator = np.random.default_rng(1)
    gradients = generator.normal(size=(STEPS, 3, 2)) * [[1e-6, 1], [1, 1e3], [0, 1e-3]]
    initial, theirs = net.get_weights(), keras.optimizers.Adam(0.01, jit_compile=False)
    ours = stepped(net, {"optimizer": "adam"}, [0.01] * STEPS, gradients)
    net.set_weights(initial)
    kernel = net.trainable_variables[0]
    for gradient in gradients:
        theirs.apply_gradients([(tf.constant(gradient, tf.float32), kernel)])
    np.testing.assert_allclose(ours, kernel.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_keeps_momentum(net, nesterov):
    gradients = np.random.default_rng(2).normal(size=(STEPS, 3, 2))
    weights, velocity = net.get_weights()[0].astype(float), 0.0
    for gradient in gradients:
        velocity = 0.8 * velocity - 0.1 * gradient
        weights = weights + (0.8 * velocity - 0.1 * gradient if nesterov else velocity)
    recipe = {"optimizer": "sgd", "momentum": 0.8, "nesterov": nesterov}
    np.testing.assert_allclose(stepped(net, recipe, [0.1] * STEPS, gradients), weights, atol=1e-5)
