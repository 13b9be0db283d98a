// SPDX-License-Identifier: MIT
// JSON descriptions of kernels, artefacts and errors, for callers in other languages.
#pragma once

#include "driver/driver.h"

namespace nereid {

std::string json(const KernelInfo& info);
// The entry of a manifest; docs/reference/wasm.md describes it.
std::string json(std::string_view target, const KernelInfo& info, const Artefacts& artefacts);
// A list of objects: id, text, hint, labels; and file, line, column and length if there is a location.
std::string json(const Diags& diags, const Sources& sources);

}  // namespace nereid
