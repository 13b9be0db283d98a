// SPDX-License-Identifier: MIT
// Files as the front-end sees them: the names that a module binds at its top level, found without running or parsing unused code.
#pragma once

#include <memory>
#include <set>

#include "frontends/tl/lexer.h"
#include "frontends/tl/parser.h"
#include "frontends/tl/tl.h"
#include "frontends/tl/values.h"

namespace nereid::tl {

struct FunctionDef {
  std::string name;
  SourceModule* module = nullptr;
  size_t token = 0;  // of `def`
  Loc loc;           // of the name
  bool isJit = false, isConstexprFunction = false, noinline = false;
  std::vector<std::string> doNotSpecialize, doNotSpecializeOnAlignment;
  // Parsed on first use.
  mutable Node* node = nullptr;
  mutable bool parseFailed = false;
  mutable std::vector<Loc> stack;  // calls in progress
};

// A lambda or nested function, with the names that are in scope around it.
struct Closure {
  FunctionDef def;
  const Node* node;
  std::vector<std::shared_ptr<Scope>> frames;  // innermost first
  std::vector<Val> defaults;                   // one per parameter
  int comprehension = 0;                       // enclosing comprehension, whose names end with it
  int serial = 0;
};

// A class decorated with @triton.aggregate: named fields, and functions whose first argument is an instance.
struct ClassDef {
  std::string name;
  SourceModule* module = nullptr;
  std::vector<std::string> fields;
  std::vector<std::unique_ptr<FunctionDef>> methods;
  const FunctionDef* method(std::string_view wanted) const {
    for (auto& m : methods)
      if (m->name == wanted) return m.get();
    return nullptr;
  }
};

struct Global {
  enum Kind : uint8_t { Function, Constant, Import, Class } kind = Constant;
  Loc loc;
  std::unique_ptr<FunctionDef> function;
  size_t token = 0;                     // Constant: first token of the value
  bool annotated = false;               // Constant: `X: tl.constexpr = ...`
  std::string from;                     // Import: the module, dotted; leading dots for a relative one
  std::vector<std::string> fields;      // Class: fields of a NamedTuple, in order
  std::unique_ptr<ClassDef> aggregate;  // Class
  std::string member;                   // Import: the member that `from` imports; empty for the module itself
  // Evaluated on first use.
  std::optional<Val> value;
  bool busy = false;
};

struct SourceModule {
  std::string path;
  std::string name;  // "softmax" of "dir/softmax.py"
  uint32_t file = 0;
  bool isLibrary = false;
  std::vector<Token> tokens;
  std::map<std::string, Global, std::less<>> globals;
  std::vector<std::string> starImports;
  std::vector<const FunctionDef*> functions;  // in order
  Arena arena;
};

// Finds the top-level names of a file.
std::unique_ptr<SourceModule> scanModule(const std::string& path, std::vector<Token> tokens, uint32_t file);

class Loader {
 public:
  Loader(Sources& sources, const FileReader& read, Diags& diags) : sources_(sources), read_(read), diags_(diags) {}

  // The file that the user named; reports an error if it cannot be read.
  Result<SourceModule*> open(const std::string& path);
  // The file of a dotted name, imported by `importer`; null if it does not exist.
  SourceModule* import(const SourceModule& importer, std::string_view dotted);
  // The built-in library, written in the Triton language.
  SourceModule& builtinLibrary();
  Result<Node*> parse(const FunctionDef& fn, bool signatureOnly = false);

  Sources& sources() { return sources_; }
  Heap& heap() { return heap_; }
  Closure& closure() {
    Closure& c = closures_.emplace_back();
    c.serial = static_cast<int>(closures_.size());
    return c;
  }
  Diags& diags() { return diags_; }

 private:
  SourceModule* tryOpen(const std::string& path);
  bool exists(const std::string& path);

  Sources& sources_;
  const FileReader& read_;
  Diags& diags_;
  Heap heap_;
  std::deque<Closure> closures_;
  std::map<std::string, std::unique_ptr<SourceModule>> modules_;
  std::set<std::string> missing_;
  std::string root_;  // the file that the user named
  std::unique_ptr<SourceModule> library_;
};

// The kernel of a file.
Result<const FunctionDef*> findKernel(SourceModule& module, const std::string& kernel, Diags& diags);

}  // namespace nereid::tl
