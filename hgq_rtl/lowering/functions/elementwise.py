"""Every ufunc on FixedArrays: exactly where there is a rule, else as a function of one value."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.lowering.array import FixedArray, as_elements, is_boolean
from hgq_rtl.lowering.elements import (
    Element,
    Floats,
    Pending,
    Real,
    constant_element,
    number,
)
from hgq_rtl.lowering.functions.bits import check_whole
from hgq_rtl.lowering.functions.conditions import choose
from hgq_rtl.lowering.functions.cone import common_source, in_terms_of
from hgq_rtl.lowering.functions.operands import builder_of
from hgq_rtl.lowering.functions.scalar import Rule
from hgq_rtl.lowering.functions.ufuncs import (
    CONDITIONS,
    EXACT,
    OF_CONDITIONS,
    OF_INTEGERS,
    WHOLE,
)
from hgq_rtl.lowering.inputs import Unquantized
from hgq_rtl.lowering.registry import UFUNCS, implements
from hgq_rtl.lowering.table import resolved

SCOPES = {"subtract": "sub", "multiply": "mul", "maximum": "max", "minimum": "min"}
"""Signal names where they differ from the ufunc's."""


def apply(ufunc: np.ufunc, *operands: Any) -> FixedArray:
    """A ufunc of FixedArrays and numbers, with broadcasting.

    Raises LoweringError where the result is neither exact nor a function of one value.
    """
    if ufunc.nout != 1 or ufunc.signature is not None:
        raise LoweringError(f"numpy.{ufunc.__name__} has no hardware form")
    if ufunc in OF_CONDITIONS and all(is_boolean(x) for x in operands):
        redirected = OF_CONDITIONS[ufunc]
        if redirected is None:
            raise LoweringError(
                f"numpy.{ufunc.__name__} does not take truth values, in NumPy either",
                hint="Use ~ for not and ^ for a difference, or astype(int) first",
            )
        ufunc = redirected
        if ufunc is np.positive:
            return operands[0]
    name, rule = SCOPES.get(ufunc.__name__, ufunc.__name__), EXACT.get(ufunc)
    function: Callable[..., Any] = ufunc
    if rule is None and not any("d" in types.partition("->")[0] for types in ufunc.types):
        function = _of_integers(ufunc, name, operands)
    return evaluate(
        name, function, rule, operands, is_bool=ufunc in CONDITIONS, whole=ufunc in WHOLE
    )


def _of_integers(ufunc: np.ufunc, name: str, operands: Any) -> Callable[..., Any]:
    """A ufunc that NumPy has for integers only, as one of floats."""
    for x in operands:
        if isinstance(x, FixedArray):
            check_whole(f"numpy.{name}", *x.nodes(f"'{name}'").flat)
    return lambda *args: ufunc(*(np.asarray(v).astype(np.int64) for v in args))


UFUNCS[None, "__call__"] = apply


def evaluate(
    name: str,
    function: Callable[..., Any],
    rule: Rule | None,
    operands: Any,
    *,
    is_bool: bool = False,
    whole: bool = False,
) -> FixedArray:
    """``rule`` elementwise; where it has no result, ``function`` of floats, to be tabulated.

    ``function`` gets float64 arrays. ``is_bool``, ``whole``: what its results are.
    """
    build = builder_of(*operands)
    arrays = np.broadcast_arrays(*(as_elements(build, x, f"'{name}'") for x in operands))
    compose = _Composition(build, name, function, rule, whole)
    out = np.empty(arrays[0].shape, dtype=object)
    for index in np.ndindex(out.shape):
        args = tuple(a[index] for a in arrays)
        with build.within("_".join([name, *map(str, index)])):
            node = None
            if rule is not None and all(isinstance(a, Node) for a in args):
                node = rule(build, *args)
            out[index] = compose(args) if node is None else node
    return FixedArray(build, out, is_bool=is_bool)


class _Composition:
    """One function of elements of which at most one has a value that is not known yet."""

    def __init__(
        self, build: Builder, name: str, function: Any, rule: Rule | None, whole: bool
    ) -> None:
        self.build, self.name, self.function = build, name, function
        self.rule, self.whole = rule, whole
        self._tables: dict[Any, Any] = {}
        self._functions: dict[Any, Callable[[Floats], Floats]] = {}

    def __call__(self, args: tuple[Any, ...]) -> Element:
        sources: list[Node] = []
        parts: list[Any] = []
        for x in args:
            if isinstance(x, Unquantized):
                resolved(self.build, x, f"'{self.name}'", {})  # raises
            if isinstance(x, Real):
                parts.append(x.value)
            elif isinstance(x, Pending):
                parts.append(x.function)
                sources.append(x.source)
            elif isinstance(x, Node) and x.type.is_const:
                parts.append(number(x))
            elif isinstance(x, Node):
                parts.append(None)
                sources.append(x)
        if self.function in OF_INTEGERS:
            return self._of_several(args)
        if len(set(sources)) > 1:
            source = common_source(sources)
            if source is None:
                return self._of_several(args)
            values = iter([in_terms_of(source, node) for node in sources])
            parts = [p if isinstance(p, float) else _after(p, next(values)) for p in parts]
            sources = [source]
        key = tuple(parts)
        if key not in self._functions:
            self._functions[key] = _composed(self.function, parts)
        function = self._functions[key]
        if not sources:
            with np.errstate(all="ignore"):
                return constant_element(self.build, function(np.zeros(1))[0])
        result = Pending(sources[0], function, self.name, self._ratio(args))
        return resolved(self.build, result, "", self._tables) if self.whole else result

    def _ratio(self, args: tuple[Any, ...]) -> Fraction | None:
        """What a value is multiplied by, in a chain of products and quotients with constants."""
        known = [_ratio_of(x) for x in args]
        if self.function is np.negative and known[0] is not None:
            return -known[0]
        if len(args) != 2:
            return None
        for value, ratio, constant in ((args[0], known[0], args[1]), (args[1], known[1], args[0])):
            factor = _constant_of(constant)
            if ratio is None or not factor:
                continue
            if self.function is np.multiply:
                return ratio * factor
            if self.function is np.divide and value is args[0]:
                return ratio / factor
        return None

    def _of_several(self, args: tuple[Any, ...]) -> Element:
        """Functions whose values fit a short format have nodes, and the rule takes these."""
        if self.rule is not None and any(isinstance(a, Pending | Real) for a in args):
            nodes = [resolved(self.build, a, f"'{self.name}'", self._tables) for a in args]
            if (result := self.rule(self.build, *nodes)) is not None:
                return result
        raise LoweringError(
            f"'{self.name}' of two variables has no hardware form",
            hint="Make one of them a constant, or a quantized function of one value, such as "
            "hgq_rtl.quantize(1 / x, k, i, f); or join short ones in one integer, for a lookup",
        )


def _ratio_of(x: Any) -> Fraction | None:
    if isinstance(x, Pending):
        return x.ratio
    return Fraction(1) if isinstance(x, Node) and not x.type.is_const else None


def _constant_of(x: Any) -> Fraction | None:
    if isinstance(x, Node) and x.type.is_const:
        return x.type.lo * Fraction(2) ** x.type.exp
    return None


def _after(outer: Any, inner: Any) -> Any:
    """``outer`` of ``inner``, where None is the identity."""
    if outer is None or inner is None:
        return outer or inner
    return lambda v: outer(inner(v))


def _composed(function: Callable[..., Any], parts: list[Any]) -> Callable[[Floats], Floats]:
    """``function`` of the one variable; a part is a number, a function of it, or None for it."""

    def run(v: Floats) -> Floats:
        args = [v if p is None else p(v) if callable(p) else np.float64(p) for p in parts]
        return np.broadcast_to(np.asarray(function(*args), dtype=np.float64), v.shape)

    return run


@implements(np.where)
def where(condition: Any, x: Any, y: Any) -> FixedArray:
    """Either of two values; truth values only where both are."""
    both = is_boolean(x) and is_boolean(y)
    return evaluate("where", np.where, choose, (condition, x, y), is_bool=both)


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limited from below, then from above; a limit of None is none."""
    low, high = a_min if min is None else min, a_max if max is None else max
    a = a if low is None else np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


@implements(np.round, np.around)
def round_(a: FixedArray, decimals: int = 0) -> Any:
    """Half to even, to an integer or to a power of ten."""
    return np.rint(a) if decimals == 0 else np.rint(a * 10.0**decimals) / 10.0**decimals


@implements(np.fix)
def fix(x: FixedArray) -> Any:
    """Towards zero."""
    return np.trunc(x)


@implements(np.astype)
def astype(x: FixedArray, dtype: Any) -> Any:
    """bool: whether it is not 0; an integer type: towards 0; a float type: as it is."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return x if x.is_bool else x != 0
    if kind not in "iuf":
        raise LoweringError("a FixedArray holds numbers", received=f"dtype {np.dtype(dtype)}")
    number_like = x.like(x.elements, is_bool=False)
    return number_like if kind == "f" or x.is_bool else np.trunc(number_like)


@implements(np.interp)
def interp(x: FixedArray, xp: Any, fp: Any, left: Any = None, right: Any = None) -> FixedArray:
    """Straight lines between constant points."""
    return unary("interp", lambda v: np.interp(v, xp, fp, left, right), x)


@implements(np.sinc)
def sinc(x: FixedArray) -> FixedArray:
    """sin(pi x)/(pi x)."""
    return unary("sinc", np.sinc, x)


@implements(np.digitize)
def digitize(x: FixedArray, bins: Any, right: bool = False) -> Any:
    """The number of the constant bin that a value is in: a sum of comparisons."""
    bins = np.asarray(bins)
    if bins.ndim != 1 or not (np.diff(bins) > 0).all():
        raise LoweringError("numpy.digitize takes rising bins here", received=f"{bins}")
    above = x[..., None] > bins if right else x[..., None] >= bins
    return np.sum(above, axis=-1)


@implements(np.searchsorted)
def searchsorted(a: Any, v: FixedArray, side: str = "left") -> Any:
    """As ``digitize``, of a constant sorted array."""
    if isinstance(a, FixedArray):
        raise LoweringError("numpy.searchsorted takes a constant array to search in")
    return digitize(v, a, right=side == "left")


def unary(name: str, function: Callable[[NDArray[Any]], Any], x: FixedArray) -> FixedArray:
    """A function of one value; a table, now or when it is quantized (see ``Pending``)."""
    return evaluate(name, function, None, (x,))
