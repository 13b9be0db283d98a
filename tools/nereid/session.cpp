// SPDX-License-Identifier: MIT
#include "session.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

namespace nereid::tool {

using nlohmann::json;

std::string take(nereid_text text) {
  std::string out(text.data ? text.data : "", text.size);
  nereid_free(text);
  return out;
}

File splitFile(const std::string& text) {
  size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 >= text.size() || text.find('/', colon) != std::string::npos) return {text, ""};
  // "k.ttir:name", but not "C:\k.ttir".
  std::string path = text.substr(0, colon);
  size_t dot = path.rfind('.');
  if (dot == std::string::npos) return {text, ""};
  return {path, text.substr(colon + 1)};
}

std::vector<std::string> splitSignature(const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  std::string item;
  int depth = 0;
  char quote = 0;
  for (char c : text) {
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(' || c == '[' || c == '<') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '>') {
      --depth;
    } else if (c == ',' && depth == 0) {
      out.push_back(item);
      item.clear();
      continue;
    }
    if (c != ' ' || quote || !item.empty()) item += c;
  }
  out.push_back(item);
  for (std::string& s : out)
    while (!s.empty() && s.back() == ' ') s.pop_back();
  return out;
}

nereid_request RequestHolder::get() {
  items.clear();
  names.clear();
  values.clear();
  for (auto& s : signature) items.push_back(s.c_str());
  for (auto& [name, value] : constants) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  return {file.path.c_str(),
          nullptr,
          file.kernel.empty() ? nullptr : file.kernel.c_str(),
          items.data(),
          items.size(),
          names.data(),
          values.data(),
          names.size(),
          target.c_str(),
          debug,
          nullptr,
          0,
          nullptr,
          nullptr,
          nullptr,
          nullptr,
          schedule.empty() ? nullptr : schedule.c_str()};
}

Value* Session::find(const std::string& name) {
  for (auto& [key, value] : values_)
    if (key == name) return value.get();
  return nullptr;
}

Problem Session::addArgument(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return misuse("--arg " + text + ": write NAME=VALUE");
  std::string name = text.substr(0, equals), spec = text.substr(equals + 1);
  if (find(name)) return misuse("--arg " + name + " is given twice");
  auto value = std::make_unique<Value>();
  if (looksLikeArray(spec)) {
    if (std::string error = parseArray(spec, value->array); !error.empty())
      return refused(spec.starts_with('@') ? "npy" : "argument", "`" + name + "`: " + error);
    value->isArray = true;
    value->type = value->array.type;
  } else {
    // 1000, 2.5, True, 1:i64, inf
    if (size_t colon = spec.rfind(':'); colon != std::string::npos) {
      value->type = findType(spec.substr(colon + 1));
      if (!value->type) return refused("argument", "`" + name + "`: " + unknownType(spec.substr(colon + 1)));
      spec = spec.substr(0, colon);
    }
    value->text = spec;
    const DType* check = value->type;
    if (!check) {
      bool isFloat = spec.find_first_of(".") != std::string::npos || spec.find("inf") != std::string::npos ||
                     spec.find("nan") != std::string::npos ||
                     (spec.find_first_of("eE") != std::string::npos && !spec.starts_with("0x") && spec != "True" && spec != "False" &&
                      spec != "true" && spec != "false");
      if (spec == "True" || spec == "False")
        check = findType("i1");
      else if (isFloat)
        check = findType("fp32");
      else
        for (const char* t : {"i32", "i64", "u64"}) {
          check = findType(t);
          uint64_t bits;
          if (parseNumber(spec, *check, bits).empty()) break;
        }
    }
    if (!parseNumber(spec, *check, value->bits).empty()) {
      bool integer = spec.size() > 1 && spec.find_first_not_of("0123456789", spec[0] == '-') == std::string::npos;
      std::string what = value->type ? " is not a number of type " + value->type->name
                         : integer   ? " does not fit in 64 bits"
                                     : " is not a number";
      return refused("argument",
                     "`" + name + "`: `" + spec + "`" + what + ": write a number, True, False, zeros:f32[8], f32[1, 2] or @file.npy");
    }
  }
  values_.emplace_back(name, std::move(value));
  return {};
}

Problem Session::addConstant(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return misuse("-D " + text + ": write NAME=LITERAL");
  if (!constants_.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
    return misuse("-D " + text.substr(0, equals) + " is given twice");
  return {};
}

bool Session::isGiven(const std::string& name) { return find(name) || find(name + ".0") || find(name + ".0.0"); }

// The signature item for a value; for a tuple, passed as x.0, x.1 and so on, for its parts.
Problem Session::inferItem(const std::string& name, const DType* declared, bool keep, bool noAlign, std::string& item) {
  Value* v = find(name);
  if (!v) {
    for (int i = 0; isGiven(name + "." + std::to_string(i)); ++i) {
      std::string part;
      if (Problem p = inferItem(name + "." + std::to_string(i), nullptr, keep, noAlign, part)) return p;
      item += (i ? ", " : "(") + part;
    }
    item += ",)";
    return {};
  }
  if (v->isArray) {
    item = "*" + v->type->name + (noAlign ? "" : ":16");
    return {};
  }
  const DType* type = v->type ? v->type : declared;
  uint64_t bits;
  if (!type) {
    bool integral = parseNumber(v->text, *findType("i64"), bits).empty() || parseNumber(v->text, *findType("u64"), bits).empty();
    if (v->text == "True" || v->text == "False")
      type = findType("i1");
    else if (!integral)
      type = findType("fp32");
    else
      type = parseNumber(v->text, *findType("i32"), bits).empty()   ? findType("i32")
             : parseNumber(v->text, *findType("i64"), bits).empty() ? findType("i64")
                                                                    : findType("u64");
  }
  if (std::string error = parseNumber(v->text, *type, bits); !error.empty())
    return refused("argument", "`" + name + "`: " + error + ", the declared type of the parameter");
  bool integer = type->kind == Kind::Int || type->kind == Kind::UInt;
  if (integer && bits == 1 && !keep && !v->type)
    item = "1";
  else
    item = type->name + (integer && bits % 16 == 0 && !noAlign ? ":16" : "");
  return {};
}

// Triton's specialisation: pointers and integers divisible by 16 get `:16`, and an integer 1 becomes a constant.
Problem Session::infer(const std::string& text, std::vector<std::string>& signature) {
  json info = json::parse(text);
  std::vector<std::string> names;
  bool typed = info["typed"];
  for (auto& p : info["parameters"]) {
    std::string name = p["name"], annotation = p["type"];
    names.push_back(name);
    Value* v = find(name);
    bool constexpr_ = p["constexpr"];
    if (constants_.contains(name)) {
      if (v) return refused("argument", "`" + name + "` is given with both --arg and -D: give it with one of them");
      signature.emplace_back();
      continue;
    }
    if (constexpr_) {
      if (v) return refused("argument", "`" + name + "` is a constexpr: give it with -D " + name + "=" + v->text);
      signature.emplace_back();
      continue;
    }
    if (!v && !isGiven(name)) {
      if (p["default"]) {
        signature.emplace_back();
        continue;
      }
      return refused("argument", "the argument `" + name + "` is missing: give it with --arg " + name + "=VALUE");
    }
    if (typed) continue;
    // A type annotated in the source takes precedence over the inferred one.
    const DType* declared = findType(annotation.starts_with("tl.") ? std::string_view(annotation).substr(3) : std::string_view(annotation));
    if (v && v->isArray && annotation.find("tensordesc<") != std::string::npos) {
      signature.emplace_back();  // the annotation gives the type
      continue;
    }
    bool keep = p["do_not_specialize"];
    if (Problem problem = inferItem(name, declared, keep, keep || p["do_not_specialize_on_alignment"], signature.emplace_back()))
      return problem;
  }
  std::string all;
  for (auto& n : names) all += (all.empty() ? "" : ", ") + n;
  for (auto& [name, value] : values_)
    if (std::find(names.begin(), names.end(), name) == names.end() &&
        std::find(names.begin(), names.end(), name.substr(0, name.find('.'))) == names.end()) {
      return refused("argument", "--arg " + name + ": the kernel has no parameter `" + name + "`; its parameters are " + all);
    }
  for (auto& [name, value] : constants_)
    if (std::find(names.begin(), names.end(), name) == names.end())
      return refused("argument", "-D " + name + ": the kernel has no parameter `" + name + "`; its parameters are " + all);
  return {};
}

// Matches the values to the parameters of the compiled kernel.
Problem Session::bind(const std::string& text) {
  json info = json::parse(text);
  std::vector<uint64_t> parts;  // sizes and strides of the previous descriptor that are not passed by name
  for (auto& p : info["parameters"]) {
    std::string name = p["name"], type = p["type"];
    Value* v = find(name);
    if (!parts.empty()) {
      uint64_t part = parts.back();
      parts.pop_back();
      if (!v) {
        args_.push_back({part, 0});
        continue;
      }
    }
    if (!v) return refused("argument", "the argument `" + name + "` is missing: give it with --arg " + name + "=VALUE");
    bool pointer = type.starts_with('*');
    if (pointer != v->isArray)
      return refused("argument", "`" + name + "` is a " + type +
                                     (v->isArray ? ", but got an array: give a number, such as --arg " + name + "=16"
                                                 : ", but got a number: give an array, such as --arg " + name + "=zeros:f32[8]"));
    std::string elementName = pointer ? type.substr(1) : type;
    if (elementName.starts_with('*'))
      return refused("argument", "`" + name + "` is a " + type + ": the command line cannot pass pointers to pointers");
    const DType* wanted = findType(elementName);
    if (!wanted) return refused("argument", "`" + name + "` is a " + type + ", which the command line cannot pass");
    if (pointer) {
      const DType* given = v->array.type;
      // Integers of the IR have no sign: u32 is accepted for i32.
      bool fits = given == wanted || (given->bytes == wanted->bytes && given->kind != Kind::Float && wanted->kind != Kind::Float);
      if (!fits) {
        std::string hint = given->kind == Kind::UInt && given->bytes == wanted->bytes
                               ? ": to read a file as that type write @FILE.npy:" + wanted->name
                               : "";
        return refused("argument", "`" + name + "` is a " + type + ", but the array contains " + given->name + hint);
      }
      args_.push_back({static_cast<uint64_t>(reinterpret_cast<uintptr_t>(v->array.data.get())), v->array.bytes});
      if (v->array.bytes == 0) args_.back().bytes = 1;  // an empty array, not a scalar
      if (p.contains("block")) {
        const std::vector<int64_t>& shape = v->array.shape;
        if (shape.size() != p["block"].size())
          return refused("argument", "`" + name + "` is a descriptor of blocks with " + std::to_string(p["block"].size()) +
                                         " axes, but the array has " + std::to_string(shape.size()) + " axes");
        uint64_t stride = 1;
        std::vector<uint64_t> sizes;
        for (size_t d = shape.size(); d-- > 0; stride *= static_cast<uint64_t>(shape[d])) {
          if (shape[d] > INT32_MAX)
            return refused("argument",
                           "`" + name + "`: the sizes of a descriptor must fit in 32 bits, but one is " + std::to_string(shape[d]));
          sizes.push_back(static_cast<uint64_t>(shape[d]));
          parts.push_back(stride);
        }
        parts.insert(parts.end(), sizes.begin(), sizes.end());  // consumed from the back: sizes, then strides
      }
    } else {
      bool isUnsignedTag = v->type && v->type->kind == Kind::UInt && v->type->bytes == wanted->bytes;
      if (v->type && v->type != wanted && !isUnsignedTag &&
          !(v->type->kind != Kind::Float && wanted->kind != Kind::Float && v->type->bytes == wanted->bytes))
        return refused("argument", "`" + name + "` is a " + type + ", but the number is given as " + v->type->name);
      uint64_t bits = 0;
      std::string error = parseNumber(v->text, isUnsignedTag ? *v->type : *wanted, bits);
      if (!error.empty() && wanted->kind == Kind::Int) {  // 3000000000 for an unsigned parameter
        const DType* u = findType("u" + wanted->name.substr(1));
        if (u && parseNumber(v->text, *u, bits).empty()) error.clear();
      }
      if (!error.empty()) return refused("argument", "`" + name + "`: " + error);
      args_.push_back({bits, 0});
    }
    v->passed = true;
  }
  return {};
}

Problem Session::prepare(RequestHolder& holder, const std::string& signature, std::string& described) {
  nereid_text out{}, error{};
  nereid_request request = holder.get();
  nereid_status status = nereid_describe(&request, &out, &error);
  if (status != NEREID_OK) return {status, take(error)};
  described = take(out);
  if (signature.empty()) {
    if (Problem p = infer(described, holder.signature)) return p;
  }
  bool typed = json::parse(described)["typed"];
  if (typed && !constants_.empty()) return refused("argument", "-D is for Python source: a TTIR file has no constexpr parameters");
  return {};
}

Problem Session::emit(const std::string& stage, const File& file, const std::string& target, const std::string& signature,
                      const std::string& decisions, std::string& text) {
  RequestHolder holder{file, splitSignature(signature), constants_, target, false, decisions, {}, {}, {}};
  std::string described;
  if (Problem p = prepare(holder, signature, described)) return p;
  nereid_request request = holder.get();
  nereid_text out{}, error{};
  nereid_status status = nereid_emit(&request, (stage + "." + target).c_str(), &out, &error);
  if (status != NEREID_OK) return {status, take(error)};
  text = take(out);
  return {};
}

Problem Session::compile(const File& file, const std::string& target, const std::string& signature, bool debug,
                         const std::string& schedule) {
  RequestHolder holder{file, splitSignature(signature), constants_, target, debug, schedule, {}, {}, {}};
  std::string described;
  if (Problem p = prepare(holder, signature, described)) return p;
  nereid_text error{};
  nereid_request request = holder.get();
  if (kernel_) nereid_kernel_free(kernel_);
  kernel_ = nullptr;
  args_.clear();
  nereid_status status = nereid_compile(&request, &kernel_, &error);
  if (status != NEREID_OK) return {status, take(error)};
  return bind(take(nereid_kernel_describe(kernel_)));
}

Problem Session::launch(const nereid_launch_options& options) {
  nereid_text error{};
  nereid_status status = nereid_launch(kernel_, args_.data(), args_.size(), &options, &error);
  if (status != NEREID_OK) return {status, take(error)};
  return {};
}

}  // namespace nereid::tool
