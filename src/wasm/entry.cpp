// SPDX-License-Identifier: MIT
// The compiler as a WebAssembly module: a page writes texts into its memory, asks for a stage, and reads the result.
#include <cstdlib>
#include <cstring>
#include <string>

#include "driver/driver.h"

namespace {

std::string result;

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = text.find(by);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

extern "C" {

// The C library's stack protector, which wasi-libc does not have.
uintptr_t __stack_chk_guard = 0x595E9FBD;
void __stack_chk_fail() { __builtin_trap(); }

// One of our own faults: the page sees a trap.
[[clang::export_name("nereid_alloc")]] void* nereid_alloc(size_t size) { return std::malloc(size); }
[[clang::export_name("nereid_release")]] void nereid_release(void* p) { std::free(p); }

// The text of a stage of a kernel; all arguments end in a zero byte. Signature items and constants (NAME=LITERAL) stand one a line.
// 0: the text is there; 1: it is the error.
[[clang::export_name("nereid_emit")]] int nereid_emit(const char* path, const char* source, const char* kernel, const char* signature,
                                                      const char* constants, const char* stage) {
  nereid::Request request;
  request.path = path;
  request.kernel = kernel;
  request.signature = split(signature, '\n');
  for (const std::string& c : split(constants, '\n'))
    if (size_t equals = c.find('='); equals != std::string::npos) request.constants[c.substr(0, equals)] = c.substr(equals + 1);
  request.read = [&](const std::string& wanted) { return wanted == path ? std::optional<std::string>(source) : std::nullopt; };
  nereid::Sources sources;
  nereid::Diags diags;
  auto text = nereid::emit(sources, request, stage, diags);
  result = text ? std::move(*text) : diags.render(sources);
  return text ? 0 : 1;
}

[[clang::export_name("nereid_text")]] const char* nereid_text() { return result.data(); }
[[clang::export_name("nereid_text_size")]] size_t nereid_text_size() { return result.size(); }
}
