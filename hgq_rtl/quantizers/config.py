"""QuantizerConfig: what a quantizer is made from, and the scopes that set its defaults."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from hgq_rtl.errors import ConfigError
from hgq_rtl.quantizers.checks import AXES, check_params, choice, complete_widths
from hgq_rtl.quantizers.defaults import DEFAULT_Q_TYPE, PLACES, Q_TYPES, factory_defaults
from hgq_rtl.quantizers.mapper import AxisMapper
from hgq_rtl.quantizers.scope import Scope

FORMAT_VERSION = 1
"""Of what a saved model holds, arguments and variables of all layers; raised when they change.

It stands in the quantizer configurations, which every quantized layer saves.
"""


@dataclass(frozen=True)
class _Setting:
    """What one scope changes: parameters for some types and places, and default types."""

    q_types: tuple[str, ...]
    places: tuple[str, ...]
    default_q_type: str | None
    params: dict[str, Any]


def _overlay(params: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Apply ``changes`` in place.

    An axis argument that is given clears the other one and an outer ``bw_mapper``, as it would
    else have no effect.
    """
    given = [name for name in AXES if changes.get(name) is not None]
    if len(given) == 2:
        raise ConfigError(
            "homogeneous_axis and heterogeneous_axis exclude each other",
            received=", ".join(f"{name}={changes[name]}" for name in AXES),
            hint="Set one of them to None",
        )
    if given and changes.get("bw_mapper") is not None:
        raise ConfigError(
            f"bw_mapper and {given[0]} exclude each other",
            received=f"bw_mapper={changes['bw_mapper']!r}, {given[0]}={changes[given[0]]}",
            hint="A bw_mapper alone says which elements share widths",
        )
    for key, value in changes.items():
        if not (key in AXES and value is None):  # None says "use the other one"
            params[key] = copy.deepcopy(value)
    if given:
        if "bw_mapper" not in changes:
            params["bw_mapper"] = None
        params[AXES[1 - AXES.index(given[0])]] = None


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QuantizerConfig(Mapping[str, Any]):
    """The complete, immutable configuration of one quantizer.

    Starts from the defaults of (``q_type``, ``place``) in the current scope and applies
    ``params``. ``q_type``: kbi, kif, float, dummy, or default (the place's default type).
    ``place``: weight, bias, table or datalane.

    Reads as a mapping of all parameters; ``replace`` makes a changed copy. Parameters of the
    fixed-point types kbi and kif:

    ``k0 i0 b0 f0``       initial widths: numbers or Keras initializers
    ``ic bc fc``          their constraints; ``ir br fr``: their regularizers
    ``round_mode``        TRN RND RND_CONV TRN_ZERO RND_ZERO RND_MIN_INF RND_INF; S_RND, S_RND_CONV:
                          stochastic in training, else RND, RND_CONV
    ``overflow_mode``     WRAP SAT SAT_SYM
    ``i_decay_speed``     WRAP only: bits by which ``i`` decays per training step
    ``homogeneous_axis, heterogeneous_axis, bw_mapper``  which elements share widths
    ``is_weight``         WRAP only: derive ``i`` from the (weight) values themselves
    ``trainable``         whether widths are trained, tracked and traced
    ``scaler, affine, qnoise_factor``  see ``Quantizer``

    and of the minifloat type float: ``m0 e0 e00`` initial mantissa bits, exponent bits and
    exponent offset, ``mc ec e0c`` and ``mr er e0r`` their constraints and regularizers, the axes,
    ``bw_mapper``, ``trainable``, ``scaler``, ``affine`` and ``qnoise_factor``.

    Raises ConfigError for unknown types, places and parameters, and for impossible values.

    >>> conf = QuantizerConfig("kif", "datalane", f0=3)
    >>> conf["f0"], conf["i0"], conf["overflow_mode"]
    (3, 2, 'WRAP')
    """

    def __init__(self, q_type: str = "default", place: str = "datalane", **params: Any) -> None:
        self.place = choice("place", place, PLACES)
        self.q_type = choice("quantizer type", q_type, ("default", *Q_TYPES))
        settings = QuantizerConfigScope.settings()
        if q_type == "default":
            self.q_type = DEFAULT_Q_TYPE[place]
            for s in settings:
                if s.default_q_type is not None and place in s.places:
                    self.q_type = s.default_q_type
        self._params = factory_defaults(self.q_type, place)
        for s in settings:
            if self.q_type in s.q_types and place in s.places:
                _overlay(self._params, {k: v for k, v in s.params.items() if k in self._params})
        unknown = sorted(set(params) - set(self._params))
        if unknown:
            raise ConfigError(f"a {self.q_type} quantizer has no parameter {unknown[0]!r}",
                              hint=f"Known: {', '.join(sorted(self._params))}")  # fmt: skip
        _overlay(self._params, params)
        check_params(self._params)

    def __getitem__(self, key: str) -> Any:
        return self._params[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __bool__(self) -> bool:
        return True  # even with no parameters at all

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        body = "".join(f", {k}={v!r}" for k, v in self._params.items())
        return f"QuantizerConfig({self.q_type!r}, {self.place!r}{body})"

    def replace(self, **params: Any) -> QuantizerConfig:
        """Return a copy with ``params`` changed, whatever scope is active."""
        merged = dict(self._params)
        unknown = sorted(set(params) - set(merged))
        if unknown:
            raise ConfigError(f"a {self.q_type} quantizer has no parameter {unknown[0]!r}",
                              hint=f"Known: {', '.join(sorted(merged))}")  # fmt: skip
        _overlay(merged, params)
        check_params(merged)
        return self._restore(self.q_type, self.place, merged)

    def mapper(self) -> Any:
        """Return the object that shares widths between elements."""
        if self["bw_mapper"] is not None:
            return self["bw_mapper"]
        return AxisMapper(**{name: self[name] for name in AXES})

    def get_config(self) -> dict[str, Any]:
        """Return every parameter, so that loading does not depend on the scope."""
        params = {k: keras.saving.serialize_keras_object(v) for k, v in self._params.items()}
        return {
            "version": FORMAT_VERSION,
            "q_type": self.q_type,
            "place": self.place,
            "params": params,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizerConfig:
        """Inverse of ``get_config``. Raises ConfigError for another version of the format."""
        if config.get("version") != FORMAT_VERSION:
            raise ConfigError(
                "the model was saved in another version of the format",
                received=f"version {config.get('version')}; this hgq_rtl reads version "
                f"{FORMAT_VERSION}",
                hint="Load it with the hgq_rtl that saved it, or save it again with this one",
            )
        q_type = choice("quantizer type", config["q_type"], Q_TYPES)
        place = choice("place", config["place"], PLACES)
        params = factory_defaults(q_type, place)
        for k, v in config["params"].items():
            if k not in params:
                raise ConfigError(f"a saved {q_type} quantizer has the unknown parameter {k!r}")
            value = keras.saving.deserialize_keras_object(v)
            params[k] = tuple(value) if k in (*AXES, "affine") and value is not None else value
        check_params(params)
        return cls._restore(q_type, place, params)

    @classmethod
    def _restore(cls, q_type: str, place: str, params: dict[str, Any]) -> QuantizerConfig:
        self = QuantizerConfig.__new__(QuantizerConfig)  # a preset loads as what it stands for
        self.q_type, self.place, self._params = q_type, place, params
        return self


def as_config(conf: Any, place: str) -> QuantizerConfig:
    """A QuantizerConfig from None (the default of ``place``), a config or a serialized config."""
    if conf is None:
        return QuantizerConfig(place=place)
    if isinstance(conf, dict) and "class_name" in conf:
        conf = keras.saving.deserialize_keras_object(conf)
    if not isinstance(conf, QuantizerConfig):
        raise ConfigError("a quantizer configuration must be a QuantizerConfig",
                          received=type(conf).__name__)  # fmt: skip
    return conf


class QuantizerConfigScope(Scope):
    """Set quantizer defaults for the configs and layers made inside a ``with`` block.

    ``q_type``: kbi, kif, float, dummy, all, or several; ``place``: a place, all, or several: where
    ``params`` apply. ``default_q_type``: the type that 'default' means in these places (it does
    not narrow where ``params`` apply). Of ``i0``, ``b0``, ``f0`` two determine the third, so that
    one scope serves kbi and kif. Nested scopes: the innermost wins, key by key.

    Raises ConfigError for a parameter that no selected quantizer has.
    """

    def __init__(
        self,
        q_type: str | Iterable[str] = "all",
        place: str | Iterable[str] = "all",
        default_q_type: str | None = None,
        **params: Any,
    ) -> None:
        q_types = _several("quantizer type", q_type, Q_TYPES)
        places = _several("place", place, PLACES)
        if default_q_type is not None:
            choice("quantizer type", default_q_type, Q_TYPES)
        known = {t: set(factory_defaults(t, "weight")) for t in q_types}
        for key in params:
            if not any(key in keys for keys in known.values()):
                raise ConfigError(
                    f"the parameter {key!r} has no effect in this scope",
                    received=f"q_type={q_type!r}, place={place!r}",
                    hint=f"Known: {', '.join(sorted(set().union(*known.values())))}",
                )
        params = complete_widths(dict(params))
        for t in q_types:  # values are checked here, where the user wrote them
            for p in places:
                trial = factory_defaults(t, p)
                _overlay(trial, {k: v for k, v in params.items() if k in trial})
                check_params(trial, widths=False)
        super().__init__(_Setting(q_types, places, default_q_type, copy.deepcopy(params)))


def _several(name: str, value: str | Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    if value == "all":
        return known
    if value == "default":
        raise ConfigError(f"a scope needs a definite {name}", received=repr(value),
                          hint=f"Known: all, {', '.join(known)}")  # fmt: skip
    single = isinstance(value, str) or not isinstance(value, Iterable)
    items: tuple[Any, ...] = (value,) if single else tuple(value)
    return tuple(choice(name, item, ("all", *known)) for item in items)
