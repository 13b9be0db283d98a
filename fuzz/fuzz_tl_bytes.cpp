// SPDX-License-Identifier: MIT
// No text may crash the compiler between Python source and WebAssembly or WGSL.
#include "backends.h"
#include "source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nereid::compileAll(data, size, nereid::writeAll);
  return 0;
}
