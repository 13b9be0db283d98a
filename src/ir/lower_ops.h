// SPDX-License-Identifier: MIT
// The operations of the lower form, in three families, each an enum.
//
// A back-end's `switch` over a family has a case for every operation and no `default`. So a new row of ops.def does not compile
// (-Werror=switch) until each back-end either implements it or lists it among the operations that it refuses or never receives.
//
//   switch (intOp(i.op)) {
//     case IntOp::AddI: ...
#pragma once

#include "ir/ir.h"

namespace nereid {

// Back-ends never receive tile-only operations.
#define FORM_Tile(family, name)
#define FORM_Lower(family, name) family(name)
#define FORM_Both(family, name) family(name)
#define FAMILY_Int1 INT
#define FAMILY_Int2 INT
#define FAMILY_Float1 FLOAT
#define FAMILY_Float2 FLOAT
#define FAMILY_Float3 FLOAT
#define FAMILY_FloatTest OTHER
#define FAMILY_CmpInt OTHER
#define FAMILY_CmpFloat OTHER
#define FAMILY_Select OTHER
#define FAMILY_CastInt OTHER
#define FAMILY_CastFloat OTHER
#define FAMILY_IntToFloat OTHER
#define FAMILY_FloatToInt OTHER
#define FAMILY_Bitcast OTHER
#define FAMILY_Terminator OTHER
#define FAMILY_ByHand OTHER
#define OP(name, spelling, sig, effects, forms, ...) FORM_##forms(FAMILY_##sig, name)
#define ENUMERATOR(name) name = static_cast<uint16_t>(Op::name),
#define NOTHING(name)

// Integers to an integer of the same type.
#define INT ENUMERATOR
#define FLOAT NOTHING
#define OTHER NOTHING
enum class IntOp : uint16_t {
#include "ir/ops.def"
};

// Floats to a float of the same type.
#undef INT
#undef FLOAT
#define INT NOTHING
#define FLOAT ENUMERATOR
enum class FloatOp : uint16_t {
#include "ir/ops.def"
};

// Comparisons, casts, memory, vectors, control.
#undef FLOAT
#undef OTHER
#define FLOAT NOTHING
#define OTHER ENUMERATOR
enum class OtherOp : uint16_t {
#include "ir/ops.def"
};

#undef FORM_Tile
#undef FORM_Lower
#undef FORM_Both
#undef FAMILY_Int1
#undef FAMILY_Int2
#undef FAMILY_Float1
#undef FAMILY_Float2
#undef FAMILY_Float3
#undef FAMILY_FloatTest
#undef FAMILY_CmpInt
#undef FAMILY_CmpFloat
#undef FAMILY_Select
#undef FAMILY_CastInt
#undef FAMILY_CastFloat
#undef FAMILY_IntToFloat
#undef FAMILY_FloatToInt
#undef FAMILY_Bitcast
#undef FAMILY_Terminator
#undef FAMILY_ByHand
#undef OP
#undef ENUMERATOR
#undef NOTHING
#undef INT
#undef FLOAT
#undef OTHER

inline bool isIntOp(Op op) { return info(op).sig == Sig::Int1 || info(op).sig == Sig::Int2; }
inline bool isFloatOp(Op op) { return info(op).sig == Sig::Float1 || info(op).sig == Sig::Float2 || info(op).sig == Sig::Float3; }
constexpr IntOp intOp(Op op) { return static_cast<IntOp>(op); }
constexpr FloatOp floatOp(Op op) { return static_cast<FloatOp>(op); }
constexpr OtherOp otherOp(Op op) { return static_cast<OtherOp>(op); }

}  // namespace nereid
