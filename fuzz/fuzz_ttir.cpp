// SPDX-License-Identifier: MIT
// No text may crash the TTIR parser. Accepted text prints to a fixed point, and the interpreter and the passes accept it.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "backends.h"

using namespace nereid;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto parse = [](std::string text, Sources& sources, Diags& diags) {
    uint32_t file = sources.add("fuzz.ttir", std::move(text));
    return ttir::parse(sources, file, diags);
  };
  Sources sources;
  Diags diags;
  auto m = parse(std::string(reinterpret_cast<const char*>(data), size), sources, diags);
  if (!m) {
    if (diags.empty()) std::abort();
    (void)diags.render(sources);
    return 0;
  }
  std::string once = print(*m);
  auto again = parse(once, sources, diags);
  if (!again || print(*again) != once) {
    std::fprintf(stderr, "%s\nnot a fixed point:\n%s\n", diags.render(sources).c_str(), once.c_str());
    std::abort();
  }
  // A verified module lowers, or is refused with a reason. Large tiles take long and find nothing more.
  if (const Target* lower = findTarget("lower"); lower && lower->load && once.size() < 4096 && !hasLargeTile(*again)) {
    Diags problems;
    Sources copy;
    auto fresh = parse(once, copy, problems);
    if (!lower->load(std::move(*fresh), problems) && problems.empty()) std::abort();
  }
  // Pointers would be invalid: run only kernels with scalar parameters, within limits.
  const Func& kernel = *again->kernel();
  std::vector<uint64_t> args;
  for (const Value* v : kernel.args()) {
    if (!v->type.isScalar() || v->type.isPointer()) return 0;
    args.push_back(3);
  }
  interp::Options options{.checkBounds = true, .maxSteps = 2000};
  (void)interp::run(*again, kernel, args, {1, 1, 1}, options, diags);
  return 0;
}
