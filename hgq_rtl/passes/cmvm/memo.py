"""Solved matrices on disk, by everything that the solution depends on."""

from __future__ import annotations

import json

from hgq_rtl import cache
from hgq_rtl.errors import PassError
from hgq_rtl.passes.cmvm.choose import Key, choose
from hgq_rtl.passes.cmvm.program import AdderProgram, Term
from hgq_rtl.passes.target import Target

KIND = "cmvm"


def solve(key: Key, target: Target) -> AdderProgram:
    """As ``choose``, read back where it was solved before.

    What is read is checked to be the matrix like any other solution; what is not is solved anew.
    """
    name = cache.digest(cache.code("da4ml", "numpy"), target.fingerprint, repr(key))
    stored = cache.read(KIND, name)
    if stored is not None:
        program = _decode(stored)
        if _is(program, key):
            return program
    program = choose(key, target)
    cache.write(KIND, name, _encode(program))
    return program


def _encode(program: AdderProgram) -> bytes:
    def flat(term: Term) -> list[int]:
        return [term.index, term.shift, int(term.negative)]

    data = {
        "inputs": program.inputs,
        "tables": program.tables,
        "steps": [flat(a) + flat(b) for a, b in program.steps],
        "outputs": [flat(term) for term in program.outputs],
    }
    return json.dumps(data, separators=(",", ":")).encode()


def _decode(stored: bytes) -> AdderProgram:
    data = json.loads(stored)
    steps = tuple((Term(a, s, bool(n)), Term(b, t, bool(m))) for a, s, n, b, t, m in data["steps"])
    outputs = tuple(Term(a, s, bool(n)) for a, s, n in data["outputs"])
    tables = tuple(tuple((j, w) for j, w in table) for table in data["tables"])
    return AdderProgram(data["inputs"], steps, outputs, tables)


def _is(program: AdderProgram, key: Key) -> bool:
    matrix, inputs, _ = key
    if program.inputs != len(inputs) or len(program.outputs) != len(matrix):
        return False
    try:
        program.check(matrix)
    except PassError:
        return False
    return True
