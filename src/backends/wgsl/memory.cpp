// SPDX-License-Identifier: MIT
// Memory is arrays of 32-bit words. Smaller elements are parts of words: read by extracting bits, written by two atomic operations that
// leave the rest of the word alone. In scratch memory nothing is smaller than a word (Lowering::storedType).
#include <bit>

#include "backends/wgsl/emit.h"
#include "ir/bits.h"

namespace nereid::wgsl {

namespace {

int bytesOf(const Type& t) { return t.isPointer() ? 8 : byteSize(t); }

std::string plus(const std::string& offset, int lane) { return lane == 0 ? offset : cat("(", offset, " + ", lane, ")"); }

}  // namespace

std::string Emitter::declarations(const Memory& m, int binding) const {
  // Elements of the array are as many words as every access takes, as a part of a vector must not be written while others write its
  // neighbours.
  auto has = [&](const char* a) { return m.accessors.count(a) > 0; };
  int unit = m.of == Memory::Vectors      ? 4
             : m.isAtomic || has("put")   ? 1
             : has("get2") || has("put2") ? 2
             : has("get4") || has("put4") ? 4
                                          : 1;
  const int64_t u = m.unit;
  auto bits = [](int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); };
  if (m.of == Memory::Factors) {
    // Rows stand 16 bytes apart from a power of two: else all of a column would be in one bank.
    const int64_t perWord = 4 / byteSize(Type::scalar(m.element)), words = u / perWord;
    std::string type = words == 0 ? "f16" : words == 1 ? "u32" : cat("vec", words, "u");
    const std::string& array = memories_[static_cast<size_t>(m.array)].name;
    std::string out = m.bytes > 0 ? cat("var<workgroup> ", array, ": array<", type, ", ", m.bytes / (4 / perWord) / u, ">;\n") : "";
    std::string at_ = cat(array, "[", m.offset, "u + (i >> ", bits(u), "u) + (i >> ", bits(m.columns), "u) * ",
                          m.rowUnits(machine_) - m.columns / u, "u]");
    std::string word = words > 1 ? cat(at_, "[(i >> ", bits(perWord), "u) & ", words - 1, "u]") : at_;
    if (has("get"))
      appendAll(out, "fn ", m.name, "_get(i: u32) -> u32 { return ",
                words == 0 ? cat("bitcast<u32>(vec2<f16>(", at_, ", 0.0h))")
                           : cat("extractBits(", word, ", (i & ", perWord - 1, "u) * ", 32 / perWord, "u, ", 32 / perWord, "u)"),
                "; }\n");
    if (has("put")) appendAll(out, "fn ", m.name, "_put(i: u32, v: u32) { ", at_, " = bitcast<vec2<f16>>(v).x; }\n");
    // Of one or several words.
    if (has("put1")) appendAll(out, "fn ", m.name, "_put1(i: u32, v: ", type, ") { ", at_, " = v; }\n");
    return out;
  }
  if (m.of == Memory::Part) {
    const std::string& array = memories_[static_cast<size_t>(m.array)].name;
    std::string out = m.bytes > 0 ? cat("var<workgroup> ", array, ": array<vec4u, ", m.bytes / 16, ">;\n") : "";
    std::string at_ = cat(array, "[", m.offset, "u + (i >> 2u) + (i >> 4u) * ", machine_.accumulatorRow / 4 - 4, "u]");
    if (has("get4")) appendAll(out, "fn ", m.name, "_get4(i: u32) -> vec4u { return ", at_, "; }\n");
    if (has("put4")) appendAll(out, "fn ", m.name, "_put4(i: u32, v: vec4u) { ", at_, " = v; }\n");
    return out;
  }
  std::string type = m.isAtomic ? "atomic<u32>" : unit > 1 ? cat("vec", unit, "u") : "u32";
  std::string out = m.of == Memory::Vectors
                        ? cat("var<workgroup> ", m.name, ": array<vec4u, ", m.bytes / 16, ">;\n")
                        : cat("@group(0) @binding(", binding, ") var<storage, read_write> ", m.name, ": array<", type, ">;\n");
  auto one = [&](std::string_view name, std::string_view rest) { out += cat("fn ", m.name, "_", name, rest, "\n"); };
  const int shift = std::countr_zero(static_cast<unsigned>(unit));
  std::string word = unit > 1 ? cat(m.name, "[i >> ", shift, "u][i & ", unit - 1, "u]") : cat(m.name, "[i]");
  auto all = m.accessors;
  if (m.of == Memory::Scratch) all = {"get", "put"};
  for (const std::string& a : all) {
    if (a == "get")
      one(a, cat("(i: u32) -> u32 { return ", m.isAtomic ? cat("atomicLoad(&", word, ")") : word, "; }"));
    else if (a == "put")
      one(a, cat("(i: u32, v: u32) { ", m.isAtomic ? cat("atomicStore(&", word, ", v)") : cat(word, " = v"), "; }"));
    else if (a == "get2" || a == "get4" || a == "put2" || a == "put4") {
      int count = a[3] - '0';
      std::string parts, type_ = cat("vec", count, "u");
      bool isGet = a[0] == 'g';
      for (int k = 0; k < count; k += unit) {
        std::string at_ = cat(m.name, "[",
                              unit == 1      ? "i"
                              : unit < count ? cat("(i >> ", shift, "u)")
                                             : cat("i >> ", shift, "u"),
                              k ? cat(" + ", k / unit, "u") : "", "]");
        std::string part = unit == count ? "" : unit == 1 ? cat(".", "xyzw"[k]) : k ? ".zw" : ".xy";
        if (isGet)
          parts += cat(k ? ", " : "", m.isAtomic ? cat("atomicLoad(&", at_, ")") : at_);
        else
          parts += m.isAtomic ? cat(" atomicStore(&", at_, ", v", part, ");") : cat(" ", at_, " = v", part, ";");
      }
      one(a, isGet ? cat("(i: u32) -> ", type_, " { return ", unit == count ? parts : cat(type_, "(", parts, ")"), "; }")
                   : cat("(i: u32, v: ", type_, ") {", parts, " }"));
    } else if (a == "cas")
      one(a, cat("(i: u32, old: u32, new_: u32) -> u32 { var seen = old; loop { let r = atomicCompareExchangeWeak(&", word,
                 ", old, new_); seen = r.old_value; if (r.exchanged || seen != old) { break; } } return seen; }"));
    else
      one(a, cat("(i: u32, v: u32) -> u32 { return atomic",
                 a == "add"   ? "Add"
                 : a == "and" ? "And"
                 : a == "or"  ? "Or"
                 : a == "xor" ? "Xor"
                              : "Exchange",
                 "(&", word, ", v); }"));
  }
  return out;
}

// ---- words and elements

std::string Emitter::access(int memory, const char* what) {
  Memory& m = memories_[static_cast<size_t>(memory)];
  m.accessors.insert(what);
  return cat(m.name, "_", what);
}

// The `word`th word of the element `offset`, counted in elements.
Emitter::Place Emitter::place(int memory, const Type& element, const std::string& offset, int word) {
  Place out{memory, "", ""};
  int bytes = bytesOf(element);
  if (bytes >= 4) {
    std::string first = bytes == 4 ? offset : cat(offset, " * ", bytes / 4);
    out.word = cat("u32(", first, word ? cat(" + ", word) : "", ")");
    return out;
  }
  int per = 4 / bytes;
  out.word = cat("(", u(offset), " >> ", per == 4 ? 2 : 1, "u)");
  out.shift = cat("(", u(offset), " & ", per - 1, "u) * ", bytes * 8, "u");
  return out;
}

std::string Emitter::readWord(const Place& p) { return cat(access(p.memory, "get"), "(", p.word, ")"); }
void Emitter::writeWord(const Place& p, const std::string& value) { line(cat(access(p.memory, "put"), "(", p.word, ", ", value, ");")); }

std::string Emitter::readElement(const Type& t, int memory, const std::string& offset) {
  if (memories_[static_cast<size_t>(memory)].of == Memory::Factors) return i(cat(access(memory, "get"), "(u32(", offset, "))"));
  Place at_ = place(memory, t, offset);
  if (t.isPointer()) return i(readWord(at_));
  if (kindOf(t) == Kind::Long) return cat("vec2u(", readWord(at_), ", ", readWord(place(memory, t, offset, 1)), ")");
  if (kindOf(t) == Kind::Float) return cat("bitcast<f32>(", readWord(at_), ")");
  if (at_.shift.empty()) return i(readWord(at_));
  std::string part = cat("extractBits(", readWord(at_), ", ", at_.shift, ", ", bytesOf(t) * 8, "u)");
  return t.isBool() ? cat("(", part, " != 0u)") : i(part);
}

void Emitter::writeElement(const Type& t, int memory, const std::string& offset, const std::string& value) {
  if (memories_[static_cast<size_t>(memory)].of == Memory::Factors) {
    line(cat(access(memory, "put"), "(u32(", offset, "), ", u(value), ");"));
    return;
  }
  Place at_ = place(memory, t, offset);
  if (kindOf(t) == Kind::Long) {
    writeWord(at_, cat(value, ".x"));
    writeWord(place(memory, t, offset, 1), cat(value, ".y"));
    return;
  }
  std::string bits = t.isBool() ? cat("select(0u, 1u, ", value, ")") : u(value);
  if (at_.shift.empty()) {
    writeWord(at_, bits);
    return;
  }
  // Each element has its bits to itself: clearing and setting them are two steps that no other thread's bits are part of.
  std::string shift = let(at_.shift), word = let(at_.word);
  uint32_t mask = (uint32_t{1} << (bytesOf(t) * 8)) - 1;
  line(cat(access(memory, "and"), "(", word, ", ~(", mask, "u << ", shift, "));"));
  line(cat(access(memory, "or"), "(", word, ", (", bits, " & ", mask, "u) << ", shift, ");"));
}

// If elements are packed, `index` counts words.
std::string Emitter::privateElement(const Value* pointer, int64_t index) {
  const Memory& own = memory(pointer);
  NEREID_CHECK(pointer->def->op == Op::LoPrivate, "an element of a thread without its number");
  const int64_t first = pointer->def->integer(Attr::Offset);
  return cat(own.name, "[", (own.isPacked ? first * bitWidth(pointer->type.pointee()) / 32 : first) + index, "]");
}

// ---- several words at a time

bool Emitter::hasVectors(int memory) const {
  auto of = memories_[static_cast<size_t>(memory)].of;
  return of == Memory::Argument || of == Memory::Vectors || (of == Memory::Factors && memories_[static_cast<size_t>(memory)].unit > 1) ||
         of == Memory::Part;
}

// The bits of elements narrower than a word lie in it from the lowest on.
void Emitter::unpack(Rep& r, const Type& element) {
  int width = bitWidth(element), perWord = 32 / width;
  for (const std::string& word : r.words)
    for (int part = 0; part < perWord; ++part) r.lane.push_back(i(cat("extractBits(", word, ", ", part * width, "u, ", width, "u)")));
}

std::vector<std::string> Emitter::wordsOf(const Value* v) {
  const Rep& r = rep(v);
  if (!r.words.empty()) return r.words;
  int width = bitWidth(v->type.element()), perWord = 32 / width;
  std::vector<std::string> words;
  for (int k = 0; k < lanes(v->type); k += perWord) {
    std::string word;
    for (int part = 0; part < perWord; ++part) {
      std::string e = u(at(v, k + part));
      word += part ? cat(" | (", e, " << ", part * width, "u)") : e;
    }
    words.push_back(word);
  }
  return words;
}

// A word full of such elements.
uint32_t Emitter::repeated(uint64_t bits, int width) {
  auto word = static_cast<uint32_t>(zeroExtend(bits, width));
  for (int n = width; n < 32; n *= 2) word |= word << n;
  return word;
}

void Emitter::readVector(const Inst& inst, Rep& r) {
  const Rep& p = rep(inst.operand(0));
  const Value *mask = inst.optional(1), *other = inst.optional(2);
  const Type element = inst.result()->type.element();
  bool chooses = mask && !inst.has(Attr::Unspecified);
  int width = bitWidth(element), perWord = 32 / width, count = wordsAtOnce(inst, inst.result()), all = lanes(inst.result()->type);
  auto otherBits = other ? constantBits(other) : std::optional<uint64_t>(0);
  const char* get = count == 4 ? "get4" : count == 2 ? "get2" : "get";
  for (int k = 0; k < all; k += count * perWord) {
    std::string first =
        perWord == 1 ? plus(p.lane[0], k) : cat("(", plus(p.lane[0], k), " >> ", std::countr_zero(static_cast<unsigned>(perWord)), "u)");
    std::string word = cat("u32(", first, ")");
    if (mask) word = cat("select(0u, ", word, ", ", at(mask, 0), ")");
    std::string got = cat(access(p.memory, get), "(", word, ")");
    // Narrow elements stay together, and so do those read instead where the mask is false.
    if (perWord > 1 && chooses && otherBits) {
      std::string like = cat(repeated(*otherBits, width), "u");
      if (count > 1) like = cat("vec", count, "u(", like, ")");
      got = cat("select(", like, ", ", got, ", ", at(mask, 0), ")");
    }
    got = copy(got);
    for (int w = 0; w < count; ++w) {
      std::string bits = count == 1 ? got : cat(got, ".", "xyzw"[w]);
      if (perWord > 1) {
        r.words.push_back(bits);
        continue;
      }
      std::string e = kindOf(element) == Kind::Float ? cat("bitcast<f32>(", bits, ")") : i(bits);
      r.lane.push_back(copy(chooses ? cat("select(", other ? at(other, k + w) : literal(element, 0), ", ", e, ", ", at(mask, 0), ")") : e));
    }
  }
  if (perWord == 1) return;
  unpack(r, element);
  if (!chooses || otherBits) return;
  for (int k = 0; k < all; ++k)
    r.lane[static_cast<size_t>(k)] = copy(cat("select(", at(other, k), ", ", r.lane[static_cast<size_t>(k)], ", ", at(mask, 0), ")"));
  r.words.clear();
}

void Emitter::writeVector(const Inst& inst) {
  const Rep p = rep(inst.operand(0));
  const Value* v = inst.operand(1);
  const Memory& memory = memories_[static_cast<size_t>(p.memory)];
  bool isFactors = memory.of == Memory::Factors;
  int perWord = 32 / bitWidth(v->type.element()), count = isFactors ? static_cast<int>(memory.unit / perWord) : wordsAtOnce(inst, v);
  const std::vector<std::string> words = wordsOf(v);
  for (size_t k = 0; k < words.size(); k += static_cast<size_t>(count)) {
    std::string first = plus(p.lane[0], static_cast<int>(k) * perWord);
    // Of factors elements are counted.
    if (perWord > 1 && !isFactors) first = cat("(", first, " >> ", std::countr_zero(static_cast<unsigned>(perWord)), "u)");
    std::string value = words[k];
    for (size_t w = 1; w < static_cast<size_t>(count); ++w) value += cat(", ", words[k + w]);
    if (count > 1) value = cat("vec", count, "u(", value, ")");
    line(cat(access(p.memory, isFactors ? "put1" : count == 4 ? "put4" : count == 2 ? "put2" : "put"), "(u32(", first, "), ", value, ");"));
  }
}

void Emitter::load(const Inst& inst) {
  const Value *v = inst.result(), *mask = inst.optional(1), *other = inst.optional(2);
  if (memories_[static_cast<size_t>(rep(inst.operand(0)).memory)].of == Memory::Thread) {
    Rep r;
    if (memories_[static_cast<size_t>(rep(inst.operand(0)).memory)].isPacked) {
      int perWord = 32 / bitWidth(v->type.element());
      for (int k = 0; k < lanes(v->type) / perWord; ++k) r.words.push_back(copy(privateElement(inst.operand(0), k)));
      unpack(r, v->type.element());
    } else {
      for (int k = 0; k < lanes(v->type); ++k) r.lane.push_back(copy(privateElement(inst.operand(0), k)));
    }
    define(v, std::move(r));
    return;
  }
  const Rep p = rep(inst.operand(0));
  Type element = v->type.element();
  Rep r;
  r.memory = memoryOf(v);
  bool isVector = wordsAtOnce(inst, v) && hasVectors(p.memory) && memories_[static_cast<size_t>(p.memory)].of != Memory::Factors;
  if (isVector) readVector(inst, r);
  for (int k = 0; k < lanes(v->type) && !isVector; ++k) {
    std::string offset = inst.op == Op::LoGather ? at(inst.operand(0), k) : plus(p.lane[0], k);
    if (!mask) {
      r.lane.push_back(let(readElement(element, p.memory, offset)));
      continue;
    }
    // Where the mask is false the first element is read, and dropped: branches cost more.
    std::string instead = other ? at(other, k) : kindOf(element) == Kind::Pointer ? "0" : literal(element, 0);
    std::string where = let(cat("select(0, ", offset, ", ", at(mask, k), ")"));
    if (inst.has(Attr::Unspecified)) {
      r.lane.push_back(let(readElement(element, p.memory, where)));
      continue;
    }
    r.lane.push_back(let(cat("select(", instead, ", ", readElement(element, p.memory, where), ", ", at(mask, k), ")")));
  }
  define(v, std::move(r));
}

void Emitter::store(const Inst& inst) {
  const Value *v = inst.operand(1), *mask = inst.optional(2);
  const Rep p = rep(inst.operand(0));
  if (memories_[static_cast<size_t>(p.memory)].of == Memory::Thread) {
    if (memories_[static_cast<size_t>(p.memory)].isPacked) {
      const std::vector<std::string> words = wordsOf(v);
      for (size_t k = 0; k < words.size(); ++k) line(cat(privateElement(inst.operand(0), static_cast<int64_t>(k)), " = ", words[k], ";"));
      return;
    }
    for (int k = 0; k < lanes(v->type); ++k) line(cat(privateElement(inst.operand(0), k), " = ", at(v, k), ";"));
    return;
  }
  if (wordsAtOnce(inst, v) && hasVectors(p.memory)) {
    if (mask) open(cat("if (", at(mask, 0), ") {"));
    writeVector(inst);
    if (mask) close();
    return;
  }
  for (int k = 0; k < lanes(v->type); ++k) {
    std::string offset = inst.op == Op::LoScatter ? at(inst.operand(0), k) : plus(p.lane[0], k);
    if (mask) open(cat("if (", at(mask, k), ") {"));
    writeElement(v->type.element(), p.memory, offset, at(v, k));
    if (mask) close();
  }
}

// ---- pointers

void Emitter::address(const Inst& inst) {
  const Value* v = inst.result();
  const Type& t = v->type;
  if (inst.op == Op::LoAlloc && inst.has(Attr::Private)) {
    const Memory& own = memory(v);
    if (own.of == Memory::Sums) {
      for (int64_t k = 0; k < own.bytes / 4 / threads_ / 8; ++k) line(cat("var ", own.name, "_", k, ": ", sumsType(own), ";"));
      define(v, "0", memoryOf(v));
      return;
    }
    if (own.isPacked)
      line(cat("var ", own.name, ": array<u32, ", inst.integer(Attr::Private) * bitWidth(t.pointee()) / 32, ">;"));
    else
      line(cat("var ", own.name, ": array<", typeName(kindOf(t.pointee())), ", ", inst.integer(Attr::Private), ">;"));
    define(v, "0", memoryOf(v));
    return;
  }
  if (inst.op == Op::LoAlloc) {
    const Memory& m = memory(v);
    if (m.of == Memory::Factors || m.of == Memory::Part) {
      define(v, "0", memoryOf(v));
      return;
    }
    int bytes = bytesOf(t.pointee());
    std::string first = cat(inst.integer(Attr::Offset) / bytes);
    if (m.of == Memory::Scratch && inStorage_)
      first = let(cat("i32(group.x * ", (scratchBytes_ + 255) / 256 * 256 / bytes, "u) + ", first));
    define(v, first, memoryOf(v));
    return;
  }
  const Rep& p = rep(inst.operand(0));
  if (inst.op == Op::LoPrivate) {  // whose accesses name the element
    define(v, "0", p.memory);
    return;
  }
  if (inst.op == Op::AddPtr) {
    Rep r{{}, p.memory};
    const Value* by = inst.operand(1);
    for (int k = 0; k < lanes(t); ++k) r.lane.push_back(let(cat(at(inst.operand(0), k), " + ", sext(at(by, k), bitWidth(by->type)))));
    define(v, std::move(r));
    return;
  }
  // Addresses are compared, nothing else: the place in the array, and above it which array it is. Places begin in the middle of what a word
  // holds, so that those before the array lie below it.
  if (memories_[static_cast<size_t>(p.memory)].of != Memory::Argument) {
    fail(inst.loc, "the address of scratch memory cannot be taken", "");
    return;
  }
  int bytes = bytesOf(inst.operand(0)->type.pointee());
  size_t parameter = parameterOf_[static_cast<size_t>(p.memory)];
  Rep r;
  for (int k = 0; k < lanes(t); ++k)
    r.lane.push_back(let(cat("vec2u(", u(cat("(", at(inst.operand(0), k), " * ", bytes, ")")), " ^ 0x80000000u, ",
                             parameterWord(5 + 2 * parameter), " + 1u)")));
  define(v, std::move(r));
}

// ---- atomics

void Emitter::atomic(const Inst& inst) {
  const Value* v = inst.result();
  const Type& t = v->type;
  const Rep p = rep(inst.operand(0));
  auto kind_ = inst.op == Op::LoAtomicCAS ? Rmw::Xchg : static_cast<Rmw>(inst.integer(Attr::RmwOp));
  bool isLong = kindOf(t) == Kind::Long, swaps = inst.op == Op::LoAtomicCAS;
  std::string offset = at(inst.operand(0), 0);
  Place where = place(p.memory, t, offset);
  std::string result = name();
  line(cat("var ", result, ": ", typeName(kindOf(t)), ";"));
  if (isLong && (swaps || used_.count(v) || kind_ == Rmw::Xchg)) {
    fail(inst.loc, "this atomic operation on 64-bit integers is not supported",
         "use 32-bit integers, or a sum whose old value is not read");
    return;
  }
  const char* what = kind_ == Rmw::And ? "and" : kind_ == Rmw::Or ? "or" : kind_ == Rmw::Xor ? "xor" : kind_ == Rmw::Add ? "add" : "xchg";
  auto bits = [&](const Value* x) { return kindOf(x->type) == Kind::Float || kindOf(x->type) == Kind::Int ? u(at(x, 0)) : at(x, 0); };
  auto back = [&](const std::string& word) { return kindOf(t) == Kind::Float ? cat("bitcast<f32>(", word, ")") : i(word); };
  auto body = [&] {
    if (isLong) {
      std::string x = let(at(inst.operand(1), 0));
      std::string first = let(cat(access(p.memory, what), "(", where.word, ", ", x, ".x)"));
      // What the low words carry goes to the high ones, whoever comes between.
      std::string carry = kind_ == Rmw::Add ? cat(" + select(0u, 1u, ", first, " + ", x, ".x < ", first, ")") : "";
      line(cat(access(p.memory, what), "(", place(p.memory, t, offset, 1).word, ", ", x, ".y", carry, ");"));
    } else if (where.shift.empty() && swaps) {
      line(cat(result, " = ",
               back(cat(access(p.memory, "cas"), "(", where.word, ", ", bits(inst.operand(1)), ", ", bits(inst.operand(2)), ")")), ";"));
    } else if (where.shift.empty()) {
      line(cat(result, " = ", back(cat(access(p.memory, what), "(", where.word, ", ", bits(inst.operand(1)), ")")), ";"));
    } else {
      // A part of a word: until nobody came between.
      int width = bytesOf(t) * 8;
      std::string shift = let(where.shift), word = let(where.word);
      open("loop {");
      std::string seen = let(cat(access(p.memory, "get"), "(", word, ")"));
      std::string old = let(cat("extractBits(", seen, ", ", shift, ", ", width, "u)"));
      line(cat(result, " = ", i(old), ";"));
      std::string next = bits(inst.operand(swaps ? 2 : 1));
      if (swaps) line(cat("if (", old, " != ", bits(inst.operand(1)), ") { break; }"));
      if (kind_ == Rmw::Add) next = cat(old, " + ", next);
      if (kind_ == Rmw::And) next = cat(old, " & ", next);
      if (kind_ == Rmw::Or) next = cat(old, " | ", next);
      if (kind_ == Rmw::Xor) next = cat(old, " ^ ", next);
      line(cat("if (", access(p.memory, "cas"), "(", word, ", ", seen, ", insertBits(", seen, ", ", next, ", ", shift, ", ", width,
               "u)) == ", seen, ") { break; }"));
      close();
    }
  };
  if (inThreads_ || (threads_ == 1 && programs_ > 1)) {
    body();
    define(v, copy(result));
    return;
  }
  open("if (thread == 0u) {");
  body();
  if (!isLong) {
    broadcasts_ = waits_ = true;
    line(cat("shared_word = ", u(result), ";"));
  }
  close();
  if (isLong)
    define(v, result);
  else
    define(v, let(back("workgroupUniformLoad(&shared_word)")));
}

// ---- subgroups of 32 threads, which are numbered as the workgroup's

void Emitter::swap(const Inst& inst) {
  usesSubgroups_ = true;
  auto name_ = [&](size_t k) { return memories_[static_cast<size_t>(rep(inst.operand(k)).memory)].name; };
  for (int64_t k = 0; k < inst.integer(Attr::Private); ++k)
    line(cat(name_(0), "[", k, "] = subgroupShuffleXor(", name_(1), "[", k, "], ", int64_t{1} << inst.integer(Attr::Bit), "u);"));
}

// ---- assertions and prints: a site and values, behind each other in the report

void Emitter::report(const Inst& inst) {
  reports_ = true;
  sites_.push_back(siteOf(inst));
  std::string pair, element;
  if (inst.op == Op::LoPrint && inst.operands.size() > 1) {
    const Value* v = inst.operand(1);
    const Type& t = v->type;
    std::string e = at(v, 0);
    bool inHex = inst.integer(Attr::Hex) != 0, isSigned = printsSigned(inst);
    if (t.isPointer())
      pair = cat("vec2u(", u(cat("(", e, " * ", bytesOf(t.pointee()), ")")), ", 0u)");
    else if (t.isFloat() && !inHex)
      pair = cat(help("f64_bits"), "(", e, ")");
    else if (kindOf(t) == Kind::Long)
      pair = e;
    else if (t.isBool())
      pair = cat("vec2u(select(0u, 1u, ", e, "), 0u)");
    else if (isSigned)
      pair = cat("vec2u(", u(sext(e, bitWidth(t))), ", ", inHex ? "0u" : u(cat("(", sext(e, bitWidth(t)), " >> 31u)")), ")");
    else
      pair = cat("vec2u(", u(e), ", 0u)");
    if (inst.operands.size() > 2) element = u(at(inst.operand(2), 0));
  }
  open(cat("if (", inThreads_ ? "" : "thread == 0u && ", at(inst.operand(0), 0), ") {"));
  std::vector<std::string> words{cat(sites_.size() - 1, "u"), "program", "0u", "0u"};
  if (!pair.empty()) {
    std::string value = let(pair);
    words.push_back(value + ".x");
    words.push_back(value + ".y");
  }
  if (!element.empty()) words.push_back(element);
  std::string first = let(cat("atomicAdd(&report[0], ", words.size(), "u) + 1u"));
  for (size_t k = 0; k < words.size(); ++k) line(cat("report_put(", first, " + ", k, "u, ", words[k], ");"));
  close();
}

}  // namespace nereid::wgsl
