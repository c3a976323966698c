"""Floats to port integers in C++: what ``Port.integers`` does in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

from hgq_rtl.emulator.lanes import power
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface, Port

WIDEST, FARTHEST = 52, 800
"""Formats of floats: their bits, and the largest exponents, that doubles hold exactly."""


def float_entry(interface: Interface) -> str | None:
    """The functions that convert floats; None where an element is too wide for doubles."""
    types = [t for port in (*interface.inputs, *interface.outputs) for t in port.types]
    inputs = [t for port in interface.inputs for t in port.types]
    if any(t.width > WIDEST for t in inputs) or any(abs(t.exp) > FARTHEST for t in types):
        return None
    if any(
        k + i + f > WIDEST or abs(f) > FARTHEST
        for port in interface.inputs
        if (q := port.quantization) is not None
        for k, i, f in zip(q.k, q.i, q.f, strict=True)
    ):
        return None
    rows, calls, start = [], [], 0
    for port in interface.inputs:
        rows += list(_rows(port))
        q = port.quantization
        modes = f"{q.rounding}, {q.overflow}" if q else "EXACT, SAT"
        if port.size:
            end = start + port.size
            calls.append(f"  ok &= quantize_port<N, {modes}>(x, samples, {start}, {end}, w);\n")
        start += port.size
    exps = "".join(f"    {power(t.exp)},\n" for port in interface.outputs for t in port.types)
    functions = _FUNCTIONS.replace("@rows@", "".join(rows) or "    {0, 1, 0, 0, 1},\n")
    functions = functions.replace("@calls@", "".join(calls))
    return functions.replace("@scales@", exps or "    1,\n")


def _rows(port: Port) -> Iterator[str]:
    q = port.quantization
    for index, t in enumerate(port.types):
        if q is None:
            scale = 0 if t.is_zero else -t.exp
            yield f"    {{{power(scale)}, 1, {t.lo}, {t.hi}, 1}},  // {port.element_name(index)}\n"
            continue
        k, i, f = q.k[index], q.i[index], q.f[index]
        width = k + i + f
        if width <= 0 or not t.width:
            yield f"    {{0, 1, 0, 0, 1}},  // {port.element_name(index)}: zero\n"
            continue
        bounds = Fixed.from_kif(k, i, f, symmetric=q.overflow == "SAT_SYM")
        yield (
            f"    {{{power(f)}, {power(width)}, {bounds.lo}, {bounds.hi}, {power(-t.exp - f)}}},"
            f"  // {port.element_name(index)}\n"
        )


_FUNCTIONS = """\
enum Rounding { TRN, RND, RND_CONV, TRN_ZERO, RND_ZERO, RND_MIN_INF, RND_INF, EXACT };
enum Overflow { WRAP, SAT, SAT_SYM };

// How floats become the integers of an input: multiply, round, wrap or saturate, drop low bits.
struct Quantizer {
  double scale;    // 2^(fraction bits)
  double modulus;  // 2^(all bits)
  double lo, hi;   // the least and the greatest integer
  double keep;     // 2^-(bits of the quantizer below the port's LSB)
};
inline constexpr Quantizer quantizers[] = {
@rows@};
inline constexpr double output_lsbs[] = {
@scales@};

// The integer that u rounds to. A value in single precision has 24 significant bits, so adding 1/2
// to u is exact, or too small a change to matter.
template <Rounding rounding>
inline double rounded(double u) {
  switch (rounding) {
    case RND: return std::floor(u + 0.5);
    case RND_CONV: return std::nearbyint(u);
    case TRN_ZERO: return std::trunc(u);
    case RND_ZERO: return std::copysign(std::ceil(std::abs(u) - 0.5), u);
    case RND_MIN_INF: return std::ceil(u - 0.5);
    case RND_INF: return std::copysign(std::floor(std::abs(u) + 0.5), u);
    default: return std::floor(u);
  }
}

// The integer of v as a double; wrong is set if v is no number that the input takes. Every step is
// exact: products with powers of two, and differences of doubles close to each other.
template <Rounding rounding, Overflow overflow>
inline double quantize(double v, const Quantizer& q, i64& wrong) {
  const bool finite = v - v == 0;
  const double u = finite ? v * q.scale : 0;
  double n = rounded<rounding>(u);
  wrong |= i64(!(finite & ((rounding != EXACT) | ((n == u) & (n >= q.lo) & (n <= q.hi)))));
  if (overflow == WRAP) {
    n -= std::floor(n * (1 / q.modulus) + (q.lo < 0 ? 0.5 : 0)) * q.modulus;
  } else {
    n = n < q.lo ? q.lo : n;
    n = n > q.hi ? q.hi : n;
  }
  return std::floor(n * q.keep);
}

template <int N, Rounding rounding, Overflow overflow, class Float>
inline bool quantize_port(const Float* x, int samples, int first, int last, Wires<N>& w) {
  using Whole = std::conditional_t<(sizeof(input_t) < sizeof(int)), int, input_t>;
  constexpr int tile = 16;  // elements whose samples are put side by side at a time
  Float column[tile][N];
  i64 wrong[N] = {};  // by sample, as compilers have no vector code for one flag
  for (int start = first; start < last; start += tile) {
    const int count = std::min(tile, last - start);
    for (int s = 0; s < N; ++s) {
      const Float* row = x + (s < samples ? s : samples - 1) * inputs + start;
      for (int t = 0; t < count; ++t) column[t][s] = row[t];
    }
    for (int t = 0; t < count; ++t) {
      const Quantizer q = quantizers[start + t];
      for (int s = 0; s < N; ++s) {
        // A quantizer sees its input in single precision, as in training.
        const double v = rounding == EXACT ? column[t][s] : double(float(column[t][s]));
        w.x[start + t][s] = input_t(Whole(quantize<rounding, overflow>(v, q, wrong[s])));
      }
    }
  }
  return std::all_of(wrong, wrong + N, [](i64 flag) { return flag == 0; });
}

template <int N, class Float>
inline bool from_floats(const Float* x, int samples, Wires<N>& w) {
  bool ok = true;
@calls@  return ok;
}

template <int N, class Float>
inline void to_floats(const Wires<N>& w, Float* y, int samples) {
  for (int j = 0; j < outputs; ++j)
    for (int s = 0; s < samples; ++s)
      y[s * outputs + j] = Float(double(w.y[j][s]) * output_lsbs[j]);
}

"""
