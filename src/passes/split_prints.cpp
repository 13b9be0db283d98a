// SPDX-License-Identifier: MIT
// Splits a print of several values into prints of one.
//
//   tt.print " x: " : %a, %b    =>   tt.print " x: (operand 0) " : %a
//                                    tt.print " x: (operand 1) " : %b
//
// A loop nest iterates one tile, and the values may have different shapes. Triton prints them in this form.
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace nereid {

void splitPrints(Func& f, Module& m) {
  Replacements replaced;
  rewriteEach(m, f.body, replaced, [](Builder& b, Inst& print) -> Value* {
    if (print.op != Op::Print || print.operands.size() < 2) return nullptr;
    auto isSigned = print.list(Attr::IsSigned);
    isSigned.resize(print.operands.size(), 1);
    const std::string prefix(print.text(Attr::Prefix));
    const std::vector<Value*> values = print.operands;
    for (size_t k = 0; k < values.size(); ++k) {
      Inst* one = k + 1 < values.size() ? b.create(Op::Print, {values[k]}, {}, print.attrs) : &print;
      one->operands = {values[k]};
      one->set(Attr::Prefix, cat(prefix, "(operand ", k, ") "));
      one->set(Attr::IsSigned, std::vector<int64_t>{isSigned[k]});
    }
    return nullptr;
  });
}

}  // namespace nereid
