from functools import partial

import numpy as np
import pytest

from hgq_rtl.errors import IRError
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, REG, constant
from hgq_rtl.ir.text import from_text, to_text
from hgq_rtl.ir.verify import NATIVE, SCHEDULED, register_depths, verify
from hgq_rtl.passes.cmvm import cmvm
from hgq_rtl.passes.demand import demanded_bits
from hgq_rtl.passes.expand import expand
from hgq_rtl.passes.narrow import narrow
from hgq_rtl.passes.simplify import simplify
from hgq_rtl.passes.target import default_target

DEEP = 100_000


def chain(length):
    """x + y + x + y ... cut to 8 bits now and then, as one long dependency."""
    build = Builder()
    x, y = (build(INPUT, name=n, lo=-8, hi=7, exp=0) for n in "xy")
    node = x
    for step in range(length):
        node = build(MAX, y, node) if step % 2 else build(ADD, node, x, sub=bool(step % 4))
    return Graph(build, (x, y), (node,), ("out",))


def fan(width):
    """One input feeding ``width`` independent sums, all of them outputs."""
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    outputs = tuple(build(ADD, x, constant(build, j, 0), sub=False) for j in range(1, width + 1))
    return Graph(build, (x,), outputs, tuple(f"y{j}" for j in range(width)))


@pytest.mark.parametrize("make", [chain, fan])
def test_every_walk_manages_100k_nodes(make):
    graph = make(DEEP)
    assert len(graph.nodes) >= DEEP
    verify(graph)
    assert len(demanded_bits(graph)) == len(graph.nodes)
    assert len(graph.users) == len(graph.nodes)
    text = to_text(graph)
    assert to_text(from_text(text)) == text
    n = np.array([[3] * len(graph.inputs), [-8] * len(graph.inputs)])
    want = evaluate(graph, n)
    for function in (simplify, partial(cmvm, target=default_target()), expand, narrow):
        assert (evaluate(function(graph), n) == want).all()
    assert graph.rebuild(lambda build, node: None).outputs == graph.outputs


def test_toposort_puts_arguments_first_and_visits_once():
    graph = chain(50)
    position = {node: j for j, node in enumerate(graph.nodes)}
    assert len(position) == len(graph.nodes)
    assert all(position[a] < position[n] for n in graph.nodes for a in n.args)
    assert toposort(graph.outputs)[-1] is graph.outputs[0]


def test_text_keeps_ports_origins_and_unused_inputs():
    build = Builder()
    x, unused = (build(INPUT, name=n, lo=0, hi=3, exp=-1) for n in ("x", "unused"))
    with build.at("dense/neuron_0"):
        y = build(ADD, x, constant(build, 3, -2), sub=True)
    graph = Graph(build, (x, unused), (y, y), ("y_0", "y_1"))
    text = to_text(graph)
    assert text == (
        "hgq_rtl graph 2\n"
        "%0 = input() {name='x', lo=0, hi=3, exp=-1} : u2@-1 [0, 3]\n"
        "%1 = input() {name='unused', lo=0, hi=3, exp=-1} : u2@-1 [0, 3]\n"
        "%2 = const() {n=3, exp=-2} : u2@-2 [3, 3] ; dense/neuron_0\n"
        "%3 = add(%0, %2) {sub=True} : s3@-2 [-3, 3] ; dense/neuron_0\n"
        "return y_0 = %3\n"
        "return y_1 = %3\n"
    )
    again = from_text(text)
    assert to_text(again) == text
    assert again.origin(again.outputs[0]) == "dense/neuron_0"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hgq_rtl graph 2", "P4", "this is not a graph of this version.\n  Received: 'P4'.\n"
         "  The first line must be 'hgq_rtl graph 2'."),
        ("%0, %2", "%0, %9", "line 5 of the graph: a broken reference or attribute.\n"
         "  Received: %3 = add(%0, %9) {sub=True} : s3@-2 [-3, 3]."),
        ("= add", "= frob", "line 5 of the graph: unknown op 'frob'.\n"
         "  Received: %3 = frob(%0, %2) {sub=True} : s3@-2 [-3, 3]."),
        ("[-3, 3]", "[-2, 3]", "line 5 of the graph: the type is s3@-2 [-2, 3], the arguments "
         "give s3@-2 [-3, 3].\n  Received: %3 = add(%0, %2) {sub=True} : s3@-2 [-2, 3]."),
        ("{sub=True}", "{sub=__import__('os')}", "line 5 of the graph: a broken reference or "
         "attribute.\n  Received: %3 = add(%0, %2) {sub=__import__('os')} : s3@-2 [-3, 3]."),
        ("return y = %3", "", "line 6 of the graph: not a node and not an output."),
        ("return y = %3\n", "", "the graph has no output.\n  Received: 5 lines.\n"
         "  The file may have been cut short."),
    ],
)  # fmt: skip
def test_corrupt_text_is_refused(old, new, message):
    build = Builder()
    x, unused = (build(INPUT, name=n, lo=0, hi=3, exp=-1) for n in ("x", "unused"))
    y = build(ADD, x, constant(build, 3, -2), sub=True)
    text = to_text(Graph(build, (x, unused), (y,), ("y",)))
    assert old in text
    with pytest.raises(IRError) as error:
        from_text(text.replace(old, new))
    assert str(error.value) == message


def test_verifier_knows_its_stages():
    graph = chain(4)
    verify(graph, NATIVE)
    late = graph.with_outputs([graph.builder(REG, graph.outputs[0])])
    verify(late, SCHEDULED)
    with pytest.raises(IRError) as error:
        verify(late)
    assert str(error.value) == "op 'reg' may not exist at this stage."


def test_verifier_refuses_ports_that_clash():
    graph = chain(1)
    twice = Graph(graph.builder, graph.inputs, graph.outputs * 2, ("a", "a"))
    with pytest.raises(IRError) as error:
        verify(twice)
    assert str(error.value) == "two outputs have the same name.\n  Received: 'a'."
    hidden = Graph(graph.builder, graph.inputs[:0], graph.outputs, ("a",))
    with pytest.raises(IRError) as error:
        verify(hidden)
    assert str(error.value) == "input 'x' is used but not declared."


def test_registers_must_not_mix_samples():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=3, exp=0)
    mixed = Graph(build, (x,), (build(ADD, x, build(REG, x), sub=False),), ("y",))
    with pytest.raises(IRError) as error:
        register_depths(mixed)
    assert str(error.value) == "op 'add' mixes values of clocks [0, 1]."
    uneven = Graph(build, (x,), (x, build(REG, x)), ("y", "z"))
    with pytest.raises(IRError) as error:
        register_depths(uneven)
    assert str(error.value) == "the outputs are ready at different clocks: [0, 1]."


def test_evaluation_checks_its_inputs():
    graph = chain(2)
    with pytest.raises(IRError) as error:
        evaluate(graph, np.array([[0, 8]]))
    assert str(error.value) == (
        "input 'y' is outside its interval s4@0 [-8, 7].\n  Received: 8 in sample 0."
    )
    with pytest.raises(IRError) as error:
        evaluate(graph, np.zeros((3, 1), dtype=int))
    assert str(error.value) == (
        "the input array does not fit the graph.\n  Received: shape (3, 1), expected (samples, 2)."
    )


def test_evaluation_is_exact_beyond_64_bits():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=1, exp=0)
    node = x
    for _ in range(90):
        node = build(ADD, node, build(ADD, node, x, sub=False), sub=False)
    graph = Graph(build, (x,), (node,), ("y",))
    want = 1
    for _ in range(90):
        want = 2 * want + 1
    assert evaluate(graph, np.array([[1]]))[0, 0] == want
