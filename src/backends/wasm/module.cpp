// SPDX-License-Identifier: MIT
#include "backends/wasm/module.h"

#include <bit>
#include <cmath>

#include "support/text.h"

namespace nereid::wasm {

const InsInfo& info(Ins ins) {
  static constexpr InsInfo kTable[] = {
#define INS(name, text, prefix, code, immediate, type) {text, prefix, code, Immediate::immediate, ValType::type},
#include "backends/wasm/instructions.def"
#undef INS
  };
  return kTable[static_cast<size_t>(ins)];
}

namespace {

struct Bytes {
  std::string out;
  void byte(uint64_t b) { out += static_cast<char>(b); }
  void u(uint64_t v) {  // unsigned LEB128
    while (v >= 0x80) {
      byte((v & 0x7f) | 0x80);
      v >>= 7;
    }
    byte(v);
  }
  void s(int64_t v) {  // signed
    while (v < -64 || v >= 64) {
      byte((static_cast<uint64_t>(v) & 0x7f) | 0x80);
      v >>= 7;
    }
    byte(static_cast<uint64_t>(v) & 0x7f);
  }
  void little(uint64_t v, int count) {
    for (int i = 0; i < count; ++i) byte((v >> (8 * i)) & 0xff);
  }
  void name(std::string_view text) {
    u(text.size());
    out += text;
  }
  void section(uint8_t id, const Bytes& content) {
    byte(id);
    u(content.out.size());
    out += content.out;
  }
};

constexpr int kMaxPages = 65536;

struct Signature {
  int params;
  ValType type;  // of the parameters, and of the result if it exists
  bool hasResult;
};
// run and assert; print; functions of f64.
constexpr Signature kSignatures[] = {
    {4, ValType::I32, false}, {5, ValType::I32, false}, {1, ValType::F64, true}, {2, ValType::F64, true}, {3, ValType::F64, true}};

uint64_t signatureOf(const FunctionImport& i) {
  uint64_t k = 0;
  while (kSignatures[k].params != i.params || kSignatures[k].hasResult != i.hasResult) ++k;
  return k;
}

int alignment(Immediate i) {
  return static_cast<int>(i) - static_cast<int>(i >= Immediate::MemoryLane0 ? Immediate::MemoryLane0 : Immediate::Memory0);
}

void encode(Bytes& o, const Instruction& i) {
  const InsInfo& what = info(i.ins);
  if (what.prefix) {
    o.byte(what.prefix);
    o.u(what.code);
  } else {
    o.byte(what.code);
  }
  switch (what.immediate) {
    case Immediate::None: break;
    case Immediate::Block: o.byte(i.a); break;
    case Immediate::Index:
    case Immediate::Function: o.u(i.a); break;
    case Immediate::I32: o.s(static_cast<int32_t>(i.a)); break;
    case Immediate::I64: o.s(static_cast<int64_t>(i.a)); break;
    case Immediate::F32: o.little(i.a, 4); break;
    case Immediate::F64: o.little(i.a, 8); break;
    case Immediate::V128:
    case Immediate::Lanes:
      o.little(i.a, 8);
      o.little(i.b, 8);
      break;
    case Immediate::Lane: o.byte(i.a); break;
    case Immediate::Memories2: o.byte(0); [[fallthrough]];
    case Immediate::Memories1: o.byte(0); break;
    default:
      o.u(static_cast<uint64_t>(alignment(what.immediate)));
      o.u(i.a);
      if (what.immediate >= Immediate::MemoryLane0) o.byte(i.b);
  }
}

std::string_view typeName(ValType t) {
  switch (t) {
    case ValType::I32: return "i32";
    case ValType::I64: return "i64";
    case ValType::F32: return "f32";
    case ValType::F64: return "f64";
    case ValType::V128: return "v128";
    case ValType::None: break;
  }
  return "";
}

std::string floating(uint64_t bits, bool isDouble) {
  double v = isDouble ? std::bit_cast<double>(bits) : static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  bool negative = bits >> (isDouble ? 63 : 31) & 1;
  if (v != v) {
    uint64_t payload = bits & (isDouble ? 0xfffffffffffff : 0x7fffff);
    return cat(negative ? "-" : "", "nan:", hex(payload, isDouble ? 13 : 6));
  }
  if (std::isinf(v)) return negative ? "-inf" : "inf";
  return v == 0 && negative ? "-0" : scientific(v, !isDouble);
}

// All modules have the same types.
void encodeTypes(Bytes& o) {
  Bytes types;
  types.u(std::size(kSignatures));
  for (const Signature& s : kSignatures) {
    types.byte(0x60);
    types.u(static_cast<uint64_t>(s.params));
    for (int i = 0; i < s.params; ++i) types.byte(static_cast<uint8_t>(s.type));
    types.u(s.hasResult);
    if (s.hasResult) types.byte(static_cast<uint8_t>(s.type));
  }
  o.section(1, types);
}

// Returns the offset of the memory's flag, which is the same in all modules: the section's size has three bytes.
size_t encodeImports(Bytes& o, const Function& f) {
  Bytes imports;
  imports.u(1 + f.imports.size());
  imports.name("nereid");
  imports.name("memory");
  imports.byte(2);
  size_t flag = imports.out.size();
  imports.byte(1);
  imports.u(1);
  imports.u(kMaxPages);
  for (size_t k = 0; k < f.imports.size(); ++k) {
    imports.name("nereid");
    imports.name(f.imports[k].name);
    imports.byte(0);
    imports.u(signatureOf(f.imports[k]));
  }
  o.byte(2);
  size_t size = imports.out.size();
  for (uint64_t group : {size & 0x7f, size >> 7 & 0x7f}) o.byte(group | 0x80);
  o.byte(size >> 14);
  flag += o.out.size();
  o.out += imports.out;
  return flag;
}

void encodeBody(Bytes& o, const Function& f) {
  Bytes body, groups;
  uint64_t count = 0;
  for (size_t i = 0; i < f.locals.size();) {
    size_t j = i;
    while (j < f.locals.size() && f.locals[j] == f.locals[i]) ++j;
    groups.u(j - i);
    groups.byte(static_cast<uint8_t>(f.locals[i]));
    ++count;
    i = j;
  }
  body.u(count);
  body.out += groups.out;
  for (const Instruction& i : f.body) encode(body, i);
  body.byte(0x0b);
  Bytes code;
  code.u(1);
  code.u(body.out.size());
  code.out += body.out;
  o.section(10, code);
}

}  // namespace

std::string encode(const Function& f, size_t& memoryFlagAt) {
  Bytes o;
  o.out.assign("\0asm\1\0\0\0", 8);
  encodeTypes(o);
  memoryFlagAt = encodeImports(o, f);
  Bytes functions;
  functions.u(1);
  functions.u(0);
  o.section(3, functions);
  Bytes exports;
  exports.u(1);
  exports.name("run");
  exports.byte(0);
  exports.u(f.imports.size());
  o.section(7, exports);
  encodeBody(o, f);
  return std::move(o.out);
}

std::string print(const Function& f, bool lines) {
  std::string out = "(module\n";
  for (const Signature& s : kSignatures) {
    out += "  (type (func";
    for (int i = 0; i < s.params; ++i) appendAll(out, i ? " " : " (param ", typeName(s.type));
    out += s.hasResult ? cat(") (result ", typeName(s.type), ")))\n") : ")))\n";
  }
  appendAll(out, "  (import \"nereid\" \"memory\" (memory 1 ", kMaxPages, "))\n");
  for (size_t k = 0; k < f.imports.size(); ++k)
    appendAll(out, "  (import \"nereid\" \"", f.imports[k].name, "\" (func $", f.imports[k].name, " (type ", signatureOf(f.imports[k]),
              ")))\n");
  out += "  (func (export \"run\") (type 0)  ;; args, begin, end, scratch\n";
  for (size_t i = 0; i < f.locals.size();) {
    size_t j = i;
    out += "    (local";
    while (j < f.locals.size() && f.locals[j] == f.locals[i]) appendAll(out, " ", typeName(f.locals[j++]));
    out += ")\n";
    i = j;
  }
  int depth = 2;
  for (const Instruction& i : f.body) {
    const InsInfo& what = info(i.ins);
    if (i.ins == Ins::End || i.ins == Ins::Else) --depth;
    out.append(static_cast<size_t>(depth) * 2, ' ');
    out += what.text;
    if (i.ins == Ins::Block || i.ins == Ins::Loop || i.ins == Ins::If || i.ins == Ins::Else) ++depth;
    switch (what.immediate) {
      case Immediate::None: break;
      case Immediate::Block:
        if (auto t = static_cast<ValType>(i.a); t != ValType::None) appendAll(out, " (result ", typeName(t), ")");
        break;
      case Immediate::Function: appendAll(out, " $", f.imports[i.a].name); break;
      case Immediate::Index:
      case Immediate::Lane: appendAll(out, " ", i.a); break;
      case Immediate::I32: appendAll(out, " ", static_cast<int32_t>(i.a)); break;
      case Immediate::I64: appendAll(out, " ", static_cast<int64_t>(i.a)); break;
      case Immediate::F32:
      case Immediate::F64: appendAll(out, " ", floating(i.a, what.immediate == Immediate::F64)); break;
      case Immediate::V128: {
        out += " i32x4";
        for (uint64_t word : {i.a & 0xffffffff, i.a >> 32, i.b & 0xffffffff, i.b >> 32}) appendAll(out, " ", hex(word, 8));
        break;
      }
      case Immediate::Lanes:
        for (int k = 0; k < 16; ++k) appendAll(out, " ", ((k < 8 ? i.a : i.b) >> (8 * (k & 7))) & 0xff);
        break;
      default:
        if (i.a) appendAll(out, " offset=", i.a);
        if (what.immediate >= Immediate::MemoryLane0) appendAll(out, " ", i.b);
    }
    if (lines && i.line) appendAll(out, "  ;; line ", i.line);
    out += '\n';
  }
  return out + "  )\n)\n";
}

}  // namespace nereid::wasm
