
from tests.battery.backend import BackendBattery
from tests.emit.ghdl import simulate
from tests.tools import needs


class TestVhdl(BackendBattery):
    backend = "vhdl"

    @needs("ghdl")
    def test_hardware_equals_the_graph(self, battery, emitted, tmp_path):
        super().test_hardware_equals_the_graph(battery, emitted, tmp_path)

    def simulate(self, emitted, design, buses, folder):
        ins, outs = design.interface.inputs[0].width, design.interface.outputs[0].width
        return simulate(emitted, ins, outs, design.info.latency, buses, folder)
