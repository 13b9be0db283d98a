// SPDX-License-Identifier: MIT
// The meaning of one element of an element-wise operation, taken from the operation table.
#pragma once

#include <span>

#include "ir/ir.h"
#include "ir/libdevice.h"

namespace nereid::interp {

// The bits of result `which` of an element-wise operation on operands with these bits. The instruction gives the types.
// ExternElementwise must have a symbol that resolveLibdevice() knows; InlineAsm cannot be evaluated.
uint64_t evaluate(const Inst& inst, std::span<const uint64_t> operands, size_t which = 0);
// Returns whether evaluate() supports this instruction.
bool canEvaluate(const Inst& inst);

// The new value (sum, product, ...) of an atomic read-modify-write.
uint64_t combineAtomic(Rmw kind, Type type, uint64_t old, uint64_t value);

// The value of a library function for which there is no operation.
uint64_t evaluateLibrary(const LibFunction& f, const Inst& inst, std::span<const uint64_t> operands);

// Conversions, rounded once; they saturate if the target type is an integer.
uint64_t fromMagnitude(Elem elem, uint64_t magnitude, bool negative);
uint64_t toSigned(double value, int width);
uint64_t toUnsigned(double value, int width);

// a * b + c rounded once to the format.
uint64_t fusedMultiplyAdd(Elem elem, double a, double b, double c);

}  // namespace nereid::interp
