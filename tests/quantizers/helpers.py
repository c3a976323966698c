"""Run a quantizer with gradients, on every backend; shared by the tests of this folder."""

import keras
import numpy as np

from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.quantizers.exact import to_numpy


def make(q_type, shape, overflow, place="weight", **params):
    """A quantizer built for ``shape``; widths without constraints unless given."""
    free = {"kbi": {"bc": None}, "kif": {"ic": None, "fc": None}}[q_type]
    conf = QuantizerConfig(q_type, place, overflow_mode=overflow, **{**free, **params})
    q = Quantizer(conf)
    q.build(shape)
    return q


def set_widths(q, i, f):
    """Assign float widths; for kbi, b = i + f."""
    fmt = q.format
    i, f = (np.broadcast_to(v, fmt.width_shape) for v in (i, f))
    fmt._i.assign(i)
    if hasattr(fmt, "_f"):
        fmt._f.assign(f)
    else:
        fmt._b.assign(np.add(i, f))


def gradients(q, x, upstream, function=None):
    """Output in training mode, its gradients by variable name ("x" for the input)."""
    y, d_values, (dx,) = differentiated(
        lambda x: q(x, training=True), q.trainable_variables, (x,), upstream
    )
    grads = {v.name: g for v, g in zip(q.trainable_variables, d_values, strict=True)}
    return y, {**grads, "x": dx}


def differentiated(function, variables, tensors, upstream):
    """Value of ``function(*tensors)``, and the gradients of sum(value·upstream), as arrays.

    Gradients are with respect to ``variables`` and to ``tensors``.
    """
    run = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()]
    y, d_variables, d_tensors = run(function, variables, tensors, upstream)
    return to_numpy(y), [to_numpy(g) for g in d_variables], [to_numpy(g) for g in d_tensors]


def _jax(function, variables, tensors, upstream):
    import jax

    def total(values, tensors):
        pairs = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=pairs):
            y = function(*tensors)
        return keras.ops.sum(y * upstream), y

    run = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))
    (_, y), (d_variables, d_tensors) = run([v.value for v in variables], tensors)
    return y, d_variables, d_tensors


def _tensorflow(function, variables, tensors, upstream):
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(t) for t in tensors]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
        total = keras.ops.sum(y * upstream)
    sources = [[v.value for v in variables], tensors]
    return y, *tape.gradient(total, sources, unconnected_gradients="zero")


def _torch(function, variables, tensors, upstream):
    import torch

    tensors = [torch.tensor(t, requires_grad=True) for t in tensors]
    y = function(*tensors)
    total = keras.ops.sum(y * keras.ops.convert_to_tensor(upstream))
    sources = [*(v.value for v in variables), *tensors]
    grads = torch.autograd.grad(total, sources, allow_unused=True, materialize_grads=True)
    return y, grads[: len(variables)], grads[len(variables) :]
