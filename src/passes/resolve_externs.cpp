// SPDX-License-Identifier: MIT
// Replaces library functions by operations, and refuses those that need a GPU.
//
//   tt.extern_elementwise %x {symbol = "__nv_tanhf"}     =>  math.tanh %x
//   tt.extern_elementwise %x {symbol = "__nv_isnanf"}    =>  arith.cmpf uno, %x, %x; arith.extui
//   tt.extern_elementwise %x {symbol = "__nv_lgammaf"}   =>  a formula (libdevice.cpp)
//
// A symbol names a function in a vendor's GPU library; targets only know operations.
#include "interp/element.h"
#include "ir/libdevice.h"
#include "passes/libdevice.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace nereid {

Result<> resolveExterns(Module& m, bool hasF64, Diags& diags) {
  const Inst* refused = nullptr;
  Replacements replaced;
  Func& f = *m.kernel();
  rewriteEach(m, f.body, replaced, [&](Builder& b, Inst& inst) -> Value* {
    if (inst.op == Op::AtomicPoll) refused = &inst;
    if (inst.op != Op::ExternElementwise) return nullptr;
    auto fn = resolveLibdevice(inst.text(Attr::Symbol));
    if (!fn || !interp::canEvaluate(inst)) {
      refused = &inst;
      return nullptr;
    }
    if (fn->fn == LibFn::None) {
      Type result = inst.result()->type;
      // The counts of 64-bit numbers are an i32.
      if (info(fn->op).sig == Sig::Int1 && inst.operand(0)->type != result)
        return b.cast(Op::TruncI, b.make(fn->op, {inst.operand(0)}), result);
      if (info(fn->op).sig != Sig::FloatTest) return b.create(fn->op, inst.operands, {result})->result();
      Value* bit = b.make(fn->op, {inst.operand(0)});
      return result.isBool() ? bit : b.cast(Op::ExtUI, bit, result);
    }
    return expandLibrary(b, inst, *fn, hasF64);
  });
  replaced.apply(f.body);
  if (!refused) return {};
  if (refused->op == Op::AtomicPoll)
    return diags.error(Err::Unsupported, refused->loc)
        .says("atomic_poll is not supported: it waits for another program, which may not start before this one ends");
  return diags.error(Err::Unsupported, refused->loc)
      .says("the library function `", refused->text(Attr::Symbol), "` is not supported on this target");
}

}  // namespace nereid
