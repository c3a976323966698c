import pytest

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
