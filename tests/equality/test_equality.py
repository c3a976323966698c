"""The data set of equality: random layers and networks, Keras against the graph, before and after.

At least 1,500 layers and 300 networks in all; a sample goes through Verilog and a simulator.
"""

import pytest

from hgq_rtl.design import build_design
from tests.equality.check import assert_equal
from tests.equality.families import FAMILIES, single
from tests.equality.models import layer_sheet, network_sheet

# Quantizers of few bits may well leave a whole layer at zero.
pytestmark = pytest.mark.filterwarnings("ignore:quantized to nothing but zeros")

LAYERS, SHEET = 45, 9
NETWORKS, FAST_NETWORKS = 306, 6


QUICK = [name for name, family in FAMILIES.items() if family.make.__module__ == single.__name__]
"""Compiled in seconds; the others have fast tests of their own in tests/layers."""


@pytest.mark.parametrize("name", QUICK)
def test_layers(name):
    assert_equal(layer_sheet(FAMILIES[name], range(LAYERS, LAYERS + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, LAYERS, SHEET))
@pytest.mark.parametrize("name", FAMILIES)
def test_more_layers(name, start):
    assert_equal(layer_sheet(FAMILIES[name], range(start, start + SHEET)))


def test_networks():
    assert_equal(network_sheet(range(FAST_NETWORKS)))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(FAST_NETWORKS, NETWORKS, 10))
def test_more_networks(start):
    assert_equal(network_sheet(range(start, start + 10)))


def simulate(model, tmp_path):
    """Every vector of the delivered regression through Verilog, at II = 1 and with gaps."""
    lowered = assert_equal(model)
    design = build_design(lowered.graph, lowered.interface, name="sheet", clock_ns=2.0)
    assert design.write(tmp_path / "sheet").verify(random=200).vectors > 200


@pytest.mark.cosim
def test_a_network_in_a_simulator(tmp_path):
    simulate(network_sheet(range(2)), tmp_path)


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize("start", range(0, 30, 10))
def test_networks_in_a_simulator(start, tmp_path):
    simulate(network_sheet(range(start, start + 10)), tmp_path)


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_in_a_simulator(name, tmp_path):
    simulate(layer_sheet(FAMILIES[name], range(2)), tmp_path)
