// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "ir/ir.h"

namespace nereid {

// Returns whether NEREID_VERIFY_EACH=1 is set: then the IR is verified after every pass, and LLVM IR once generated.
bool verifiesEach();

// Called after each pass. If verifiesEach(), an invalid module is an internal error that names the pass. If NEREID_PRINT_AFTER_ALL=1 is
// set, prints the module to stderr if it changed. Does nothing in the WebAssembly module of the compiler.
void afterPass(std::string_view pass, const Module& m);

}  // namespace nereid
