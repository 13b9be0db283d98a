// SPDX-License-Identifier: MIT
// Copies callees into callers.
//
//   %r = tt.call @f(%x)   =>   the body of @f with %x for its argument and its returned value for %r
//
// The schedule needs the whole kernel; Triton's pipeline inlines, too. The language has no recursion.
#include "passes/passes.h"

namespace nereid {

namespace {

// Code from another file gets the location of the call: all other messages about a kernel are about the kernel's lines.
void relocate(Inst& inst, Loc call) {
  if (inst.loc.file() != call.file()) inst.loc = call;
  for (auto& region : inst.regions)
    for (Block* block : region->blocks)
      for (Inst* inner : block->insts) relocate(*inner, call);
}

struct Inliner {
  Module& m;
  Diags& diags;
  std::vector<const Func*> active;
  size_t copied = 0;

  Result<> region(Region& r) {
    for (Block* block : r.blocks) {
      Replacements replaced;
      std::vector<Inst*> out;
      for (Inst* inst : block->insts) {
        for (Value*& v : inst->operands) v = replaced(v);
        for (auto& inner : inst->regions) {
          replaced.apply(*inner);
          if (auto done = region(*inner); !done) return done;
        }
        if (inst->op != Op::Call) {
          out.push_back(inst);
          continue;
        }
        Func* callee = m.find(inst->text(Attr::Callee));
        NEREID_CHECK(callee && !callee->body.empty(), "a call of nothing");
        for (const Func* f : active)
          if (f == callee)
            return diags.error(Err::Unsupported, inst->loc)
                .says("@", callee->name, " calls itself")
                .hint("recursion is not part of the Triton language: use a loop");
        active.push_back(callee);
        auto done = region(callee->body);
        active.pop_back();
        if (!done) return done;
        ValueMap map;
        const Block& body = callee->body.entry();
        for (size_t i = 0; i < body.args.size(); ++i) map[body.args[i]] = inst->operands[i];
        for (const Inst* source : body.insts) {
          if (source->op == Op::Return) {
            for (size_t i = 0; i < inst->results.size(); ++i) {
              auto it = map.find(source->operands[i]);
              replaced.add(inst->results[i], it == map.end() ? source->operands[i] : it->second);
            }
            break;
          }
          if (++copied > 500000)
            return diags.error(Err::Unsupported, inst->loc)
                .says("inlined calls make the kernel too large")
                .hint("call fewer helpers inside static_range loops");
          Inst* copy = clone(m, *source, map);
          copy->parent = block;
          relocate(*copy, inst->loc);
          out.push_back(copy);
        }
      }
      block->insts = std::move(out);
    }
    return {};
  }
};

}  // namespace

Result<> inlineCalls(Module& m, Diags& diags) {
  Func* kernel = m.kernel();
  if (!kernel) return diags.error(Err::Unsupported, {}).says("the module has no function");
  Inliner inliner{m, diags, {kernel}};
  if (auto done = inliner.region(kernel->body); !done) return done;
  std::erase_if(m.funcs, [&](auto& f) { return f.get() != kernel; });
  return {};
}

}  // namespace nereid
