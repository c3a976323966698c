"""hr.trace: containers, names, models inside, and refusals with their whole message."""

import keras
import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.errors import LoweringError, NumberError, ScheduleError
from hgq_rtl.layers import QDense
from hgq_rtl.lowering.trace import check_function, trace_function
from hgq_rtl.utils import trace_minmax

RNG = np.random.default_rng(2)
X = hr.FixedInput((3,), (1, 3, 0))


def traced(fn, inputs=X, **options):
    return hr.trace(fn, inputs, clock_ns=9, **options)


def test_containers_go_in_and_come_out():
    def decide(jets, met):
        total = jets["pt"].sum() + met
        return {"total": total, "jets": [np.sort(jets["pt"]), (jets["eta"] > 0, 1.5)], "met": met}

    inputs = {"jets": {"pt": hr.FixedInput((2,), (0, 4, 1)), "eta": hr.FixedInput((2,), (1, 2, 0))},
              "met": hr.FixedInput((), (0, 4, 0))}  # fmt: skip
    design = traced(decide, inputs, name="decision")
    assert design.name == "decision"
    assert [p.name for p in design.interface.inputs] == ["jets_pt", "jets_eta", "met"]
    names = [p.name for p in design.interface.outputs]
    assert names == ["total", "jets_0", "jets_1_0", "jets_1_1", "met_out"]
    pt, eta = RNG.integers(0, 31, (7, 2)) / 2, RNG.integers(-4, 4, (7, 2))
    met = RNG.integers(0, 16, 7)
    y = design.predict({"jets": {"pt": pt, "eta": eta}, "met": met})
    assert (y["total"] == pt.sum(1) + met).all()
    assert isinstance(y["jets"][1], tuple)
    assert (y["jets"][0] == np.sort(pt)).all()
    assert (y["jets"][1][0] == (eta > 0)).all()
    assert (y["jets"][1][1] == 1.5).all()
    flat = design.predict({"jets_pt": pt, "jets_eta": eta, "met": met})
    assert (flat["total"] == y["total"]).all()
    assert (design.predict([pt, eta, met])["total"] == y["total"]).all()
    with pytest.raises(NumberError) as error:
        design.predict({"jets": {"pt": pt}, "met": met})
    assert str(error.value) == (
        "the data['jets'] must be a dictionary with the keys pt, eta.\n  Received: pt."
    )


def test_one_input_by_position_and_by_list():
    a = traced(lambda x: x + 1)
    assert [p.name for p in (*a.interface.inputs, *a.interface.outputs)] == ["x", "y"]
    assert (a.predict(np.array([[1, 2, 3]])) == [[2, 3, 4]]).all()
    b = traced(lambda u, v: (u - v, u), [X, X])
    assert [p.name for p in (*b.interface.inputs, *b.interface.outputs)] == ["u", "v", "y_0", "y_1"]
    y = b.predict([np.array([[1, 2, 3]]), np.array([[3, 2, 1]])])
    assert isinstance(y, tuple)
    assert (y[0] == [[-2, 0, 2]]).all()


def test_stages_and_a_latency_may_be_asked_for():
    fastest = hr.trace(np.sort, X, stages=2)
    assert fastest.latency == 2
    assert hr.trace(np.sort, X, clock_ns=9, stages=3).latency == 3
    with pytest.raises(ScheduleError, match="the latency is 1 clocks"):
        traced(np.sort, max_latency_ns=8)
    with pytest.raises(ScheduleError, match="neither a clock period nor"):
        hr.trace(np.sort, X)


def test_data_are_rounded_where_the_input_says_so():
    design = traced(lambda x: x * 2, hr.FixedInput((2,), (1, 2, 1), "RND", "SAT"))
    assert (design.predict(np.array([[0.3, 9.0]])) == [[1.0, 7.0]]).all()
    exact = traced(lambda x: x * 2, hr.FixedInput((2,), (1, 2, 1)))
    with pytest.raises(NumberError, match="takes multiples of"):
        exact.predict(np.array([[0.3, 1.0]]))


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((3,), name="f"), QDense(4, activation="relu", name="hidden"),
         QDense(2, name="scores", enable_oq=True)], name="net"
    )  # fmt: skip
    trace_minmax(model, RNG.normal(size=(100, 3)).astype("float32"))
    return model


def test_a_model_inside_a_function(net):
    function = hr.as_function(net)

    def best(features):
        scores = function(features)
        return {"scores": scores, "class": np.argmax(scores), "sure": scores.max() > 0.5}

    # The model's own input quantizer defines the port.
    design = traced(best, {"features": hr.FixedInput((3,))}, check_samples=64)
    data = RNG.normal(size=(40, 3)).astype("float32")
    want = net.predict(data, verbose=0)
    y = design.predict({"features": data})
    assert (y["scores"] == want).all()
    assert (y["class"] == want.argmax(1)).all()
    assert design.interface.inputs[0].quantization is not None
    assert design.reference([data])[0].tolist() == want.tolist()
    scopes = {design.lowered.origin(node).partition("/")[0] for node in design.lowered.nodes}
    assert {"hidden", "scores", "best"} <= scopes
    twice = traced(lambda a, b: function(a) - function(b), [hr.FixedInput((3,))] * 2)
    assert {"hidden", "hidden_call_1"} <= {
        twice.lowered.origin(node).partition("/")[0] for node in twice.lowered.nodes
    }
    assert (function(data[0]) == want[0]).all()
    with pytest.raises(LoweringError) as error:
        function(data)
    assert str(error.value) == (
        "model 'net': the model is called with arrays of other shapes.\n"
        "  Received: (40, 3) for inputs of shapes (3,).\n"
        "  There is no batch axis here: one call is one sample."
    )


def test_a_function_that_changes_between_calls_is_caught():
    offsets = iter(range(1000))
    with pytest.raises(LoweringError) as error:
        traced(lambda x: x + next(offsets))
    first, received, hint = str(error.value).split("\n")
    assert first.startswith("the graph differs from the function on NumPy arrays, output 'y'")
    assert " in the graph, " in received
    assert hint.startswith("  A function must depend on its arguments alone.")


def test_a_wrong_graph_is_an_error(monkeypatch):
    from hgq_rtl.lowering.functions import conditions, ufuncs

    monkeypatch.setitem(ufuncs.EXACT, np.less, conditions.less_equal)
    with pytest.raises(LoweringError, match="the graph differs from the function"):
        check_function(trace_function(lambda x: x < 2, X, "f"), 64)


def test_values_that_doubles_do_not_hold_are_not_compared():
    wide = hr.FixedInput((), (1, 40, 0))
    design = traced(lambda x: x * x)
    assert design.notes["exactness"]["proven"]
    design = traced(lambda x: x * x, wide)
    assert not design.notes["exactness"]["proven"]
    assert design.notes["exactness"]["values_compared"] == 0
    assert "NOT exact for every input: rare differences to NumPy" in str(design.report())


def boolean(x):
    return x if x[0] > 0 else -x


def filled(x):
    y = np.zeros(3)
    y[1] = x[0]
    return y


REFUSED = [
    (boolean, X, "the value of a FixedArray is not known before the hardware runs.\n"
     "  Received: it was used as a Python number, as the condition of if, while, and, or, or put "
     "into an array of numbers.\n"
     "  Use numpy.where for choices, & | ~ for conditions, and fill numpy.zeros_like(x)."),
    (filled, X, "the value of a FixedArray is not known before the hardware runs.\n"
     "  Received: it was used as a Python number, as the condition of if, while, and, or, or put "
     "into an array of numbers.\n"
     "  Use numpy.where for choices, & | ~ for conditions, and fill numpy.zeros_like(x)."),
    (lambda x: np.array([x, x]), X,
     "a FixedArray has no numbers yet, so it cannot become a NumPy array.\n"
     "  Received: shape (3,).\n"
     "  Join arrays with numpy.stack or numpy.concatenate; build one up from "
     "numpy.zeros_like(x); read a constant table with hgq_rtl.lookup(lambda n: table[n], "
     "index); call a Keras model through hgq_rtl.as_function(model)."),
    (lambda x: x / 3, X,
     "the results of 'divide' fit no fixed-point format of 32 bits or less.\n"
     "  Received: values of 57 bits, such as -0.3333333333333333.\n"
     "  Quantize them, with hgq_rtl.quantize(x, k, i, f) or a Quantizer layer behind it."),
    (lambda x: x / x[::-1], X,
     "'divide' of two variables has no hardware form.\n  Make one of them a constant, or a "
     "quantized function of one value, such as hgq_rtl.quantize(1 / x, k, i, f); or join short "
     "ones in one integer, for a lookup."),
    (lambda x: hr.quantize(np.log(x), 1, 3, 3), X,
     "'log' is not finite for every value that its argument can have.\n"
     "  Received: nan at -8.0, of type s4@0 [-8, 7].\n"
     "  Limit the argument first, with numpy.maximum or numpy.clip."),
    (lambda x: hr.quantize(np.cos(x), 1, 8, 8), hr.FixedInput((3,), (1, 16, 0)),
     "a table of more than 65536 entries.\n"
     "  Received: 'cos' of a value of type s17@0 [-65536, 65535].\n"
     "  Quantize its input to 16 bits or less (with sign), or train with a larger beta, which "
     "makes widths cost more."),
    (lambda x: x[x > 0], X, "an index of truth values has a result of unknown length.\n"
     "  Use numpy.where(condition, x, 0), which keeps the length."),
    (lambda x: x[x[0]], X,
     "a computed index must be an integer inside the array for every input.\n"
     "  Received: type s4@0 [-8, 7] for 3 elements.\n"
     "  Limit it with numpy.clip(index, 0, len(x) - 1), or pad the array."),
    (lambda x: np.argsort(x), X,
     "numpy.argsort leaves the order of equal elements open, and hardware must not.\n"
     "  Received: kind=None.\n  Use numpy.argsort(x, kind='stable')."),
    (lambda x: (x > 0) - (x > 1), X,
     "numpy.subtract does not take truth values, in NumPy either.\n"
     "  Use ~ for not and ^ for a difference, or astype(int) first."),
    (lambda x: (x / 4) & 1, X, "a bitwise 'and' takes integers, as in NumPy.\n"
     "  Received: a value of type s4@-2 [-8, 7].\n"
     "  Multiply it by a power of two, then use astype(int) or numpy.floor."),
    (lambda x: x.tolist(), X, "a FixedArray has no tolist.\n"
     "  Its values are not known before the hardware runs; see docs/lowering.md."),
    (lambda x: hr.lookup(lambda n: 1 / n, x), X, "the function of a lookup failed for 0.\n"
     "  Received: ZeroDivisionError: division by zero.\n"
     "  It must give a number for every value that the argument can have."),
    (lambda x: np.gcd(x / 2, 2), X, "numpy.gcd takes integers, as in NumPy.\n"
     "  Received: a value of type s4@-1 [-8, 7].\n"
     "  Multiply it by a power of two, then use astype(int) or numpy.floor."),
    (lambda x: np.add.at(x, [0], 1), X, "numpy.add.at has no hardware form.\n"
     "  Write it with numpy.sum, numpy.cumsum or broadcasting."),
    (lambda x: x + np.nan, X, "a constant must be finite.\n  Received: nan."),
    (lambda x: np.add(x, 1, where=[True, False, True]), X,
     "numpy.add has no hardware form with where=.\n  Received: [True, False, True].\n"
     "  Use numpy.where instead."),
    (lambda x: np.sum(x, initial=3), X,
     "numpy.sum has no hardware form with initial=.\n  Received: 3.\n  Options: axis, keepdims."),
    (lambda x: {"y": "text"}, X, "a traced function returns arrays, or containers of them.\n"
     "  Received: str at result['y']."),
    (lambda x: None, X, "a traced function must return something.\n  Received: None."),
    (lambda x, y: x, [X, X], "no output depends on input 'y'.\n"
     "  Leave it out of inputs=, or return what is computed from it."),
    (lambda x: x, (1, 2, 3), "every input of a traced function is a FixedInput.\n"
     "  Received: int at inputs[0].\n  Write hgq_rtl.FixedInput(shape, (k, i, f))."),
    (lambda x: x, hr.FixedInput((3,)), "output 'y' needs a quantized input.\n"
     "  Received: element 'x_0' of input 'x', which has no width yet.\n"
     "  Put a Quantizer before it (a layer with enable_iq=True has one), or declare the input's "
     "format with inputs=."),
]  # fmt: skip


@pytest.mark.parametrize(("fn", "inputs", "message"), REFUSED)
def test_refusals(fn, inputs, message):
    with pytest.raises(LoweringError) as error:
        traced(fn, inputs)
    assert str(error.value) == message


def test_functions_without_a_hardware_form_are_named_with_those_that_have_one():
    with pytest.raises(LoweringError) as error:
        traced(lambda x: np.linalg.norm(x))
    head, hint = str(error.value).split("\n")
    assert head == "numpy.norm has no hardware form."
    assert "argmax, argmin, argsort" in hint
    assert "where" in hint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((-1,), (1, 2, 3)), "the shape of an input is a tuple of positive integers.\n"
         "  Received: (-1,).\n"
         "  Write FixedInput((4,), (1, 3, 4)); hardware needs fixed shapes."),
        (((2,), (1, 2)), "the format of an input is a triple (k, i, f) of sign, integer and "
         "fraction bits.\n  Received: (1, 2)."),
        (((2,), (1, 2, 0), "RND"), "rounding and overflow of an input go together, with a "
         "format.\n  Received: kif=(1, 2, 0), rounding=RND, overflow=None."),
    ],
)  # fmt: skip
def test_wrong_inputs(arguments, message):
    with pytest.raises(LoweringError) as error:
        hr.FixedInput(*arguments)
    assert str(error.value) == message
