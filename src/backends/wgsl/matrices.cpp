// SPDX-License-Identifier: MIT
// Products on matrix units: the buffers that they read and write, which are arrays of their own, and the operations.
#include <algorithm>
#include <bit>
#include <utility>

#include "backends/wgsl/emit.h"

namespace nereid::wgsl {

// Buffers that subgroup matrices read and write are typed, and not among the words.
void Emitter::addMatrices() {
  std::map<int64_t, int> arrays;  // of operands: the memory that has the array
  auto add = [&](const Value* pointer, Memory::Of of, const char* name) -> Memory* {
    const Value* origin = provenance_.of(pointer);
    if (memory(pointer).of == of) return nullptr;
    const int index = memoryOf_[origin] = static_cast<int>(memories_.size());
    const Inst& alloc = *origin->def;
    Memory m;
    m.name = cat(name, index);
    m.of = of;
    m.element = pointer->type.pointee().elem;
    m.array = alloc.has(Attr::Array) ? arrays.emplace(alloc.integer(Attr::Array), index).first->second : index;
    m.columns = alloc.integer(Attr::Columns);
    m.unit = alloc.integer(Attr::Unit, 1);
    if (of == Memory::Part) {
      m.columns = int64_t{1} << machine_.fragmentBits;
      m.unit = 4;
    }
    if (of != Memory::Sums) {
      m.offset = alloc.integer(Attr::Offset) / (m.unit * byteSize(Type::scalar(m.element)));
      m.bytes = alloc.integer(Attr::Offset) + sharedBytesOf(alloc, schedule_);
    }
    if (m.array != index)
      memories_[static_cast<size_t>(m.array)].bytes = std::max(memories_[static_cast<size_t>(m.array)].bytes, std::exchange(m.bytes, 0));
    return &memories_.emplace_back(std::move(m));
  };
  walk(f_.body, [&](const Inst& i) {
    if (i.op == Op::LoMatrixDot) {
      usesMatrices_ = true;
      (byteSize(i.operand(1)->type.pointee()) == 2 ? usesHalfMatrices_ : usesByteMatrices_) = true;
      const auto& shape = i.list(Attr::Shape);
      if (Memory* sums = add(i.operand(0), Memory::Sums, "sums")) {
        sums->columns = shape[1];
        sums->bytes = shape[0] * shape[1] * 4;
        sums->deal = fragmentsOf(i, schedule_);
      }
      add(i.operand(1), Memory::Factors, "factors");
      add(i.operand(2), Memory::Factors, "factors");
    }
  });
  walk(f_.body, [&](const Inst& i) {
    if (i.op == Op::LoMatrixGet || i.op == Op::LoMatrixPut) add(i.operand(i.op == Op::LoMatrixGet ? 0 : 1), Memory::Part, "part");
  });
}

std::string Emitter::sumsType(const Memory& m) {
  return cat("subgroup_matrix_result<", m.element == Elem::F32 ? "f32" : "i32", ", 16, 16>");
}

// Reads the parts of an operand, in the order of the product's steps along K.
std::vector<std::string> Emitter::readOperand(const Inst& dot, size_t operand, int64_t firstStep, int64_t lastStep) {
  const Memory& from = memory(dot.operand(operand));
  const FragmentLayout& deal = memory(dot.operand(0)).deal;
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
                             from.offset + row * apart + column / from.unit, "u, ", apart, "u)")));
    }
  return out;
}

void Emitter::hoistOperands(const Inst& loop) {
  for (const auto& [dot, k] : hoistedBefore(loop)) hoisted_[{dot, k}] = readOperand(*dot, k, 0, dot->list(Attr::Shape)[2] / depthOf(*dot));
}

void Emitter::matrix(const Inst& inst) {
  const Memory& sums = memory(inst.operand(inst.op == Op::LoMatrixGet ? 1 : 0));
  if (inst.op == Op::LoMatrixZero) {
    for (int64_t k = 0; k < sums.bytes / 4 / threads_ / 8; ++k) line(cat(sums.name, "_", k, " = ", sumsType(sums), "();"));
    return;
  }
  const FragmentLayout deal = sums.deal;
  if (inst.op != Op::LoMatrixDot) {
    int64_t first = inst.integer(Attr::Offset), column = first % sums.columns / 16, row = first / sums.columns / 16;
    const Memory& between = memory(inst.operand(inst.op == Op::LoMatrixGet ? 0 : 1));
    std::string part = cat(sums.name, "_", column + (row << deal.columns)),
                place_ = cat("&", memories_[static_cast<size_t>(between.array)].name, ", ", between.offset, "u + (thread >> 5u) * ",
                             16 * machine_.accumulatorRow / 4, "u, ");
    if (inst.op == Op::LoMatrixGet)
      line(cat("subgroupMatrixStore<row_major>(", place_, part, ", ", machine_.accumulatorRow / 4, "u);"));
    else
      line(cat(part, " = subgroupMatrixLoad<", sumsType(sums), ", row_major>(", place_, machine_.accumulatorRow / 4, "u);"));
    return;
  }
  const int64_t steps = inst.list(Attr::Shape)[2] / depthOf(inst), rows = int64_t{1} << deal.rows, columns = int64_t{1} << deal.columns;
  for (int64_t k = 0; k < steps; ++k) {
    auto parts = [&](size_t operand, int64_t count) {
      auto held = hoisted_.find({&inst, operand});
      if (held == hoisted_.end()) return readOperand(inst, operand, k, k + 1);
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
