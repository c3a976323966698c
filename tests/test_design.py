import pytest

from hgq_rtl.errors import ScheduleError
from tests.synth.chain import chain


@pytest.mark.parametrize("device", ["xcvu13p-2", "ecp5-6"])
@pytest.mark.parametrize("seed", range(4))
def test_the_fastest_clock_can_be_asked_for(seed, device):
    """Also where the smallest graph would be too slow for it."""
    options = {"seed": seed, "device": device, "stages": 2, "minimize_registers": False}
    fastest = chain([8, 12, 4], clock_ns=None, **options)
    again = chain([8, 12, 4], clock_ns=fastest.clock_ns, **options)
    assert again.clock_ns == fastest.clock_ns
    assert again.latency == fastest.latency


@pytest.mark.parametrize("device", ["xcvu13p-2", "xc7z020-1", "ecp5-6"])
@pytest.mark.parametrize("sizes", [(8, 12, 4), (24, 6)])
def test_no_faster_clock_can_be_asked_for(sizes, device):
    options = {"density": 1.0, "device": device, "stages": 2, "minimize_registers": False}
    fastest = chain(sizes, clock_ns=None, **options).clock_ns
    with pytest.raises(ScheduleError):
        chain(sizes, clock_ns=0.97 * fastest, **options)


def test_a_latency_is_met_where_the_smallest_graph_would_take_longer():
    options = {"seed": 0, "minimize_registers": False}
    clock_ns = chain([8, 12, 4], clock_ns=None, stages=2, **options).clock_ns
    assert chain([8, 12, 4], clock_ns=clock_ns, **options).latency == 3
    short = chain([8, 12, 4], clock_ns=clock_ns, max_latency_ns=2 * clock_ns, **options)
    assert short.latency == 2
    with pytest.raises(ScheduleError, match="the latency is 2 clocks"):
        chain([8, 12, 4], clock_ns=clock_ns, max_latency_ns=clock_ns, **options)
