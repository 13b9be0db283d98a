// SPDX-License-Identifier: MIT
#include "backends/wgsl/emit.h"

#include <algorithm>
#include <bit>

#include "ir/bits.h"
#include "ir/lower_ops.h"

namespace nereid::wgsl {

namespace {

// Letters, digits and `_`, behind a prefix that no word of WGSL has, and not the name of another's accessor.
std::string identifier(std::string_view name) {
  std::string out = "arg_";
  for (char c : name)
    out += (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c == '_' && out.back() != '_') ? c : '_';
  while (out.size() > 4 && out.back() == '_') out.pop_back();  // accessors add their own
  for (const char* accessor : {"_get", "_put", "_get2", "_put2", "_get4", "_put4", "_add", "_and", "_or", "_xor", "_xchg", "_cas"})
    if (out.ends_with(accessor)) return out + "_2";
  return out;
}

}  // namespace

// ---- the module

Result<Variant> Emitter::run() {
  findMemories();
  depth_ = 2;
  arguments();
  if (!failed_) block(f_.body.entry());
  if (failed_) return std::unexpected(Failed{});
  Variant out;
  out.text = module();
  out.threads = threads_ * programs_;
  out.programs = programs_;
  out.scratchBytes = inStorage_ ? (scratchBytes_ + 255) / 256 * 256 : 0;
  out.reports = reports_;
  out.matrices = usesMatrices_;
  out.subgroups = usesSubgroups_ || usesMatrices_;
  if (usesHalves_ || usesHalfMatrices_) out.features.push_back("shader-f16");
  if (usesSubgroups_ || usesMatrices_) out.features.push_back("subgroups-32");
  if (usesMatrices_) {
    if (usesHalfMatrices_) out.features.push_back("subgroup-matrix");
    if (usesByteMatrices_) out.features.push_back("subgroup-matrix-i8");
  }
  int64_t bytes = (inStorage_ ? 0 : (scratchBytes_ + 15) / 16 * 16) + (broadcasts_ ? 16 : 0);
  for (const Memory& m : memories_)
    if (m.of == Memory::Vectors || m.of == Memory::Factors || m.of == Memory::Part) bytes += m.bytes;
  if (bytes > machine_.sharedBytes) out.limits.emplace_back("maxComputeWorkgroupStorageSize", bytes);
  return out;
}

std::string Emitter::module() {
  std::string out;
  if (usesHalves_ || usesHalfMatrices_) out = "enable f16;\n";
  if (usesSubgroups_ || usesMatrices_) out += "enable subgroups;\n";
  if (usesSubgroups_ && programs_ > 1) out += "diagnostic(off, subgroup_uniformity);\n";
  if (usesMatrices_) out += "enable chromium_experimental_subgroup_matrix;\ndiagnostic(off, chromium.subgroup_matrix_uniformity);\n";
  out += cat("@group(0) @binding(0) var<uniform> params: array<vec4u, ", (4 + 2 * f_.params.size() + 3) / 4, ">;\n");
  int binding = 1;
  for (const Memory& m : memories_)
    if (m.of == Memory::Argument) out += declarations(m, binding++);
  if (reports_) {
    out += cat("@group(0) @binding(", binding++, ") var<storage, read_write> report: array<atomic<u32>>;\n");
    help("report_put");
  }
  // Subgroup matrices are loaded from multiples of 16 bytes, but a driver aligns an array to its elements alone. So the size of each
  // variable is a multiple: where one had 4 bytes, an H200 loaded wrong operands from the next one.
  for (const Memory& m : memories_)
    if ((m.of == Memory::Vectors && m.bytes > 0) || m.of == Memory::Factors || m.of == Memory::Part) out += declarations(m, 0);
  if (scratchBytes_ > 0) {
    Memory scratch = memories_[parameterOf_.size()];
    scratch.isWritten = scratch.isRead = true;
    if (inStorage_)
      out += declarations(scratch, binding);
    else
      out += cat("var<workgroup> scratch: array<u32, ", (scratchBytes_ + 15) / 16 * 4,
                 ">;\nfn scratch_get(i: u32) -> u32 { return scratch[i]; }\n", "fn scratch_put(i: u32, v: u32) { scratch[i] = v; }\n");
  }
  if (broadcasts_) out += "var<workgroup> shared_word: vec4u;\n";
  out += "var<private> zero: u32;\n";
  out += helperText(helpers_);
  const bool several = programs_ > 1;
  out += cat("\n@compute @workgroup_size(", threads_ * programs_, ")\n",
             "fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) ",
             several ? "place" : "thread", ": u32) {\n", several ? cat("  let thread = place % ", threads_, "u;\n") : "",
             "  zero = params[0].w;\n  let programs = params[0].x * params[0].y * params[0].z;\n",
             several ? cat("  for (var program = group.x * ", programs_, "u + place / ", threads_,
                           "u; program < programs; program += groups.x * ", programs_, "u) {\n")
                     : "  for (var program = group.x; program < programs; program += groups.x) {\n",
             "    let pid0 = i32(program % params[0].x);\n    let pid1 = i32(program / params[0].x % params[0].y);\n",
             "    let pid2 = i32(program / params[0].x / params[0].y);\n", text_);
  // The next program must not write what this one still reads.
  if (usesScratch_) out += inStorage_ ? "    storageBarrier();\n" : "    workgroupBarrier();\n";
  return out + "  }\n}\n";
}

// Two words each, behind the grid.
void Emitter::arguments() {
  for (size_t k = 0; k < f_.params.size(); ++k) {
    const Value* v = f_.args()[k];
    const Type& t = v->type;
    Rep r;
    std::string first = parameterWord(4 + 2 * k);
    switch (kindOf(t)) {
      case Kind::Bool: r.lane = {let(cat("(", first, " & 1u) != 0u"))}; break;
      case Kind::Float: r.lane = {let(cat("bitcast<f32>(", first, ")"))}; break;
      case Kind::Long: r.lane = {let(cat("vec2u(", first, ", ", parameterWord(5 + 2 * k), ")"))}; break;
      case Kind::Int: r.lane = {let(zext(i(first), bitWidth(t)))}; break;
      case Kind::Pointer:
        r.memory = memoryOf(v);
        r.lane = {let(cat("i32(", first, " / ", byteSize(t.pointee()), "u)"))};
        break;
    }
    define(v, std::move(r));
  }
}

std::vector<Array> Emitter::arrays() const {
  std::vector<Array> out;
  for (size_t k = 0; k < parameterOf_.size(); ++k) out.push_back({parameterOf_[k], memories_[k].name, memories_[k].isWritten});
  return out;
}

bool Emitter::fail(Loc loc, std::string what, std::string hint) {
  if (!failed_) {
    auto& error = diags_.error(Err::Unsupported, loc);
    error.says("webgpu: ", what);
    if (!hint.empty()) error.hint(hint);
  }
  failed_ = true;
  return false;
}

// ---- which memory each pointer leads to

// Where a value is defined in the source, or else where it is first used: a pass may have made it.
Loc Emitter::placeOf(const Value* v) {
  if (Loc loc = v->def ? v->def->loc : v->loc) return loc;
  std::vector<const Value*> derived{v};
  Loc found;
  walk(f_.body, [&](const Inst& i) {
    if (found || std::none_of(i.operands.begin(), i.operands.end(),
                              [&](const Value* o) { return std::find(derived.begin(), derived.end(), o) != derived.end(); }))
      return;
    found = i.loc;
    derived.insert(derived.end(), i.results.begin(), i.results.end());
  });
  return found;
}

void Emitter::findMemories() {
  if (provenance_.ambiguous || provenance_.ambiguousStore) {
    fail(provenance_.ambiguousStore ? provenance_.ambiguousStore->loc : placeOf(provenance_.ambiguous),
         "cannot tell which argument this pointer refers to", "load from each argument, and choose between the loaded values");
    return;
  }
  addArguments();
  addAllocations();
  findAccesses();
}

Memory& Emitter::addMemory(std::string name, Memory::Of of) {
  Memory m;
  m.name = std::move(name);
  m.of = of;
  return memories_.emplace_back(std::move(m));
}

void Emitter::addArguments() {
  std::set<std::string> taken;
  for (size_t k = 0; k < f_.params.size(); ++k) {
    const Value* v = f_.args()[k];
    if (!v->type.isPointer()) continue;
    std::string base = identifier(f_.params[k].name), name_ = base;
    for (int n = 2; !taken.insert(name_).second; ++n) name_ = cat(base, "_", n);
    memoryOf_[v] = static_cast<int>(memories_.size());
    addMemory(name_, Memory::Argument);
    parameterOf_.push_back(k);
  }
}

void Emitter::addAllocations() {
  const int scratch = static_cast<int>(memories_.size());
  addMemory("scratch", Memory::Scratch);
  int64_t vectorBytes = 0;
  walk(f_.body, [&](const Inst& i) {
    if (i.op != Op::LoAlloc) return;
    const std::string_view space = i.text(Attr::Space);
    const int64_t end = i.integer(Attr::Offset) + i.integer(Attr::Bytes);
    memoryOf_[i.result()] = scratch;
    usesScratch_ |= space == "scratch" || space == "storage" || space == "vectors";
    inStorage_ |= space == "storage";
    if (space == "scratch" || space == "storage") scratchBytes_ = std::max(scratchBytes_, end);
    if (space == "vectors") vectorBytes = std::max(vectorBytes, end);
    if (!i.has(Attr::Private)) return;
    memoryOf_[i.result()] = static_cast<int>(memories_.size());
    addMemory(cat("own", memories_.size() - static_cast<size_t>(scratch) - 1), Memory::Thread);
  });
  addMatrices();
  usesScratch_ |= usesMatrices_;
  if (vectorBytes == 0) return;
  walk(f_.body, [&](const Inst& i) {
    if (i.op == Op::LoAlloc && i.text(Attr::Space) == "vectors") memoryOf_[i.result()] = static_cast<int>(memories_.size());
  });
  addMemory("tiles", Memory::Vectors).bytes = vectorBytes;
}

void Emitter::findAccesses() {
  for (Memory& memory : memories_) memory.isPacked = memory.of == Memory::Thread;
  bool ordered = false;  // whether atomics order what other programs read and write: then all of it goes past the caches
  walk(f_.body, [&](const Inst& i) {
    if (i.op == Op::LoSubgroupShuffle)
      for (const Value* v : i.operands) memory(v).isPacked = false;
    for (const Value* v : i.operands)
      if (v->def && info(v->def->op).effects == Effects::Atomic) used_.insert(v);
    // Constants that several operations share stand nowhere in the source.
    for (const auto* list : {&i.operands, &i.results})
      for (const Value* v : *list)
        if (v->type.elem == Elem::F64 && !v->type.isPointer() && i.op != Op::Constant) fail(i.loc, "f64 is not supported", "use f32");
    ordered |= i.op == Op::LoAtomicCAS;
    findAccess(i);
  });
  if (ordered)
    for (Memory& memory : memories_) memory.isAtomic |= memory.isRead && memory.isWritten && memory.of == Memory::Argument;
}

void Emitter::findAccess(const Inst& i) {
  const bool isStore = i.op == Op::LoStore || i.op == Op::LoScatter, isLoad = i.op == Op::LoLoad || i.op == Op::LoGather;
  const bool isAtomic = i.op == Op::LoAtomicRMW || i.op == Op::LoAtomicCAS;
  if (!isStore && !isAtomic && !isLoad) return;
  if (memoryOf(i.operand(0)) < 0) {
    fail(i.loc, "cannot tell which argument this address is in", "compute the address by adding an offset to one argument");
    return;
  }
  Memory& accessed = memory(i.operand(0));
  const Value* value = isLoad ? i.result() : i.operand(1);
  if (value->type.isPointer() && accessed.of == Memory::Argument)
    fail(i.loc, "pointers cannot be stored in memory", "store offsets, and add them to an argument");
  accessed.isRead |= !isStore;
  accessed.isWritten |= !isLoad;
  if (accessed.of == Memory::Thread) accessed.isPacked &= isPackable(i, value);
  const bool narrow = bitWidth(value->type.element()) < 32;
  accessed.isAtomic |= isAtomic || (isStore && narrow && accessed.of == Memory::Argument && !wordsAtOnce(i, value));
}

// Whether it takes whole words of a thread's own narrow elements.
bool Emitter::isPackable(const Inst& access, const Value* value) {
  const Type element = value->type.element();
  if (element.isPointer() || element.isBool() || bitWidth(element) >= 32 || access.operands.size() != (access.op == Op::LoStore ? 2 : 1))
    return false;
  const int64_t perWord = 32 / bitWidth(element);
  return lanes(value->type) % perWord == 0 && access.operand(0)->def->integer(Attr::Offset) % perWord == 0;
}

// ---- text

void Emitter::line(const std::string& s) {
  text_.append(static_cast<size_t>(depth_) * 2, ' ');
  text_ += s;
  if (lines_ && line_) appendAll(text_, "  // line ", line_);
  text_ += '\n';
}

void Emitter::open(const std::string& s) {
  line(s);
  ++depth_;
}

void Emitter::close(const std::string& s) {
  --depth_;
  line(s);
}

// A name for what has none. Literals get one too: what WGSL computes by itself must not overflow.
std::string Emitter::let(const std::string& e) {
  bool isWord =
      e[0] > '9' && std::all_of(e.begin(), e.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_'; });
  return isWord ? e : copy(e);
}

std::string Emitter::copy(const std::string& e) {
  std::string n = name();
  line(cat("let ", n, " = ", e, ";"));
  return n;
}

// ---- values

Kind Emitter::kindOf(const Type& t) {
  if (t.isPointer()) return Kind::Pointer;
  if (t.isBool()) return Kind::Bool;
  if (t.elem == Elem::F32) return Kind::Float;
  return bitWidth(t) == 64 ? Kind::Long : Kind::Int;
}

std::string_view Emitter::typeName(Kind k) {
  return k == Kind::Bool ? "bool" : k == Kind::Float ? "f32" : k == Kind::Long ? "vec2u" : "i32";
}

const std::string& Emitter::at(const Value* v, int lane) const {
  const Rep& r = rep(v);
  return r.lane[r.lane.size() == 1 ? 0 : static_cast<size_t>(lane)];
}

std::string Emitter::number(int64_t v) {
  if (v == INT32_MIN) return "i32(-2147483648)";
  return v < 0 ? cat("(", v, ")") : cat(v);
}

std::string Emitter::literal(const Type& t, uint64_t bits) {
  switch (kindOf(t)) {
    case Kind::Bool: return bits & 1 ? "true" : "false";
    case Kind::Float: {
      auto word = static_cast<uint32_t>(bits);
      uint32_t exponent = (word >> 23) & 0xff, mantissa = word & 0x7fffff;
      // Infinities, NaNs and subnormals must not be constants.
      if (exponent == 0xff || (exponent == 0 && mantissa != 0)) return cat("bitcast<f32>(zero | ", word, "u)");
      if (exponent == 0) return word ? "bitcast<f32>(zero | 2147483648u)" : "0.0f";
      std::string digits;
      for (uint32_t rest = mantissa << 1; rest != 0; rest = (rest << 4) & 0xffffff) digits += "0123456789abcdef"[rest >> 20];
      int power = static_cast<int>(exponent) - 127;
      return cat(word >> 31 ? "(-" : "", "0x1", digits.empty() ? "" : ".", digits, "p", power < 0 ? "" : "+", power, "f",
                 word >> 31 ? ")" : "");
    }
    case Kind::Long: return cat("vec2u(", static_cast<uint32_t>(bits), "u, ", static_cast<uint32_t>(bits >> 32), "u)");
    default: return number(static_cast<int32_t>(static_cast<uint32_t>(zeroExtend(bits, std::min(bitWidth(t), 32)))));
  }
}

void Emitter::define(const Value* v, Rep&& r) { reps_[v] = std::move(r); }

void Emitter::define(const Value* v, std::string e, int memory) {
  Rep r{{}, memory};
  r.lane.push_back(std::move(e));
  define(v, std::move(r));
}

const std::string& Emitter::help(const std::string& function) { return *helpers_.insert(function).first; }

// ---- structure

void Emitter::block(const Block& b) {
  for (size_t k = 0; k < b.insts.size() && !failed_; ++k) {
    if (inThreads_ || !isStore(*b.insts[k])) {
      inst(*b.insts[k]);
      continue;
    }
    startLine(*b.insts[k]);
    open("if (thread == 0u) {");
    for (; k < b.insts.size() && isStore(*b.insts[k]); ++k) {
      startLine(*b.insts[k]);
      store(*b.insts[k]);
    }
    --k;
    close();
  }
}

// What loops and branches carry lives in variables.
Emitter::Names Emitter::variables(const std::vector<Value*>& values) {
  Names out;
  for (const Value* v : values) {
    Carried& names = out.emplace_back(kindOf(v->type));
    for (int k = 0; k < lanes(v->type); ++k) {
      names.lane.push_back(name());
      line(cat("var ", names.lane.back(), ": ", typeName(names.kind), ";"));
    }
  }
  return out;
}

void Emitter::assign(const std::vector<Value*>& from, size_t skip, const Names& to) {
  if (failed_) return;
  std::vector<std::pair<std::string, std::string>> pairs;
  std::set<std::string> targets;
  for (const Carried& names : to) targets.insert(names.lane.begin(), names.lane.end());
  for (size_t k = 0; k < to.size(); ++k)
    for (size_t l = 0; l < to[k].lane.size(); ++l) {
      const Value* v = from[skip + k];
      int lane = static_cast<int>(l);
      if (const std::string& e = at(v, lane); e != to[k].lane[l]) pairs.emplace_back(to[k].lane[l], e);
    }
  // All are read before the first is written.
  for (auto& [variable, e] : pairs)
    if (targets.count(e)) e = copy(e);
  for (auto& [variable, e] : pairs) line(cat(variable, " = ", e, ";"));
}

void Emitter::bind(const Value* v, const Carried& names) {
  Rep r{names.lane, memoryOf(v)};
  define(v, std::move(r));
}

void Emitter::bindFixed(const Value* v, const Carried& names) {
  Carried fixed{names.kind, {}};
  for (const std::string& n : names.lane) fixed.lane.push_back(copy(n));
  bind(v, fixed);
}

// What decides whether barriers are met must be the same for all threads in the eyes of WGSL too.
std::string Emitter::uniform(const std::string& condition) {
  if (programs_ > 1) return condition;  // nobody waits
  broadcasts_ = true;
  line("workgroupBarrier();");
  line(cat("if (thread == 0u) { shared_word = vec4u(select(0u, 1u, ", condition, ")); }"));
  return cat("(", let("workgroupUniformLoad(&shared_word).x"), " == 1u)");
}

// Whether WGSL sees that it is the same for all threads: what no load, atomic or variable is part of.
bool Emitter::isUniform(const Value* v) {
  if (inThreads_) return true;  // no barriers there
  if (auto known = uniform_.find(v); known != uniform_.end()) return known->second;
  uniform_[v] = false;
  bool ok;
  if (v->def) {
    ok = info(v->def->op).effects == Effects::Pure;
    for (const Value* o : v->def->operands) ok = ok && isUniform(o);
  } else {
    const Inst* parent = v->block && v->block->parent ? v->block->parent->parent : nullptr;
    ok = !parent || (parent->op == Op::For && v == parent->regions[0]->entry().args[0] && isUniform(parent->operand(0)) &&
                     isUniform(parent->operand(1)) && isUniform(parent->operand(2)));
  }
  return uniform_[v] = ok;
}

std::string Emitter::uniformIf(const Value* v) { return isUniform(v) ? at(v, 0) : uniform(at(v, 0)); }

void Emitter::threadsLoop(const Inst& inst) {
  const Block& body = inst.regions[0]->entry();
  const int64_t count = inst.integer(Attr::Threads);
  define(body.args[0], "i32(thread)");
  open(count < threads_ ? cat("if (thread < ", count, "u) {") : "{");
  inThreads_ = true;
  block(body);
  inThreads_ = false;
  close();
}

void Emitter::loop(const Inst& inst) {
  const Block& body = inst.regions[0]->entry();
  const Value *lower = inst.operand(0), *upper = inst.operand(1), *step = inst.operand(2), *counter = body.args[0];
  hoistOperands(inst);
  Names carried = variables(inst.results);
  assign(inst.operands, 3, carried);
  const bool isLong = kindOf(counter->type) == Kind::Long;
  const int width = bitWidth(counter->type);
  // Integers of less than 32 bits have zeros above: they are counted with their sign.
  auto value = [&](const Value* v) { return isLong ? at(v, 0) : sext(at(v, 0), width); };
  auto less = [&](const std::string& a, const std::string& b) {
    return isLong ? cat(help("less64s"), "(", a, ", ", b, ")") : cat(a, " < ", b);
  };
  std::string last = let(value(upper)), by = let(value(step));
  std::string iv = name();
  line(cat("var ", iv, " = ", value(lower), ";"));
  open("loop {");
  std::string test = isLong ? cat("!", less(iv, last)) : cat(iv, " >= ", last);
  if (!isUniform(lower) || !isUniform(upper) || !isUniform(step)) test = uniform(test);
  line(cat("if (", test, ") { break; }"));
  define(counter, copy(isLong ? iv : zext(iv, width)));
  for (size_t k = 0; k < carried.size(); ++k) bind(body.args[1 + k], carried[k]);
  block(body);
  assign(body.terminator()->operands, 0, carried);
  std::string next = isLong ? cat(help("add64"), "(", iv, ", ", by, ")") : cat(iv, " + ", by);
  // The end may be so near the top of the type that the step after the last one wraps: then the loop has ended.
  const Range end = ranges_.of(upper), stride = ranges_.of(step);
  const int64_t top = isLong ? INT64_MAX : INT32_MAX;
  if (stride.high > 1 && end.high > top - stride.high + 1) {
    next = let(next);
    next = cat("select(", last, ", ", next, ", ", less(iv, next), ")");
  }
  line(cat(iv, " = ", next, ";"));
  close();
  for (size_t k = 0; k < carried.size(); ++k) bindFixed(inst.results[k], carried[k]);
}

void Emitter::branch(const Inst& inst) {
  Names results = variables(inst.results);
  open(cat("if (", uniformIf(inst.operand(0)), ") {"));
  for (size_t r = 0; r < inst.regions.size(); ++r) {
    if (inst.regions[r]->empty()) continue;
    if (r == 1) {
      --depth_;
      open("} else {");
    }
    const Block& body = inst.regions[r]->entry();
    block(body);
    if (body.terminator()) assign(body.terminator()->operands, 0, results);
  }
  close();
  for (size_t k = 0; k < results.size(); ++k) bindFixed(inst.results[k], results[k]);
}

void Emitter::whileLoop(const Inst& inst) {
  const Block &test = inst.regions[0]->entry(), &body = inst.regions[1]->entry();
  std::vector<Value*> arguments(test.args.begin(), test.args.end());
  Names carried = variables(arguments), forwarded = variables(inst.results);
  assign(inst.operands, 0, carried);
  open("loop {");
  for (size_t k = 0; k < carried.size(); ++k) bind(test.args[k], carried[k]);
  block(test);
  const Inst& condition = *test.terminator();
  assign(condition.operands, 1, forwarded);
  if (!failed_) line(cat("if (!", uniformIf(condition.operand(0)), ") { break; }"));
  for (size_t k = 0; k < forwarded.size(); ++k) bind(body.args[k], forwarded[k]);
  block(body);
  assign(body.terminator()->operands, 0, carried);
  close();
  for (size_t k = 0; k < forwarded.size(); ++k) bindFixed(inst.results[k], forwarded[k]);
}

// ---- one operation

void Emitter::inst(const Inst& i) {
  if (failed_) return;
  startLine(i);
  if (isIntOp(i.op) || isFloatOp(i.op)) return elementwise(i);
  switch (otherOp(i.op)) {
    case OtherOp::Yield:
    case OtherOp::Condition:
    case OtherOp::Return: return;
    case OtherOp::For: return i.has(Attr::Threads) ? threadsLoop(i) : loop(i);
    case OtherOp::If: return branch(i);
    case OtherOp::While: return whileLoop(i);
    case OtherOp::LoLoad:
    case OtherOp::LoGather: return load(i);
    case OtherOp::LoStore:
    case OtherOp::LoScatter: return store(i);
    case OtherOp::LoAtomicRMW:
    case OtherOp::LoAtomicCAS: return atomic(i);
    case OtherOp::LoMatrixDot:
    case OtherOp::LoMatrixZero:
    case OtherOp::LoMatrixGet:
    case OtherOp::LoMatrixPut: return matrix(i);
    case OtherOp::LoSubgroupShuffle: return swap(i);
    case OtherOp::LoBarrier: return barrier(i.text(Attr::Space) == "storage" ? "storageBarrier();" : "workgroupBarrier();");
    case OtherOp::LoPrint:
    case OtherOp::LoAssert: return report(i);
    case OtherOp::LoAlloc:
    case OtherOp::AddPtr:
    case OtherOp::LoPrivate:
    case OtherOp::PtrToInt: return address(i);
    case OtherOp::Constant: return define(i.result(), literal(i.result()->type.element(), i.dense().bits[0]));
    case OtherOp::Poison: return define(i.result(), literal(i.result()->type.element(), 0));
    case OtherOp::GetProgramId: return define(i.result(), cat("pid", i.integer(Attr::Axis)));
    case OtherOp::GetNumPrograms: return define(i.result(), cat("i32(params[0].", "xyz"[i.integer(Attr::Axis)], ")"));
    case OtherOp::LoSplat: return define(i.result(), Rep(rep(i.operand(0))));
    case OtherOp::LoIota: return iota(i);
    case OtherOp::LoExtract:
    case OtherOp::LoInsert:
    case OtherOp::LoShuffle: return moveLanes(i);
    case OtherOp::ClampF:
    case OtherOp::CmpI:
    case OtherOp::CmpF:
    case OtherOp::Select:
    case OtherOp::ExtSI:
    case OtherOp::ExtUI:
    case OtherOp::TruncI:
    case OtherOp::IndexCast:
    case OtherOp::IndexCastUI:
    case OtherOp::ExtF:
    case OtherOp::TruncF:
    case OtherOp::SIToFP:
    case OtherOp::UIToFP:
    case OtherOp::FPToSI:
    case OtherOp::FPToUI:
    case OtherOp::ArithBitcast:
    case OtherOp::Bitcast: return elementwise(i);
    case OtherOp::LoDotAdd:
    case OtherOp::LoPrefetch:
    case OtherOp::LoExclusive:    // for machines without workgroups
    case OtherOp::IntToPtr:       // a binding has no address
    case OtherOp::FpToFp: break;  // legalize() rewrites it
  }
  fail(i.loc, cat("`", info(i.op).spelling, "` is not supported"), "");
}

void Emitter::barrier(const char* text) {
  waits_ = true;
  line(text);
}

void Emitter::iota(const Inst& i) {
  Rep r;
  for (int k = 0; k < lanes(i.result()->type); ++k) r.lane.push_back(literal(i.result()->type.element(), static_cast<uint64_t>(k)));
  define(i.result(), std::move(r));
}

void Emitter::moveLanes(const Inst& i) {
  Rep r{{}, rep(i.operand(0)).memory};
  const int64_t offset = i.integer(Attr::Offset);
  const int n = lanes(i.operand(0)->type);
  if (i.op == Op::LoExtract) r.lane = {at(i.operand(0), static_cast<int>(offset))};
  if (i.op == Op::LoInsert)
    for (int k = 0; k < n; ++k) r.lane.push_back(k == offset ? at(i.operand(1), 0) : at(i.operand(0), k));
  if (i.op == Op::LoShuffle)
    for (int64_t from : i.list(Attr::Lanes)) {
      const int64_t lane = std::max<int64_t>(from, 0);
      r.lane.push_back(at(i.operand(static_cast<size_t>(lane / n)), static_cast<int>(lane % n)));
    }
  define(i.result(), std::move(r));
}

}  // namespace nereid::wgsl
