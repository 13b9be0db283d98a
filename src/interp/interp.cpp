// SPDX-License-Identifier: MIT
// Programs, functions, regions and loops.
#include "interp/interp.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <limits>

#include "interp/element.h"
#include "interp/machine.h"
#include "interp/ops.h"
#include "ir/bits.h"

namespace nereid::interp {

Result<void> run(const Module& m, const Func& kernel, std::span<const uint64_t> args, std::array<uint32_t, 3> grid, const Options& options,
                 Diags& diags) {
  if (!Machine(m, options, diags).run(kernel, args, grid)) return std::unexpected(Failed{});
  return {};
}

bool Machine::run(const Func& kernel, std::span<const uint64_t> args, std::array<uint32_t, 3> grid) {
  grid_ = grid;
  NEREID_CHECK(args.size() == kernel.args().size(), "a launch with ", args.size(), " arguments");
  auto nameOf = [&](size_t k) { return k < kernel.params.size() ? std::string_view(kernel.params[k].name) : std::string_view(); };
  std::vector<Tile> values;
  for (size_t k = 0; k < args.size(); ++k) {
    Type t = kernel.args()[k]->type;
    if (t.form == Form::Desc) {
      // The array's sizes and strides are the following arguments.
      size_t parts = 2 * static_cast<size_t>(t.rank);
      if (k + parts >= args.size()) {
        diags_.error(Err::Unsupported, kernel.args()[k]->loc).says("a ", t, " argument must be followed by its sizes and strides");
        return false;
      }
      Tile desc{t, {checkedAddress(args[k], nameOf(k))}};
      for (size_t i = 1; i <= parts; ++i)
        desc.bits.push_back(static_cast<uint64_t>(signExtend(args[k + i], bitWidth(kernel.args()[k + i]->type))));
      desc.bits.push_back(static_cast<uint64_t>(k < kernel.params.size() && kernel.params[k].padNan ? Padding::Nan : Padding::Zero));
      values.push_back(std::move(desc));
      continue;
    }
    if (!t.isScalar()) {
      diags_.error(Err::Unsupported, kernel.args()[k]->loc ? kernel.args()[k]->loc : kernel.loc)
          .says("argument ", k, " of the kernel cannot be ", t)
          .hint("use pointers, scalars and tensor descriptors");
      return false;
    }
    values.push_back({t, {t.isPointer() ? checkedAddress(args[k], nameOf(k)) : zeroExtend(args[k], bitWidth(t))}});
  }
  walk(kernel.body, [&](const Inst& i) {
    isWorkgroup_ |= i.op == Op::For && i.has(Attr::Threads);
    const auto& hoisted = i.list(Attr::Hoisted);
    for (size_t k = 0; i.op == Op::LoMatrixDot && k < hoisted.size(); ++k)
      if (hoisted[k]) hoisted_.insert(i.operand(1 + k));
  });
  for (id_[2] = 0; id_[2] < grid[2]; ++id_[2])
    for (id_[1] = 0; id_[1] < grid[1]; ++id_[1])
      for (id_[0] = 0; id_[0] < grid[0]; ++id_[0]) {
        values_.clear();
        scratch_.clear();
        pools_.clear();
        workgroup_.reset();
        races_.begin(id_[0] + uint64_t{grid[0]} * (id_[1] + uint64_t{grid[1]} * id_[2]));
        std::vector<Tile> none;
        if (!call(kernel, values, none)) return false;
        if (options_.counters) {
          uint64_t bytes = 0;
          for (auto& [inst, s] : scratch_) bytes += s.size;
          options_.counters->scratchBytes = std::max(options_.counters->scratchBytes, bytes);
        }
      }
  if (options_.unwritten) reportUnwritten();
  return true;
}

const Tile& Machine::value(const Value* v) const {
  auto it = values_.find(v);
  NEREID_CHECK(it != values_.end(), "a value that was not computed: ", v->name, " of ", v->def ? print(*v->def) : std::string("a block"));
  return it->second;
}

int64_t Machine::integer(const Value* v) const { return signExtend(scalar(v), bitWidth(v->type)); }

bool Machine::call(const Func& f, std::vector<Tile> args, std::vector<Tile>& out) {
  if (++callDepth_ > 200) {
    diags_.error(Err::TooDeep, f.loc).says("calls nest deeper than 200 levels");
    return false;
  }
  // Functions are not recursive, so each value has at most one set of bits at a time.
  bool ok = runRegion(f.body, std::move(args), out);
  --callDepth_;
  return ok;
}

bool Machine::runRegion(const Region& region, std::vector<Tile> args, std::vector<Tile>& out) {
  const Block* block = &region.entry();
  while (true) {
    for (size_t k = 0; k < block->args.size(); ++k) set(block->args[k], std::move(args[k]));
    for (const Inst* i : block->insts) {
      if (info(i->op).effects != Effects::Exit) {
        if (!runInst(*i)) return false;
        continue;
      }
      if (!step(*i)) return false;
      if (i->op == Op::Br || i->op == Op::CondBr) {
        const Successor& s = i->successors[i->op == Op::CondBr && !(scalar(i->operand(0)) & 1) ? 1 : 0];
        args.clear();
        for (const Value* v : s.args) args.push_back(value(v));
        block = s.block;
        break;
      }
      out.clear();
      for (const Value* v : i->operands) out.push_back(value(v));
      return true;
    }
  }
}

bool Machine::step(const Inst& i) {
  constexpr uint64_t kOften = 64;
  ++steps_;
  if (options_.maxSteps && steps_ > options_.maxSteps) return fail(Err::Runtime, i, "gave up after ", options_.maxSteps, " instructions");
  if (steps_ % kOften == 0 && options_.interrupted && options_.interrupted()) return fail(Err::Runtime, i, "interrupted");
  return true;
}

bool Machine::runInst(const Inst& i) {
  if (!step(i)) return false;
  if (options_.counters) count(i);
  switch (handOp(i.op)) {
    case HandOp::Constant: return constant(i);
    case HandOp::Poison: return poison(i);
    case HandOp::GetProgramId: return set(i, {zeroExtend(id_[static_cast<size_t>(i.integer(Attr::Axis))], bitWidth(i.result()->type))});
    case HandOp::GetNumPrograms: return set(i, {zeroExtend(grid_[static_cast<size_t>(i.integer(Attr::Axis))], bitWidth(i.result()->type))});
    case HandOp::LoExclusive: return set(i, {1});  // programs run one after the other
    case HandOp::Call: return callOp(i);
    case HandOp::For: return i.has(Attr::Threads) ? threadsLoop(i) : forLoop(i);
    case HandOp::While: return whileLoop(i);
    case HandOp::If: return branch(i);
    case HandOp::Print:
    case HandOp::LoPrint: return printOp(i);
    case HandOp::Assert:
    case HandOp::LoAssert: return assertOp(i);
    case HandOp::LoBarrier: workgroup_.barrier(i.text(Attr::Space) == "storage"); return true;
    case HandOp::Assume:
    case HandOp::Barrier:
    case HandOp::GridWait:
    case HandOp::GridLaunch:
    case HandOp::LoPrefetch: return true;
    case HandOp::InlineAsm:
      return fail(Err::Unsupported, i, "assembly text of a GPU has no meaning here: ", quoted(i.text(Attr::AsmString)));
    case HandOp::AtomicPoll:
      return fail(Err::Unsupported, i, "tt.atomic_poll waits for another program, which never runs at the same time here");
    // memory.cpp
    case HandOp::Load: return in(i, 0).type.form == Form::BlockPtr ? loadBlock(i) : loadTile(i);
    case HandOp::Store: return in(i, 0).type.form == Form::BlockPtr ? storeBlock(i) : storeTile(i);
    case HandOp::AtomicRMW:
    case HandOp::AtomicCAS:
    case HandOp::LoAtomicRMW:
    case HandOp::LoAtomicCAS: return atomic(i);
    case HandOp::MakeTensorPtr:
    case HandOp::MakeTensorDesc: return makeTensor(i);
    case HandOp::Advance: return advance(i);
    case HandOp::DescLoad:
    case HandOp::DescStore:
    case HandOp::DescReduce: return descriptor(i);
    case HandOp::DescGather:
    case HandOp::DescScatter: return descriptorRows(i);
    case HandOp::LoAlloc: return alloc(i);
    case HandOp::LoPrivate: return privateAddress(i);
    case HandOp::LoLoad:
    case HandOp::LoGather: return loadLanes(i);
    case HandOp::LoStore:
    case HandOp::LoScatter: return storeLanes(i);
    case HandOp::LoMatrixDot: return matrixDot(i);
    case HandOp::LoMatrixZero: return matrixZero(i);
    case HandOp::LoMatrixGet:
    case HandOp::LoMatrixPut: return matrixMove(i);
    case HandOp::LoSubgroupShuffle: return subgroupShuffle(i);
    // layout.cpp
    case HandOp::Splat:
    case HandOp::LoSplat: return set(i, std::vector<uint64_t>(static_cast<size_t>(i.result()->type.numel()), scalar(i.operand(0))));
    case HandOp::Unsplat:
    case HandOp::ExpandDims:
    case HandOp::Reshape: return set(i, in(i, 0).bits);
    case HandOp::Broadcast: return broadcast(i);
    case HandOp::Cat: return concatenate(i);
    case HandOp::Join: return join(i);
    case HandOp::Split: return split(i);
    case HandOp::Trans: return transpose(i);
    case HandOp::MakeRange: return set(i, numbers(i.integer(Attr::Start), i.integer(Attr::End), i.result()->type));
    case HandOp::LoIota: return set(i, numbers(0, i.result()->type.numel(), i.result()->type));
    case HandOp::Gather: return gather(i);
    case HandOp::Histogram: return histogram(i);
    case HandOp::Reduce: return reduce(i);
    case HandOp::Scan: return scan(i);
    case HandOp::MapElementwise: return mapElementwise(i);
    case HandOp::Dot: return dot(i);
    case HandOp::DotScaled: return dotScaled(i);
    case HandOp::LoExtract: return set(i, {in(i, 0).bits[static_cast<size_t>(i.integer(Attr::Offset))]});
    case HandOp::LoInsert: return insertLane(i);
    case HandOp::LoShuffle: return shuffleLanes(i);
    case HandOp::LoDotAdd: return dotAdd(i);
    // Ends a block: runRegion has seen to it.
    case HandOp::ReduceReturn:
    case HandOp::ScanReturn:
    case HandOp::MapElementwiseReturn:
    case HandOp::Return:
    case HandOp::Condition:
    case HandOp::Yield:
    case HandOp::Br:
    case HandOp::CondBr: break;
    // element.cpp
    case HandOp::CmpI:
    case HandOp::CmpF:
    case HandOp::Select:
    case HandOp::SIToFP:
    case HandOp::UIToFP:
    case HandOp::FPToSI:
    case HandOp::FPToUI:
    case HandOp::ArithBitcast:
    case HandOp::Bitcast:
    case HandOp::Fma:
    case HandOp::FPowI:
    case HandOp::ClampF:
    case HandOp::FpToFp:
    case HandOp::IntToPtr:
    case HandOp::PtrToInt:
    case HandOp::AddPtr:
    case HandOp::MulSIExt:
    case HandOp::MulUIExt:
    case HandOp::ExternElementwise: break;
  }
  return elementwise(i);
}

bool Machine::constant(const Inst& i) {
  const Dense& dense = i.dense();
  auto n = static_cast<size_t>(i.result()->type.numel());
  return set(i, dense.isSplat() ? std::vector<uint64_t>(n, dense.bits[0]) : dense.bits);
}

bool Machine::poison(const Inst& i) {
  const Type& t = i.result()->type;
  const bool isPlain = t.isScalar() || t.isTile() || t.isVector();
  return set(i, std::vector<uint64_t>(isPlain ? static_cast<size_t>(t.numel()) : 3u * t.rank + 2u, 0));
}

bool Machine::setResults(const Inst& i, std::vector<Tile> values) {
  for (size_t k = 0; k < i.results.size(); ++k) set(i.results[k], std::move(values[k]));
  return true;
}

bool Machine::callOp(const Inst& i) {
  std::vector<Tile> args, out;
  for (const Value* v : i.operands) args.push_back(value(v));
  return call(*module_.find(i.text(Attr::Callee)), std::move(args), out) && setResults(i, std::move(out));
}

bool Machine::branch(const Inst& i) {
  const bool taken = scalar(i.operand(0)) & 1;
  if (!taken && i.regions.size() < 2) return true;
  std::vector<Tile> out;
  return runRegion(*i.regions[taken ? 0 : 1], {}, out) && setResults(i, std::move(out));
}

bool Machine::forLoop(const Inst& i) {
  int64_t lower = integer(i.operand(0)), upper = integer(i.operand(1)), step = integer(i.operand(2));
  if (step <= 0) upper = lower;  // the loop does not run
  std::vector<Tile> carried;
  for (size_t k = 3; k < i.operands.size(); ++k) carried.push_back(in(i, k));
  Type type = i.operand(0)->type;
  for (int64_t n = lower; n < upper;) {
    std::vector<Tile> args;
    args.push_back({type, {zeroExtend(static_cast<uint64_t>(n), bitWidth(type))}});
    for (Tile& t : carried) args.push_back(std::move(t));
    if (!runRegion(*i.regions[0], std::move(args), carried)) return false;
    if (__builtin_add_overflow(n, step, &n)) break;
  }
  return setResults(i, std::move(carried));
}

// Threads run in no order: here in a random one, so that a thread which depends on another is found out.
bool Machine::threadsLoop(const Inst& i) {
  std::vector<int32_t> order(static_cast<size_t>(i.integer(Attr::Threads)));
  for (size_t t = 0; t < order.size(); ++t) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    size_t other = random_ % (t + 1);
    order[t] = order[other];
    order[other] = static_cast<int32_t>(t);
  }
  workgroup_.next();
  for (int32_t thread : order) {
    thread_ = thread;
    std::vector<Tile> none;
    if (!runRegion(*i.regions[0], {{i.operand(0)->type, {static_cast<uint64_t>(thread)}}}, none)) return false;
  }
  thread_ = Workgroup::kAll;
  workgroup_.next();
  return true;
}

bool Machine::whileLoop(const Inst& i) {
  std::vector<Tile> carried;
  for (const Value* v : i.operands) carried.push_back(value(v));
  while (true) {
    std::vector<Tile> tested;
    if (!runRegion(*i.regions[0], std::move(carried), tested)) return false;
    bool again = tested[0].bits[0] & 1;
    tested.erase(tested.begin());
    if (!again) return setResults(i, std::move(tested));
    if (!runRegion(*i.regions[1], std::move(tested), carried)) return false;
  }
}

namespace {

template <class... Args>
std::string formatted(const char* format, Args... args) {
  std::string out(static_cast<size_t>(std::snprintf(nullptr, 0, format, args...)), 0);
  std::snprintf(out.data(), out.size() + 1, format, args...);
  return out;
}

// As by C's printf after its promotions: a signed integer below 32 bits has 32 bits in hexadecimal.
std::string elementText(Type type, uint64_t bits, bool inHex, bool isSigned) {
  int width = bitWidth(type);
  if (type.isPointer()) return bits ? formatted("0x%" PRIx64, bits) : "(nil)";
  isSigned &= type.isInt() && !type.isBool();
  if (inHex)
    return formatted("0x%0*" PRIx64, std::max(width / 4, 1),
                     isSigned && width < 32 ? uint64_t{static_cast<uint32_t>(signExtend(bits, width))} : bits);
  if (type.isFloat())
    return formatted("%f",
                     std::isnan(decodeFloat(type.elem, bits)) ? std::numeric_limits<double>::quiet_NaN() : decodeFloat(type.elem, bits));
  return isSigned ? cat(signExtend(bits, width)) : cat(bits);
}

// The row-major index of an element, each number padded to the width of the largest one of its dimension: 1, 12.
std::string indexText(const std::vector<int64_t>& shape, uint64_t element) {
  std::string out;
  for (size_t d = shape.size(); d-- > 0;) {
    auto dim = static_cast<uint64_t>(shape[d]);
    std::string number = cat(element % dim);
    out.insert(0, cat(d ? ", " : "", std::string(cat(dim - 1).size() - number.size(), ' '), number));
    element /= dim;
  }
  return out;
}

}  // namespace

// One line per element, as Triton prints it: pid (0, 0, 0) idx ( 3) x: 1.500000
bool Machine::printOp(const Inst& i) {
  bool isLower = i.op == Op::LoPrint;
  if (!options_.print || (isLower && !(scalar(i.operand(0)) & 1))) return true;
  std::string head = cat("pid (", id_[0], ", ", id_[1], ", ", id_[2], ")");
  std::string_view prefix = i.text(Attr::Prefix);
  auto& isSigned = i.list(Attr::IsSigned);
  auto line = [&](size_t k, Type type, uint64_t bits, const std::vector<int64_t>& shape, uint64_t element, std::string_view operand) {
    if (type.isPointer()) bits = hostAddress(bits);
    options_.print(cat(head, " idx (", indexText(shape, element), ")", prefix, operand,
                       elementText(type, bits, i.integer(Attr::Hex), k >= isSigned.size() || isSigned[k] != 0)));
  };
  if (isLower) {
    if (i.operands.size() == 1)
      options_.print(cat(head, prefix));
    else
      line(0, i.operand(1)->type, scalar(i.operand(1)), i.list(Attr::Shape), i.operands.size() > 2 ? scalar(i.operand(2)) : 0, "");
    return true;
  }
  if (i.operands.empty()) options_.print(cat(head, prefix));
  for (size_t k = 0; k < i.operands.size(); ++k) {
    const Tile& t = in(i, k);
    for (size_t e = 0; e < t.bits.size(); ++e)
      line(k, t.type.element(), t.bits[e], t.type.shape(), e, i.operands.size() > 1 ? cat("(operand ", k, ") ") : "");
  }
  return true;
}

bool Machine::assertOp(const Inst& i) {
  const Tile& t = in(i, 0);
  for (size_t e = 0; e < t.bits.size(); ++e)
    if ((t.bits[e] != 0) == (i.op == Op::LoAssert)) {  // lo.assert takes the failure condition, tt.assert the success condition
      std::string at = t.type.rank > 0 ? cat(" at element (", indexText(t.type.shape(), e), ")") : "";
      return fail(Err::Assertion, i, "assertion failed in ", program(), at, ": ", i.text(Attr::Message));
    }
  return true;
}

}  // namespace nereid::interp
