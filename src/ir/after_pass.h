// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "ir/ir.h"

namespace nereid {

// Whether NEREID_VERIFY_EACH=1 is in the environment: IR is verified after every pass, LLVM IR after it was made.
bool verifiesEach();

// Called after each pass. Where verifiesEach(), a module that is invalid is an internal error that names the pass. With
// NEREID_PRINT_AFTER_ALL=1 in the environment, prints the module to stderr if it changed. Does nothing in the compiler module of the page.
void afterPass(std::string_view pass, const Module& m);

}  // namespace nereid
