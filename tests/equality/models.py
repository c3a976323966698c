"""Random models: sheets of independent layers, and networks of several layers."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from hgq_rtl.layers import Quantizer
from hgq_rtl.utils import trace_minmax
from tests.equality.draw import Draw, fill
from tests.equality.families import FAMILIES, Family, Shape

LARGEST = 48
"""Elements of a tensor inside a random network, at most."""


def layer_sheet(family: Family, seeds: range) -> keras.Model:
    """One model of unconnected layers of a family, one per seed, so that all compile at once."""
    inputs, outputs = [], []
    for seed in seeds:
        d = Draw((2, *family.name.encode(), seed))
        shape = d.of(*family.shapes)
        x = [keras.Input(shape, name=f"{family.name}_{seed}_x{n}") for n in range(family.inputs)]
        layer = family.make(d, shape)
        q = x
        if family.behind:
            names = [f"{family.name}_{seed}_q{n}" for n in range(family.inputs)]
            q = [Quantizer(d.conf("datalane"), name=n)(v) for n, v in zip(names, x, strict=True)]
        layer.name = f"{family.name}_{seed}"
        inputs += x
        outputs.append(family.call(layer, q))
    return finished(keras.Model(inputs, outputs, name=family.name))


def network_sheet(seeds: range) -> keras.Model:
    """One model of independent random networks, one per seed."""
    inputs, outputs = [], []
    for seed in seeds:
        x, y = _network(Draw((3, seed)), f"net_{seed}")
        inputs.append(x)
        outputs.append(y)
    return finished(keras.Model(inputs, outputs, name="networks"))


def _network(d: Draw, name: str) -> tuple[Any, Any]:
    """Two to six layers; branches join again where shapes allow."""
    shape = d.of((4,), (3, 2), (5, 2), (4, 3, 2))
    x = keras.Input(shape, name=f"{name}_x")
    y = Quantizer(d.conf("datalane"), name=f"{name}_q")(x)
    seen = [y]
    for n in range(d.whole(2, 6)):
        family = FAMILIES[d.of(*FAMILIES)]
        shape = tuple(y.shape[1:])
        layer = _suitable(family, d, shape)
        if layer is None:
            continue
        layer.name = f"{name}_{n}_{family.name}"
        same = [t for t in seen if t.shape == y.shape]
        out = family.call(layer, [y, d.of(*same)][: family.inputs])
        if math.prod(out.shape[1:]) <= LARGEST:
            y = out
            seen.append(y)
    return x, Quantizer(d.conf("datalane"), name=f"{name}_out")(y)


def _suitable(family: Family, d: Draw, shape: Shape) -> Any:
    """A layer of the family for this shape, or None."""
    ranks = {len(s) for s in family.shapes}
    return family.make(d, shape) if len(shape) in ranks else None


def finished(model: keras.Model) -> keras.Model:
    """The model with random widths and weights, its ranges traced on seeded data.

    Every value depends on the name of its layer or input alone, so that a layer that fails in a
    sheet fails the same way on its own.
    """
    for layer in model.layers:
        fill(layer, Draw((0, *layer.name.encode())))
    data = [
        Draw((1, *t.name.encode())).rng.normal(0, 2, (32, *t.shape[1:])).astype(np.float32)
        for t in model.inputs
    ]
    trace_minmax(model, data if len(data) > 1 else data[0])
    return model
