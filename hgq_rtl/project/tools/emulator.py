"""The C++ emulator of the core."""

from __future__ import annotations

from hgq_rtl.emulator import header, identifier
from hgq_rtl.errors import EmulatorError
from hgq_rtl.project.core import Core
from hgq_rtl.project.tools.tool import Tool


def _files(core: Core) -> dict[str, str]:
    graph = core.graph if core.optimized is None else core.optimized
    try:
        return {f"emulator/{core.name}.h": header(graph, core.interface, core.info)}
    except EmulatorError:
        return {}


def _guide(core: Core) -> str:
    name = identifier(core.name)
    if not _files(core):
        return (
            "None: the design has numbers that are wider than the integers of C++ compilers.\n"
            "`hgq_rtl` itself evaluates it in Python (`design.predict`).\n"
        )
    return (
        f"`emulator/{core.name}.h` is C++17 without dependencies and computes what the hardware\n"
        "computes, bit for bit:\n\n"
        "```cpp\n"
        f'#include "{core.name}.h"\n'
        f"std::vector<float> x(n * {name}::inputs), y(n * {name}::outputs);\n"
        f"bool ok = {name}::Network::predict(x.data(), y.data(), n);  // floats, as in Keras\n"
        "```\n\n"
        f"`Network::predict` also takes the integers of the ports (`{name}::input_t`); `Model`\n"
        "has the calls of `hls4mlEmulator::Model`: `prepare_input`, `predict`, `read_result`.\n"
        "Compile with `-O3 -march=native -fno-trapping-math` for vector code.\n"
    )


TOOL = Tool("C++ emulator", _files, _guide)
