// SPDX-License-Identifier: MIT
// Lower form to LLVM IR.
#pragma once

#include <memory>
#include <string>

#include "lower/lower.h"

namespace llvm {
class LLVMContext;
class Module;
}  // namespace llvm

namespace nereid::cpu {

// `standalone`: the module defines its handler of failed assertions (print and abort) instead of calling the process's.
std::unique_ptr<llvm::Module> emit(const Lowered& lowered, llvm::LLVMContext& context, bool standalone, int vectorBits);

}  // namespace nereid::cpu
