// SPDX-License-Identifier: MIT
// The back-end `wasm`: lower form to a WebAssembly module of one function, bytes written directly. docs/reference/wasm.md is its contract
// with the runtime.
#pragma once

#include <string>
#include <vector>

#include "lower/lower.h"
#include "lower/site.h"

namespace nereid::wasm {

// Strict modules have SIMD128 and atomics; relaxed ones also the fused multiply-add of relaxed SIMD.
enum class Variant { Strict, Relaxed };
const Machine& machineOf(Variant variant);

// Whether a module is also written as WAT, and with comments that say which line of the source an instruction comes from.
enum class Text { None, Plain, WithLines };

struct Binary {
  std::string bytes, text;  // text: the module as WAT, if asked for
  size_t memoryFlagAt = 0;  // offset of the byte that says whether the imported memory is shared
  int64_t scratchBytes = 0;
  std::vector<Site> sites;
};

// Takes the lowered kernel apart.
Result<Binary> write(Lowered lowered, Variant variant, Text text, Diags& diags);

}  // namespace nereid::wasm
