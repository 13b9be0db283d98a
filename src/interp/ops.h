// SPDX-License-Identifier: MIT
// The operations that the interpreter has code for: the rows of ops.def whose column `meaning` is `by_hand`.
//
// A `switch` over HandOp has a case for every operation and no `default`: a new row does not compile (-Werror=switch) until the interpreter
// either implements it or names it among the operations that it refuses. Other rows are evaluated by their meaning (element.cpp).
#pragma once

#include "ir/ir.h"

namespace nereid::interp {

// Signatures of rows with a meaning.
#define HAND_Int1(name)
#define HAND_Int2(name)
#define HAND_CastInt(name)
#define HAND_Float1(name)
#define HAND_Float2(name)
#define HAND_CastFloat(name)
#define HAND_FloatTest(name)
#define HAND_Float3(name) name = static_cast<uint16_t>(Op::name),
#define HAND_CmpInt HAND_Float3
#define HAND_CmpFloat HAND_Float3
#define HAND_Select HAND_Float3
#define HAND_IntToFloat HAND_Float3
#define HAND_FloatToInt HAND_Float3
#define HAND_Bitcast HAND_Float3
#define HAND_Terminator HAND_Float3
#define HAND_ByHand HAND_Float3
#define OP(name, spelling, sig, ...) HAND_##sig(name)

enum class HandOp : uint16_t {
#include "ir/ops.def"
};

#undef OP
#undef HAND_Int1
#undef HAND_Int2
#undef HAND_CastInt
#undef HAND_Float1
#undef HAND_Float2
#undef HAND_CastFloat
#undef HAND_FloatTest
#undef HAND_Float3
#undef HAND_CmpInt
#undef HAND_CmpFloat
#undef HAND_Select
#undef HAND_IntToFloat
#undef HAND_FloatToInt
#undef HAND_Bitcast
#undef HAND_Terminator
#undef HAND_ByHand

constexpr HandOp handOp(Op op) { return static_cast<HandOp>(op); }

}  // namespace nereid::interp
