// SPDX-License-Identifier: MIT
// Python source for harnesses: each kernel of the file goes through the front-end, with the signature of its `# run:` line if there is one.
#pragma once

#include <optional>

#include "driver/driver.h"

namespace nereid {

inline std::vector<std::string> splitAtCommas(std::string_view text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    size_t comma = std::min(text.find(',', begin), text.size());
    out.emplace_back(trim(text.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return out;
}

template <class F>
void compileOne(const std::string& text, Request request, F&& consume) {
  request.path = "fuzz.py";
  request.read = [&](const std::string& path) { return path == "fuzz.py" ? std::optional(text) : std::nullopt; };
  Sources sources;
  Diags diags;
  if (auto m = frontEnd(sources, request, diags))
    consume(*m);
  else
    (void)diags.render(sources);
}

// Calls consume(module) for each accepted kernel.
template <class F>
void compileAll(const uint8_t* data, size_t size, F&& consume) {
  std::string text(reinterpret_cast<const char*>(data), size);
  int kernels = 0;
  for (size_t at = text.find("# run: "); at != std::string::npos && kernels < 8; at = text.find("# run: ", at + 1), ++kernels) {
    std::string line = text.substr(at + 7, text.find('\n', at) - at - 7);
    size_t a = line.find('|'), b = line.find('|', a == std::string::npos ? a : a + 1),
           c = line.find('|', b == std::string::npos ? b : b + 1);
    if (c == std::string::npos) continue;
    Request request;
    request.kernel = std::string(trim(std::string_view(line).substr(0, a)));
    request.signature = splitAtCommas(std::string_view(line).substr(a + 1, b - a - 1));
    for (const std::string& constant : splitAtCommas(std::string_view(line).substr(b + 1, c - b - 1)))
      if (size_t equals = constant.find('='); equals != std::string::npos)
        request.constants[constant.substr(0, equals)] = constant.substr(equals + 1);
    compileOne(text, std::move(request), consume);
  }
  if (kernels == 0) compileOne(text, {.signature = {"*fp32:16", "i32", "16"}}, consume);
}

}  // namespace nereid
