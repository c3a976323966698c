"""Graph: a pure, flat function from input nodes to output nodes."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from hgq_rtl.ir.node import Builder, Node

Rule = Callable[[Builder, Node], Node | None]
"""Gets a node whose arguments are rebuilt already; returns its replacement or None."""

Replacement = Callable[[Node, Mapping[Node, Node]], Node]
"""Gets a node as it was and what all nodes before it have become; returns what it becomes."""


def toposort(roots: Iterable[Node], known: Container[Node] = ()) -> list[Node]:
    """Every node reachable from ``roots``, arguments before users. Iterative and linear.

    What is ``known`` and what only known nodes need is left out.
    """
    order: list[Node] = []
    done: set[Node] = set()
    for root in roots:
        stack = [(root, 0)]
        while stack:
            node, index = stack.pop()
            if index == 0 and (node in done or node in known):
                continue
            if index < len(node.args):
                stack.append((node, index + 1))
                if node.args[index] not in done:
                    stack.append((node.args[index], 0))
            elif node not in done:
                done.add(node)
                order.append(node)
    return order


@dataclass(frozen=True)
class Graph:
    """Outputs as functions of inputs.

    ``inputs`` lists every port element, used or not; ``outputs`` may repeat a node.
    Output names are ``output_names``, input names are attributes of the input nodes.
    """

    builder: Builder
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    output_names: tuple[str, ...]

    @cached_property
    def nodes(self) -> list[Node]:
        """All inputs, then everything the outputs need, arguments before users."""
        return toposort((*self.inputs, *self.outputs))

    @cached_property
    def users(self) -> dict[Node, list[Node]]:
        """For each node, the nodes that have it as an argument (once per user)."""
        users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for arg in dict.fromkeys(node.args):
                users[arg].append(node)
        return users

    def origin(self, node: Node) -> str:
        """The place in the user's model that ``node`` came from; empty if unknown."""
        return self.builder.origins.get(node, "")

    def where(self, node: Node) -> str:
        """The place of ``node`` as error messages name it; empty if unknown."""
        origin = self.origin(node)
        return f"layer '{origin}'" if origin else ""

    def rebuild(self, rule: Rule) -> Graph:
        """A graph in which ``rule`` has replaced nodes, in one bottom-up walk.

        Rebuilding interns again, so equal nodes become one, and only nodes that are reachable
        from the outputs survive. New nodes inherit the origin of the node they replace.
        """
        build = self.builder

        def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
            args = tuple([new[arg] for arg in node.args])
            same = node
            if any(a is not b for a, b in zip(args, node.args, strict=True)):
                same = build.rebuild(node, args)
            return rule(build, same) or same

        return self.replaced(replacement)

    def replaced(self, replacement: Replacement) -> Graph:
        """The same walk for what needs to know both a node and what comes in its place."""
        build = self.builder
        new: dict[Node, Node] = {node: node for node in self.inputs}
        for node in self.nodes:
            if node not in new:
                build.set_origin(build.origins.get(node, ""))
                new[node] = replacement(node, new)
        build.set_origin("")
        return self.with_outputs(new[node] for node in self.outputs)

    def with_outputs(self, outputs: Iterable[Node]) -> Graph:
        """The same ports, computed by other nodes."""
        return replace(self, outputs=tuple(outputs))
