"""Nested dictionaries, lists and tuples of arrays, and the flat list of their leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hgq_rtl.errors import NumberError

Path = tuple[str | int, ...]


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its keys and positions, in order; None is an empty container.

    >>> list(leaves({"a": [1, 2], "b": 3}))
    [(('a', 0), 1), (('a', 1), 2), (('b',), 3)]
    """
    if isinstance(tree, dict | list | tuple):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield from leaves(value, (*path, key))
    elif tree is not None:
        yield path, tree


def replaced(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """The same containers with ``leaf`` of every leaf, called in the order of ``leaves``."""
    if isinstance(tree, dict):
        return {key: replaced(value, leaf) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [replaced(value, leaf) for value in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*parts)
        return type(tree)(parts)
    return None if tree is None else leaf(tree)


def flattened(data: Any, tree: Any, where: str = "the data") -> list[Any]:
    """The leaves of ``data``, which has the containers of ``tree`` (a list may be a tuple).

    Raises NumberError that says where the structure differs.
    """
    if isinstance(tree, dict):
        if not isinstance(data, dict) or set(data) != set(tree):
            found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
            raise NumberError(
                f"{where} must be a dictionary with the keys {', '.join(map(str, tree))}",
                received=found,
            )
        pairs = [(f"{where}[{key!r}]", data[key], tree[key]) for key in tree]
    elif isinstance(tree, list | tuple):
        if not hasattr(data, "__len__") or len(data) != len(tree):
            found = f"{len(data)} entries" if hasattr(data, "__len__") else type(data).__name__
            raise NumberError(f"{where} must have {len(tree)} entries", received=found)
        pairs = [(f"{where}[{n}]", d, t) for n, (d, t) in enumerate(zip(data, tree, strict=True))]
    else:
        return [] if tree is None else [data]
    return [x for inner, d, t in pairs for x in flattened(d, t, inner)]
