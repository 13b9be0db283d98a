// SPDX-License-Identifier: MIT
// No text crashes the front-end for Python source.
#include <optional>

#include "driver/driver.h"

using namespace nereid;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Request request{"fuzz.py", "", {"*fp32:16", "i32", "16"}, {}, {}, {}};
  std::string text(reinterpret_cast<const char*>(data), size);
  request.read = [&](const std::string& path) { return path == "fuzz.py" ? std::optional(text) : std::nullopt; };
  Sources sources;
  Diags diags;
  auto m = frontEnd(sources, request, diags);
  if (m)
    (void)print(*m);
  else
    (void)diags.render(sources);
  return 0;
}
