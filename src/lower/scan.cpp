// SPDX-License-Identifier: MIT
// Scans of tiles in the registers of threads.
//
// The bits of the axis form segments: bits of the register's number, of the thread's number in its subgroup, of the subgroup's number. From
// the lowest to the highest segment, each thread finds the total of the elements before its own within the segment, and the total of the
// segment: in registers one after the other, in subgroups by shuffles (Hillis and Steele, "Data Parallel Algorithms", 1986), across
// subgroups through shared memory. So a row of any length crosses shared memory once.
#include <algorithm>

#include "lower/lowering.h"

namespace nereid {

namespace {

using Values = std::vector<Lowval>;
using Buffers = std::vector<BufferRef>;

// Bits of the axis that are all of one kind, the lowest first.
struct Segment {
  enum Kind : uint8_t { Registers, Subgroup, Workgroup } kind;
  std::vector<int> bits;
};

int64_t maskOf(const std::vector<int>& bits) {
  int64_t mask = 0;
  for (int bit : bits) mask |= int64_t{1} << bit;
  return mask;
}

// The number whose bits at `bits` are those of `n`.
int64_t deposit(int64_t n, const std::vector<int>& bits) {
  int64_t out = 0;
  for (size_t i = 0; i < bits.size(); ++i) out |= (n >> i & 1) << bits[i];
  return out;
}

}  // namespace

// Of one scan, while it is emitted.
class Lowering::Scanner {
 public:
  Scanner(Lowering& low, const Inst& scan)
      : low_(low),
        scan_(scan),
        layout_(*low.layouts().of(scan.results[0])),
        isReverse_(scan.integer(Attr::Reverse)),
        n_(scan.operands.size()),
        threads_(int64_t{1} << layout_.threadBits) {
    for (const Value* v : scan.results) results_.push_back(low.buffers_.of.at(v));
    for (int bit = 0; bit < layout_.registerBits; ++bit) free_.push_back(bit);
  }

  void run() {
    const std::vector<Segment> segments = split();
    for (size_t i = 0; i < segments.size(); ++i) {
      const Segment& segment = segments[i];
      const bool isLast = i + 1 == segments.size();
      if (segment.kind == Segment::Registers)
        i == 0 ? scanRegisters(segment.bits, isLast) : combineRegisters(segment.bits, isLast);
      else
        combineThreads(segment, i == 0, isLast);
    }
    if (!prefix_.empty()) addPrefixes();
  }

 private:
  std::vector<Segment> split() const {
    const Type& type = scan_.operand(0)->type;
    const int axis = static_cast<int>(scan_.integer(Attr::Axis));
    int first = 0;
    for (int d = type.rank - 1; d > axis; --d) first += type.log2(d);
    std::vector<Segment> segments;
    for (int i = first; i < first + type.log2(axis); ++i) {
      const int at = layout_.place[static_cast<size_t>(i)];
      const bool inSubgroup = low_.schedule_.kernel.subgroups && at < low_.subgroupBits();
      const Segment::Kind kind = at < 0 ? Segment::Registers : inSubgroup ? Segment::Subgroup : Segment::Workgroup;
      const bool isFull = !segments.empty() && kind == Segment::Workgroup &&
                          static_cast<int>(segments.back().bits.size()) == log2(low_.machine().combineRadix);
      if (segments.empty() || segments.back().kind != kind || isFull) segments.push_back({kind, {}});
      segments.back().bits.push_back(at < 0 ? ~at : at);
    }
    return segments;
  }

  // ---- elements of threads
  Value* place(const BufferRef& of, Value* t, int64_t k) { return low_.privatePointer(of, {t, low_.top()}, k).v; }
  Value* pointer(const BufferRef& of, Lowval i, int64_t more) {
    Lowval p = low_.emitOp(Op::AddPtr, {{of.base, 0}, i}, of.base->type, {}, low_.top());
    return low_.emitOp(Op::AddPtr, {p, {low_.index(more), 0}}, of.base->type, {}, low_.top()).v;
  }
  Lowval loaded(Value* from, const BufferRef& of, size_t k) {
    return low_.convert({low_.at(low_.top()).loadFrom(from, of.element), low_.top()}, scan_.operand(k)->type.element());
  }
  Values read(const Buffers& from, Value* t, int64_t i) {
    Values out;
    for (size_t k = 0; k < n_; ++k) out.push_back(loaded(place(from[k], t, i), from[k], k));
    return out;
  }
  void write(const Buffers& to, Value* t, int64_t i, const Values& v) {
    for (size_t k = 0; k < n_; ++k) low_.at(low_.top()).storeTo(place(to[k], t, i), low_.convert(v[k], to[k].element).v);
  }
  Buffers registers(size_t bits) {
    const Layout* layout = low_.layouts().registers(static_cast<int>(bits), layout_.threadBits);
    Buffers out;
    for (const BufferRef& b : results_) out.push_back(low_.allocateElements(b.element, 0, layout));
    return out;
  }
  Values combine(Values first, const Values& second) {
    first.insert(first.end(), second.begin(), second.end());
    return low_.emitRegion(*scan_.regions[0], first, low_.top());
  }
  Values select(Lowval condition, const Values& yes, const Values& no) {
    Values out;
    for (size_t k = 0; k < n_; ++k)
      out.push_back(low_.emitOp(Op::Select, {condition, yes[k], no[k]}, scan_.operand(k)->type.element(), {}, low_.top()));
    return out;
  }
  Lowval compare(CmpIPred pred, Lowval a, int64_t b) { return {low_.at(low_.top()).cmpI(pred, a.v, low_.index(b)), low_.top()}; }
  // Whether other threads have elements before this one's, along these bits of the thread's number.
  Lowval isAfterFirst(Value* t, int64_t mask) {
    return compare(CmpIPred::Ne, low_.emitOp(Op::AndI, {{t, low_.top()}, {low_.index(mask), 0}}, kI64), isReverse_ ? mask : 0);
  }
  // The k-th of `count` elements, in the order of the scan.
  int64_t nth(int64_t k, int64_t count) const { return isReverse_ ? count - 1 - k : k; }

  // ---- segments
  // The first segment: the results themselves.
  void scanRegisters(const std::vector<int>& bits, bool isLast) {
    remove(bits);
    if (!isLast) totals_ = registers(free_.size());
    const int64_t count = int64_t{1} << bits.size();
    low_.threadsLoop(threads_, [&](Value* t) {
      for (int64_t q = 0; q < int64_t{1} << free_.size(); ++q) {
        auto element = [&](int64_t k) { return deposit(q, free_) | deposit(nth(k, count), bits); };
        Values sum = read(results_, t, element(0));
        for (int64_t k = 1; k < count; ++k) {
          sum = combine(sum, read(results_, t, element(k)));
          write(results_, t, element(k), sum);
        }
        if (!isLast) write(totals_, t, q, sum);
      }
    });
  }

  // Later registers: what is before each of them.
  void combineRegisters(const std::vector<int>& bits, bool isLast) {
    const std::vector<int> before = free_;
    remove(bits);
    const Buffers from = totals_;
    if (!isLast) totals_ = registers(free_.size());
    const int64_t count = int64_t{1} << bits.size();
    auto totalOf = [&](int64_t q, int64_t k) { return extract(deposit(q, free_) | deposit(k, bits), before); };
    low_.threadsLoop(threads_, [&](Value* t) {
      for (int64_t q = 0; q < int64_t{1} << free_.size(); ++q) {
        Values sum;
        for (int64_t k = 0; k < count; ++k) {
          const int64_t at = nth(k, count);
          if (k > 0) updatePrefixes(t, deposit(q, free_) | deposit(at, bits), maskOf(free_) | maskOf(bits), sum, {});
          Values next = read(from, t, totalOf(q, at));
          if (k + 1 < count || !isLast) sum = k == 0 ? next : combine(sum, next);
        }
        if (!isLast) write(totals_, t, q, sum);
      }
    });
  }

  void combineThreads(const Segment& segment, bool isFirst, bool isLast) {
    const size_t free = free_.size();
    const int64_t count = int64_t{1} << free;
    if (isFirst) {
      totals_ = registers(free);
      low_.threadsLoop(threads_, [&](Value* t) {
        for (int64_t q = 0; q < count; ++q) write(totals_, t, q, read(results_, t, q));
      });
    }
    if (prefix_.empty()) {
      prefixBits_ = free_;
      prefix_ = registers(free);
      isAlways_.assign(static_cast<size_t>(count), false);
      hasPrefix_ = false;
    }
    const Buffers found = hasPrefix_ ? registers(free) : prefix_;
    segment.kind == Segment::Subgroup ? shuffle(segment.bits, found, isLast) : exchange(segment.bits, found, isLast);
    const int64_t mask = maskOf(segment.bits);
    if (hasPrefix_)
      low_.threadsLoop(threads_, [&](Value* t) {
        for (int64_t q = 0; q < count; ++q) updatePrefixes(t, deposit(q, free_), maskOf(free_), read(found, t, q), isAfterFirst(t, mask));
      });
    hasPrefix_ = true;
    done_ |= mask;
  }

  // `found` becomes the total before a thread's elements among those of a subgroup, `totals_` the total of all.
  void shuffle(const std::vector<int>& bits, const Buffers& found, bool isLast) {
    const Buffers others = registers(free_.size());
    int64_t below = 0;
    for (size_t i = 0; i < bits.size(); ++i) {
      for (size_t k = 0; k < n_; ++k)
        low_.at(low_.top())
            .create(Op::LoSubgroupShuffle, {others[k].base, totals_[k].base}, {},
                    {{Attr::Bit, int64_t{bits[i]}}, {Attr::Threads, threads_}, {Attr::Private, int64_t{1} << free_.size()}});
      const int64_t bit = int64_t{1} << bits[i];
      low_.threadsLoop(threads_, [&](Value* t) {
        const Lowval isLater = isAfterFirst(t, bit);
        const Lowval hasMore = i > 0 ? isAfterFirst(t, below) : Lowval{};
        for (int64_t q = 0; q < int64_t{1} << free_.size(); ++q) {
          const Values other = read(others, t, q), mine = read(totals_, t, q);
          if (i == 0) {
            write(found, t, q, other);
          } else {
            const Values old = read(found, t, q);
            write(found, t, q, select(isLater, select(hasMore, combine(other, old), other), old));
          }
          if (isLast && i + 1 == bits.size()) continue;
          write(totals_, t, q, combine(select(isLater, other, mine), select(isLater, mine, other)));
        }
      });
      below |= bit;
    }
  }

  // The same across subgroups, through shared memory.
  void exchange(const std::vector<int>& bits, const Buffers& found, bool isLast) {
    const int64_t count = int64_t{1} << bits.size();
    const int registerBits = static_cast<int>(free_.size());
    // The place of a total: among those that a thread combines, then by the rest of the thread's number, then by register.
    std::vector<int> places = bits;
    for (int bit = 0; bit < layout_.threadBits; ++bit)
      if (!((done_ | maskOf(bits)) >> bit & 1)) places.push_back(bit);
    for (int bit = 0; bit < registerBits; ++bit) places.push_back(~bit);
    Buffers shared;
    for (const BufferRef& b : results_) shared.push_back(low_.allocateElements(b.element, int64_t{1} << places.size()));
    low_.threadsLoop(threads_, [&](Value* t) {
      auto tell = [&] {
        for (int64_t q = 0; q < int64_t{1} << registerBits; ++q) {
          const Values v = read(totals_, t, q);
          for (size_t k = 0; k < n_; ++k)
            low_.at(low_.top()).storeTo(pointer(shared[k], low_.placeOf(places, t, q), 0), low_.convert(v[k], shared[k].element).v);
        }
      };
      if (done_ == 0) return tell();
      low_.guarded(compare(CmpIPred::Eq, low_.emitOp(Op::AndI, {{t, low_.top()}, {low_.index(done_), 0}}, kI64), 0).v, tell);
    });
    std::fill(places.begin(), places.begin() + static_cast<long>(bits.size()), ~registerBits);  // a bit that no register's number has
    low_.threadsLoop(threads_, [&](Value* t) {
      const Lowval mine = low_.placeOf(bits, t, 0);
      std::vector<Lowval> isAfter;
      for (int64_t i = 0; i + 1 < count; ++i) isAfter.push_back(compare(isReverse_ ? CmpIPred::Ult : CmpIPred::Ugt, mine, nth(i, count)));
      for (int64_t q = 0; q < int64_t{1} << registerBits; ++q) {
        const Lowval first = low_.placeOf(places, t, q);
        Values sum, before;
        for (int64_t i = 0; i < count; ++i) {
          if (isLast && i + 1 == count) break;
          Values next;
          for (size_t k = 0; k < n_; ++k) next.push_back(loaded(pointer(shared[k], first, nth(i, count)), shared[k], k));
          sum = i == 0 ? next : combine(sum, next);
          if (i + 1 < count) before = i == 0 ? sum : select(isAfter[static_cast<size_t>(i)], sum, before);
        }
        write(found, t, q, before);
        if (!isLast) write(totals_, t, q, sum);
      }
    });
  }

  // `more` comes before all elements whose register numbers have the bits of `at` under `mask`, in threads where `holds` (null: in all).
  void updatePrefixes(Value* t, int64_t at, int64_t mask, const Values& more, Lowval holds) {
    const bool isNew = prefix_.empty();
    if (isNew) {
      prefixBits_.clear();
      for (int bit = 0; bit < layout_.registerBits; ++bit)
        if (mask >> bit & 1) prefixBits_.push_back(bit);
      prefix_ = registers(prefixBits_.size());
      isAlways_.assign(size_t{1} << prefixBits_.size(), false);
    }
    for (int64_t p = 0; p < int64_t{1} << prefixBits_.size(); ++p) {
      if ((deposit(p, prefixBits_) & mask) != at) continue;
      const bool isAlways = isAlways_[static_cast<size_t>(p)];
      Values out = more;
      if (hasPrefix_ || isAlways) {
        const Values old = read(prefix_, t, p);
        out = combine(more, old);
        if (!isAlways) out = select(isAfterFirst(t, done_), out, more);
        if (holds.v) out = select(holds, out, old);
      }
      write(prefix_, t, p, out);
      if (!holds.v) isAlways_[static_cast<size_t>(p)] = true;
    }
  }

  void addPrefixes() {
    low_.threadsLoop(threads_, [&](Value* t) {
      const Lowval holds = done_ ? isAfterFirst(t, done_) : Lowval{};
      for (int64_t e = 0; e < int64_t{1} << layout_.registerBits; ++e) {
        const int64_t p = extract(e, prefixBits_);
        const bool isAlways = isAlways_[static_cast<size_t>(p)];
        if (!isAlways && !hasPrefix_) continue;
        const Values mine = read(results_, t, e), all = combine(read(prefix_, t, p), mine);
        write(results_, t, e, isAlways ? all : select(holds, all, mine));
      }
    });
  }

  // The bits of `n` at `bits`, side by side.
  static int64_t extract(int64_t n, const std::vector<int>& bits) {
    int64_t out = 0;
    for (size_t i = 0; i < bits.size(); ++i) out |= (n >> bits[i] & 1) << i;
    return out;
  }
  void remove(const std::vector<int>& bits) {
    std::erase_if(free_, [&](int bit) { return std::find(bits.begin(), bits.end(), bit) != bits.end(); });
  }

  const Type kI64 = Type::scalar(Elem::I64);
  Lowering& low_;
  const Inst& scan_;
  const Layout& layout_;
  const bool isReverse_;
  const size_t n_;
  const int64_t threads_;
  Buffers results_, totals_;
  std::vector<int> free_;  // bits of the register's number that no segment has had
  int64_t done_ = 0;       // bits of the thread's number that segments have had
  // The total of all elements before a register's, indexed by these bits of the register number.
  Buffers prefix_;
  std::vector<int> prefixBits_;
  bool hasPrefix_ = false;      // threads have found some, where isAfterFirst(t, done_)
  std::vector<bool> isAlways_;  // by number: in all threads
};

void Lowering::emitScan(const Inst& scan) {
  code_.loc = scan.loc;
  for (size_t k = 0; k < scan.operands.size(); ++k) {
    const Value* result = scan.results[k];
    if (!buffers_.of.count(result)) buffers_.of[result] = allocate(result);
    copyTile(scan.operand(k), buffers_.of.at(result));
  }
  code_.loc = scan.loc;
  Scanner(*this, scan).run();
}

}  // namespace nereid
