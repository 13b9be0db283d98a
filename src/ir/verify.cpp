// SPDX-License-Identifier: MIT
// Verifies a module, after parsing and, in tests, after every pass.
//
// This file verifies the structure: blocks end in a terminator, values are defined before use on every path, regions have the shape that
// their operation requires. verify_ops.cpp verifies types and attributes of each operation.
#include "ir/verify.h"

#include <algorithm>

#include "support/ptr_map.h"

namespace nereid {

namespace {

constexpr size_t kMaxDiags = 20;

bool isExit(const Inst& i) { return info(i.op).effects == Effects::Exit; }

class Verifier {
 public:
  Verifier(const Module& m, Diags& diags) : module_(m), diags_(diags), before_(diags.size()) {}

  bool run() {
    for (auto& f : module_.funcs) func(*f);
    if (ok()) recursion();
    return ok();
  }

 private:
  bool ok() const { return diags_.size() == before_; }
  bool full() const { return diags_.size() >= before_ + kMaxDiags; }

  template <class... Parts>
  void fail(Loc loc, const Parts&... parts) {
    diags_.error(Err::Verify, loc).says(parts...);
  }

  void func(const Func& f) {
    func_ = &f;
    if (f.body.empty()) return fail(f.loc, "@", f.name, " has no body");
    if (f.params.size() != f.args().size())
      return fail(f.loc, "@", f.name, " has ", f.args().size(), " arguments, but ", f.params.size(), " parameters");
    for (const Value* arg : f.args()) checkType(f.loc, arg->type);
    visible_.clear();
    region(f.body, nullptr, 0);
  }

  void checkType(Loc loc, const Type& t) {
    if (t.bits() > kMaxTileBits) fail(loc, "a tile has more than 2^20 elements or ", kMaxRank, " axes");
  }

  // Rejects recursion: calls are inlined, or interpreted with one set of values per function.
  void recursion() {
    enum State : uint8_t { New, Open, Done };
    PtrMap<const Func*, State> states;
    struct Frame {
      const Func* func;
      std::vector<const Inst*> calls;
    };
    auto frame = [](const Func& f) {
      Frame frame{&f, {}};
      walk(f.body, [&](const Inst& i) {
        if (i.op == Op::Call) frame.calls.push_back(&i);
      });
      return frame;
    };
    for (auto& f : module_.funcs) {
      if (states[f.get()] != New) continue;
      std::vector<Frame> stack{frame(*f)};
      states[f.get()] = Open;
      while (!stack.empty()) {
        if (stack.back().calls.empty()) {
          states[stack.back().func] = Done;
          stack.pop_back();
          continue;
        }
        const Inst* call = stack.back().calls.back();
        stack.back().calls.pop_back();
        const Func* callee = module_.find(call->text(Attr::Callee));
        if (!callee || states[callee] == Done) continue;
        if (states[callee] == Open) return fail(call->loc, "@", callee->name, " calls itself");
        states[callee] = Open;
        stack.push_back(frame(*callee));
      }
    }
  }

  // ---- regions

  // Immediate dominators by block index, -1 for the entry and for unreachable blocks.
  static std::vector<int> dominators(const Region& r, std::vector<bool>& reached) {
    PtrMap<const Block*, int> index;
    for (size_t i = 0; i < r.blocks.size(); ++i) index[r.blocks[i]] = static_cast<int>(i);
    size_t n = r.blocks.size();
    std::vector<std::vector<int>> predecessors(n);
    auto successors = [&](int b) {
      std::vector<int> out;
      if (const Inst* t = r.blocks[static_cast<size_t>(b)]->terminator())
        for (const Successor& s : t->successors)
          if (auto it = index.find(s.block); it != index.end()) out.push_back(it->second);
      return out;
    };
    std::vector<int> order, rank(n, -1);  // postorder
    reached.assign(n, false);
    std::vector<std::pair<int, std::vector<int>>> stack;
    reached[0] = true;
    stack.emplace_back(0, successors(0));
    while (!stack.empty()) {
      if (stack.back().second.empty()) {
        rank[static_cast<size_t>(stack.back().first)] = static_cast<int>(order.size());
        order.push_back(stack.back().first);
        stack.pop_back();
        continue;
      }
      int next = stack.back().second.back();
      stack.back().second.pop_back();
      predecessors[static_cast<size_t>(next)].push_back(stack.back().first);
      if (reached[static_cast<size_t>(next)]) continue;
      reached[static_cast<size_t>(next)] = true;
      stack.emplace_back(next, successors(next));
    }
    std::vector<int> idom(n, -1);
    idom[0] = 0;
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t k = order.size(); k-- > 0;) {
        int b = order[k];
        if (b == 0) continue;
        int best = -1;
        for (int p : predecessors[static_cast<size_t>(b)]) {
          if (idom[static_cast<size_t>(p)] < 0) continue;
          if (best < 0) {
            best = p;
            continue;
          }
          int q = p;
          while (best != q) {
            while (rank[static_cast<size_t>(best)] < rank[static_cast<size_t>(q)]) best = idom[static_cast<size_t>(best)];
            while (rank[static_cast<size_t>(q)] < rank[static_cast<size_t>(best)]) q = idom[static_cast<size_t>(q)];
          }
        }
        if (idom[static_cast<size_t>(b)] != best) {
          idom[static_cast<size_t>(b)] = best;
          changed = true;
        }
      }
    }
    idom[0] = -1;
    return idom;
  }

  void region(const Region& r, const Inst* parent, size_t which) {
    if (depth_ > 256) return fail(parent ? parent->loc : Loc{}, "regions nest deeper than 256 levels");
    ++depth_;
    if (r.blocks.size() == 1) {
      size_t mark = scope_.size();
      block(*r.blocks[0], r, parent, which);
      leave(mark);
    } else {
      // Blocks in the order of the dominator tree: a block sees the definitions of its dominators.
      std::vector<bool> reached;
      std::vector<int> idom = dominators(r, reached);
      std::vector<std::vector<int>> children(r.blocks.size());
      for (size_t i = 1; i < r.blocks.size(); ++i)
        if (idom[i] >= 0) children[static_cast<size_t>(idom[i])].push_back(static_cast<int>(i));
      std::vector<std::pair<int, size_t>> stack;  // block to visit, or -1: scope to leave
      stack.emplace_back(0, 0);
      while (!stack.empty()) {
        auto [b, mark] = stack.back();
        stack.pop_back();
        if (b < 0) {
          leave(mark);
          continue;
        }
        stack.emplace_back(-1, scope_.size());
        block(*r.blocks[static_cast<size_t>(b)], r, parent, which);
        for (int c : children[static_cast<size_t>(b)]) stack.emplace_back(c, 0);
      }
      for (size_t i = 0; i < r.blocks.size(); ++i)
        if (!reached[i]) {  // unreachable, so no value is defined on every path; types must match all the same
          unreached_ = true;
          size_t mark = scope_.size();
          block(*r.blocks[i], r, parent, which);
          leave(mark);
          unreached_ = false;
        }
    }
    --depth_;
  }

  void leave(size_t mark) {
    while (scope_.size() > mark) {
      visible_[scope_.back()] = false;
      scope_.pop_back();
    }
  }

  void enter(const Value* v) {
    visible_[v] = true;
    scope_.push_back(v);
  }

  void block(const Block& b, const Region& r, const Inst* parent, size_t which) {
    for (const Value* arg : b.args) {
      checkType(arg->loc, arg->type);
      enter(arg);
    }
    const Inst* end = b.terminator();
    if (!end || !isExit(*end)) return fail(end ? end->loc : parent ? parent->loc : func_->loc, "a block does not end in a terminator");
    for (const Inst* i : b.insts) {
      if (full()) return;
      if (isExit(*i) && i != end) return fail(i->loc, "`", info(i->op).spelling, "` must be the last operation of its block");
      inst(*i, r);
      for (const Value* v : i->results) enter(v);
    }
    terminator(*end, parent, which);
  }

  void operand(const Inst& i, const Value* v) {
    if (!v)
      fail(i.loc, "`", info(i.op).spelling, "` has a null operand");
    else if (!unreached_ && !visible_[v])
      fail(i.loc, "`", info(i.op).spelling, "` uses ", v->name.empty() ? std::string("a value") : cat("%", v->name),
           ", which is not defined on every path to it");
  }

  void inst(const Inst& i, const Region& r) {
    size_t before = diags_.size();
    for (const Value* v : i.operands) operand(i, v);
    for (const Value* v : i.results) checkType(i.loc, v->type);
    for (const Successor& s : i.successors) {
      if (std::find(r.blocks.begin(), r.blocks.end(), s.block) == r.blocks.end()) {
        fail(i.loc, "branch to a block of another region");
        continue;
      }
      if (s.block == r.blocks[0]) fail(i.loc, "branch to the entry block");
      for (const Value* v : s.args) operand(i, v);
      if (diags_.size() != before) return;
      if (s.args.size() != s.block->args.size()) {
        fail(i.loc, "branch passes ", s.args.size(), " values, but the block has ", s.block->args.size(), " arguments");
        continue;
      }
      for (size_t k = 0; k < s.args.size(); ++k)
        if (s.args[k]->type != s.block->args[k]->type)
          fail(i.loc, "branch passes ", s.args[k]->type, ", but the block takes ", s.block->args[k]->type);
    }
    if (diags_.size() != before || !verifyOp(module_, i, diags_)) return;
    for (size_t k = 0; k < i.regions.size(); ++k) region(*i.regions[k], &i, k);
  }

  // Checks that the terminator is legal in this region, and that it passes the expected types.
  void terminator(const Inst& end, const Inst* parent, size_t which) {
    if (end.op == Op::Br || end.op == Op::CondBr) {
      if (parent && parent->op != Op::MapElementwise)
        fail(end.loc, "`", info(end.op).spelling, "` is not allowed inside `", info(parent->op).spelling, "`");
      return;
    }
    Op wanted = Op::Return;
    size_t skip = 0;  // operands before the passed values
    std::vector<Type> types;
    if (!parent) {
      types = func_->results;
    } else {
      auto resultTypes = [&](size_t copies, bool scalars) {
        for (const Value* v : parent->results)
          for (size_t c = 0; c < copies; ++c) types.push_back(scalars ? v->type.element() : v->type);
      };
      switch (parent->op) {
        case Op::Reduce:
          wanted = Op::ReduceReturn;
          resultTypes(1, true);
          break;
        case Op::Scan:
          wanted = Op::ScanReturn;
          resultTypes(1, true);
          break;
        case Op::MapElementwise:
          wanted = Op::MapElementwiseReturn;
          resultTypes(static_cast<size_t>(parent->integer(Attr::Pack, 1)), true);
          break;
        case Op::While:
          if (which == 0) {
            wanted = Op::Condition;
            skip = 1;
            resultTypes(1, false);
          } else {
            wanted = Op::Yield;
            for (const Value* v : parent->regions[0]->entry().args) types.push_back(v->type);
          }
          break;
        default:
          wanted = Op::Yield;
          resultTypes(1, false);
          break;
      }
    }
    if (end.op != wanted)
      return fail(end.loc, "this region must end in `", info(wanted).spelling, "`, but ends in `", info(end.op).spelling, "`");
    if (end.operands.size() != types.size() + skip)
      return fail(end.loc, "`", info(end.op).spelling, "` passes ", end.operands.size() - std::min(skip, end.operands.size()),
                  " values, but ", types.size(), " are expected");
    for (size_t k = 0; k < types.size(); ++k)
      if (const Value* v = end.operands[k + skip]; v && v->type != types[k])
        fail(end.loc, "`", info(end.op).spelling, "` passes ", v->type, ", but ", types[k], " is expected");
  }

  const Module& module_;
  Diags& diags_;
  size_t before_;
  const Func* func_ = nullptr;
  int depth_ = 0;
  bool unreached_ = false;
  PtrMap<const Value*, bool> visible_;
  std::vector<const Value*> scope_;
};

}  // namespace

bool verify(const Module& m, Diags& diags) { return Verifier(m, diags).run(); }

}  // namespace nereid
