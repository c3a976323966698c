"""PYNQ driver of {{ name }}: exact numbers in, exact numbers out, through an AXI DMA.

from driver import Network
y = Network("{{ top }}.bit").predict(x)
"""

import json
from pathlib import Path

import numpy as np
from exact.packing import from_bytes, to_bytes
from exact.ports import from_json

HERE = Path(__file__).resolve().parent
LONGEST = (1 << 26) - 1
"""Bytes of one transfer: the DMA counts them with 26 bits."""


class Network:
    """The core behind the DMA of an overlay.

    ``bitfile``: a path, or a name beside this file. ``overlay``: one that is loaded already.
    ``chunk``: samples per transfer.
    """

    def __init__(self, bitfile="{{ top }}.bit", overlay=None, chunk=4096):
        if overlay is None:
            from pynq import Overlay

            path = Path(bitfile)
            overlay = Overlay(str(path if path.exists() else HERE / path))
        facts = json.loads((HERE / "ports.json").read_text())
        self.interface = from_json(facts)
        self.in_bytes = facts["in_beat"] * facts["in_beats"] // 8
        self.out_bytes = facts["out_beat"] * facts["out_beats"] // 8
        self.chunk = min(chunk, LONGEST // max(self.in_bytes, self.out_bytes))
        self.dma = overlay.dma

    def predict(self, x):
        """Float64 arrays (samples, *shape) for float inputs, in the containers that the model has.

        Inputs that the model quantizes are quantized as Keras does. Raises an error for NaN, a
        wrong shape, or a value that an input cannot hold.
        """
        n = self.run(self.interface.input_integers(x))
        return self.interface.output_structure(self.interface.output_floats(n))

    def run(self, n):
        """Port integers (samples, output elements) for port integers of the inputs."""
        data = to_bytes(self.interface.inputs, n, self.in_bytes)
        parts = [self._transfer(data[i : i + self.chunk]) for i in range(0, len(data), self.chunk)]
        empty = np.empty((0, self.out_bytes), dtype=np.uint8)
        return from_bytes(self.interface.outputs, np.concatenate([empty, *parts]))

    def _transfer(self, data):
        """One packet: all bytes out, all results in."""
        from pynq import allocate

        size = len(data) * self.out_bytes
        with allocate(data.size, np.uint8) as source, allocate(size, np.uint8) as sink:
            source[:] = data.reshape(-1)
            source.flush()
            # The receiver first, so that results have somewhere to go from the first clock.
            self.dma.recvchannel.transfer(sink)
            self.dma.sendchannel.transfer(source)
            self.dma.sendchannel.wait()
            self.dma.recvchannel.wait()
            sink.invalidate()
            return np.array(sink, dtype=np.uint8).reshape(len(data), self.out_bytes)
