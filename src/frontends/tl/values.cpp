// SPDX-License-Identifier: MIT
#include "frontends/tl/values.h"

#include <cmath>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

Val Val::of(VK kind) {
  Val v;
  v.kind = kind;
  return v;
}

Val Val::boolean(bool b) {
  Val v = of(VK::Bool);
  v.number = b;
  return v;
}

Val Val::integer(Int n) {
  Val v = of(VK::Int);
  v.number = n;
  return v;
}

Val Val::floating(double d) {
  Val v = of(VK::Float);
  v.real = d;
  return v;
}

Val Val::string(std::string_view s) { return named(VK::Str, s); }

Val Val::dtype(const TType& t) {
  Val v = of(VK::DType);
  v.type = t;
  return v;
}

Val Val::of(const Tensor& t) {
  Val v = of(VK::Tensor);
  v.tensor = t;
  return v;
}

Result<Val> Val::of(const Result<Tensor>& t) {
  if (!t) return std::unexpected(Failed{});
  return of(*t);
}

Val Val::of(const FunctionDef* function) {
  Val v = of(VK::Function);
  v.function = function;
  return v;
}

Val Val::of(const BuiltinInfo* builtin) {
  Val v = of(VK::Builtin);
  v.builtin = builtin;
  return v;
}

Val Val::tuple(const std::vector<Val>* items) {
  Val v = of(VK::Tuple);
  v.items = items;
  return v;
}

Val Val::named(VK kind, std::string_view name) {
  Val v = of(kind);
  v.text = name;
  return v;
}

Val Val::of(VK kind, HostObject* object) {
  Val v = of(kind);
  v.object = object;
  return v;
}

void flatten(const Val& v, std::vector<Value*>& out) {
  if (v.is(VK::Tensor) || v.is(VK::Desc) || v.is(VK::BlockPtr)) out.push_back(v.tensor.value);
  if (v.is(VK::Tuple) || v.is(VK::Desc) || v.is(VK::BlockPtr))
    for (size_t i = 0; i < v.size(); ++i) flatten(v.item(i), out);
}

Val unflatten(const Val& like, const std::vector<Value*>& handles, size_t& cursor, Heap& heap) {
  Val v = like;
  v.known = nullptr;
  if (v.is(VK::Tensor) || v.is(VK::Desc) || v.is(VK::BlockPtr)) v.tensor.value = handles[cursor++];
  if ((v.is(VK::Tuple) || v.is(VK::Desc) || v.is(VK::BlockPtr)) && v.items) {
    std::vector<Val> items;
    for (const Val& item : *like.items) items.push_back(unflatten(item, handles, cursor, heap));
    v.items = heap.keep(std::move(items));
  }
  return v;
}

namespace {

// Counts how deep a walk of values inside values is. Lists can contain themselves, and be nested deeper than the stack is.
struct Nesting {
  explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  bool isTooDeep() const { return depth_ > 200; }

 private:
  int& depth_;
};

}  // namespace

bool sameConstant(const Val& a, const Val& b) {
  thread_local int depth = 0;
  Nesting nesting(depth);
  if (nesting.isTooDeep()) return false;
  if (a.isNumber() && b.isNumber()) {
    if (a.isInt() && b.isInt()) return a.number == b.number;
    return a.asDouble() == b.asDouble();
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case VK::None:
    case VK::Ellipsis: return true;
    case VK::Str:
    case VK::Class: return a.text == b.text;
    case VK::Module: return a.text == b.text && a.module == b.module;
    case VK::DType: return a.type == b.type && a.text == b.text;
    case VK::Function: return a.function == b.function;
    case VK::Builtin: return a.builtin == b.builtin;
    case VK::Closure: return a.closure == b.closure;
    case VK::Object: return a.item(0).number == b.item(0).number;
    case VK::List:
      if (a.object == b.object) return true;
      if (a.object->items.size() != b.object->items.size()) return false;
      for (size_t i = 0; i < a.object->items.size(); ++i)
        if (!sameConstant(a.object->items[i], b.object->items[i])) return false;
      return true;
    case VK::Set:
    case VK::Dict: {
      const HostObject &x = *a.object, &y = *b.object;
      if (x.items.size() != y.items.size()) return false;
      for (size_t i = 0; i < x.items.size(); ++i) {
        size_t k = 0;
        while (k < y.items.size() && !sameConstant(x.items[i], y.items[k])) ++k;
        if (k == y.items.size() || (a.is(VK::Dict) && !sameConstant(x.values[i], y.values[k]))) return false;
      }
      return true;
    }
    case VK::Tensor: return a.tensor.value == b.tensor.value;
    case VK::Tuple:
    case VK::Slice:
    case VK::Method:
      if (a.size() != b.size()) return false;
      for (size_t i = 0; i < a.size(); ++i)
        if (!sameConstant(a.item(i), b.item(i))) return false;
      return true;
    default: return false;
  }
}

bool sameType(const Val& a, const Val& b) {
  if (a.is(VK::Tensor)) return b.is(VK::Tensor) && a.tensor.type == b.tensor.type;
  if (a.is(VK::Tuple) || a.is(VK::Desc) || a.is(VK::BlockPtr)) {
    if (a.kind != b.kind || a.cls != b.cls || a.size() != b.size() || !(a.type == b.type) || !(a.tensor.type == b.tensor.type))
      return false;
    for (size_t i = 0; i < a.size(); ++i)
      if (!sameType(a.item(i), b.item(i))) return false;
    return true;
  }
  return a.kind == b.kind && sameConstant(a, b);
}

std::string describe(const Val& v) {
  switch (v.kind) {
    case VK::Unbound: return "nothing";
    case VK::None: return "None";
    case VK::Bool:
    case VK::Int:
    case VK::Float:
    case VK::Str: return cat("the constexpr ", repr(v));
    case VK::Ellipsis: return "...";
    case VK::DType: return cat("the type ", v.type);
    case VK::Tensor: return cat(v.tensor.type);
    case VK::Tuple: return v.cls ? cat("an instance of ", v.cls->name) : cat("a tuple of ", v.size());
    case VK::Slice: return "a slice";
    case VK::Function: return cat("the function ", v.function->name);
    case VK::Builtin: return "a builtin function";
    case VK::Method: return "a method";
    case VK::Module:
      if (v.text.starts_with("external:")) return cat("`", v.text.substr(9), "`, which the compiler does not know,");
      if (v.text.starts_with("class:")) return cat("the Python class `", v.text.substr(6), "`");
      return cat("the module ", v.text);
    case VK::Class: return cat("the class ", v.text);
    case VK::List: return cat("a list of ", v.object->items.size());
    case VK::Set: return cat("a set of ", v.object->items.size());
    case VK::Dict: return cat("a dictionary of ", v.object->items.size());
    case VK::Closure: return "a function made at compile time";
    case VK::Exception: return cat("the exception ", v.text);
    case VK::Object: return cat("a Python object of class ", v.text);
    case VK::Desc: return cat("a tensor descriptor of ", v.type);
    case VK::BlockPtr: return cat("a block pointer to ", v.type);
  }
  return "?";
}

std::string& append(std::string& out, const Val& v) { return out += describe(v); }

std::string repr(const Val& v) {
  thread_local int depth = 0;
  thread_local size_t parts = 0;  // of the outermost value
  Nesting nesting(depth);
  if (depth == 1) parts = 0;
  if (nesting.isTooDeep() || ++parts > 500'000) return "...";
  switch (v.kind) {
    case VK::None: return "None";
    case VK::Bool: return v.number ? "True" : "False";
    case VK::Int: return intText(v.number);
    case VK::Float: {
      if (std::isnan(v.real)) return "nan";
      if (std::isinf(v.real)) return v.real < 0 ? "-inf" : "inf";
      std::string s = shortest(v.real);
      if (s.find_first_of(".einf") == std::string::npos) s += ".0";
      return s;
    }
    case VK::Str: {
      // As in Python: single quotes unless the text contains single quotes only.
      char quote = v.text.find('\'') != std::string_view::npos && v.text.find('"') == std::string_view::npos ? '"' : '\'';
      std::string out(1, quote);
      for (char c : v.text) {
        if (c == '\n')
          out += "\\n";
        else if (c == '\t')
          out += "\\t";
        else if (c == '\r')
          out += "\\r";
        else if (c == quote || c == '\\')
          appendAll(out, '\\', c);
        else
          out += c;
      }
      return out + quote;
    }
    case VK::List: {
      std::string out = "[";
      for (const Val& item : v.object->items) appendAll(out, out.size() > 1 ? ", " : "", repr(item));
      return out + "]";
    }
    case VK::Set: {
      std::string out = "{";
      for (const Val& item : v.object->items) appendAll(out, out.size() > 1 ? ", " : "", repr(item));
      return v.object->items.empty() ? "set()" : out + "}";
    }
    case VK::Dict: {
      std::string out = "{";
      for (size_t i = 0; i < v.object->items.size(); ++i)
        appendAll(out, i ? ", " : "", repr(v.object->items[i]), ": ", repr(v.object->values[i]));
      return out + "}";
    }
    case VK::Exception: {
      std::string out = cat(v.text, "(");
      for (size_t i = 0; i < v.size(); ++i) appendAll(out, i ? ", " : "", repr(v.item(i)));
      return out + ")";
    }
    case VK::Ellipsis: return "Ellipsis";
    case VK::DType: return v.type.isBlock() ? cat("<", v.type.shape, ", ", name(v.type.scalar), ">") : name(v.type.scalar);
    case VK::Tensor: return cat(name(v.tensor.type.scalar), v.tensor.type.shape);
    case VK::Tuple: {
      std::string out = "(";
      for (size_t i = 0; i < v.size(); ++i) appendAll(out, i ? ", " : "", repr(v.item(i)));
      return out + (v.size() == 1 ? ",)" : ")");
    }
    case VK::Function: return v.function->name;
    case VK::Desc: return cat("tensor_descriptor<", v.type, ">");
    default: return describe(v);
  }
}

std::string ascii(const Val& v) {
  std::string out;
  for (std::string_view c : charactersOf(repr(v))) {
    const uint32_t code = codePointOf(c);
    if (code < 0x80) {
      out += c;
      continue;
    }
    const int digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    std::string number = hex(code, digits).substr(2);
    for (char& n : number) n = static_cast<char>(n | 0x20);
    appendAll(out, digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U", number);
  }
  return out;
}

std::string str(const Val& v) {
  if (v.is(VK::Exception))
    return v.size() == 0 ? "" : v.size() == 1 ? (v.text == "KeyError" ? repr(v.item(0)) : str(v.item(0))) : repr(Val::tuple(v.items));
  return v.is(VK::Str) ? std::string(v.text) : repr(v);
}

std::string mangle(const Val& v) {
  switch (v.kind) {
    case VK::Tensor: return mangle(v.tensor.type);
    case VK::Desc: {
      std::string out = cat("TD", mangle(v.type), "_");
      for (size_t i = 0; i < v.size(); ++i) appendAll(out, mangle(v.item(i)), "_");
      return out;
    }
    case VK::BlockPtr: return cat("BP", mangle(v.tensor.type), mangle(v.type), "r", v.size());
    case VK::Tuple: {
      std::string out = "T";
      for (size_t i = 0; i < v.size(); ++i) appendAll(out, i ? "_" : "", mangle(v.item(i)));
      if (v.fields)
        for (const std::string& f : *v.fields) appendAll(out, ".", f);
      if (v.cls) appendAll(out, "@", v.cls->module->name, ".", v.cls->name);
      return out + "T";
    }
    case VK::Float: return cat("c", hex(__builtin_bit_cast(uint64_t, v.real), 16));
    case VK::Str: return cat("c'", v.text, "'");
    case VK::List:
    case VK::Set:
    case VK::Dict: {
      std::string out = v.is(VK::List) ? "cL(" : v.is(VK::Set) ? "cS(" : "cD(";
      for (const Val& item : v.object->items) appendAll(out, mangle(item), ",");
      for (const Val& item : v.object->values) appendAll(out, ":", mangle(item), ",");
      return out + ")";
    }
    case VK::Closure: return cat("cf", v.closure->serial);
    case VK::Object: return cat("co", intText(v.item(0).number));
    case VK::Function: return cat("c", v.function->module->name, ".", v.function->name, ".", v.function->token);
    case VK::Builtin: return cat("ctl.", v.builtin->name);
    case VK::Module: return cat("cmodule ", v.text);
    case VK::Method:
    case VK::Slice: {
      std::string out = cat("cm", v.text, "(");
      for (size_t i = 0; i < v.size(); ++i) appendAll(out, mangle(v.item(i)), ",");
      return out + ")";
    }
    default: return cat("c", repr(v));
  }
}

unsigned __int128 magnitude(Int n) { return n < 0 ? -static_cast<unsigned __int128>(n) : static_cast<unsigned __int128>(n); }

bool truthy(const Val& v) {
  switch (v.kind) {
    case VK::None: return false;
    case VK::Object: return truthy(v.item(1));
    case VK::Bool:
    case VK::Int: return v.number != 0;
    case VK::Float: return v.real != 0;
    case VK::Str: return !v.text.empty();
    case VK::Tuple: return v.size() != 0;
    case VK::List:
    case VK::Set:
    case VK::Dict: return !v.object->items.empty();
    default: return true;
  }
}

}  // namespace nereid::tl
