// SPDX-License-Identifier: MIT
// How a dot is computed: the decisions of dots.h.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace nereid {

// Operands and sizes of a dot.
struct DotShape {
  explicit DotShape(const Inst& dot)
      : a(dot.operand(0)),
        b(dot.operand(1)),
        init(dot.operand(2)),
        result(dot.result()),
        type(result->type),
        columnBits(type.log2(type.rank - 1)),
        rowBits(type.log2(type.rank - 2)),
        batchBits(type.bits() - rowBits - columnBits),
        depth(a->type.dim(type.rank - 1)),
        columns(type.dim(type.rank - 1)),
        sum(Type::scalar(type.isInt()             ? Elem::I32
                         : type.elem == Elem::F64 ? Elem::F64
                                                  : Elem::F32)) {}
  Value *a, *b, *init, *result;
  Type type;                           // of the result
  int columnBits, rowBits, batchBits;  // logarithms
  int64_t depth, columns;
  Type sum;  // of an accumulator
};

struct DotSchedule {
  enum Kind : uint8_t {
    Tiles,     // one thread: tiles of accumulators in registers, each along all of K
    Threads,   // each thread has a rectangle of accumulators, the layout of their domain
    Matrices,  // subgroup matrices
  };
  Kind kind = Tiles;
  // Of Tiles. The rows need not be a power of two: the rest is computed in tiles of `restRows`.
  int rows = 1, restRows = 0;  // restRows is 0 where `rows` divides all rows
  int columns = 1;
  int group = 1;  // neighbours along K that one instruction multiplies and adds (lo.dot_add)
  // Of Threads.
  int depth = 1;          // elements along K that a thread loads together
  bool unrolled = false;  // the loop along K
  // The tile that the accumulators begin with is written to memory first: it cannot be computed by whole columns and groups of rows.
  bool storesInit = false;

  // The tiles along all `rows` rows: `count` of them with as many rows each, from the row `first`.
  struct RowTiles {
    int rows;
    int64_t count, first;
  };
  std::vector<RowTiles> rowTiles(int64_t rows) const;
};

}  // namespace nereid
