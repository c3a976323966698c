"""Target: what a pass may know of the hardware that a graph is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps

from hgq_rtl.ir.graph import Graph
from hgq_rtl.timing.load import load_device
from hgq_rtl.timing.model import DelayModel
from hgq_rtl.timing.timeline import Cuts

DEFAULT_DEVICE = "xcvu13p-2"


@dataclass(frozen=True, eq=False)
class Target:
    """The device, and how much time may be spent to save area.

    ``extra_levels``: how many adders later than the fastest tree the slowest output of a matrix
    may come. ``cuts``: the stages that the design with sums of three has to fit into, as it does
    with sums of two; None: it may take longer.
    """

    device: DelayModel
    extra_levels: int = 1
    cuts: Cuts | None = None

    @property
    def fingerprint(self) -> str:
        """Equal for targets on which the same choices are made."""
        values = {f.name: getattr(self.device, f.name) for f in fields(self.device)}
        return repr((sorted(values.items()), self.extra_levels))


Pass = Callable[[Graph, Target], Graph]
"""An optimisation: an equal graph that is cheaper on the target."""


def anywhere(function: Callable[[Graph], Graph]) -> Pass:
    """A pass that does the same on every target."""

    @wraps(function)
    def run(graph: Graph, target: Target) -> Graph:
        return function(graph)

    return run


def default_target() -> Target:
    """The target where the user names none."""
    return Target(load_device(DEFAULT_DEVICE))
