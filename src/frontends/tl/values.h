// SPDX-License-Identifier: MIT
// The kinds of values that a name in a kernel can have at compile time.
#pragma once

#include <deque>
#include <map>

#include "frontends/tl/ast.h"
#include "frontends/tl/types.h"
#include "ir/ir.h"

namespace nereid::tl {

struct ClassDef;
struct FunctionDef;
struct SourceModule;
struct BuiltinInfo;
struct Closure;
struct HostObject;

enum class VK : uint8_t {
  Unbound,  // a loop variable after its loop, and other names that have lost their value
  None,
  Bool,
  Int,
  Float,
  Str,
  Ellipsis,  // compile-time values; `tl.constexpr` of one is the value itself
  DType,     // a type, possibly with a shape (x.type)
  Tensor,    // a value of the IR
  Tuple,
  Slice,     // items: start, stop, step
  Function,  // defined in a file
  Builtin,
  Method,  // a builtin, function or dtype query bound to the value in items[0]
  Module,  // a module of Triton (`text` is its dotted name), or a file (`module`)
  Class,   // constexpr, tensor, tuple, int, float, ValueError, ...: for annotations, isinstance and except
  List,
  Set,
  Dict,       // of compile-time Python; in a kernel a list is a Tuple
  Closure,    // a lambda or nested function of compile-time Python
  Exception,  // `text` is its class; items are its arguments
  Object,     // another object of the Python that runs constexpr functions: `text` is its class; items are its number there, and
              // whether it is true
  Desc,       // tensor descriptor: items are shape..., strides...
  BlockPtr,   // block pointer: tensor is the base; items are shape..., strides..., offsets...
};

struct Tensor {
  Value* value = nullptr;
  TType type;
};

// A Val owns nothing: it refers to the Heap of its compilation or to the source. So copying one is cheap.
struct Val {
  union {
    Int number = 0;  // Bool, Int
    double real;     // Float
    const FunctionDef* function;
    const BuiltinInfo* builtin;
    HostObject* object;      // List, Set, Dict
    const Closure* closure;  // Closure
  };
  std::string_view text;           // Str, Module, Class; of a DType query: its name
  TType type;                      // DType; the block type of a Desc or BlockPtr
  Tensor tensor;                   // Tensor; the handle of a Desc; the base of a BlockPtr
  SourceModule* module = nullptr;  // Module, where it is a file
  const std::vector<Val>* items = nullptr;
  const std::vector<std::string>* fields = nullptr;  // of a named tuple
  const ClassDef* cls = nullptr;                     // for the class of an aggregate, and for the tuples that are its instances
  const Val* known = nullptr;                        // Tensor: its value at compile time, for uses that require a constexpr
  VK kind = VK::None;
  bool wrapped = false;     // made by tl.constexpr(...): kernels may use such globals
  bool isIterator = false;  // Tuple: the items of a generator, zip and the like
  // Without padding at the end std::expected has its flag behind the value, which then can be constructed where it is returned.
  char unused[5] = {};

  static Val none() { return {}; }
  static Val unbound() { return of(VK::Unbound); }
  static Val of(VK kind);
  static Val boolean(bool b);
  static Val integer(Int n);
  static Val floating(double d);
  static Val string(std::string_view s);
  static Val dtype(const TType& t);
  static Val of(const Tensor& t);
  static Result<Val> of(const Result<Tensor>& t);
  static Val of(const FunctionDef* function);
  static Val of(const BuiltinInfo* builtin);
  static Val tuple(const std::vector<Val>* items);
  static Val named(VK kind, std::string_view name);
  static Val of(VK kind, HostObject* object);

  bool is(VK k) const { return kind == k; }
  bool isNone() const { return kind == VK::None; }
  bool isTensor() const { return kind == VK::Tensor; }
  bool isInt() const { return kind == VK::Int || kind == VK::Bool; }
  bool isObject() const { return kind == VK::List || kind == VK::Set || kind == VK::Dict; }
  bool isNumber() const { return isInt() || kind == VK::Float; }
  // True for values that consist of IR values; there may be none (an empty tuple).
  bool isRuntime() const { return kind == VK::Tensor || kind == VK::Tuple || kind == VK::Desc || kind == VK::BlockPtr; }
  double asDouble() const { return kind == VK::Float ? real : static_cast<double>(number); }
  const Val& item(size_t i) const { return (*items)[i]; }
  size_t size() const { return items ? items->size() : 0; }
};

// The mutable values of compile-time Python.
struct HostObject {
  std::vector<Val> items;   // items of a list or set; keys of a dictionary
  std::vector<Val> values;  // values of a dictionary
  bool frozen = false;      // the value of a global, or one that a kernel has used
};

// Owns the lists and texts that Vals refer to, for the whole compilation.
class Heap {
 public:
  const std::vector<Val>* keep(std::vector<Val> items) {
    kept_ += items.size() + 1;
    return &lists_.emplace_back(std::move(items));
  }
  std::string_view keep(std::string text) {
    kept_ += text.size() / 64 + 1;
    return texts_.emplace_back(std::move(text));
  }
  HostObject* object(std::vector<Val> items, std::vector<Val> values = {}) {
    kept_ += items.size() + values.size() + 1;
    return &objects_.emplace_back(std::move(items), std::move(values));
  }
  void count(size_t items) { kept_ += items; }
  size_t kept() const { return kept_; }  // size in units of a Val

 private:
  size_t kept_ = 0;
  std::deque<HostObject> objects_;
  std::deque<std::vector<Val>> lists_;
  std::deque<std::string> texts_;
};

// The IR values inside, in a fixed order; and a copy that contains other IR values instead.
void flatten(const Val& v, std::vector<Value*>& out);
Val unflatten(const Val& like, const std::vector<Value*>& handles, size_t& cursor, Heap& heap);
// Returns whether two values differ only in their IR values.
bool sameType(const Val& a, const Val& b);
// The type of a value as messages name it: "fp32", "an int", "a tuple".
std::string describe(const Val& v);
std::string& append(std::string& out, const Val& v);
// Python's str() and repr().
std::string str(const Val& v);
std::string repr(const Val& v);
std::string ascii(const Val& v);  // repr with escapes for other characters
// Part of the name of a function compiled for this argument: equal if and only if the types and compile-time values are equal.
std::string mangle(const Val& v);
unsigned __int128 magnitude(Int n);
bool truthy(const Val& v);
bool sameConstant(const Val& a, const Val& b);

using Scope = std::map<std::string, Val, std::less<>>;

}  // namespace nereid::tl
