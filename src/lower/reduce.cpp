// SPDX-License-Identifier: MIT
// Partial results of reductions: the threads of a nest have one each, which become one.
//
// In registers, partial results of a subgroup are combined by shuffles first; then the rest through shared memory.
#include "analysis/combine.h"
#include "lower/lowering.h"

namespace nereid {

std::vector<Lowval> Lowering::combined(const Inst& reduce, std::vector<Lowval> first, const std::vector<Lowval>& second) {
  if (auto combine = combineOf(reduce)) return {emitOp(combine->op, {first[0], second[0]}, reduce.operand(0)->type.element(), {}, top())};
  first.insert(first.end(), second.begin(), second.end());
  return emitRegion(*reduce.regions[0], first, top());
}

// Partial results in registers: those of a subgroup become one.
class Lowering::SubgroupReduction {
 public:
  // `partial`: the bits of the thread's number along which there are partial results.
  SubgroupReduction(Lowering& lowering, const Inst& reduce, const std::vector<int>& partial, int threadBits)
      : l_(lowering),
        reduce_(reduce),
        partial_(partial),
        layout_(*l_.workgroup_.partial.found.at(reduce.results[0]).layout),
        own_(int64_t{1} << layout_.registerBits),
        threads_(int64_t{1} << threadBits),
        results_(reduce.results.size()) {
    for (const Value* v : reduce.results) mine_.push_back(l_.workgroup_.partial.found.at(v));
  }

  void run() {
    shuffle();
    // Where all threads have what is to be read it stays with them.
    const int64_t replicas = l_.nest_.schedule.layout ? l_.nest_.schedule.layout->replicas() : 0;
    const bool isKept = l_.layouts().of(reduce_.results[0]) != nullptr, isTile = reduce_.results[0]->type.isTile();
    l_.workgroup_.partial.bits = 0;
    if (!isTile && (done_ | replicas) == l_.threadCount() - 1) return;
    std::vector<int> rest;
    for (int bit : partial_)
      if (bit >= l_.subgroupBits()) rest.push_back(bit);
    if (isKept && rest.empty()) return;
    const int64_t results = isTile ? reduce_.results[0]->type.numel() : 1;
    if (!isKept) l_.workgroup_.partial.bits = static_cast<int>(rest.size());
    Buffers to;
    for (size_t k = 0; k < results_; ++k)
      to.push_back(isTile && rest.empty() ? l_.buffers_.of.at(reduce_.results[k])
                                          : l_.allocateElements(mine_[k].element, results << rest.size()));
    share(to, rest, done_ | replicas);
    if (isKept) return combineRest(to, rest);
    for (size_t k = 0; k < results_; ++k) l_.workgroup_.partial.found[reduce_.results[k]] = to[k];
  }

 private:
  using Buffers = std::vector<BufferRef>;

  Lowval loaded(Value* from, const BufferRef& of, size_t k) {
    return l_.convert({l_.at(l_.top()).loadFrom(from, of.element), l_.top()}, reduce_.operands[k]->type.element());
  }
  void store(Value* to, Lowval v, const BufferRef& as) { l_.at(l_.top()).storeTo(to, l_.convert(v, as.element).v); }
  Value* place(const BufferRef& of, Value* t, int64_t k) { return l_.privatePointer(of, {t, l_.top()}, k).v; }
  Value* pointer(const BufferRef& of, Lowval i) { return l_.emitOp(Op::AddPtr, {{of.base, 0}, i}, of.base->type, {}, l_.top()).v; }
  std::vector<Lowval> read(const Buffers& from, Value* t, int64_t e) {
    std::vector<Lowval> out;
    for (size_t k = 0; k < results_; ++k) out.push_back(loaded(place(from[k], t, e), from[k], k));
    return out;
  }
  // The bits of a result's number: `first`, then those that are no partial results.
  std::vector<int> bitsOf(std::vector<int> first) const {
    first.insert(first.end(), layout_.place.begin() + static_cast<long>(partial_.size()), layout_.place.end());
    return first;
  }

  void shuffle() {
    Buffers theirs;
    for (const BufferRef& b : mine_) theirs.push_back(l_.allocateElements(b.element, own_ * l_.threadCount(), &layout_));
    const bool isOrdered = !combineOf(reduce_);
    for (int bit : partial_) {
      if (bit >= l_.subgroupBits()) continue;
      done_ |= int64_t{1} << bit;
      for (size_t k = 0; k < results_; ++k)
        l_.at(l_.top()).create(Op::LoSubgroupShuffle, {theirs[k].base, mine_[k].base}, {},
                               {{Attr::Bit, int64_t{bit}}, {Attr::Threads, threads_}, {Attr::Private, own_}});
      l_.threadsLoop(threads_, [&](Value* t) {
        for (int64_t e = 0; e < own_; ++e) {
          std::vector<Lowval> args = read(mine_, t, e), others = read(theirs, t, e);
          if (isOrdered) order(t, bit, args, others);
          const std::vector<Lowval> out = l_.combined(reduce_, args, others);
          for (size_t k = 0; k < results_; ++k) store(place(mine_[k], t, e), out[k], mine_[k]);
        }
      });
    }
  }

  // Both threads compute the same: what is found first comes first.
  void order(Value* t, int bit, std::vector<Lowval>& args, std::vector<Lowval>& others) {
    const Type kI64 = Type::scalar(Elem::I64);
    for (size_t k = 0; k < results_; ++k) {
      Value* own = l_.emitOp(Op::AndI, {{t, l_.top()}, {l_.index(int64_t{1} << bit), 0}}, kI64).v;
      const Lowval isLater{l_.at(l_.top()).cmpI(CmpIPred::Ne, own, l_.index(0)), l_.top()};
      const Type element = args[k].v->type.element();
      const Lowval first = l_.emitOp(Op::Select, {isLater, others[k], args[k]}, element, {}, l_.top());
      others[k] = l_.emitOp(Op::Select, {isLater, args[k], others[k]}, element, {}, l_.top());
      args[k] = first;
    }
  }

  // The first of the threads with the same values stores them.
  void share(const Buffers& to, const std::vector<int>& rest, int64_t others) {
    l_.threadsLoop(threads_, [&](Value* t) {
      Value* number = l_.emitOp(Op::AndI, {{t, l_.top()}, {l_.index(others), 0}}, Type::scalar(Elem::I64)).v;
      l_.guarded(l_.at(l_.top()).cmpI(CmpIPred::Eq, number, l_.index(0)), [&] {
        for (int64_t e = 0; e < own_; ++e)
          for (size_t k = 0; k < results_; ++k)
            store(pointer(to[k], l_.placeOf(bitsOf(rest), t, e)), loaded(place(mine_[k], t, e), mine_[k], k), to[k]);
      });
    });
  }

  // Each thread combines the rest of the values that it keeps.
  void combineRest(const Buffers& from, const std::vector<int>& rest) {
    l_.threadsLoop(threads_, [&](Value* t) {
      for (int64_t e = 0; e < own_; ++e) {
        const Lowval first = l_.placeOf(bitsOf(std::vector<int>(rest.size(), -1 - layout_.registerBits)), t, e);
        auto readRest = [&](int64_t i) {
          std::vector<Lowval> out;
          for (size_t k = 0; k < results_; ++k) {
            const BufferRef& b = from[k];
            Value* at = l_.emitOp(Op::AddPtr, {{pointer(b, first), l_.top()}, {l_.index(i), 0}}, b.base->type, {}, l_.top()).v;
            out.push_back(loaded(at, b, k));
          }
          return out;
        };
        std::vector<Lowval> found = readRest(0);
        for (int64_t i = 1; i < int64_t{1} << rest.size(); ++i) found = l_.combined(reduce_, found, readRest(i));
        for (size_t k = 0; k < results_; ++k) store(place(mine_[k], t, e), found[k], mine_[k]);
      }
    });
  }

  Lowering& l_;
  const Inst& reduce_;
  const std::vector<int>& partial_;
  const Layout& layout_;
  const int64_t own_, threads_;  // registers of a thread
  const size_t results_;
  Buffers mine_;
  int64_t done_ = 0;  // bits of the thread's number
};

// Partial results in shared memory: each group becomes one, in steps of machine.combineRadix.
class Lowering::SharedReduction {
 public:
  SharedReduction(Lowering& lowering, const Inst& reduce)
      : l_(lowering),
        reduce_(reduce),
        group_(int64_t{1} << l_.workgroup_.partial.bits),
        isTile_(reduce.results[0]->type.isTile()),
        results_(isTile_ ? reduce.results[0]->type.numel() : 1) {
    for (const Value* v : reduce.results) parts_.push_back(l_.workgroup_.partial.found.at(v));
  }

  void run() {
    int64_t have = group_;
    while (have > (isTile_ ? 1 : l_.machine().combineRadix)) {
      const int64_t each = std::min(have, l_.machine().combineRadix), rest = have / each;
      l_.distribute(results_ * rest, [&](Value* i) { step({i, l_.top()}, have, rest); });
      have = rest;
    }
    if (isTile_) return;
    // All threads combine the last few values of a scalar, instead of waiting for one that does.
    std::vector<Lowval> found = read({l_.index(0), 0});
    for (int64_t i = 1; i < have; ++i) found = l_.combined(reduce_, found, read({l_.index(i), 0}));
    for (size_t k = 0; k < parts_.size(); ++k) l_.scalar_[reduce_.results[k]] = found[k].v;
  }

 private:
  Value* pointer(const BufferRef& b, Lowval i) {
    // The only one, which each thread has.
    if (b.layout) return l_.privatePointer(b, {l_.index(0), 0}, 0).v;
    return l_.emitOp(Op::AddPtr, {{b.base, 0}, i}, b.base->type, {}, l_.top()).v;
  }
  std::vector<Lowval> read(Lowval i) {
    std::vector<Lowval> out;
    for (size_t k = 0; k < parts_.size(); ++k) {
      Value* v = l_.at(l_.top()).loadFrom(pointer(parts_[k], i), parts_[k].element);
      out.push_back(l_.convert({v, l_.top()}, reduce_.operands[k]->type.element()));
    }
    return out;
  }
  void write(const BufferRef& to, Lowval i, Lowval v) { l_.at(l_.top()).storeTo(pointer(to, i), l_.convert(v, to.element).v); }

  // Thread i: of group i / rest the values i % rest, and every rest-th after it, of `have`.
  void step(Lowval i, int64_t have, int64_t rest) {
    const Type kI64 = Type::scalar(Elem::I64);
    const Lowval in = l_.emitOp(Op::AndI, {i, {l_.index(rest - 1), 0}}, kI64);
    const Lowval group = l_.emitOp(Op::ShRUI, {i, {l_.index(log2(rest)), 0}}, kI64);
    const Lowval first = l_.emitOp(Op::AddI, {l_.emitOp(Op::MulI, {group, {l_.index(group_), 0}}, kI64), in}, kI64);
    std::vector<Lowval> found = read(first);
    auto add = [&](Lowval from) { found = l_.combined(reduce_, found, read(l_.emitOp(Op::AddI, {first, from}, kI64))); };
    if (combineOf(reduce_)) {
      for (int64_t k = rest; k < have; k += rest) add({l_.index(k), 0});
    } else {
      std::vector<Value*> acc;
      for (const Lowval& v : found) acc.push_back(v.v);
      acc = l_.code_.loop(l_.index(rest), l_.index(have), l_.index(rest), std::move(acc), [&](Value* from, std::vector<Value*>& inner) {
        for (size_t k = 0; k < found.size(); ++k) found[k] = {inner[k], l_.top()};
        add({from, l_.top()});
        for (size_t k = 0; k < found.size(); ++k) inner[k] = found[k].v;
      });
      for (size_t k = 0; k < found.size(); ++k) found[k] = {acc[k], l_.top()};
    }
    // The last go to where the result is looked for.
    for (size_t k = 0; k < found.size(); ++k)
      isTile_&& rest == 1 ? write(l_.buffers_.of.at(reduce_.results[k]), i, found[k]) : write(parts_[k], first, found[k]);
  }

  Lowering& l_;
  const Inst& reduce_;
  const int64_t group_;  // partial results of a result
  const bool isTile_;
  const int64_t results_;
  std::vector<BufferRef> parts_;
};

void Lowering::combinePartials(const Inst& reduce, const std::vector<int>& partial, int threadBits) {
  if (workgroup_.partial.found.at(reduce.results[0]).layout) SubgroupReduction(*this, reduce, partial, threadBits).run();
  SharedReduction(*this, reduce).run();
}

}  // namespace nereid
