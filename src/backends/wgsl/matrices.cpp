// SPDX-License-Identifier: MIT
// Products on matrix units: the buffers that they read and write, which are arrays of their own, and the operations.
#include <algorithm>
#include <bit>

#include "backends/wgsl/emit.h"

namespace nereid::wgsl {

namespace {

int log2(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }

// Of a step along K.
int64_t depthOf(const Inst& dot) { return dot.operand(1)->type.pointee().elem == Elem::F16 ? 16 : 32; }

const Inst* loopAround(const Inst& inst) {
  const Inst* parent = inst.parent->parent->parent;
  return parent && parent->op == Op::For && !parent->has(Attr::Threads) ? parent : nullptr;
}

}  // namespace

// Buffers that matrix units read and write: typed, and not among the words.
void Emitter::findMatrices() {
  auto make = [&](const Value* v, Memory::Of of, const char* name, int64_t columns, int64_t bytes) {
    const Elem element = v->type.pointee().elem;
    const Value* alloc = of == Memory::Sums ? v : buffer_.at(v);
    if (memories_[static_cast<size_t>(memoryOf_.at(v))].of == of) return;
    int index = static_cast<int>(memories_.size());
    Memory m;
    m.name = cat(name, index);
    m.of = of;
    m.element = element;
    m.columns = columns;
    m.bytes = bytes;
    m.array = index;
    for (auto& [pointer, from] : buffer_)
      if (from == alloc) memoryOf_[pointer] = index;
    memoryOf_[v] = index;
    memories_.push_back(std::move(m));
  };
  walk(f_.body, [&](const Inst& i) {
    if (i.op == Op::LoMatrixDot) {
      const auto &shape = i.list(Attr::Shape), &transposed = i.list(Attr::Transposed);
      usesMatrices_ = true;
      const int64_t size = byteSize(i.operand(1)->type.pointee());
      (size == 2 ? usesHalfMatrices_ : usesByteMatrices_) = true;
      auto factors = [&](size_t operand, int64_t rows, int64_t columns) {
        make(i.operand(operand), Memory::Factors, "factors", columns, rows * (columns * size + machine_.operandPaddingBytes));
      };
      make(i.operand(0), Memory::Sums, "sums", shape[1], shape[0] * shape[1] * 4);
      memories_[static_cast<size_t>(memoryOf_.at(i.operand(0)))].deal =
          *layOutFragments(machine_, log2(shape[0]), log2(shape[1]), threads_, static_cast<int>(i.integer(Attr::SubgroupRows)));
      transposed[0] ? factors(1, shape[2], shape[0]) : factors(1, shape[0], shape[2]);
      transposed[1] ? factors(2, shape[1], shape[2]) : factors(2, shape[2], shape[1]);
    }
    if (i.op == Op::LoMatrixGet || i.op == Op::LoMatrixPut)
      make(i.operand(i.op == Op::LoMatrixGet ? 0 : 1), Memory::Part, "part", 16, threads_ / 32 * 16 * machine_.accumulatorRow * 4);
  });
  if (!usesMatrices_) return;
  // Their arrays are of vectors as wide as all that is written.
  for (Memory& m : memories_)
    if (m.of == Memory::Factors) m.unit = 16 / byteSize(Type::scalar(m.element));
  walk(f_.body, [&](const Inst& i) {
    if (i.op != Op::LoStore && i.op != Op::LoScatter) return;
    Memory& m = memories_[static_cast<size_t>(memoryOf_.at(i.operand(0)))];
    if (m.of != Memory::Factors) return;
    m.unit = std::min<int64_t>(m.unit, std::max(1, 4 / byteSize(Type::scalar(m.element)) * wordsAtOnce(i, i.operand(1))));
    // There is no array of single bytes.
    lacksWords_ |= m.element == Elem::I8 && m.unit == 1;
  });
  holdOperands();
  shareArrays();
  // What stays is packed anew.
  int64_t next = 0;
  walk(f_.body, [&](const Inst& i) {
    if (i.op != Op::LoAlloc || i.has(Attr::Private) || memories_[static_cast<size_t>(memoryOf_.at(i.result()))].of != Memory::Scratch)
      return;
    scratchAt_[i.result()] = next;
    next += i.integer(Attr::Bytes);
  });
  scratchBytes_ = next;
}

std::string Emitter::sumsType(const Memory& m) {
  return cat("subgroup_matrix_result<", m.element == Elem::F32 ? "f32" : "i32", ", 16, 16>");
}

// Operands that a loop does not write are read before it.
void Emitter::holdOperands() {
  walk(f_.body, [&](const Inst& dot) {
    if (dot.op != Op::LoMatrixDot) return;
    const Inst* loop = loopAround(dot);
    if (!loop) return;
    int64_t held = 0;
    for (const auto& [inst, k] : heldBy_[loop]) held += partsOf(*inst, k);
    for (size_t k = 1; k < 3; ++k) {
      bool written = false;
      walk(*loop->regions[0], [&](const Inst& i) {
        written |= (i.op == Op::LoStore || i.op == Op::LoScatter) && buffer_.count(i.operand(0)) &&
                   buffer_.at(i.operand(0)) == buffer_.at(dot.operand(k));
      });
      if (written || held + partsOf(dot, k) > machine_.maxResidentFragments) continue;
      held += partsOf(dot, k);
      heldBy_[loop].push_back({&dot, k});
    }
  });
}

int64_t Emitter::partsOf(const Inst& dot, size_t operand) const {
  const FragmentLayout& deal = memories_[static_cast<size_t>(memoryOf_.at(dot.operand(0)))].deal;
  return dot.list(Attr::Shape)[2] / depthOf(dot) << (operand == 1 ? deal.rows : deal.columns);
}

bool Emitter::isHeld(const Inst& dot, size_t operand) const {
  const Inst* loop = loopAround(dot);
  auto held = loop ? heldBy_.find(loop) : heldBy_.end();
  return held != heldBy_.end() && std::find(held->second.begin(), held->second.end(), std::pair(&dot, operand)) != held->second.end();
}

// Operands that are not there at the same time may be in one array.
void Emitter::shareArrays() {
  struct Life {
    int first = INT32_MAX, last = -1;
    bool inLoop = false;  // some write is
    bool inBranch = false;
  };
  std::map<int, Life> lives;  // by memory
  std::vector<std::pair<int, int>> loops;
  struct Access {
    int memory, at;
    bool writes;
  };
  std::vector<Access> accesses;
  int next = 0;
  auto add = [&](const Value* pointer, int at, bool writes, const Inst& inst) {
    int memory = memoryOf_.at(pointer);
    if (memories_[static_cast<size_t>(memory)].of != Memory::Factors) return;
    Life& life = lives[memory];
    life.first = std::min(life.first, at);
    life.last = std::max(life.last, at);
    accesses.push_back({memory, at, writes});
    for (const Block* b = inst.parent; b && b->parent && b->parent->parent; b = b->parent->parent->parent) {
      const Inst* parent = b->parent->parent;
      life.inLoop |= writes && parent->op == Op::For && !parent->has(Attr::Threads);
      life.inBranch |= parent->op == Op::If || parent->op == Op::While;
    }
  };
  auto visit = [&](auto& self, const Region& region) -> void {
    for (const Block* b : region.blocks)
      for (const Inst* i : b->insts) {
        int at = next++;
        if (i->op == Op::LoStore || i->op == Op::LoScatter || i->op == Op::LoLoad || i->op == Op::LoGather)
          add(i->operand(0), at, i->op == Op::LoStore || i->op == Op::LoScatter, *i);
        if (i->op == Op::LoMatrixDot)
          for (size_t k = 1; k < 3; ++k)
            if (!isHeld(*i, k)) add(i->operand(k), at, false, *i);
        if (auto held = heldBy_.find(i); held != heldBy_.end())
          for (const auto& [dot, k] : held->second) add(dot->operand(k), at, false, *i);
        for (auto& r : i->regions) self(self, *r);
        if ((i->op == Op::For && !i->has(Attr::Threads)) || i->op == Op::While) loops.push_back({at, next});
      }
  };
  visit(visit, f_.body);
  // What an iteration finds, or leaves to the next or to what comes after, is there all along the loop; the innermost loops come first.
  for (auto& [memory, life] : lives) {
    for (const auto& range : loops) {
      const Access* first = nullptr;
      bool outside = false;
      for (const Access& a : accesses) {
        if (a.memory != memory) continue;
        bool inside = a.at > range.first && a.at < range.second;
        if (inside && !first) first = &a;
        outside |= !inside;
      }
      if (!first || (!outside && first->writes)) continue;
      life.first = std::min(life.first, range.first);
      life.last = std::max(life.last, range.second);
    }
    if (life.inBranch) {
      life.first = 0;
      life.last = next;
    }
  }
  std::vector<std::pair<int, std::vector<int>>> groups;  // the array and who is in it
  for (const auto& [memory, life] : lives) {
    Memory& m = memories_[static_cast<size_t>(memory)];
    bool shares = false;
    for (auto& [array, members] : groups) {
      Memory& host = memories_[static_cast<size_t>(array)];
      const int64_t unit = std::min(m.unit, host.unit);
      bool fits = true;
      for (int other : members) {
        const Life& l = lives.at(other);
        fits &= life.last < l.first || l.last < life.first;
        fits &= unit == host.unit || !l.inLoop;  // what is written often is written as wide as it comes
      }
      if (!fits || (unit != m.unit && life.inLoop)) continue;
      host.bytes = std::max(host.bytes, m.bytes);
      m.bytes = 0;
      m.array = array;
      members.push_back(memory);
      for (int other : members) memories_[static_cast<size_t>(other)].unit = unit;
      shares = true;
      break;
    }
    if (!shares) groups.push_back({memory, {memory}});
  }
}

// Reads the parts of an operand, in the order of the product's steps along K.
std::vector<std::string> Emitter::readOperand(const Inst& dot, size_t operand, int64_t firstStep, int64_t lastStep) {
  const Memory& from = memories_[static_cast<size_t>(memoryOf_.at(dot.operand(operand)))];
  const FragmentLayout& deal = memories_[static_cast<size_t>(memoryOf_.at(dot.operand(0)))].deal;
  const bool isLeft = operand == 1, flips = dot.list(Attr::Transposed)[operand - 1] != 0;
  const int64_t apart = from.rowUnits(machine_), depth = depthOf(dot), parts = int64_t{1} << (isLeft ? deal.rows : deal.columns);
  // In vectors: where the subgroup's parts begin, and the part whose row and column are so many more.
  std::string& begin = begins_[{&dot, operand}];
  if (begin.empty()) {
    std::string group =
        isLeft ? cat("((thread >> 5u) >> ", deal.subgroupColumns, "u)") : cat("((thread >> 5u) & ", (1 << deal.subgroupColumns) - 1, "u)");
    begin = let(cat(group, " * ", flips == isLeft ? parts * 16 / from.unit : parts * 16 * apart, "u"));
  }
  std::vector<std::string> out;
  for (int64_t k = firstStep; k < lastStep; ++k)
    for (int64_t n = 0; n < parts; ++n) {
      int64_t row = isLeft ? n * 16 : k * depth, column = isLeft ? k * depth : n * 16;
      if (flips) std::swap(row, column);
      out.push_back(copy(cat("subgroupMatrixLoad<subgroup_matrix_", isLeft ? "left" : "right",
                             depth == 16 ? "<f16, 16, 16>, "
                             : isLeft    ? "<i8, 32, 16>, "
                                         : "<i8, 16, 32>, ",
                             flips ? "col" : "row", "_major>(&", memories_[static_cast<size_t>(from.array)].name, ", ", begin, " + ",
                             row * apart + column / from.unit, "u, ", apart, "u)")));
    }
  return out;
}

void Emitter::holdOperandsOf(const Inst& loop) {
  auto held = heldBy_.find(&loop);
  if (held == heldBy_.end()) return;
  for (const auto& [dot, k] : held->second) {
    Accesses next;
    next.reads.insert(partOf(dot->operand(k)));
    ordered(next);
    held_[{dot, k}] = readOperand(*dot, k, 0, dot->list(Attr::Shape)[2] / depthOf(*dot));
  }
}

void Emitter::matrix(const Inst& inst) {
  together(inst);
  auto memory = [&](size_t operand) -> Memory& { return memories_[static_cast<size_t>(memoryOf_.at(inst.operand(operand)))]; };
  const Memory& sums = memory(inst.op == Op::LoMatrixGet ? 1 : 0);
  if (inst.op == Op::LoMatrixZero) {
    for (int64_t k = 0; k < sums.bytes / 4 / threads_ / 8; ++k) line(cat(sums.name, "_", k, " = ", sumsType(sums), "();"));
    return;
  }
  const FragmentLayout deal = sums.deal;
  if (inst.op != Op::LoMatrixDot) {
    int64_t first = inst.integer(Attr::Offset), column = first % sums.columns / 16, row = first / sums.columns / 16;
    const Memory& between = memory(inst.op == Op::LoMatrixGet ? 0 : 1);
    std::string part = cat(sums.name, "_", column + (row << deal.columns)),
                place_ = cat("&", between.name, ", (thread >> 5u) * ", 16 * machine_.accumulatorRow / 4, "u, ");
    if (inst.op == Op::LoMatrixGet)
      line(cat("subgroupMatrixStore<row_major>(", place_, part, ", ", machine_.accumulatorRow / 4, "u);"));
    else
      line(cat(part, " = subgroupMatrixLoad<", sumsType(sums), ", row_major>(", place_, machine_.accumulatorRow / 4, "u);"));
    return;
  }
  const int64_t steps = inst.list(Attr::Shape)[2] / depthOf(inst), rows = int64_t{1} << deal.rows, columns = int64_t{1} << deal.columns;
  for (int64_t k = 0; k < steps; ++k) {
    auto parts = [&](size_t operand, int64_t count) {
      auto held = held_.find({&inst, operand});
      if (held == held_.end()) return readOperand(inst, operand, k, k + 1);
      return std::vector<std::string>(held->second.begin() + k * count, held->second.begin() + (k + 1) * count);
    };
    const std::vector<std::string> a = parts(1, rows), b = parts(2, columns);
    for (int64_t c = 0; c < columns; ++c)
      for (int64_t r = 0; r < rows; ++r) {
        std::string sum = cat(sums.name, "_", c + (r << deal.columns));
        line(cat(sum, " = subgroupMatrixMultiplyAccumulate(", a[static_cast<size_t>(r)], ", ", b[static_cast<size_t>(c)], ", ", sum, ");"));
      }
  }
  begins_.erase({&inst, 1});
  begins_.erase({&inst, 2});
}

}  // namespace nereid::wgsl
