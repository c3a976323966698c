"""The architecture of a model of HGQ 2, as Keras saves it, in terms of this project's layers."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import keras

import hgq_rtl.layers as layers
from hgq_rtl.compat.hgq2.archive import Saved
from hgq_rtl.compat.hgq2.layers import RULES
from hgq_rtl.compat.hgq2.quantizers import is_hgq, leaf
from hgq_rtl.errors import ConversionError, HgqRtlError
from hgq_rtl.layers.loading import no_random_starts

CONTAINERS = ("Functional", "Sequential")


def translate(
    config: dict[str, Any], saved: Saved, reciprocal_bits: int | None
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The model's configuration with layers of this project, and HGQ 2's of each such layer.

    The latter by layer path, such as "encoder/q_dense_1", as they were saved. Raises
    ConversionError, which names the layer, for everything that has no equal here.
    """
    if config.get("class_name") not in CONTAINERS:
        raise ConversionError(
            "only functional and Sequential models can be converted",
            received=str(config.get("class_name")),
        )
    result = json.loads(json.dumps({**config, "compile_config": None}))
    originals: dict[str, dict[str, Any]] = {}
    stack = [("", result, saved)]
    while stack:
        parent, model, group = stack.pop()
        inner = model["config"]["layers"]
        places = by_name(group)
        for n, layer in enumerate(inner):
            name = layer["config"].get("name", "")
            path = f"{parent}/{name}" if parent else name
            if layer["class_name"] in CONTAINERS:
                stack.append((path, layer, places.get(name, Saved(name))))
            elif is_hgq(layer):
                originals[path] = layer
                inner[n] = _layer(layer, path, places.get(name, Saved(name)), reciprocal_bits)
            elif _mentions_hgq(layer["config"]):
                raise ConversionError(
                    "a layer of HGQ 2 inside of another layer cannot be converted",
                    where=f"layer '{path}' ({layer['class_name']})",
                )
    return result, originals


def by_name(saved: Saved) -> dict[str, Saved]:
    """What was saved of the layers of a model, by their names."""
    inner = saved.parts.get("layers", Saved("")).parts.values()
    return {layer.name: layer for layer in inner}


def _mentions_hgq(config: Any) -> bool:
    return re.search('"hgq2?>', json.dumps(config)) is not None


def _layer(
    layer: dict[str, Any], path: str, saved: Saved, reciprocal_bits: int | None
) -> dict[str, Any]:
    kind = layer["class_name"]
    where = f"layer '{path}' ({kind})"
    cls = getattr(layers, kind, None)
    if kind not in RULES or cls is None:
        raise ConversionError(
            f"{kind} layers cannot be converted",
            where=where,
            hint=f"Supported: {', '.join(name for name in RULES if hasattr(layers, name))}",
        )
    try:
        kept = RULES[kind].kept(layer["config"])
        leaves = json.loads(json.dumps(kept), object_hook=leaf)
        arguments = RULES[kind].arguments(leaves, saved)
        if reciprocal_bits is not None and "AveragePooling" in kind:
            arguments["reciprocal_bits"] = reciprocal_bits
    except HgqRtlError as error:
        raise ConversionError(
            error.what, received=error.received, where=where, hint=error.hint
        ) from None
    nodes = [_node(node) for node in layer.get("inbound_nodes", [])]
    return {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "config": arguments,
        "registered_name": f"hgq_rtl>{cls.__name__}",
        "name": layer.get("name"),
        **({"inbound_nodes": nodes} if "inbound_nodes" in layer else {}),
    }


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """A call, without the optional arguments that were not given."""
    kwargs = {k: v for k, v in node["kwargs"].items() if v is not None}
    if kwargs.get("training") is False:
        del kwargs["training"]
    return {**node, "kwargs": kwargs}


def construct(config: dict[str, Any]) -> keras.Model:
    """The model of a translated configuration, built, with no weights loaded.

    Raises ConversionError, which names the layer where one layer alone is the reason.
    """
    try:
        # A copy, since Keras takes it apart.
        with no_random_starts():
            model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
    except Exception as error:  # Keras and layers raise whatever they meet
        _blame(config)
        raise ConversionError(
            "the model cannot be rebuilt", received=f"{type(error).__name__}: {error}"
        ) from None
    if not model.built:
        raise ConversionError(
            "the model was never built, so that there is nothing to convert",
            hint="Call it on data once, or start it with keras.Input, and save it again",
        )
    return model


def _blame(config: dict[str, Any]) -> None:
    """Raise the error of the first layer that cannot be made by itself."""
    stack = [("", config)]
    while stack:
        parent, model = stack.pop()
        for layer in model["config"]["layers"]:
            name = layer["config"].get("name", "")
            path = f"{parent}/{name}" if parent else name
            if layer["class_name"] in CONTAINERS:
                stack.append((path, layer))
                continue
            alone = {k: v for k, v in layer.items() if k not in ("inbound_nodes", "build_config")}
            where = f"layer '{path}' ({layer['class_name']})"
            own = (layer.get("registered_name") or "").startswith("hgq_rtl>")
            try:
                if own:
                    getattr(layers, layer["class_name"]).from_config(layer["config"])
                else:
                    keras.saving.deserialize_keras_object(alone, safe_mode=True)
            except HgqRtlError as error:
                raise ConversionError(
                    error.what, received=error.received, where=where, hint=error.hint
                ) from None
            except Exception as error:  # as above
                raise ConversionError(
                    "the layer cannot be made from its saved arguments",
                    received=f"{type(error).__name__}: {error}",
                    where=where,
                ) from None
