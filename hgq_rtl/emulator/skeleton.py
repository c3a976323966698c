"""The fixed text of the header, with $places for what a design decides."""

from __future__ import annotations

NOTES = (
    "Standard C++17; no dependencies, no heap, no state. An element of a port is the integer n of",
    "the value n * 2^exp; elements of all ports in order, each in C order (row-major).",
    "Fast with -O3 -fno-trapping-math and a processor named, such as -march=native: plain x86-64",
    "has no instruction that rounds.",
    "",
)

WIDE = """\
#ifndef __SIZEOF_INT128__
#error "this design has numbers of more than 64 bits: a compiler with __int128 is needed"
#endif
__extension__ typedef __int128 i128;
"""

HEADER = """\
${head}#ifndef ${guard}
#define ${guard}

#include <algorithm>
#include <any>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

namespace ${namespace} {
// Symbols of another network of this name, loaded beside this one, are not taken for these.
inline namespace ${version_namespace} {

using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
${wide}static_assert(sizeof(int) == 4, "int has 32 bits");
static_assert((-3 >> 1) == -2, "negative numbers shift arithmetically to the right");
static_assert(std::numeric_limits<double>::is_iec559, "floats follow IEEE 754");

inline constexpr int latency = ${latency};  // clocks of the hardware, from input to output
inline constexpr double clock_ns = ${clock_ns};
inline constexpr char device[] = "${device}";
inline constexpr char model_hash[] = "${model_hash}";
inline constexpr char tool[] = "hgq_rtl ${version}";
inline constexpr int inputs = ${inputs}, outputs = ${outputs};  // elements of all ports
inline constexpr int block = ${block};  // samples that are computed together

using input_t = ${input_t};    // holds every element of the inputs
using output_t = ${output_t};  // holds every element of the outputs

// What the integer of an element stands for: n * 2^exp, in so many bits.
struct Element {
  const char* name;
  bool is_signed;
  int width, exp;
};

// --- tables ---------------------------------------------------------------------------------

${tables}
// --- layers ---------------------------------------------------------------------------------
// A comment such as s6@-3 behind a value: signed, 6 bits, the LSB is worth 2^-3; then its origin.

// Every value that passes between loops, for N samples side by side.
template <int N>
struct Wires {
  input_t x[inputs ? inputs : 1][N];
  output_t y[outputs ? outputs : 1][N];
${wires}};

${functions}
// All layers, from w.x to w.y.
template <int N>
inline void evaluate(Wires<N>& w) {
${calls}  for (int s = 0; s < N; ++s) {
${results}  }
}

// --- samples in and out ---------------------------------------------------------------------

// Samples (rows) into columns; the last sample fills what is left of a block.
template <int N>
inline void load(const input_t* x, int samples, Wires<N>& w) {
  for (int j = 0; j < inputs; ++j)
    for (int s = 0; s < N; ++s) w.x[j][s] = x[(s < samples ? s : samples - 1) * inputs + j];
}

template <int N>
inline void store(const Wires<N>& w, output_t* y, int samples) {
  for (int s = 0; s < samples; ++s)
    for (int j = 0; j < outputs; ++j) y[s * outputs + j] = w.y[j][s];
}

${float_functions}// The network: what a program must know of it to compile, and to compute.
struct Network {
  using input_t = ${namespace}::input_t;
  using output_t = ${namespace}::output_t;
  static constexpr int latency = ${namespace}::latency;
  static constexpr int inputs = ${namespace}::inputs, outputs = ${namespace}::outputs;
  static constexpr Element input[] = {
${input_elements}  };
  static constexpr Element output[] = {
${output_elements}  };

  // Integers x[samples][inputs] to y[samples][outputs]. Each x must be in the range of its element.
  static void predict(const input_t* x, output_t* y, std::size_t samples) {
    Wires<block> w;
    for (std::size_t first = 0; first < samples; first += block) {
      const int count = int(std::min<std::size_t>(block, samples - first));
      load<block>(x + first * inputs, count, w);
      evaluate<block>(w);
      store<block>(w, y + first * outputs, count);
    }
  }

  // One sample.
  static void predict(const input_t* x, output_t* y) {
    Wires<1> w;
    load<1>(x, 1, w);
    evaluate<1>(w);
    store<1>(w, y, 1);
  }
${float_entries}};

// --- in the manner of hls4mlEmulator::Model -------------------------------------------------

// The interface that CMSSW's modules call, for programs that have no other.
struct Standalone {
  virtual ~Standalone() = default;
  virtual void prepare_input(std::any input) = 0;
  virtual void predict() = 0;
  virtual void read_result(std::any result) = 0;
};

// prepare_input takes a pointer to [inputs] input_t, float or double (const or not); read_result
// one to [outputs] output_t, float or double. Another type throws std::bad_any_cast. In CMSSW:
//   extern "C" hls4mlEmulator::Model* create_model() {
//     return new ${namespace}::Model<hls4mlEmulator::Model>;
//   }
template <class Base = Standalone>
class Model : public Base {
 public:
  void prepare_input(std::any input) override {
${prepare_floats}    if (auto x = pointer<input_t>(input))
      std::copy(x, x + inputs, x_);
    else
      throw std::bad_any_cast();
${check_floats}  }

  void predict() override { Network::predict(x_, y_); }

  void read_result(std::any result) override {
${read_floats}    output_t* y = std::any_cast<output_t*>(result);
    std::copy(y_, y_ + outputs, y);
  }

 private:
  template <class T>
  static const T* pointer(const std::any& any) {
    if (auto p = std::any_cast<T*>(&any)) return *p;
    if (auto p = std::any_cast<const T*>(&any)) return *p;
    return nullptr;
  }

  input_t x_[inputs ? inputs : 1] = {};
  output_t y_[outputs ? outputs : 1] = {};
};

}  // inline namespace
}  // namespace ${namespace}

#endif
"""

FLOAT_ENTRIES = """
  // Floats x[samples][inputs] to y[samples][outputs]: quantized as in training, and back. False,
  // and the results mean nothing, if an x is no number or none that its port can take.
  template <class Float, class Out, class = std::enable_if_t<std::is_floating_point_v<Float>>>
  static bool predict(const Float* x, Out* y, std::size_t samples) {
    Wires<block> w;
    bool ok = true;
    for (std::size_t first = 0; first < samples; first += block) {
      const int count = int(std::min<std::size_t>(block, samples - first));
      ok &= from_floats<block>(x + first * inputs, count, w);
      evaluate<block>(w);
      to_floats<block>(w, y + first * outputs, count);
    }
    return ok;
  }

  // The integers of one sample of floats.
  template <class Float>
  static bool quantize(const Float* x, input_t* n) {
    Wires<1> w;
    const bool ok = from_floats<1>(x, 1, w);
    for (int j = 0; j < inputs; ++j) n[j] = w.x[j][0];
    return ok;
  }
"""

PREPARE_FLOATS = """\
    bool ok = true;
    if (auto f = pointer<float>(input))
      ok = Network::quantize(f, x_);
    else if (auto d = pointer<double>(input))
      ok = Network::quantize(d, x_);
    else
"""

CHECK_FLOATS = """\
    if (!ok) throw std::domain_error("${namespace}: an input is no number that its port can take");
"""

READ_FLOATS = """\
    if (auto f = std::any_cast<float*>(&result)) {
      for (int j = 0; j < outputs; ++j) (*f)[j] = float(double(y_[j]) * output_lsbs[j]);
      return;
    }
    if (auto d = std::any_cast<double*>(&result)) {
      for (int j = 0; j < outputs; ++j) (*d)[j] = double(y_[j]) * output_lsbs[j];
      return;
    }
"""
