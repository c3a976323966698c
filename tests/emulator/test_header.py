"""The header as a C++ programmer gets it: no warnings, one sample, the wrapper."""

import subprocess

import pytest

from hgq_rtl.emit.backend import CoreInfo
from hgq_rtl.emulator import header, identifier
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port, Quantization
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, constant

PROGRAM = """\
#include "double.h"
#include "other.h"
#include <cstdio>
using namespace n_double_2;
static_assert(Network::latency == 4 && Network::inputs == 2 && Network::output[0].width == 5);
int main() {
  Model<> model;
  Standalone& base = model;
  float x[] = {1.3f, -0.75f}, y[1];
  base.prepare_input(static_cast<float*>(x));
  base.predict();
  base.read_result(static_cast<float*>(y));
  output_t n[1];
  base.read_result(static_cast<output_t*>(n));
  std::printf("%g %d", y[0], int(n[0]));
  const input_t whole[] = {7, -8};
  base.prepare_input(static_cast<const input_t*>(whole));
  base.predict();
  base.read_result(static_cast<output_t*>(n));
  std::printf(" %d", int(n[0]));
  try { base.prepare_input(1); } catch (const std::bad_any_cast&) { std::printf(" cast"); }
  x[0] = 0.0f / x[0] / 0.0f;
  try { base.prepare_input(static_cast<float*>(x)); } catch (const std::domain_error& e) {
    std::printf(" %s", e.what());
  }
}
"""


def small():
    build = Builder()
    a, b = (build(INPUT, name=n, lo=-8, hi=7, exp=-2) for n in "ab")
    with build.at("class/int"):
        total = build(ADD, a, b, sub=False)
    with build.at("relu"):
        y = build(MAX, total, constant(build, 0, 0))
    q = Quantization((1, 1), (1, 1), (2, 2), "RND", "SAT")
    graph = Graph(build, (a, b), (y,), ("y",))
    return graph, Interface(
        (Port("x", (2,), (a.type, b.type), q),), (Port("y", (), (Fixed(0, 28, -3),)),)
    )


def test_header_in_a_program(tmp_path):
    info = CoreInfo("double", "1", "ab", 2.5, 4, 'a "b" \\')
    (tmp_path / "double.h").write_text(header(*small(), info))
    (tmp_path / "other.h").write_text(header(*small(), CoreInfo("other", "1", "a", 2, 1, "d")))
    program = PROGRAM.replace("n_double_2", identifier("double"))
    (tmp_path / "main.cpp").write_text(program)
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1"]
    subprocess.run(["g++", *flags, "main.cpp", "-o", "main"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    # 1.3 rounds to 5/4; 5 - 3 = 2 quarters, 4 eighths.
    told = f"0.5 4 0 cast {identifier('double')}: an input is no number that its port can take"
    assert done.stdout == told


@pytest.mark.parametrize(
    "name", ["class", "linux", "Network", "x", "std", "a__b", "i16", "template"]
)
def test_hostile_names_of_designs(name):
    found = identifier(name)
    assert found.lower() != name.lower()
    assert "__" not in found


def test_header_says_what_it_is():
    text = header(*small(), CoreInfo("tagger", "1.2", "feed", 2.5, 4, "xcvu13p-2"))
    for line in (
        "// tagger: C++ emulator.",
        "// Model feed, compiled by hgq_rtl 1.2 for xcvu13p-2 at 2.5 ns.",
        "//   x_0   in   s4    fixed<4,-2>   [-2, 1.75]",
        "inline constexpr int latency = 4;  // clocks of the hardware, from input to output",
        "// Layer 'class'.",
        "inline void n_class(Wires<N>& w) {",
        "    w.relu_relu[s] = i16(std::max<i16>(w.class_int_add[s], 0));  // u4@-2 relu",
    ):
        assert line in text
    assert text == header(*small(), CoreInfo("tagger", "1.2", "feed", 2.5, 4, "xcvu13p-2"))
