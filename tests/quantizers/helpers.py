"""Run a quantizer with gradients; shared by the tests of this folder."""

import keras
import numpy as np

from hgq_rtl.quantizers import Quantizer, QuantizerConfig


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
    import jax

    fixed = [v.value for v in q.non_trainable_variables]

    def total(values, x):
        y, _ = q.stateless_call(values, fixed, x, training=True)
        return keras.ops.sum(y * upstream), y

    values = [v.value for v in q.trainable_variables]
    (_, y), (d_values, dx) = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(values, x)
    names = [v.name for v in q.trainable_variables]
    grads = {n: np.asarray(g) for n, g in zip(names, d_values, strict=True)}
    return np.asarray(y), {**grads, "x": np.asarray(dx)}
