// SPDX-License-Identifier: MIT
// What callers in other languages get to know of kernels, artefacts and errors.
#pragma once

#include "driver/driver.h"

namespace nereid {

std::string json(const KernelInfo& info);
// The entry of a manifest: docs/reference/wasm.md.
std::string json(std::string_view target, const KernelInfo& info, const Artefacts& artefacts);
// A list of objects: id, text, hint, labels; file, line, column and length where there is a place.
std::string json(const Diags& diags, const Sources& sources);

}  // namespace nereid
