"""What a family of layers is, and all of them by name.

A new layer adds one function to a module of this package and is then part of the random layers and
networks. The function gets an input shape without batch axis (a family of several inputs: the shape
that all of them have) and returns the layer with random options, or ``None`` where the shape does
not suit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.equality.draw import Draw

Shape = tuple[int, ...]
Make = Callable[[Draw, Shape], Any]


@dataclass(frozen=True)
class Family:
    """A kind of layer: how to make and call one, and inputs it can stand alone on."""

    name: str
    make: Make
    shapes: tuple[Shape, ...]
    inputs: int = 1
    behind: bool = False
    """Whether it stands behind a quantizer: it has none, or one per connection."""
    call: Callable[[Any, list[Any]], Any] = lambda layer, x: layer(x if len(x) > 1 else x[0])


FAMILIES: dict[str, Family] = {}


def family(*shapes: Shape, **more: Any) -> Callable[[Make], Make]:
    """Register the decorated function under its own name."""

    def register(make: Make) -> Make:
        FAMILIES[make.__name__] = Family(make.__name__, make, shapes, **more)
        return make

    return register
