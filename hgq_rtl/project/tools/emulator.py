"""The C++ emulator of the core."""

from __future__ import annotations

from hgq_rtl.emulator import identifier
from hgq_rtl.project.core import Core
from hgq_rtl.project.tools.tool import Tool


def _files(core: Core) -> dict[str, str]:
    return {f"emulator/{name}": text for name, text in core.emulator.items()}


def _guide(core: Core) -> str:
    name = identifier(core.name)
    if not core.emulator:
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
