// SPDX-License-Identifier: MIT
// Python at compile time for source from a running Python: bodies of constexpr functions, and objects that only that Python knows.
//
//   bits(8, dtype=tl.float16)   =>   __function('__nereid_2.py', 'bits')(8, dtype=__tl.float16)   sent to Python, which answers `128`
//
// Questions and answers are texts, so that a cache of kernels can store the questions and ask them again.
#include <cmath>

#include "frontends/tl/codegen.h"

namespace nereid::tl {
namespace {

std::string quotedForPython(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\')
      appendAll(out, '\\', c);
    else if (static_cast<unsigned char>(c) < 0x20)
      appendAll(out, "\\x", hex(static_cast<unsigned char>(c), 2));
    else
      out += c;
  }
  return out + "'";
}

std::string pythonType(DType t) {
  if (t.isPointer()) return cat("__tl.pointer_type(", pythonType(t.pointee()), ")");
  std::string name(primName(t.prim));
  for (auto [from, to] : {std::pair("fp", "float"), {"bf", "bfloat"}})
    if (name.starts_with(from)) return cat("__tl.", to, name.substr(2));
  return cat("__tl.", name);
}

}  // namespace

// Methods of classes are run by this evaluator: they take values of the kernel.
bool CodeGen::inPython(const FunctionDef& fn) const {
  if (!shared_.request.python || fn.isJit || fn.module->isLibrary) return false;
  auto found = fn.module->globals.find(fn.name);
  return found != fn.module->globals.end() && found->second.function.get() == &fn;
}

Result<std::string> CodeGen::pythonText(const Val& v, Loc loc) {
  auto all = [&](const std::vector<Val>& items) -> Result<std::string> {
    std::string out;
    for (const Val& item : items) appendAll(out, TRY(pythonText(item, loc)), ", ");
    return out;
  };
  switch (v.kind) {
    case VK::None:
    case VK::Bool:
    case VK::Int:
    case VK::Ellipsis: return repr(v);
    case VK::Float: return std::isfinite(v.real) ? repr(v) : cat("float('", repr(v), "')");
    case VK::Str: return quotedForPython(v.text);
    case VK::DType:
      if (v.type.isBlock())
        return cat("__tl.block_type(", pythonType(v.type.scalar), ", ", TRY(pythonText(shapeTuple(v.type.shape), loc)), ")");
      return pythonType(v.type.scalar);
    case VK::Tuple: {
      std::string items = TRY(all(v.items ? *v.items : std::vector<Val>{}));
      if (v.cls) break;
      if (!v.fields) return cat("(", items, ")");
      std::string names;
      for (const std::string& f : *v.fields) appendAll(names, quotedForPython(f), ", ");
      return cat("__named((", names, "), (", items, "))");
    }
    case VK::List: return cat("[", TRY(all(v.object->items)), "]");
    case VK::Set: return cat("set([", TRY(all(v.object->items)), "])");
    case VK::Dict: {
      std::string out = "{";
      for (size_t i = 0; i < v.object->items.size(); ++i)
        appendAll(out, TRY(pythonText(v.object->items[i], loc)), ": ", TRY(pythonText(v.object->values[i], loc)), ", ");
      return out + "}";
    }
    case VK::Function:
      if (!v.function->module->isLibrary)
        return cat("__function(", quotedForPython(v.function->module->path), ", ", quotedForPython(v.function->name), ")");
      return cat("__tl.", v.function->name);
    case VK::Builtin:
      if (findBuiltin(v.builtin->name) == v.builtin) return cat("__tl.", v.builtin->name);
      break;
    case VK::Class:
      if (isException(v.text) || v.text == "int" || v.text == "float" || v.text == "bool" || v.text == "str" || v.text == "tuple" ||
          v.text == "list" || v.text == "dict" || v.text == "set")
        return std::string(v.text);
      break;
    case VK::Object: return cat("__object(", intText(v.item(0).number), ")");
    case VK::Tensor:
      if (v.known) return pythonText(*v.known, loc);
      return cat("__tile(", TRY(pythonText(Val::dtype(v.tensor.type), loc)), ")");
    default: break;
  }
  return error(Err::Type, loc)
      .says(v, " cannot be passed to a constexpr function")
      .hint("pass numbers, strings, types, functions, or tuples, lists, sets and dictionaries of them");
}

Result<std::string> CodeGen::pythonArguments(const Args& args) {
  std::string out = "(";
  for (const Arg& a : args.positional) appendAll(out, TRY(pythonText(a.value, a.loc)), ", ");
  for (const auto& [name, a] : args.named) appendAll(out, name, "=", TRY(pythonText(a.value, a.loc)), ", ");
  return out + ")";
}

Result<Val> CodeGen::askPython(const std::string& expression, std::string_view what, Loc loc) {
  if (!shared_.request.python)
    return error(Err::Unsupported, loc).says("this needs Python, which is available only where Python compiles the kernel");
  std::string answer;
  if (shared_.request.python(expression, answer)) {
    Val v = TRY(literal(answer, loc, "an answer of Python"));
    return v;
  }
  size_t first = answer.find('\n'), second = answer.find('\n', first + 1);
  if (first == std::string::npos || second == std::string::npos) return error(Err::Type, loc).says("`", what, "` failed in Python");
  std::string exception = answer.substr(0, first), where = answer.substr(first + 1, second - first - 1), text = answer.substr(second + 1);
  Diag& d = raise(keep(exception), loc);
  shared_.raised->items = keep(std::vector<Val>{Val::string(keep(text))});
  d.says("`", what, "` raised ", exception, text.empty() ? "" : ": ", text);
  if (!where.empty()) d.hint("raised at ", where);
  return d;
}

Result<Val> CodeGen::callPython(const FunctionDef& fn, const Args& args) {
  std::string arguments = TRY(pythonArguments(args));
  return askPython(cat("__function(", quotedForPython(fn.module->path), ", ", quotedForPython(fn.name), ")", arguments), fn.name,
                   args.call);
}

// Parses the calls in answers: objects by number, and functions by file.
Result<Val> CodeGen::bPythonValue(Bound& a) {
  if (a.info->name == "__function") {
    SourceModule* module = shared_.loader.import(*source_, TRY(constantString(a, 0, "a module")));
    if (!module) return error(Err::UnknownName, a.call).says("there is no such module");
    return global(*module, std::string(TRY(constantString(a, 1, "a name"))), a.call);
  }
  Val v = Val::named(VK::Object, TRY(constantString(a, 1, "a class")));
  v.items = keep(std::vector<Val>{a[0], a[2]});
  return v;
}

}  // namespace nereid::tl
