"""From a simulator's result to the sentence that says where the fault is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgq_rtl.cosim.subject import Subject
from hgq_rtl.cosim.vectors import bits_value, element_bits
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.interface import Port
from hgq_rtl.ir.text import node_ids

FLOAT_BITS = 53
"""Integers up to this width are exact as float64."""


@dataclass(frozen=True)
class Expected:
    """What the outputs must be: IR integers, and for the first vectors Keras's floats.

    ``keras``: (vectors with data, all output elements), or None where none were given.
    """

    ir: Ints
    keras: NDArray[np.float64] | None = None

    def keras_differs(self, types: Sequence[Any]) -> NDArray[np.bool_]:
        """Where Keras's value is not exactly IR's, as (vectors with data, elements)."""
        assert self.keras is not None
        wrong = np.zeros(self.keras.shape, dtype=bool)
        for j, t in enumerate(types):
            # At the weight of the port, so that a value off its grid equals no integer.
            keras, ir = np.ldexp(self.keras[:, j], -t.exp), self.ir[: len(self.keras), j]
            if t.width > FLOAT_BITS:
                # Python compares an int with a float exactly.
                wrong[:, j] = [a != int(b) for a, b in zip(keras.tolist(), ir, strict=True)]
            else:
                wrong[:, j] = keras != ir.astype(np.float64)
        return wrong


def keras_outputs(
    ports: Sequence[Port], y: ArrayLike | Mapping[str, ArrayLike] | list[ArrayLike], samples: int
) -> NDArray[np.float64]:
    """Keras's outputs as one array (samples, all elements), from the structure Keras gives."""
    names = [port.name for port in ports]
    if isinstance(y, Mapping):
        if set(y) != set(names):
            raise CosimError(
                "y_expected must have one array per output port",
                received=", ".join(sorted(map(str, y))),
                hint=f"Ports: {', '.join(names)}",
            )
        arrays: list[ArrayLike] = [y[name] for name in names]
    else:
        arrays = list(y) if isinstance(y, list | tuple) else [y]
    if len(arrays) != len(ports):
        raise CosimError(
            "y_expected must have one array per output port",
            received=f"{len(arrays)} arrays",
            hint=f"Ports: {', '.join(names)}",
        )
    flat = []
    for port, array in zip(ports, arrays, strict=True):
        values = np.asarray(array, dtype=np.float64)
        if values.shape != (samples, *port.shape):
            raise CosimError(
                f"y_expected for port '{port.name}' has the wrong shape",
                received=f"{values.shape}, expected {(samples, *port.shape)}",
            )
        flat.append(values.reshape(samples, port.size))
    return np.concatenate(flat, axis=1)


def valid_fault(subject: Subject, found: Mapping[str, Any], name: str) -> CosimError | None:
    """The error for a wrong valid_out in one pass, if it is wrong."""
    if not found["valid_errors"]:
        return None
    seen = found["latency_seen"]
    if seen is None:
        what = f"valid_out never rises; expected {_clocks(subject.latency)} after valid_in"
    elif seen < 0:
        what = f"valid_out is {found['first_valid_error']}, before any vector"
    elif seen != subject.latency:
        what = f"valid_out first rises {_clocks(seen)} after valid_in, expected {subject.latency}"
    else:
        what = f"valid_out is {found['first_valid_error']}"
    return CosimError(
        what,
        where=f"design '{subject.name}' ({name.replace('_', ' ')})",
        hint=f"{found['mismatches']} of {found['vectors']} vectors are wrong too"
        if found["mismatches"]
        else "The fault is in emission: the outputs themselves are right",
    )


def _clocks(count: int) -> str:
    return f"{count} clock{'' if count == 1 else 's'}"


def rtl_fault(
    subject: Subject, expected: Expected, found: Mapping[str, Any], node: str
) -> CosimError:
    """The error for the first vector whose RTL value is not IR's. ``node``: where it begins."""
    first = found["wrong"][0]
    vector, outputs = first["vector"], subject.interface.outputs
    bits = element_bits(outputs, first["rtl"])
    types = [t for port in outputs for t in port.types]
    got = [bits_value(b, t.signed) for b, t in zip(bits, types, strict=True)]
    element = next(j for j, n in enumerate(got) if n != int(expected.ir[vector, j]))
    n = got[element]
    rtl = f"{bits[element]} (unknown bits)" if n is None else f"{_hex(bits[element])} ({n})"
    name = subject.reference
    verdict, keras = f"No {name} output was given, and IR is the reference", ""
    if expected.keras is not None and vector < len(expected.keras):
        wrong = expected.keras_differs(types)[vector, element]
        keras = f" {name} {_number(expected.keras[vector, element], types[element].exp)},"
        verdict = f"IR differs from {name} too" if wrong else f"IR agrees with {name}"
    return CosimError(
        f"RTL {rtl},{keras} IR {int(expected.ir[vector, element])}",
        where=_where(subject, element, vector, len(expected.ir)),
        hint=f"{verdict}, so the fault is in emission or pipelining"
        + (", and another in lowering or a pass" if verdict.startswith("IR differs") else "")
        + f". {node}. {_count(found)}",
    )


def _count(found: Mapping[str, Any]) -> str:
    return f"{found['mismatches']} of {found['vectors']} vectors are wrong"


def _where(subject: Subject, element: int, vector: int, vectors: int) -> str:
    names = [p.element_name(j) for p in subject.interface.outputs for j in range(p.size)]
    return f"output {element} of {len(names)} ('{names[element]}'), vector {vector} of {vectors}"


def _hex(bits: str) -> str:
    return hex(int(bits, 2)) if bits else "0x0"


def _number(value: float, exp: int) -> str:
    """Keras's value in the units of the port, as an integer if it is one."""
    n = float(np.ldexp(value, -exp))
    return str(int(n)) if n.is_integer() else repr(n)


def keras_fault(subject: Subject, expected: Expected) -> CosimError | None:
    """The error for the first data vector where IR, and so RTL, differs from Keras."""
    if expected.keras is None:
        return None
    types = [t for port in subject.interface.outputs for t in port.types]
    wrong = expected.keras_differs(types)
    if not wrong.any():
        return None
    vector, element = (int(i) for i in np.argwhere(wrong)[0])
    ir = int(expected.ir[vector, element])
    raw = ir & ((1 << types[element].width) - 1)
    keras = _number(expected.keras[vector, element], types[element].exp)
    return CosimError(
        f"RTL {raw:#x} ({ir}), {subject.reference} {keras}, IR {ir}",
        where=_where(subject, element, vector, len(expected.ir)),
        hint="RTL agrees with IR, so the fault is in lowering or a pass. "
        f"{int(wrong.any(axis=1).sum())} of {len(wrong)} data vectors differ",
    )


def first_different_node(subject: Subject, inputs: Ints, values: Mapping[str, str]) -> str:
    """A sentence about the first named node whose held signal is not IR's value.

    ``inputs``: one vector of port integers. ``values``: bits by node id, from the probe run.
    """
    feeds = {node: inputs[None, j] for j, node in enumerate(subject.graph.inputs)}
    ids = node_ids(subject.graph)
    named = [n for n in subject.graph.nodes if n in subject.signals and ids[n] in values]
    reference = evaluate_nodes(feeds, named)
    for node in named:
        bits, want = values[ids[node]], int(reference[node][0])
        got = bits_value(bits, node.type.signed)
        if got != want or len(bits) != node.type.width:
            signal = subject.signals[node]
            origin = subject.graph.origin(node) or f"{node.op.name} {ids[node]}"
            rtl = f"{bits} in bits" if got is None or got == want else got
            return (
                f"First differing node: '{origin}', stage {signal.stage} "
                f"(signal {signal.path}: RTL {rtl}, IR {want})"
            )
    if not named:
        return "No named signal could be read"
    return (
        f"All {len(named)} named nodes are right when the vector is held still, so a register is "
        "missing or superfluous, or a wire after the last named node is wrong"
    )
