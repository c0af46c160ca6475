"""A network as calls: read once, run by one interpreter, made anew by one rewrite."""

from keras_negact.graph.calls import Call, Graph, inputs_in_order, model_within, read_graph
from keras_negact.graph.copying import config_of, copy_operation
from keras_negact.graph.interpreter import Interpreter
from keras_negact.graph.recorded import is_built_sequential, is_graph_model
from keras_negact.graph.rewriting import Edit, rewrite
from keras_negact.graph.state import (
    copy_state,
    copy_trainable,
    is_keras,
    layers_within,
    numpy_copy,
    recurrent_states,
)
from keras_negact.graph.tracing import Untraceable

__all__ = [
    "Call",
    "Edit",
    "Graph",
    "Interpreter",
    "Untraceable",
    "config_of",
    "copy_operation",
    "copy_state",
    "copy_trainable",
    "inputs_in_order",
    "is_built_sequential",
    "is_graph_model",
    "is_keras",
    "layers_within",
    "model_within",
    "numpy_copy",
    "read_graph",
    "recurrent_states",
    "rewrite",
]
