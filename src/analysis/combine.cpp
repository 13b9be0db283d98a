// SPDX-License-Identifier: MIT
#include "analysis/combine.h"

#include <cmath>
#include <limits>

#include "ir/bits.h"

namespace nereid {

std::optional<Combine> combineOf(const Inst& reduce) {
  if (reduce.operands.size() != 1 || reduce.regions.empty()) return std::nullopt;
  const Block& body = reduce.regions[0]->entry();
  if (reduce.regions[0]->blocks.size() != 1 || body.insts.size() != 2 || body.args.size() != 2) return std::nullopt;
  const Inst& inst = *body.insts[0];
  const Inst& ret = *body.insts[1];
  if (inst.operands.size() != 2 || ret.operands.size() != 1 || ret.operand(0)->def != &inst) return std::nullopt;
  bool both = (inst.operand(0) == body.args[0] && inst.operand(1) == body.args[1]) ||
              (inst.operand(0) == body.args[1] && inst.operand(1) == body.args[0]);
  return both && hasIdentity(inst.op) ? std::optional(Combine{inst.op}) : std::nullopt;
}

bool hasIdentity(Op op) {
  switch (op) {
    case Op::AddF:
    case Op::AddI:
    case Op::MulF:
    case Op::MulI:
    case Op::MaxNumF:
    case Op::MinNumF:
    case Op::MaximumF:
    case Op::MinimumF:
    case Op::MaxSI:
    case Op::MinSI:
    case Op::MaxUI:
    case Op::MinUI:
    case Op::AndI:
    case Op::OrI:
    case Op::XOrI: return true;
    default: return false;
  }
}

uint64_t identityOf(Op op, Type element) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  int width = bitWidth(element);
  uint64_t ones = zeroExtend(~uint64_t{0}, width);
  switch (op) {
    case Op::AddF: return encodeFloat(element.elem, -0.0);
    case Op::MulF: return encodeFloat(element.elem, 1.0);
    case Op::MaxNumF:
    case Op::MinNumF: return encodeFloat(element.elem, std::numeric_limits<double>::quiet_NaN());
    case Op::MaximumF: return encodeFloat(element.elem, -kInf);
    case Op::MinimumF: return encodeFloat(element.elem, kInf);
    case Op::MulI: return 1;
    case Op::AndI:
    case Op::MinUI: return ones;
    case Op::MaxSI: return uint64_t{1} << (width - 1);
    case Op::MinSI: return ones >> 1;
    default: return 0;  // AddI, OrI, XOrI, MaxUI
  }
}

bool isIdempotent(Op op) {
  switch (op) {
    case Op::MaxNumF:
    case Op::MinNumF:
    case Op::MaximumF:
    case Op::MinimumF:
    case Op::MaxSI:
    case Op::MinSI:
    case Op::MaxUI:
    case Op::MinUI:
    case Op::AndI:
    case Op::OrI: return true;
    default: return false;
  }
}

bool isStraightLine(const Region& region) {
  for (const Inst* inst : region.entry().insts)
    if (info(inst->op).effects != Effects::Pure && info(inst->op).effects != Effects::Exit) return false;
  return region.blocks.size() == 1;
}

}  // namespace nereid
