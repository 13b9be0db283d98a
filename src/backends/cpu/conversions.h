// SPDX-License-Identifier: MIT
// Conversions between number formats as LLVM IR, for scalars and vectors; exact or correctly rounded, including subnormals and NaN.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "ir/type.h"

namespace nereid::cpu {

// f16 is LLVM's half; bf16 is i16, fp8 is i8.
class Conversions {
 public:
  explicit Conversions(llvm::IRBuilder<>& b) : b_(b) {}
  llvm::Value* floatToFloat(llvm::Value* v, Elem from, Elem to, bool towardZero, bool saturate);
  llvm::Value* fromInt(llvm::Value* v, Elem to, bool isSigned);

 private:
  llvm::Value* toF32(llvm::Value* v, Elem from);
  llvm::Value* fromF32(llvm::Value* v, Elem to, bool towardZero, bool saturate);
  // f64 to f32 with round-to-odd, so that a second rounding to a narrower format gives the correctly rounded result.
  llvm::Value* narrowToOdd(llvm::Value* v);
  llvm::Value* toFp8(llvm::Value* v, Elem to, bool towardZero, bool saturate);
  llvm::Value* f32Bits(llvm::Value* v);
  llvm::Type* like(llvm::Value* v, llvm::Type* element);
  llvm::Value* number(llvm::Value* likeInt, uint64_t n) { return llvm::ConstantInt::get(likeInt->getType(), n); }
  llvm::IRBuilder<>& b_;
};

}  // namespace nereid::cpu
