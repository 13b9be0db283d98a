// SPDX-License-Identifier: MIT
#include "ir/after_pass.h"

#include <cstdio>
#include <cstdlib>

namespace nereid {

#if defined(__wasm__)

bool verifiesEach() { return false; }
void afterPass(std::string_view, const Module&) {}

#else

namespace {

bool isOn(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value && std::string_view(value) != "0";
}

}  // namespace

bool verifiesEach() {
  static const bool on = isOn("NEREID_VERIFY_EACH");
  return on;
}

void afterPass(std::string_view pass, const Module& m) {
  static const bool prints = isOn("NEREID_PRINT_AFTER_ALL");
  if (prints) {
    static thread_local std::string last;
    std::string text = print(m);
    bool changed = text != last;
    std::string out = cat("// after ", pass, changed ? "\n" : ": no change\n", changed ? text : "");
    std::fwrite(out.data(), 1, out.size(), stderr);
    last = std::move(text);
  }
  if (!verifiesEach()) return;
  Diags diags;
  if (verify(m, diags)) return;
  internalError(__FILE__, __LINE__, cat("the pass `", pass, "` made invalid IR: ", diags.empty() ? "" : diags[0].text));
}

#endif

}  // namespace nereid
