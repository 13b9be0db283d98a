// SPDX-License-Identifier: MIT
// The front-end `tl`: Triton-language Python source to TTIR.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace nereid::tl {

// Reads a file that the source imports; the core does not access files.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

struct Request {
  std::string path;    // path of the kernel's file, as diagnostics show it
  std::string kernel;  // name of the @triton.jit function; empty: the only one that nothing else in the file calls
  // One item per parameter in order of declaration, as in Triton's AOT tool: "*fp32:16", "i32", "1024". An empty item is a constexpr with a
  // value from `constants` or a default. Missing items at the end are empty.
  std::vector<std::string> signature;
  // Constexprs by name, as Python literals: {"BLOCK", "1024"}, {"ACT", "'relu'"}.
  std::map<std::string, std::string> constants;
  std::function<void(const std::string&)> print;  // receives the text of tl.static_print; if unset, the text is dropped
  // Evaluates an expression on compile-time values in the Python that the source comes from. Returns true and the value as a literal, or
  // false and three lines: the exception's class, where it was raised, and its text. If unset, the built-in evaluator runs constexpr
  // functions.
  std::function<bool(const std::string& expression, std::string& answer)> python;
  bool debug = false;  // compile `assert` and tl.device_assert, and check integers for overflow, as TRITON_DEBUG=1 does
};

// The content of a kernel's `def` line, before types are known: for callers that match arguments to parameters.
struct Parameter {
  std::string name;
  bool isConstexpr = false;
  bool hasDefault = false;
  std::string annotation;  // "tl.int64", "*fp16", or empty
  bool doNotSpecialize = false;
  bool doNotSpecializeOnAlignment = false;
  Loc loc;
};
struct Signature {
  std::string kernel;
  std::vector<Parameter> parameters;
  Loc loc;
};

Result<Signature> signature(Sources& sources, const std::string& path, const std::string& kernel, const FileReader& read, Diags& diags);
// A verified module with the kernel as its public function and its callees as private ones.
Result<Module> compile(Sources& sources, const Request& request, const FileReader& read, Diags& diags);
// The text of the stages before the IR.
Result<std::string> dumpTokens(Sources& sources, const std::string& path, const FileReader& read, Diags& diags);
Result<std::string> dumpAst(Sources& sources, const std::string& path, const FileReader& read, Diags& diags);

}  // namespace nereid::tl
