"""ReLU inside of sums: equal on every value, and only where a ReLU is saved in time."""

import random
from collections import Counter

import pytest

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, SHIFT, SUM3, cast, constant
from hgq_rtl.passes.relus import READERS, relus
from hgq_rtl.passes.target import Target, default_target
from hgq_rtl.timing.load import load_device
from hgq_rtl.timing.timeline import Cuts
from tests.battery.equivalence import assert_equivalent

TARGET = default_target()
S6, S8 = Fixed(-32, 31, 0), Fixed(-128, 127, -2)


def ops(graph):
    return Counter(n.op.name for n in graph.nodes if n.op.name in ("max", "add", "masked_sum3"))


def luts(graph):
    return sum(map(TARGET.device.cost, graph.nodes))


class Net:
    """Inputs, their ReLUs, and outputs that are added to them."""

    def __init__(self, *types):
        self.build = Builder()
        self.ins = [
            self.build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp)
            for j, t in enumerate(types)
        ]
        self.outs = []

    def relu(self, x):
        return self.build(MAX, x, constant(self.build, 0, 0))

    def add(self, a, b, sub=False):
        return self.build(ADD, a, b, sub=sub)

    def graph(self, *outs):
        return Graph(self.build, tuple(self.ins), outs, tuple(f"y{j}" for j in range(len(outs))))


def made(graph, target=TARGET, **expected):
    result = relus(graph, target)
    assert_equivalent(graph, result)
    assert [n.type.width for n in result.outputs] == [n.type.width for n in graph.outputs]
    assert ops(result) == expected
    assert luts(result) <= luts(graph)
    return result


@pytest.mark.parametrize("sub", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_a_sum_hides_what_is_negative(sub, first):
    net = Net(S6, S8)
    terms = [net.relu(net.ins[0]), net.ins[1]]
    made(net.graph(net.add(*terms[:: 1 if first else -1], sub=sub)), masked_sum3=1)


def test_wires_between_stay():
    net = Net(S8, S6)
    wrapped = cast(net.build, net.relu(net.ins[0]), -1, 4, False)
    total = net.add(net.ins[1], net.build(SHIFT, wrapped, bits=2), sub=True)
    made(net.graph(total), masked_sum3=1)


def test_all_that_read_one_hide_it():
    net = Net(S6, S8, S8)
    relu = net.relu(net.ins[0])
    made(net.graph(*(net.add(relu, x) for x in net.ins[1:])), masked_sum3=2)


def test_a_sum_of_three_keeps_its_constant():
    net = Net(S6, S8, S8)
    a, b, c = net.ins
    total = net.build(SUM3, a, net.relu(b), c, sub=2, bias=5, bias_exp=-1)
    (node,) = made(net.graph(total), masked_sum3=1).outputs
    assert node.attrs == (2, 5, -1, 1)


def test_a_sum_stays_in_its_layer():
    net = Net(S6, S8)
    with net.build.at("dense"):
        relu = net.relu(net.ins[0])
    with net.build.at("dense_1"):
        total = net.add(relu, net.ins[1])
    result = made(net.graph(total), masked_sum3=1)
    assert result.origin(result.outputs[0]) == "dense_1"


def test_a_sum_hides_one_argument():
    net = Net(S6, S8)
    made(net.graph(net.add(*map(net.relu, net.ins))), max=1, masked_sum3=1)


def test_where_it_is_read_by_more_than_sums_it_stays():
    net = Net(S6, S8)
    relu = net.relu(net.ins[0])
    made(net.graph(net.add(relu, net.ins[1]), relu), max=1, add=1)
    made(net.graph(net.add(relu, net.ins[1]), net.build(MAX, relu, net.ins[1])), max=2, add=1)
    made(net.graph(net.add(relu, cast(net.build, relu, 0, 2, False))), max=1, add=1)


def test_a_sign_reaches_few_sums():
    for count in (READERS, READERS + 1):
        net = Net(S6, *[S8] * count)
        relu = net.relu(net.ins[0])
        graph = net.graph(*(net.add(relu, x) for x in net.ins[1:]))
        expected = {"masked_sum3": count} if count == READERS else {"max": 1, "add": count}
        made(graph, **expected)


def test_types_do_not_grow():
    net = Net(Fixed(-32, 4, 0), Fixed(0, 3, 0), Fixed(0, 8, 0))
    a, b, c = net.ins
    total = net.add(net.add(net.relu(a), b), c)
    assert total.type == Fixed(0, 15, 0)
    assert made(net.graph(total), masked_sum3=1, add=1).outputs[0].type == total.type


def test_what_is_late_stays():
    net = Net(S6, S8)
    graph = net.graph(net.add(net.relu(net.ins[0]), net.ins[1]))
    device = TARGET.device
    plain, masked = (sum(device.delay(n) for n in g.nodes) for g in (graph, relus(graph, TARGET)))
    assert masked < plain
    for budget, expected in (
        (masked, {"masked_sum3": 1}),
        (masked - 1, {"max": 1, "add": 1}),
    ):
        made(graph, Target(device, cuts=Cuts(budget, 1)), **expected)


@pytest.mark.parametrize("device", ["generic", "ecp5-6"])
def test_only_luts_of_six_inputs_have_room(device):
    net = Net(S6, S8)
    graph = net.graph(net.add(net.relu(net.ins[0]), net.ins[1]))
    assert relus(graph, Target(load_device(device))).outputs == graph.outputs


def test_random_networks_are_equal_and_no_larger():
    rng, hidden = random.Random(0), 0
    for _ in range(200):
        net = Net(*(Fixed(-rng.randint(1, 40), rng.randint(0, 40), -j) for j in range(4)))
        values = list(net.ins)
        for _ in range(rng.randint(3, 14)):
            a, b, c = (rng.choice(values[-5:]) for _ in range(3))
            kind = rng.randrange(5)
            if kind < 2:
                node = net.relu(a)
            elif kind == 2:
                node = net.add(a, b, sub=rng.random() < 0.5)
            elif kind == 3:
                bias = rng.randint(-9, 9)
                node = net.build(SUM3, a, b, c, sub=rng.randint(0, 2), bias=bias, bias_exp=-1)
            else:
                node = cast(net.build, a, a.type.exp + rng.randint(0, 1), 6, rng.random() < 0.5)
            values.append(node)
        graph = net.graph(*values[-3:])
        result = relus(graph, TARGET)
        assert_equivalent(graph, result)
        assert luts(result) <= luts(graph)
        hidden += ops(result)["masked_sum3"]
    assert hidden > 50
