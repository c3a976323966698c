"""What must come out, against what does."""

from __future__ import annotations

from typing import Any

import numpy as np
from cocotb.triggers import FallingEdge

from hgq_rtl.cosim.bench.ends import Monitor
from hgq_rtl.cosim.bench.handshake import PATIENCE
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.interface import Interface


class Scoreboard:
    """Compares what a monitor sees with what is expected, in order, as integers.

    ``expect`` what the project's own graph makes of inputs, or with ``expect_outputs`` values of
    your own; then ``check``.
    """

    def __init__(self, monitor: Monitor[Any]) -> None:
        self.monitor, self.project = monitor, monitor.project
        self._wanted: list[Ints] = []

    def expect(self, x: Any) -> None:
        """The outputs for these inputs (samples first) must come, after what is expected already.

        They are computed from the project's ``graph.ir``, exactly.
        """
        interface = self.project.interface
        n = interface.input_integers(x)
        self._wanted.append(output_integers(self.project.graph, interface, n))

    def expect_outputs(self, y: Any) -> None:
        """These outputs must come: arrays as ``Project.predict`` gives them.

        Raises NumberError for a value that the output ports cannot hold.
        """
        interface = self.project.interface
        as_inputs = Interface(interface.outputs, (), input_tree=interface.output_tree)
        self._wanted.append(as_inputs.input_integers(y))

    async def check(self, patience: int = PATIENCE, quiet: int = 64) -> int:
        """Wait for all that is expected, and return how many samples were compared.

        Raises CosimError for a wrong value, for a sample more within ``quiet`` clocks, and if
        nothing was expected; fails after ``patience`` clocks in which nothing came.
        """
        where = f"outputs of '{self.project.name}'"
        wanted = [row for rows in self._wanted for row in rows]
        self._wanted.clear()
        if not wanted:
            raise CosimError(
                "nothing was expected, so nothing was compared",
                where=where,
                hint="Call expect(x) for what was sent",
            )
        found = await self.monitor.integers(len(wanted), patience)
        wrong = found != np.array(wanted, dtype=found.dtype)
        if wrong.any():
            sample, element = (int(i) for i in np.argwhere(wrong)[0])
            name, value = self._element(element)
            raise CosimError(
                f"sample {sample} of {len(wanted)} has {name} = {value(found[sample, element])}, "
                f"expected {value(wanted[sample][element])}",
                where=where,
                hint=f"{int(wrong.any(axis=1).sum())} samples are wrong",
            )
        edge = FallingEdge(self.monitor.sink.clk)
        for _ in range(quiet):
            await edge
        if more := self.monitor.waiting():
            raise CosimError(
                f"{more} samples came that nobody expects",
                received=f"{len(wanted)} right ones before",
                where=where,
            )
        return len(wanted)

    def _element(self, index: int) -> tuple[str, Any]:
        """The name of an output element, and how to write its integers in the user's units."""
        ports = self.project.interface.outputs
        names = [port.element_name(i) for port in ports for i in range(port.size)]
        types = [t for port in ports for t in port.types]
        return names[index], lambda n: f"{float(np.ldexp(float(n), types[index].exp)):g}"
