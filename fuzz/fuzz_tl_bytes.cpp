// SPDX-License-Identifier: MIT
// No text crashes the compiler on its way from Python source to WebAssembly and WGSL.
#include "backends.h"
#include "source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nereid::compileAll(data, size, nereid::writeAll);
  return 0;
}
