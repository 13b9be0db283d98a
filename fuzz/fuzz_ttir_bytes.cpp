// SPDX-License-Identifier: MIT
// No TTIR may crash the compiler on its way to WebAssembly and WGSL.
#include "backends.h"

using namespace nereid;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Sources sources;
  Diags diags;
  uint32_t file = sources.add("fuzz.ttir", std::string(reinterpret_cast<const char*>(data), size));
  auto m = ttir::parse(sources, file, diags);
  if (!m)
    (void)diags.render(sources);
  else if (m->kernel())
    writeAll(*m);
  return 0;
}
