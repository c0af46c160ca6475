"""The operations that the layers are made of: one a file, and in it which form runs where.

| operation | form | where |
| --- | --- | --- |
| `on_off` | two rectifiers and a concatenation | everywhere but: |
| | stacked instead of concatenated | under XLA, JAX included |
| `depthwise_convolution` | a product | one tap |
| | shifted products, summed | under XLA, JAX included |
| | a sum over planes | three spatial axes on TensorFlow, outside XLA |
| | Keras's depthwise convolution | everywhere else |
| `filter_negative_part` | shifted products, image by image | JAX on CPUs, in training |
| | the depthwise convolution of the negative part | everywhere else |
| `mix_channels` | a matrix product, or one for each group | everywhere |

Each form is there for its speed, which `benchmarks/layers.py` measures, and all are differentiable
in every way that the backend knows.
"""
