// The search of sharing.py, for large matrices. Same rule, same order, same answer; see there.

#include <algorithm>
#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

namespace {

constexpr int kShiftBits = 11, kIdBits = 25, kShiftZero = 1 << (kShiftBits - 1);
enum Weigh { kCount, kOverlap, kBits };

struct Value {
  int64_t lo, hi;
  int lsb, level;
};
struct Digit {
  int value, shift;
  bool negative;
};
struct Pair {
  int a, b, shift;
  bool sub;
};
struct Occurrence {
  int row, shift;
};

int bit_length(int64_t n) { return n <= 0 ? 0 : 64 - __builtin_clzll(static_cast<uint64_t>(n)); }

int top(const Value& v) {
  return v.lsb + (v.lo < 0 ? std::max(bit_length(~v.lo), bit_length(v.hi)) + 1 : bit_length(v.hi));
}

uint64_t key_of(Digit x, Digit y) {
  if (y.value < x.value || (y.value == x.value && y.shift < x.shift)) std::swap(x, y);
  const uint64_t ids = static_cast<uint64_t>(y.value) << kIdBits | static_cast<uint64_t>(x.value);
  const uint64_t shift = static_cast<uint64_t>(y.shift - x.shift + kShiftZero);
  return ((ids << kShiftBits) + shift) << 1 | (x.negative != y.negative);
}

Pair pair_of(uint64_t key) {
  const bool sub = key & 1;
  key >>= 1;
  const int shift = static_cast<int>(key & ((1u << kShiftBits) - 1)) - kShiftZero;
  key >>= kShiftBits;
  return {static_cast<int>(key & ((1u << kIdBits) - 1)), static_cast<int>(key >> kIdBits), shift,
          sub};
}

// Counts by key, open addressing. Only pairs that occur twice are kept: a count never rises after
// the newer value of its pair was made. A count of zero goes when the table grows.
class Counts {
 public:
  Counts() : cells_(1 << 10) {}

  int get(uint64_t key) const { return cells_[find(key)].count; }

  void set(uint64_t key, int count) {
    if ((used_ + 1) * 2 > cells_.size()) grow();
    Cell& cell = cells_[find(key)];
    used_ += cell.key == kEmpty;
    cell = {key, count};
  }

  void down(uint64_t key) {
    Cell& cell = cells_[find(key)];
    if (cell.count > 0) --cell.count;
  }

  void drop(uint64_t key) { cells_[find(key)].count = 0; }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Cell {
    uint64_t key = kEmpty;
    int count = 0;
  };

  size_t find(uint64_t key) const {
    uint64_t hash = key * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    size_t at = hash & (cells_.size() - 1);
    while (cells_[at].key != key && cells_[at].key != kEmpty) at = (at + 1) & (cells_.size() - 1);
    return at;
  }

  void grow() {
    size_t live = 0;
    for (const Cell& cell : cells_) live += cell.count > 0;
    std::vector<Cell> old(live * 4 > cells_.size() ? cells_.size() * 2 : cells_.size());
    old.swap(cells_);
    used_ = live;
    for (const Cell& cell : old)
      if (cell.count > 0) cells_[find(cell.key)] = cell;
  }

  std::vector<Cell> cells_;
  size_t used_ = 0;
};

class Search {
 public:
  Search(std::vector<Value> values, std::vector<std::vector<Digit>> rows,
         const std::vector<int>& limits, Weigh weigh)
      : values(std::move(values)), rows(std::move(rows)), weigh_(weigh) {
    where_.resize(this->values.size());
    for (size_t r = 0; r < this->rows.size(); ++r) {
      const auto& row = this->rows[r];
      uint64_t load = 0;
      for (const Digit& d : row) {
        load += uint64_t{1} << this->values[d.value].level;
        auto& known = where_[d.value];
        if (known.empty() || known.back() != static_cast<int>(r)) known.push_back(r);
      }
      room_.push_back((uint64_t{1} << limits[r]) - load);
    }
    // One newer value at a time, which bounds the memory for pairs that occur once.
    for (size_t v = 0; v < where_.size(); ++v) {
      for (int r : where_[v])
        for (const Digit& x : this->rows[r])
          if (x.value == static_cast<int>(v)) meet(x, this->rows[r]);
      enter();
    }
  }

  void run() {
    while (!heap_.empty()) {
      const auto [believed, key] = heap_.top();
      heap_.pop();
      const int count = counts_.get(key);
      if (count < 2) continue;
      const Pair pair = pair_of(key);
      const int64_t actual = score(pair, count);
      if (actual < believed) {
        heap_.push({actual, key});
        continue;
      }
      if (actual <= 0) break;
      const auto found = occurrences(pair);
      if (found.size() >= 2) replace(pair, found);
      counts_.drop(key);
    }
  }

  std::vector<Value> values;
  std::vector<std::vector<Digit>> rows;
  std::vector<Pair> pairs;

 private:
  int64_t score(const Pair& pair, int count) const {
    if (weigh_ == kCount) return count;
    const Value &a = values[pair.a], &b = values[pair.b];
    const int low_b = b.lsb + pair.shift, top_a = top(a), top_b = top(b) + pair.shift;
    const int64_t overlap = std::min(top_a, top_b) - std::max(a.lsb, low_b);
    if (overlap <= 0) return 0;
    if (weigh_ == kOverlap) return count * overlap;
    const int low = pair.sub && low_b < a.lsb ? low_b : std::max(a.lsb, low_b);
    return int64_t{count - 1} * (std::max(top_a, top_b) - low);
  }

  // How much a pair adds to the load of a row; see load() in sharing.py.
  uint64_t more(const Pair& pair) const {
    const int a = values[pair.a].level, b = values[pair.b].level;
    return (uint64_t{2} << std::max(a, b)) - (uint64_t{1} << a) - (uint64_t{1} << b);
  }

  std::vector<Occurrence> occurrences(const Pair& pair) {
    std::vector<Occurrence> found;
    const uint64_t more = this->more(pair);
    for (int r : where_[pair.a]) {
      firsts_.clear();
      seconds_.clear();
      for (const Digit& d : rows[r]) {
        if (d.value == pair.a) firsts_.push_back({d.shift, d.negative});
        if (d.value == pair.b) seconds_.push_back({d.shift, d.negative});
      }
      if (firsts_.empty() || seconds_.empty()) continue;
      std::sort(firsts_.begin(), firsts_.end());
      uint64_t room = room_[r];
      used_.clear();
      for (auto [s, negative] : firsts_) {
        const std::pair<int, bool> other{s + pair.shift, negative != pair.sub};
        if (more > room || std::find(seconds_.begin(), seconds_.end(), other) == seconds_.end())
          continue;
        if (pair.a == pair.b) {
          const auto is_used = [&](int t) {
            return std::find(used_.begin(), used_.end(), t) != used_.end();
          };
          if (is_used(s) || is_used(other.first)) continue;
          used_.push_back(s);
          used_.push_back(other.first);
        }
        room -= more;
        found.push_back({r, s});
      }
    }
    return found;
  }

  void replace(const Pair& pair, const std::vector<Occurrence>& found) {
    const int made = static_cast<int>(values.size());
    const uint64_t more = this->more(pair);
    values.push_back(paired(pair));
    pairs.push_back(pair);
    where_.emplace_back();
    for (const auto& [r, shift] : found) {
      room_[r] -= more;
      const bool negative = take_out(rows[r], pair.a, shift);
      take_out(rows[r], pair.b, shift + pair.shift);
      made_.push_back({r, {made, shift, negative}});
    }
    for (const auto& [r, digit] : made_) {
      rows[r].push_back(digit);
      meet(digit, rows[r]);
      auto& known = where_[made];
      if (known.empty() || known.back() != r) known.push_back(r);
    }
    made_.clear();
    enter();
  }

  // The pairs of a digit with all of its row that came before it.
  void meet(const Digit& digit, const std::vector<Digit>& row) {
    for (const Digit& other : row)
      if (other.value < digit.value || (other.value == digit.value && other.shift < digit.shift))
        fresh_.push_back(key_of(digit, other));
  }

  // Count the pairs just met.
  void enter() {
    std::sort(fresh_.begin(), fresh_.end());
    for (auto at = fresh_.begin(); at != fresh_.end();) {
      const uint64_t key = *at;
      const auto end = std::find_if(at, fresh_.end(), [key](uint64_t k) { return k != key; });
      const int count = static_cast<int>(end - at);
      if (count >= 2) {
        counts_.set(key, count);
        heap_.push({score(pair_of(key), count), key});
      }
      at = end;
    }
    fresh_.clear();
  }

  bool take_out(std::vector<Digit>& row, int value, int shift) {
    size_t at = 0;
    while (row[at].value != value || row[at].shift != shift) ++at;
    const Digit digit = row[at];
    row.erase(row.begin() + static_cast<std::ptrdiff_t>(at));
    for (const Digit& other : row) counts_.down(key_of(digit, other));
    return digit.negative;
  }

  Value paired(const Pair& pair) const {
    const Value &a = values[pair.a], &b = values[pair.b];
    const int low_b = b.lsb + pair.shift, lsb = std::min(a.lsb, low_b);
    const int64_t one_a = int64_t{1} << (a.lsb - lsb), one_b = int64_t{1} << (low_b - lsb);
    const int64_t lo = pair.sub ? -b.hi : b.lo, hi = pair.sub ? -b.lo : b.hi;
    return {a.lo * one_a + lo * one_b, a.hi * one_a + hi * one_b, lsb,
            std::max(a.level, b.level) + 1};
  }

  Weigh weigh_;
  std::vector<uint64_t> room_;
  std::vector<std::vector<int>> where_;
  Counts counts_;
  std::priority_queue<std::pair<int64_t, uint64_t>> heap_;
  std::vector<std::pair<int, bool>> firsts_, seconds_;
  std::vector<int> used_;
  std::vector<uint64_t> fresh_;
  std::vector<std::pair<int, Digit>> made_;
};

}  // namespace

// values: (lo, hi, lsb, level) each; digits: (value, shift, negative) each, row after row, with
// sizes[r] digits in row r; limits: a level per row. On return digits and sizes hold what is left,
// and pairs the (a, b, shift, sub) of every value made; both have room for all. Returns how many.
extern "C" int64_t hgq_share(const int64_t* values, int64_t n_values, int32_t* digits,
                             int32_t* sizes, const int32_t* limits, int64_t n_rows, int weigh,
                             int32_t* pairs) {
  std::vector<Value> start;
  for (int64_t v = 0; v < n_values; ++v)
    start.push_back({values[4 * v], values[4 * v + 1], static_cast<int>(values[4 * v + 2]),
                     static_cast<int>(values[4 * v + 3])});
  std::vector<std::vector<Digit>> rows(n_rows);
  const int32_t* in = digits;
  for (int64_t r = 0; r < n_rows; ++r)
    for (int32_t d = 0; d < sizes[r]; ++d, in += 3) rows[r].push_back({in[0], in[1], in[2] != 0});
  Search search(std::move(start), std::move(rows), {limits, limits + n_rows},
                static_cast<Weigh>(weigh));
  search.run();
  int32_t* out = digits;
  for (int64_t r = 0; r < n_rows; ++r) {
    sizes[r] = static_cast<int32_t>(search.rows[r].size());
    for (const Digit& d : search.rows[r]) {
      *out++ = d.value;
      *out++ = d.shift;
      *out++ = d.negative;
    }
  }
  for (const Pair& p : search.pairs) {
    *pairs++ = p.a;
    *pairs++ = p.b;
    *pairs++ = p.shift;
    *pairs++ = p.sub;
  }
  return static_cast<int64_t>(search.pairs.size());
}
