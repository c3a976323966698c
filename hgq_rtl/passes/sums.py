"""Sums as lists of their terms, before these are added in another way."""

from __future__ import annotations

from dataclasses import dataclass

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import ADD, CAST, SHIFT

Term = tuple[Node, int, bool]
"""A node, the shift it is read at, and whether it is subtracted."""


@dataclass
class Sum:
    """A tree of additions that nobody reads inside, as the list of its terms."""

    terms: list[Term]
    adders: list[Node]
    """The additions of the tree as it is."""
    top: int | None
    """Bits from 2^top on do not matter; None: all do."""
    dissolved: bool = False
    """Whether it took in the terms of another sum, which then is not needed for it."""


def sums_of(graph: Graph) -> dict[Node, Sum]:
    """Every sum, by the node that stands for it.

    That is its last addition, or the cast that alone reads it and says which bits matter.
    """
    alone = {
        node for node, users in graph.users.items()
        if len(users) == 1 and users[0].args.count(node) == 1
    } - set(graph.outputs)  # fmt: skip
    found: dict[Node, Sum] = {}
    taken: set[Node] = set()
    for node in reversed(graph.nodes):
        if node.op is not ADD or node in taken:
            continue
        user = graph.users[node][0] if node in alone else node
        cut = user.op is CAST and user.attrs[0] <= node.type.exp
        whole = _collect(node, alone, sum(user.attrs[:2]) if cut else None)
        taken.update(whole.adders)
        found[user if cut else node] = whole
    return found


def _collect(root: Node, alone: set[Node], top: int | None) -> Sum:
    """What ``root`` adds up. ``top``: bits from 2^top on do not matter; None: all do."""
    terms: list[tuple[Node, int, bool]] = []
    adders = []
    stack = [(root, 0, False)]
    while stack:
        node, bits, negative = stack.pop()
        if node.op is ADD and (node is root or node in alone):
            adders.append(node)
            a, b = node.args
            stack += [(b, bits, negative != node.attrs[0]), (a, bits, negative)]
        elif node.op is SHIFT and node in alone:
            stack.append((node.args[0], bits + node.attrs[0], negative))
        elif node.op is CAST and node in alone and _keeps(node, top, bits):
            stack.append((node.args[0], bits, negative))
        elif not node.type.is_zero:
            terms.append((node, bits, negative))
    return Sum(terms, adders, top)


def dissolve(graph: Graph, sums: dict[Node, Sum]) -> None:
    """Put the terms of a sum that several others read into these, where that saves additions.

    n terms take n // 2 additions of three or two: a sum of an even number of them has room for one
    more term at no cost.
    """
    roots = {whole.adders[0]: whole for whole in sums.values()}
    reads: dict[Node, int] = dict.fromkeys(roots, 0)

    def read(node: Node) -> None:
        while node.op is SHIFT or node.op is CAST:
            node = node.args[0]
        if node in reads:
            reads[node] += 1

    for node in graph.nodes:
        if node.op not in (SHIFT, CAST):
            for arg in node.args:
                read(arg)
    for node in graph.outputs:
        read(node)
    uses: dict[Node, list[tuple[Sum, Term]]] = {root: [] for root in roots}
    for whole in sums.values():
        for term in whole.terms:
            source = _source(term, whole.top)[0]
            if source in uses:
                uses[source].append((whole, term))
    # Arguments before users: what is dissolved has taken in its own parts already.
    for root in reversed(roots):
        if not 1 < len(uses[root]) == reads[root]:
            continue
        own = roots[root]
        more = sum(
            ((len(whole.terms) + len(own.terms) - 1) // 2 - len(whole.terms) // 2)
            * whole.adders[0].type.width
            for whole, _ in uses[root]
        )
        if more >= len(own.terms) // 2 * root.type.width:
            continue
        for whole, term in uses[root]:
            _, bits, negative = _source(term, whole.top)
            whole.terms.remove(term)
            whole.terms += [(x, b + bits, n != negative) for x, b, n in own.terms]
            whole.dissolved = True


def _source(term: Term, top: int | None) -> Term:
    """The sum that a term is, through shifts and through casts that cut nothing of interest."""
    node, bits, negative = term
    while node.op is SHIFT or (node.op is CAST and _keeps(node, top, bits)):
        bits += node.attrs[0] if node.op is SHIFT else 0
        node = node.args[0]
    return node, bits, negative


def _keeps(cast: Node, top: int | None, bits: int) -> bool:
    """Whether a cast, read at a shift, changes no bit below 2^top."""
    exp, width, _ = cast.attrs
    return top is not None and exp <= cast.args[0].type.exp and exp + width + bits >= top
