"""The C++ emulator, compiled and called, against the graph: every bit of every integer."""

import itertools
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from hgq_rtl.design import build_design
from hgq_rtl.emulator import load, native
from hgq_rtl.errors import EmulatorError, NumberError
from hgq_rtl.fixed import OVERFLOWS, ROUNDINGS, Fixed
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port, Quantization
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT, MUL, OPS, TABLE
from tests.battery.backend import battery_design, random_inputs
from tests.battery.op import nodes


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HGQ_RTL_CACHE", str(tmp_path / "cache"))
    # Vector code is a matter of speed; without it the compiler takes a fifth of the time.
    monkeypatch.setattr(native, "FLAGS", ("-std=c++17", "-O1", "-fPIC", "-shared"))
    native._library.cache_clear()


def ports(graph):
    return Interface(
        (Port("x", (len(graph.inputs),), tuple(n.type for n in graph.inputs)),),
        (Port("y", (len(graph.outputs),), tuple(n.type for n in graph.outputs)),),
    )


def check(graph, x):
    got = load(graph, ports(graph)).integers(x)
    want = evaluate(graph, x)
    assert got.shape == want.shape
    wrong = [j for j in range(want.shape[1]) if (got[:, j] != want[:, j]).any()]
    assert not wrong, [(graph.outputs[j], graph.outputs[j].args) for j in wrong[:3]]


def test_every_op_on_awkward_types():
    graph = battery_design(count=5).graph
    check(graph, random_inputs(graph, 1, 131))


def joined(chosen):
    """All nodes in one graph, so that one compiler run serves them."""
    build, inputs, outputs = Builder(), [], []
    for number, node in enumerate(chosen):
        args = []
        for arg in node.args or (node,):
            if arg.op is INPUT:
                t = arg.type
                name = f"x{len(inputs)}"
                inputs.append(build(INPUT, name=name, lo=t.lo, hi=t.hi, exp=t.exp))
                args.append(inputs[-1])
        with build.at(f"layer_{number % 3}"):
            made = build.make(node.op, tuple(args), node.attrs) if node.args else args
        outputs += made if isinstance(made, list) else [made]
    names = tuple(f"y{j}" for j in range(len(outputs)))
    return Graph(build, tuple(inputs), tuple(outputs), names)


@seed(1)
@settings(max_examples=2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_nodes_of_all_ops(data):
    names = [name for name in OPS if name not in ("const", "reg")]
    graph = joined([data.draw(nodes(name)) for name in names for _ in range(6)])
    check(graph, random_inputs(graph, 2, 70))


def test_every_input_of_a_small_function():
    build = Builder()
    a, b = (build(INPUT, name=n, lo=-8, hi=7, exp=e) for n, e in (("a", 0), ("b", -2)))
    linear = tuple(3 * (i & 3) - 5 * (i >> 2) + 2 for i in range(16))
    odd = tuple(i * i % 11 - 4 for i in range(16))
    outputs = [build(TABLE, a, entries=e, lo=-8, step=0, exp=-1) for e in (linear, odd)]
    outputs += [build(OPS["add"], outputs[0], b, sub=True), build(MUL, outputs[1], b)]
    graph = Graph(build, (a, b), tuple(outputs), tuple("wxyz"))
    check(graph, np.array(list(itertools.product(range(-8, 8), repeat=2))))


def quantizers():
    """A port for every pair of modes, each with elements of awkward formats."""
    formats = [(1, 2, 3), (0, 3, 1), (1, -1, 5), (0, 4, -2), (1, 0, 0), (0, 0, 0), (0, 20, 4)]
    formats += [(1, 30, 20), (0, 40, 12), (1, 60, -20)]
    k, i, f = (tuple(column) for column in zip(*formats, strict=True))
    for number, (rounding, overflow) in enumerate(itertools.product(ROUNDINGS, OVERFLOWS)):
        symmetric = overflow == "SAT_SYM"
        types = [Fixed.from_kif(*kif, symmetric=symmetric) for kif in formats]
        # One port element is coarser than its quantizer: low bits that nobody reads.
        types[0] = Fixed(types[0].lo >> 1, types[0].hi >> 1, types[0].exp + 1)
        q = Quantization(k, i, f, rounding, overflow)
        yield Port(f"x{number}", (len(formats),), tuple(types), q)


def identity(inputs):
    build = Builder()
    types = [t for port in inputs for t in port.types]
    made = tuple(
        build(INPUT, name=f"n{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(types)
    )
    graph = Graph(build, made, made, tuple(f"y{j}" for j in range(len(made))))
    outputs = tuple(Port(f"y_{port.name}", port.shape, port.types) for port in inputs)
    return graph, Interface(tuple(inputs), outputs)


def test_floats_are_quantized_as_in_python():
    graph, interface = identity(list(quantizers()))
    rng = np.random.default_rng(3)
    grid = np.arange(-1200, 1200) / 64
    special = [0.0, -0.0, 1e-30, -1e-30, 3e38, -3e38, 2.0**40 + 0.5, 1e-45, -1e-45]
    halves = np.arange(-65, 66, dtype=np.float32) / 2 / np.float32(2) ** np.arange(-22, 23)[:, None]
    near = [np.nextafter(halves, np.float32(end)) for end in (-np.inf, np.inf)]
    # Every exponent and sign, subnormal numbers too.
    any_bits = rng.integers(0, 1 << 32, 4000, dtype=np.uint32).view(np.float32)
    any_bits = any_bits[np.isfinite(any_bits)]
    edges = [np.ravel(a) for a in (halves, *near, any_bits)]
    values = np.concatenate([grid, special, rng.normal(0, 8, 500), *edges])
    for dtype in (np.float32, np.float64):
        x = [np.tile(values.astype(dtype)[:, None], port.shape) for port in interface.inputs]
        got = load(graph, interface).predict(x)
        want = interface.output_floats(evaluate(graph, interface.input_integers(x)))
        for port, a, b in zip(interface.inputs, got, want, strict=True):
            assert (a == b).all(), port.quantization
        x[0][7, 2] = np.nan
        assert load(graph, interface).predict(x) is None


def test_predict_is_the_same_with_both_engines_and_in_errors():
    graph, interface = identity(
        [Port("x", (3,), (Fixed(-4, 3, -1), Fixed(0, 0, 0), Fixed(2, 9, 1)))]
    )
    design = build_design(graph, interface, name="linux", clock_ns=2.0)
    x = np.array([[-2.0, 0, 4], [1.5, 0, 18], [0, 0, 6]])
    assert (design.predict(x, engine="native") == design.predict(x)).all()
    for column, value in ((0, 2.0), (0, 0.25), (1, 0.5), (2, 2.0), (2, np.nan), (0, np.inf)):
        wrong = x.copy()
        wrong[1, column] = value
        told = []
        for engine in ("graph", "native"):
            with pytest.raises(NumberError) as error:
                design.predict(wrong, engine=engine)
            told.append(str(error.value))
        assert told[0] == told[1]
    with pytest.raises(NumberError):
        design.predict(x[:, :2], engine="native")
    with pytest.raises(EmulatorError) as error:
        design.predict(x, engine="fast")
    assert str(error.value) == "unknown engine.\n  Received: 'fast'.\n  Engines: graph, native."


def test_numbers_too_wide_for_cpp_are_named():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=(1 << 90) - 1, exp=0)
    with build.at("dense_7/neuron_0"):
        y = build(MUL, x, x)
    graph = Graph(build, (x,), (y,), ("y",))
    with pytest.raises(EmulatorError) as error:
        load(graph, ports(graph))
    assert str(error.value) == (
        "layer 'dense_7/neuron_0': "
        "a value of 181 bits is wider than the integers of C++ compilers.\n"
        "  The emulator computes in up to 128 bits; predict with engine='graph'."
    )


def one_input():
    return identity([Port("x", (), (Fixed(-8, 7, 0),))])


def test_without_a_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(EmulatorError) as error:
        load(*one_input())
    assert str(error.value) == (
        "there is no C++ compiler.\n"
        "  Received: none of g++, clang++, c++ is on the PATH, and CXX names none.\n"
        "  Install one (the Debian package g++), or predict with engine='graph'."
    )


def test_compiler_that_fails_and_one_that_knows_no_processor(tmp_path, monkeypatch):
    script = tmp_path / "cxx"
    real = shutil.which("g++") or shutil.which("c++")
    cases = 'case "$*" in *-###*) exit 0;; *-march=native*) exit 1;; esac'
    script.write_text(f'#!/bin/sh\n{cases}\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    assert load(*one_input()).integers(np.array([[-3]])).tolist() == [[-3]]
    native._library.cache_clear()
    shutil.rmtree(tmp_path / "cache")
    script.write_text("#!/bin/sh\necho 'network.cpp:1: error: no such thing' >&2\nexit 1\n")
    with pytest.raises(EmulatorError) as error:
        load(*one_input())
    assert "error: no such thing" in str(error.value)


def test_library_is_kept_and_rebuilt_when_broken(tmp_path, monkeypatch):
    x = np.array([[-8], [7]])
    load(*one_input())
    (kept,) = (tmp_path / "cache" / native.KIND).glob("*/*")
    native._library.cache_clear()
    kept.write_bytes(b"not a library")  # before it is opened: no library is opened twice
    assert load(*one_input()).integers(x).tolist() == x.tolist()
    native._library.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(native, "_compile", None)  # another build would fail
        assert load(*one_input()).integers(x).tolist() == x.tolist()
    native._library.cache_clear()
    monkeypatch.setenv("HGQ_RTL_CACHE", "off")
    assert load(*one_input()).integers(x).tolist() == x.tolist()
