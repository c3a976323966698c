"""Op, Node and Builder: what a graph is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints

Attrs = tuple[Any, ...]
Masks = tuple[int, ...]


def _demand_all(node: Node, mask: int) -> Masks:
    """Every bit of every argument: the safe answer for any op."""
    return tuple((1 << arg.type.width) - 1 for arg in node.args)


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """One kind of node: all that the compiler knows about it, in one place.

    ``infer(types, attrs)`` gives the result type and raises IRError on wrong attributes;
    ``evaluate(node, *args)`` computes integers at ``node.type.exp`` from integers at the
    arguments' exponents; ``demand(node, mask)`` says which bits of each argument can influence
    the bits of the result in ``mask`` (bit 0 is the LSB of the result's type);
    ``expand(build, node)`` rebuilds the node from smaller ops, for ops no backend emits;
    ``fit(types, attrs)`` gives attributes that also cover arguments of wider intervals than those
    they were made for, whose further values never occur.
    """

    name: str
    arity: int | None
    """Number of arguments; None for any number above zero."""
    fields: tuple[str, ...]
    infer: Callable[[tuple[Fixed, ...], Attrs], Fixed]
    evaluate: Callable[..., Ints]
    demand: Callable[[Node, int], Masks] = _demand_all
    expand: Callable[[Builder, Node], Node] | None = None
    fit: Callable[[tuple[Fixed, ...], Attrs], Attrs] | None = None

    def __repr__(self) -> str:
        return self.name


class Node:
    """An op applied to argument nodes. Interned by its Builder, so compare with ``is``.

    Holds four facts and nothing else; names and origins are side tables of the Builder.
    """

    __slots__ = ("args", "attrs", "op", "type")

    def __init__(self, op: Op, args: tuple[Node, ...], attrs: Attrs, type: Fixed) -> None:
        self.op, self.args, self.attrs, self.type = op, args, attrs, type

    def __repr__(self) -> str:
        attrs = ", ".join(f"{k}={v}" for k, v in zip(self.op.fields, self.attrs, strict=True))
        return f"<{self.op.name}({len(self.args)} args{', ' if attrs else ''}{attrs}) {self.type}>"


class Builder:
    """Makes nodes, each once: equal op, arguments and attributes give the same object.

    One Builder serves a whole compilation, so that common subexpressions need no pass and an
    unchanged subgraph costs nothing to rebuild. ``origins`` maps a node to the place in the
    user's model that it came from first, such as ``dense_1/neuron_3``; ``serials`` counts nodes
    in the order of their making, which gives commutative arguments a reproducible order.
    """

    def __init__(self) -> None:
        self._table: dict[tuple[Any, ...], Node] = {}
        self._origin = ""
        self.origins: dict[Node, str] = {}
        self.serials: dict[Node, int] = {}

    def __call__(self, op: Op, *args: Node, **attrs: Any) -> Node:
        """The node ``op(*args)`` with the given attributes, new or already known."""
        try:
            values = tuple(attrs[name] for name in op.fields)
        except KeyError as missing:
            raise IRError(f"op '{op.name}' needs attribute {missing}") from None
        if len(attrs) != len(op.fields):
            extra = sorted(set(attrs) - set(op.fields))
            raise IRError(f"op '{op.name}' has no attribute {extra[0]!r}")
        return self.make(op, args, values)

    def make(self, op: Op, args: tuple[Node, ...], attrs: Attrs) -> Node:
        """As calling the builder, with attribute values in the order of ``op.fields``."""
        key = (op, attrs, *map(id, args))
        node = self._table.get(key)
        if node is None:
            if op.arity != len(args) and not (op.arity is None and args):
                need = "at least one" if op.arity is None else str(op.arity)
                raise IRError(f"op '{op.name}' takes {need} argument(s)", received=f"{len(args)}")
            node = Node(op, args, attrs, op.infer(tuple(a.type for a in args), attrs))
            self._table[key] = node
            self.serials[node] = len(self.serials)
            if self._origin:
                self.origins[node] = self._origin
        return node

    def rebuild(self, node: Node, args: tuple[Node, ...]) -> Node:
        """``node`` of other arguments that have the same values, maybe in wider intervals."""
        attrs = node.attrs
        if node.op.fit is not None:
            attrs = node.op.fit(tuple(a.type for a in args), attrs)
        return self.make(node.op, args, attrs)

    @contextmanager
    def at(self, origin: str) -> Iterator[None]:
        """Nodes made for the first time inside this context come from ``origin``."""
        before, self._origin = self._origin, origin
        try:
            yield
        finally:
            self._origin = before

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """As ``at``, one level below the present origin."""
        with self.at(f"{self._origin}/{name}" if self._origin else name):
            yield

    def set_origin(self, origin: str) -> None:
        """The same without a context, for loops that set it once per node."""
        self._origin = origin
