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

const char* accessorOf(Rmw kind) {
  return kind == Rmw::And ? "and" : kind == Rmw::Or ? "or" : kind == Rmw::Xor ? "xor" : kind == Rmw::Add ? "add" : "xchg";
}

}  // namespace

// Elements of the array are as many words as every access takes, as a part of a vector must not be written while others write its
// neighbours.
int64_t Memory::wordsOfElement() const {
  auto has = [&](const char* a) { return accessors.count(a) > 0; };
  if (of == Vectors) return 4;
  if (isAtomic || has("put")) return 1;
  if (has("get2") || has("put2")) return 2;
  return has("get4") || has("put4") ? 4 : 1;
}

std::string Emitter::declarations(const Memory& m, int binding) const {
  if (m.of == Memory::Factors) return factorsDeclaration(m);
  if (m.of == Memory::Part) return partDeclaration(m);
  const int64_t unit = m.wordsOfElement();
  const std::string type = m.isAtomic ? "atomic<u32>" : unit > 1 ? cat("vec", unit, "u") : "u32";
  std::string out = m.of == Memory::Vectors
                        ? cat("var<workgroup> ", m.name, ": array<vec4u, ", m.bytes / 16, ">;\n")
                        : cat("@group(0) @binding(", binding, ") var<storage, read_write> ", m.name, ": array<", type, ">;\n");
  const std::set<std::string> both{"get", "put"};
  for (const std::string& a : m.of == Memory::Scratch ? both : m.accessors) appendAll(out, "fn ", m.name, "_", a, accessor(m, a), "\n");
  return out;
}

// Operands of subgroup matrices. Rows are 16 bytes apart from a power of two: else a whole column would be in one bank.
std::string Emitter::factorsDeclaration(const Memory& m) const {
  auto bits = [](int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); };
  const int64_t u = m.unit, perWord = 4 / byteSize(Type::scalar(m.element)), words = u / perWord;
  const std::string type = words == 0 ? "f16" : words == 1 ? "u32" : cat("vec", words, "u");
  const std::string& array = memories_[static_cast<size_t>(m.array)].name;
  std::string out = m.bytes > 0 ? cat("var<workgroup> ", array, ": array<", type, ", ", m.bytes / (4 / perWord) / u, ">;\n") : "";
  const std::string element =
      cat(array, "[", m.offset, "u + (i >> ", bits(u), "u) + (i >> ", bits(m.columns), "u) * ", m.rowUnits(machine_) - m.columns / u, "u]");
  const std::string word = words > 1 ? cat(element, "[(i >> ", bits(perWord), "u) & ", words - 1, "u]") : element;
  if (m.accessors.count("get"))
    appendAll(out, "fn ", m.name, "_get(i: u32) -> u32 { return ",
              words == 0 ? cat("bitcast<u32>(vec2<f16>(", element, ", 0.0h))")
                         : cat("extractBits(", word, ", (i & ", perWord - 1, "u) * ", 32 / perWord, "u, ", 32 / perWord, "u)"),
              "; }\n");
  if (m.accessors.count("put")) appendAll(out, "fn ", m.name, "_put(i: u32, v: u32) { ", element, " = bitcast<vec2<f16>>(v).x; }\n");
  // Of one or several words.
  if (m.accessors.count("put1")) appendAll(out, "fn ", m.name, "_put1(i: u32, v: ", type, ") { ", element, " = v; }\n");
  return out;
}

// A part of the accumulators of each subgroup.
std::string Emitter::partDeclaration(const Memory& m) const {
  const std::string& array = memories_[static_cast<size_t>(m.array)].name;
  std::string out = m.bytes > 0 ? cat("var<workgroup> ", array, ": array<vec4u, ", m.bytes / 16, ">;\n") : "";
  const std::string element = cat(array, "[", m.offset, "u + (i >> 2u) + (i >> 4u) * ", machine_.accumulatorRow / 4 - 4, "u]");
  if (m.accessors.count("get4")) appendAll(out, "fn ", m.name, "_get4(i: u32) -> vec4u { return ", element, "; }\n");
  if (m.accessors.count("put4")) appendAll(out, "fn ", m.name, "_put4(i: u32, v: vec4u) { ", element, " = v; }\n");
  return out;
}

// Parameters, result and body of an accessor. `i` counts words.
std::string Emitter::accessor(const Memory& m, std::string_view what) {
  const int64_t unit = m.wordsOfElement();
  const int shift = std::countr_zero(static_cast<uint64_t>(unit));
  const std::string word = unit > 1 ? cat(m.name, "[i >> ", shift, "u][i & ", unit - 1, "u]") : cat(m.name, "[i]");
  if (what == "get") return cat("(i: u32) -> u32 { return ", m.isAtomic ? cat("atomicLoad(&", word, ")") : word, "; }");
  if (what == "put") return cat("(i: u32, v: u32) { ", m.isAtomic ? cat("atomicStore(&", word, ", v)") : cat(word, " = v"), "; }");
  if (what == "cas")
    return cat("(i: u32, old: u32, new_: u32) -> u32 { var seen = old; loop { let r = atomicCompareExchangeWeak(&", word,
               ", old, new_); seen = r.old_value; if (r.exchanged || seen != old) { break; } } return seen; }");
  if (what.size() == 3 || what == "xchg" || what == "or")
    return cat("(i: u32, v: u32) -> u32 { return atomic",
               what == "add"   ? "Add"
               : what == "and" ? "And"
               : what == "or"  ? "Or"
               : what == "xor" ? "Xor"
                               : "Exchange",
               "(&", word, ", v); }");
  if (what == "ahead4") return cat("(i: u32, n: u32) -> vec4u { return ", m.name, "[(i >> ", shift, "u) + n]; }");
  // get2, get4, put2, put4: of one vector or several.
  const bool isGet = what[0] == 'g';
  const int count = what[3] - '0';
  const std::string type = cat("vec", count, "u");
  std::string parts;
  for (int k = 0; k < count; k += static_cast<int>(unit)) {
    const std::string first = unit == 1 ? "i" : unit < count ? cat("(i >> ", shift, "u)") : cat("i >> ", shift, "u");
    const std::string element = cat(m.name, "[", first, k ? cat(" + ", k / unit, "u") : "", "]");
    const std::string part = unit == count ? "" : unit == 1 ? cat(".", "xyzw"[k]) : k ? ".zw" : ".xy";
    if (isGet)
      parts += cat(k ? ", " : "", m.isAtomic ? cat("atomicLoad(&", element, ")") : element);
    else
      parts += m.isAtomic ? cat(" atomicStore(&", element, ", v", part, ");") : cat(" ", element, " = v", part, ";");
  }
  return isGet ? cat("(i: u32) -> ", type, " { return ", unit == count ? parts : cat(type, "(", parts, ")"), "; }")
               : cat("(i: u32, v: ", type, ") {", parts, " }");
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

// A pointer to shared memory, and how many vectors of so many elements ahead of it a load begins. Drivers fold the constant into the
// address only if it is added to the number of the vector; that number is known to be the sum if no offset is negative.
std::pair<Value*, int64_t> Emitter::vectorsAhead(const Inst& load, int elements) {
  Value* pointer = load.operand(0);
  const auto none = std::pair(pointer, int64_t{0});
  if (memory(pointer).of != Memory::Vectors || elements * bitWidth(load.result()->type.element()) != 128) return none;
  if (!pointer->def || pointer->def->op != Op::AddPtr) return none;
  const auto constant = constantBits(pointer->def->operand(1));
  const int64_t ahead = constant ? static_cast<int64_t>(*constant) : 0;
  if (ahead <= 0 || ahead > machine_.maxSharedBytes || ahead % elements != 0) return none;
  Value* const begin = pointer->def->operand(0);
  for (const Value* v = begin; v->def && v->def->op == Op::AddPtr; v = v->def->operand(0))
    if (ranges_.of(v->def->operand(1)).low < 0) return none;
  return {begin, ahead / elements};
}

void Emitter::readVector(const Inst& inst, Rep& r) {
  const Rep& p = rep(inst.operand(0));
  const Value *mask = inst.optional(1), *other = inst.optional(2);
  const Type element = inst.result()->type.element();
  bool chooses = mask && !inst.has(Attr::Unspecified);
  int width = bitWidth(element), perWord = 32 / width, count = wordsAtOnce(inst, inst.result()), all = lanes(inst.result()->type);
  auto otherBits = other ? constantBits(other) : std::optional<uint64_t>(0);
  const char* get = count == 4 ? "get4" : count == 2 ? "get2" : "get";
  const auto [begin, vectors] = mask ? std::pair(inst.operand(0), int64_t{0}) : vectorsAhead(inst, count * perWord);
  for (int k = 0; k < all; k += count * perWord) {
    std::string first =
        perWord == 1 ? plus(p.lane[0], k) : cat("(", plus(p.lane[0], k), " >> ", std::countr_zero(static_cast<unsigned>(perWord)), "u)");
    std::string word = cat("u32(", first, ")");
    if (mask) word = cat("select(0u, ", word, ", ", at(mask, 0), ")");
    std::string got = vectors > 0
                          ? cat(access(p.memory, "ahead4"), "(u32(", rep(begin).lane[0], "), ", vectors + k / (count * perWord), "u)")
                          : cat(access(p.memory, get), "(", word, ")");
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
  const bool isLong = kindOf(t) == Kind::Long;
  const auto kind = inst.op == Op::LoAtomicCAS ? Rmw::Xchg : static_cast<Rmw>(inst.integer(Attr::RmwOp));
  const std::string result = name();
  line(cat("var ", result, ": ", typeName(kindOf(t)), ";"));
  if (isLong && (used_.count(v) || kind == Rmw::Xchg)) {
    fail(inst.loc, "this atomic operation on 64-bit integers is not supported",
         "use 32-bit integers, or a sum whose old value is not read");
    return;
  }
  auto body = [&] { isLong ? updateLong(inst) : updateWord(inst, result); };
  if (inThreads_ || (threads_ == 1 && programs_ > 1)) {
    body();
    define(v, copy(result));
    return;
  }
  open("if (thread == 0u) {");
  body();
  if (!isLong) {
    broadcasts_ = waits_ = true;
    line(cat("shared_word = vec4u(", u(result), ");"));
  }
  close();
  define(v, isLong ? result : let(fromWord(t, "workgroupUniformLoad(&shared_word).x")));
}

std::string Emitter::fromWord(const Type& t, const std::string& word) {
  return kindOf(t) == Kind::Float ? cat("bitcast<f32>(", word, ")") : i(word);
}

// A sum, or a bitwise operation, of 64 bits whose old value nobody reads.
void Emitter::updateLong(const Inst& inst) {
  const Type& t = inst.result()->type;
  const Rep p = rep(inst.operand(0));
  const std::string offset = at(inst.operand(0), 0), low = place(p.memory, t, offset).word;
  const auto kind = static_cast<Rmw>(inst.integer(Attr::RmwOp));
  const std::string x = let(at(inst.operand(1), 0));
  const std::string first = let(cat(access(p.memory, accessorOf(kind)), "(", low, ", ", x, ".x)"));
  // Each addition to the low word carries into the high word, also if other threads add in between.
  const std::string carry = kind == Rmw::Add ? cat(" + select(0u, 1u, ", first, " + ", x, ".x < ", first, ")") : "";
  line(cat(access(p.memory, accessorOf(kind)), "(", place(p.memory, t, offset, 1).word, ", ", x, ".y", carry, ");"));
}

// An atomic update of a word, or of a part of one. The old value goes to the variable `result`.
void Emitter::updateWord(const Inst& inst, const std::string& result) {
  const Type& t = inst.result()->type;
  const int memory = rep(inst.operand(0)).memory;
  const Place where = place(memory, t, at(inst.operand(0), 0));
  const bool swaps = inst.op == Op::LoAtomicCAS;
  const auto kind = swaps ? Rmw::Xchg : static_cast<Rmw>(inst.integer(Attr::RmwOp));
  auto bits = [&](size_t k) {
    const Value* x = inst.operand(k);
    return kindOf(x->type) == Kind::Float || kindOf(x->type) == Kind::Int ? u(at(x, 0)) : at(x, 0);
  };
  if (where.shift.empty()) {
    const std::string call = swaps ? cat(access(memory, "cas"), "(", where.word, ", ", bits(1), ", ", bits(2), ")")
                                   : cat(access(memory, accessorOf(kind)), "(", where.word, ", ", bits(1), ")");
    line(cat(result, " = ", fromWord(t, call), ";"));
    return;
  }
  // A part of a word: until nobody came between.
  const int width = bytesOf(t) * 8;
  const std::string shift = let(where.shift), word = let(where.word);
  open("loop {");
  const std::string seen = let(cat(access(memory, "get"), "(", word, ")"));
  const std::string old = let(cat("extractBits(", seen, ", ", shift, ", ", width, "u)"));
  line(cat(result, " = ", i(old), ";"));
  if (swaps) line(cat("if (", old, " != ", bits(1), ") { break; }"));
  const char* op = kind == Rmw::Add ? " + " : kind == Rmw::And ? " & " : kind == Rmw::Or ? " | " : kind == Rmw::Xor ? " ^ " : nullptr;
  const std::string next = op ? cat(old, op, bits(1)) : bits(swaps ? 2 : 1);
  line(cat("if (", access(memory, "cas"), "(", word, ", ", seen, ", insertBits(", seen, ", ", next, ", ", shift, ", ", width,
           "u)) == ", seen, ") { break; }"));
  close();
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
