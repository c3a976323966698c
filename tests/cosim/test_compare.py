from pathlib import Path

import numpy as np
import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.cosim.compare import (
    Expected,
    first_different_node,
    keras_fault,
    keras_outputs,
    rtl_fault,
    valid_fault,
)
from hgq_rtl.cosim.subject import Signal, Subject
from hgq_rtl.cosim.verify import GAP_VECTORS, check_result, verify
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.ir.text import node_ids
from tests.cosim.design import tiny

INPUTS = np.array([[1, 0, 2, 3], [-8, 0, 0, 1]])
GOOD = {"vectors": 2, "mismatches": 0, "wrong": [], "valid_errors": 0, "latency_seen": 2}


def subject():
    core = tiny()
    signals = {node: Signal(f"core.{path}", 1) for node, path in core.emitted.signals.items()}
    return Subject("tiny", Path("sim"), core.graph, core.interface, 2, signals)


def expected(keras=None):
    core = tiny()
    ir = output_integers(core.graph, core.interface, INPUTS)
    assert ir.tolist() == [[9, -3, 3], [-8, -12, 1]]
    return Expected(ir, None if keras is None else np.array(keras, dtype=np.float64))


def test_port_finer_than_its_node():
    build = Builder()
    x = build(INPUT, name="x", lo=-2, hi=1, exp=0)
    graph = Graph(build, (x,), (x,), ("y",))
    fine = Interface((Port("x", (), (x.type,)),), (Port("y", (), (Fixed(-8, 4, -2),)),))
    assert output_integers(graph, fine, np.array([[-2], [1]])).tolist() == [[-8], [4]]


def test_wrong_rtl_with_keras_on_the_side_of_ir():
    found = GOOD | {"mismatches": 1, "wrong": [{"vector": 1, "rtl": ["11100111111000", "001"]}]}
    error = rtl_fault(subject(), expected([[2.25, -0.75, 6], [-2, -3, 2]]), found, "Node")
    assert str(error) == (
        "output 1 of 3 ('y_1'), vector 1 of 2: RTL 0x73 (-13), Keras -12, IR -12.\n"
        "  IR agrees with Keras, so the fault is in emission or pipelining. Node. "
        "1 of 2 vectors are wrong."
    )


def test_wrong_rtl_and_wrong_ir():
    found = GOOD | {"mismatches": 1, "wrong": [{"vector": 0, "rtl": ["11111010001001", "x11"]}]}
    error = rtl_fault(subject(), expected([[2.25, -0.75, 7]]), found, "Node")
    assert str(error) == (
        "output 2 of 3 ('z'), vector 0 of 2: RTL x11 (unknown bits), Keras 3.5, IR 3.\n"
        "  IR differs from Keras too, so the fault is in emission or pipelining, and another in "
        "lowering or a pass. Node. 1 of 2 vectors are wrong."
    )


def test_ir_that_differs_from_keras():
    assert keras_fault(subject(), expected()) is None
    assert keras_fault(subject(), expected([[2.25, -0.75, 6]])) is None
    error = keras_fault(subject(), expected([[2.25, -0.75, 6], [-2, -3.125, 2]]))
    assert str(error) == (
        "output 1 of 3 ('y_1'), vector 1 of 2: RTL 0x74 (-12), Keras -12.5, IR -12.\n"
        "  RTL agrees with IR, so the fault is in lowering or a pass. 1 of 2 data vectors differ."
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.25 + 2**-40])
def test_no_value_off_the_grid_is_equal(value):
    assert keras_fault(subject(), expected([[value, -0.75, 6]])) is not None


def test_wide_outputs_are_compared_exactly():
    t = Fixed(0, 1 << 60, 0)
    ir = np.array([[(1 << 54) + 1], [1 << 54]])
    keras = np.array([[2.0**54], [2.0**54]])
    assert Expected(ir, keras).keras_differs([t]).tolist() == [[True], [False]]


def test_structures_of_keras_outputs():
    ports = subject().interface.outputs
    y, z = np.arange(4).reshape(2, 2), np.array([7, 8])
    flat = [[0, 1, 7], [2, 3, 8]]
    assert keras_outputs(ports, [y, z], 2).tolist() == flat
    assert keras_outputs(ports, {"z": z, "y": y}, 2).tolist() == flat
    for wrong, message in (
        (
            y,
            "y_expected must have one array per output port.\n  Received: 1 arrays.\n"
            "  Ports: y, z.",
        ),
        (
            {"y": y},
            "y_expected must have one array per output port.\n  Received: y.\n  Ports: y, z.",
        ),
        (
            [y, y],
            "y_expected for port 'z' has the wrong shape.\n  Received: (2, 2), expected (2,).",
        ),
    ):
        with pytest.raises(CosimError) as error:
            keras_outputs(ports, wrong, 2)
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"valid_errors": 3, "latency_seen": None},
            "valid_out never rises; expected 2 clocks after valid_in",
        ),
        (
            {"valid_errors": 3, "latency_seen": 1},
            "valid_out first rises 1 clock after valid_in, expected 2",
        ),
        (
            {"valid_errors": 3, "latency_seen": 2, "first_valid_error": "0 at clock 9, expected 1"},
            "valid_out is 0 at clock 9, expected 1",
        ),
    ],
)
def test_wrong_valid(found, message):
    error = valid_fault(subject(), GOOD | found, "with_gaps")
    assert str(error) == (
        f"design 'tiny' (with gaps): {message}.\n"
        "  The fault is in emission: the outputs themselves are right."
    )
    assert valid_fault(subject(), GOOD, "with_gaps") is None


@pytest.mark.parametrize(
    ("result", "count"),
    [({}, 0), ({"passes": {"back_to_back": GOOD | {"vectors": 1}}}, 1)],
)
def test_run_that_did_not_see_every_vector_is_an_error(result, count):
    with pytest.raises(CosimError) as error:
        check_result(subject(), INPUTS, expected(), result, Path("work"))
    assert str(error.value) == (
        f"design 'tiny' (back to back): the testbench compared {count} of 2 vectors.\n"
        "  A run that did not see every vector proves nothing; see the log in work."
    )


def test_first_node_in_topological_order():
    one = subject()
    ids = node_ids(one.graph)
    by_path = {signal.path: ids[node] for node, signal in one.signals.items()}
    bits = {
        "core.x_0": "0001",
        "core.u_layer.sum": "0001001",
        "core.u_layer.diff": "1111101",
        "core.u_layer.y_0_r": "0001001",
        "core.u_layer.y_1_r": "1111101",
    }

    def sentence(**changes):
        values = {by_path[path]: changes.get(path[13:], b) for path, b in bits.items()}
        return first_different_node(one, INPUTS[0], values)

    assert sentence() == (
        "All 5 named nodes are right when the vector is held still, so a register is missing or "
        "superfluous, or a wire after the last named node is wrong"
    )
    assert sentence(diff="0000000", y_1_r="0000000") == (
        "First differing node: 'dense/diff', stage 1 (signal core.u_layer.diff: RTL 0, IR -3)"
    )
    assert sentence(sum="0x01001", diff="0000000") == (
        "First differing node: 'dense/sum', stage 1 "
        "(signal core.u_layer.sum: RTL 0x01001 in bits, IR 9)"
    )
    assert sentence(sum="001001") == (
        "First differing node: 'dense/sum', stage 1 "
        "(signal core.u_layer.sum: RTL 001001 in bits, IR 9)"
    )
    assert first_different_node(one, INPUTS[0], {}) == "No named signal could be read"


def test_expectations_need_their_inputs():
    with pytest.raises(CosimError) as error:
        verify(subject(), y_expected=np.zeros(3))
    assert str(error.value) == "y_expected needs the inputs that it belongs to.\n  Pass x as well."


def test_gap_pass_has_the_same_length_on_both_sides():
    text = (asset_folder("sim") / "testbench.py").read_text()
    assert f"\nGAP_VECTORS = {GAP_VECTORS}\n" in text
