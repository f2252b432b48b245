"""The optimizers of the recipes."""

from __future__ import annotations

from typing import Any

from espalier.training.recipe import Recipe


def make_optimizer(net: Any, recipe: Recipe) -> Any:
    """The recipe's optimizer with its variables. `graphs.step_graph` sets the learning rate and adds weight decay."""
    from espalier.keras.runtime import keras

    if recipe.optimizer == "adam":
        optimizer = _adam()(jit_compile=False)
    else:
        optimizer = keras.optimizers.SGD(momentum=recipe.momentum, nesterov=recipe.nesterov, jit_compile=False)
    optimizer.build(net.trainable_variables)
    return optimizer


def _adam() -> type:
    """Keras's Adam (Kingma and Ba 2015, arXiv:1412.6980), its update by the operation that TensorFlow has for it.

    A dozen operations for each of 150 variables took longer to build into a graph than the rest of the net. It takes
    dense gradients, has none of Keras's variants, and has the same name, which a saved optimizer carries.
    """
    from espalier.keras.runtime import keras, tf

    class Adam(keras.optimizers.Adam):
        def update_step(self, gradient: Any, variable: Any) -> None:
            step, index = tf.cast(self.iterations + 1, variable.dtype), self._index_dict[self._var_key(variable)]
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].handle,
                v=self._velocities[index].handle,
                beta1_power=self.beta_1**step,
                beta2_power=self.beta_2**step,
                lr=tf.cast(self.learning_rate, variable.dtype),
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=gradient,
            )

    return Adam
