"""The PYNQ driver with a DMA whose far side is the graph, in a Python that lacks the package."""

import json
import subprocess
import sys

import numpy as np
import pytest

from hgq_rtl.cosim.vectors import input_types, random_vectors
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.packing import from_bytes, to_bytes
from hgq_rtl.project import Delivery, write_project
from tests.cosim.design import tiny

BOARD = '''
import json, sys, types
import numpy as np

class Buffer(np.ndarray):
    """Memory that the DMA sees only after flush, and the processor after invalidate."""
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def flush(self): self.flushed = True
    def invalidate(self): self[:] = self.arrived

def allocate(size, dtype):
    assert size > 0
    return np.zeros(size, dtype).view(Buffer)

answers = {bytes.fromhex(x): bytes.fromhex(y) for x, y in json.load(open("answers.json"))}
packets = []

class Receive:
    def transfer(self, buffer): self.buffer = buffer
    def wait(self): assert hasattr(self.buffer, "arrived")

class Send:
    def transfer(self, buffer):
        assert buffer.flushed
        size = len(next(iter(answers)))
        data = bytes(buffer)
        packets.append(len(data) // size)
        out = b"".join(answers[data[i:i + size]] for i in range(0, len(data), size))
        dma.recvchannel.buffer.arrived = np.frombuffer(out, np.uint8)
    def wait(self): pass

dma = types.SimpleNamespace(recvchannel=Receive(), sendchannel=Send())
pynq = types.ModuleType("pynq")
pynq.allocate = allocate
pynq.Overlay = lambda path: types.SimpleNamespace(dma=dma, path=path)
sys.modules["pynq"] = pynq
sys.modules["hgq_rtl"] = None  # not installed there
from driver import Network

network = Network("tiny.bit", chunk=7)
with np.load("x.npz") as file:
    x = [file["x"], file["b"]]
y = network.predict(x)
np.savez("y.npz", *y)
assert packets == [7, 7, 6], packets
assert [part.shape for part in network.predict([part[:0] for part in x])] == [(0, 2), (0,)]
'''


@pytest.mark.parametrize("beats", [{}, {"in_beat": 8, "out_beat": 8}])
def test_driver_gives_the_numbers_of_the_graph(tmp_path, beats):
    core = tiny(delivery=Delivery(**beats))
    folder = write_project(core, tmp_path / "out").path / "zynq"
    ports, axis = core.interface, core.axis
    n = random_vectors(input_types(ports), 20, seed=1)
    want = output_integers(core.graph, ports, n)
    sent = to_bytes(ports.inputs, n, axis.in_beat * axis.in_beats // 8)
    back = to_bytes(ports.outputs, want, axis.out_beat * axis.out_beats // 8)
    assert (from_bytes(ports.outputs, back) == want).all()
    pairs = [(a.tobytes().hex(), b.tobytes().hex()) for a, b in zip(sent, back, strict=True)]
    (folder / "answers.json").write_text(json.dumps(pairs))
    x, b = ports.inputs[0].floats(n[:, :3]), ports.inputs[1].floats(n[:, 3:])
    np.savez(folder / "x.npz", x=x, b=b)
    (folder / "board.py").write_text(BOARD)
    done = subprocess.run(
        [sys.executable, "board.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "y.npz") as file:
        y = [file[name] for name in file.files]
    for found, expected in zip(y, ports.output_floats(want), strict=True):
        assert (found == expected).all()
