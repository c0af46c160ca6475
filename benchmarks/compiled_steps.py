"""A layer's forward pass and its forward and backward pass, compiled as each backend does it."""

import numpy as np


def steps(mode: str, layer, inputs: np.ndarray, memory: bool = False):
    """Make `forward()`, in inference, and `training()`, which return when done, and their memory.

    Args:
        mode: `"tf"` (a TensorFlow graph), `"tf-xla"` or `"jax"`.
        layer: a Keras layer.
        inputs: the feature maps to call it on.
        memory: whether to ask for the memory of the training step (`"jax"` alone).

    Returns:
        The two functions, and a dictionary of bytes.
    """
    if mode == "jax":
        return _jax_steps(layer, inputs, memory)
    return (*_tensorflow_steps(layer, inputs, jit_compile=mode == "tf-xla"), {})


def _tensorflow_steps(layer, inputs, jit_compile):
    import tensorflow as tf

    inputs = tf.constant(inputs)
    # Drawn, and the outputs are returned: TensorFlow leaves out what nobody reads, and what a
    # gradient of ones makes trivial.
    upstream = tf.nest.map_structure(_like, layer(inputs, training=True))

    @tf.function(jit_compile=jit_compile)
    def forward(x):
        return layer(x, training=False)

    @tf.function(jit_compile=jit_compile)
    def training(x):
        weights = [weight.value for weight in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
        return outputs, tape.gradient(outputs, [x, *weights], output_gradients=upstream)

    def run(function):
        for result in tf.nest.flatten(function(inputs)):
            if result is not None:
                # A CPU kernel is done when its tensor is there; a GPU's when it can be read.
                tf.reshape(result, [-1])[:1].numpy()

    return lambda: run(forward), lambda: run(training)


def _jax_steps(layer, inputs, memory):
    import jax
    import keras

    # A model takes `training`, and hands it to the layers that know it.
    symbol = keras.Input(batch_shape=inputs.shape)
    model = keras.Model(symbol, layer(symbol))
    inputs = jax.numpy.asarray(inputs)
    state = [variable.value for variable in model.non_trainable_variables]
    weights = [variable.value for variable in model.trainable_variables]

    def call(x, weights):
        return model.stateless_call(weights, state, x, training=True)[0]

    def infer(x, weights):
        return model.stateless_call(weights, state, x, training=False)[0]

    upstream = jax.tree_util.tree_map(_like, call(inputs, weights))

    def train(x, weights, upstream):
        outputs, backward = jax.vjp(call, x, weights)
        return outputs, backward(upstream)

    forward, training = jax.jit(infer), jax.jit(train)
    bytes_of = {}
    if memory:
        kept = jax.eval_shape(lambda x, w: jax.vjp(call, x, w)[1], inputs, weights)
        compiled = training.lower(inputs, weights, upstream).compile()
        bytes_of = {
            "temporary": compiled.memory_analysis().temp_size_in_bytes,
            "kept_for_backward": sum(
                leaf.size * leaf.dtype.itemsize for leaf in jax.tree_util.tree_leaves(kept)
            ),
        }
    return (
        lambda: jax.block_until_ready(forward(inputs, weights)),
        lambda: jax.block_until_ready(training(inputs, weights, upstream)),
        bytes_of,
    )


def _like(outputs):
    values = np.random.default_rng(1).standard_normal(outputs.shape).astype("float32")
    if hasattr(outputs, "devices"):
        import jax

        return jax.numpy.asarray(values)
    import tensorflow as tf

    return tf.constant(values)
