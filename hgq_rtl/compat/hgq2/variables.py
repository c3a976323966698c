"""Give the layers of a converted model the variables that HGQ 2 saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from hgq_rtl.compat.hgq2 import quantizers
from hgq_rtl.compat.hgq2.architecture import by_name
from hgq_rtl.compat.hgq2.archive import Saved, listed, put
from hgq_rtl.compat.hgq2.folding import settle
from hgq_rtl.compat.hgq2.layers import RULES
from hgq_rtl.errors import ConversionError, HgqRtlError
from hgq_rtl.quantizers import Quantizer


def assign(model: keras.Model, saved: Saved, originals: dict[str, dict[str, Any]]) -> None:
    """Load all variables; ``originals``: HGQ 2's configuration of each of its layers, by path."""
    # A layer that occurs twice was saved once, and so was a quantizer that layers share.
    done: set[int] = set()
    stack = [("", model, saved)]
    while stack:
        parent, container, group = stack.pop()
        places = by_name(group)
        for layer in container.layers:
            if id(layer) in done:
                continue
            done.add(id(layer))
            path = f"{parent}/{layer.name}" if parent else layer.name
            part = places.get(layer.name, Saved(layer.name))
            if isinstance(layer, keras.Model):
                stack.append((path, layer, part))
                continue
            original = originals.get(path)
            kind = original["class_name"] if original else type(layer).__name__
            try:
                if original:
                    load(layer, part, kind, done, original["config"].get("center", True))
                    settle(layer, kind, original["config"])
                else:
                    _load_stock(layer, part)
            except HgqRtlError as error:
                raise ConversionError(
                    error.what, received=error.received, where=f"layer '{path}' ({kind})",
                    hint=error.hint,
                ) from None  # fmt: skip


def load(layer: Any, saved: Saved, kind: str, done: set[int], center: bool = True) -> None:
    """Assign what was saved of a layer of HGQ 2's class ``kind``, and of its parts.

    ``done``: identities of quantizers that have their widths. ``center``: whether a batch
    normalization saved its beta.
    """
    if isinstance(layer, Quantizer):
        quantizers.assign(layer, saved)
        return
    rule = RULES[kind]
    variables = rule.variables if isinstance(rule.variables, str) else rule.variables(layer)
    names = variables.split()
    if not any(v.dtype == np.uint32 for v in saved.variables):
        names = [n for n in names if n not in ("beta", "ebops")]
    names = [n for n in names if n in ("beta", "ebops") or getattr(layer, n, None) is not None]
    if not center:
        names.remove("bn_beta")
    if len(names) != len(saved.variables):
        raise ConversionError(
            "the layer has other variables than HGQ 2 0.2.0 saves",
            received=f"{len(saved.variables)} instead of {len(names)} ({', '.join(names)})",
        )
    for name, value in zip(names, saved.variables, strict=True):
        if name == "ebops":  # HGQ 2 counts the parts of a layer apart from it
            value = np.asarray(_total_ebops(saved), np.float32)
        if name not in ("beta", "ebops"):
            put(getattr(layer, name), value, name)
        elif layer.enable_ebops:
            put(getattr(layer, f"_{name}"), value, name)
    left = dict(saved.parts)
    for name in rule.quantizers.split():
        part = left.pop(name, None)
        for quantizer, widths in _quantizers(layer, name, part or Saved(name)):
            if part is not None or id(quantizer) not in done:
                quantizers.assign(quantizer, widths)
                done.add(id(quantizer))
    for saved_name in list(left):  # in their order, in which Keras saved what parts share
        name = saved_name.removeprefix("_")
        if name in rule.parts:
            part = getattr(layer, rule.part_names.get(name, name))
            load(part, left.pop(saved_name), rule.parts[name], done)
    if rule.load is not None:
        rule.load(layer, left)
    _check_nothing_left(left)


def _total_ebops(saved: Saved) -> int:
    total, stack = 0, [saved]
    while stack:
        part = stack.pop()
        total += sum(int(v) for v in part.variables if v.dtype == np.uint32 and v.ndim == 0)
        stack.extend(part.parts.values())
    return total


def _quantizers(layer: Any, name: str, saved: Saved) -> Iterator[tuple[Quantizer, Saved]]:
    """A quantizer of a layer, or those of all its inputs, each with what was saved of it."""
    if name == "iq" and hasattr(layer, "iqs"):
        parts = listed(saved.parts.get("quantizers", Saved("")))
        if not layer.enable_iq:
            return
        if len(parts) != len(layer.iqs):
            raise ConversionError("an input quantizer is missing",
                                  received=f"{len(parts)} for {len(layer.iqs)} inputs")  # fmt: skip
        yield from zip(layer.iqs, parts, strict=True)
    else:
        yield getattr(layer, name), saved


def _load_stock(layer: Any, saved: Saved) -> None:
    _check_nothing_left(saved.parts)
    variables = {str(n): value for n, value in enumerate(saved.variables)}
    if variables or layer.variables:
        try:
            layer.load_own_variables(variables)
        except (ValueError, KeyError) as error:
            raise ConversionError("the variables of the layer do not fit",
                                  received=str(error)) from None  # fmt: skip


def _check_nothing_left(parts: dict[str, Saved]) -> None:
    stack = list(parts.items())
    while stack:
        name, part = stack.pop()
        if part.variables and not name.endswith("seed_generator"):
            raise ConversionError(
                "the layer has a part that cannot be converted",
                received=f"{name!r} with {len(part.variables)} variables",
            )
        stack.extend(part.parts.items())
