// SPDX-License-Identifier: MIT
// No text may crash the front-end for Python source.
#include "source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nereid::compileAll(data, size, [](const nereid::Module& m) { (void)print(m); });
  return 0;
}
