// SPDX-License-Identifier: MIT
// The front-end `ttir`: parses MLIR text of Triton 3.2 to 3.9-dev, in custom or generic form.
#pragma once

#include "ir/ir.h"

namespace nereid::ttir {

// Parses and verifies the text of `file`. Old spellings are normalised.
Result<Module> parse(Sources& sources, uint32_t file, Diags& diags);

}  // namespace nereid::ttir
