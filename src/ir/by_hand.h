// SPDX-License-Identifier: MIT
// The operations whose signature says nothing (Sig::ByHand), as an enum.
//
// A `switch` over it without a `default` does not compile (-Werror=switch) until it has a case for every such row of ops.def.
#pragma once

#include "ir/ir.h"

namespace nereid {

#define BY_HAND_Int1(name)
#define BY_HAND_Int2(name)
#define BY_HAND_Float1(name)
#define BY_HAND_Float2(name)
#define BY_HAND_Float3(name)
#define BY_HAND_FloatTest(name)
#define BY_HAND_CmpInt(name)
#define BY_HAND_CmpFloat(name)
#define BY_HAND_Select(name)
#define BY_HAND_CastInt(name)
#define BY_HAND_CastFloat(name)
#define BY_HAND_IntToFloat(name)
#define BY_HAND_FloatToInt(name)
#define BY_HAND_Bitcast(name)
#define BY_HAND_Terminator(name)
#define BY_HAND_ByHand(name) name = static_cast<uint16_t>(Op::name),
#define OP(name, spelling, sig, ...) BY_HAND_##sig(name)

enum class ByHandOp : uint16_t {
#include "ir/ops.def"
};

#undef OP
#undef BY_HAND_Int1
#undef BY_HAND_Int2
#undef BY_HAND_Float1
#undef BY_HAND_Float2
#undef BY_HAND_Float3
#undef BY_HAND_FloatTest
#undef BY_HAND_CmpInt
#undef BY_HAND_CmpFloat
#undef BY_HAND_Select
#undef BY_HAND_CastInt
#undef BY_HAND_CastFloat
#undef BY_HAND_IntToFloat
#undef BY_HAND_FloatToInt
#undef BY_HAND_Bitcast
#undef BY_HAND_Terminator
#undef BY_HAND_ByHand

constexpr ByHandOp byHandOp(Op op) { return static_cast<ByHandOp>(op); }

}  // namespace nereid
