// SPDX-License-Identifier: MIT
#pragma once

namespace llvm {
class Function;
}

namespace nereid::cpu {

// Moves parts of a function of more than `limit` instructions into functions of at least half as many. This keeps the time of LLVM's
// register allocator linear in the length of a kernel.
void splitLargeFunction(llvm::Function& f, unsigned limit);

}  // namespace nereid::cpu
