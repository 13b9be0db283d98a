// SPDX-License-Identifier: MIT
#include "schedule/dots.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "support/text.h"

namespace nereid {

namespace {

// Whether tiles of `rows` rows, and of `restRows` rows after them, make up all rows.
bool covers(const DotSchedule& d, int64_t rows) {
  const DotSchedule::RowTiles last = d.rowTiles(rows).back();
  return d.rowTiles(rows)[0].count > 0 && last.first + last.count * last.rows == rows;
}

}  // namespace

std::vector<DotSchedule::RowTiles> DotSchedule::rowTiles(int64_t all) const {
  int64_t count = all / rows;
  if (restRows == 0) return {{rows, count, 0}};
  while (count > 0 && (all - count * rows) % restRows != 0) --count;
  const int64_t first = count * rows;
  return {{rows, count, 0}, {restRows, (all - first) / restRows, first}};
}

int groupOf(const Inst& dot, const Machine& machine) {
  const Type &a = dot.operand(0)->type, &sums = dot.result()->type;
  if (machine.hasWorkgroups() || a.elem != dot.operand(1)->type.elem) return 1;
  const int group = a.elem == Elem::I8 && sums.elem == Elem::I32 ? machine.byteGroup : a.elem == Elem::BF16 ? machine.bf16Group : 1;
  return a.dim(a.rank - 1) >= group && sums.dim(sums.rank - 1) * 4 >= machine.vectorBytes ? group : 1;
}

// The same, if both operands are stored as they are.
int DotScheduler::mostOf(const Inst& dot) const {
  for (size_t i : {size_t{0}, size_t{1}})
    if (layouts_.storedType(dot.operand(i)).elem != dot.operand(i)->type.elem) return 1;
  return groupOf(dot, machine_);
}

// Tiles have two vectors of columns, and as many rows that the accumulators fill half of the registers. With 16 registers 4 rows have too
// few accumulators to hide what an addition takes, and 8 too many to keep: the machine names another number.
DotSchedule DotScheduler::usual(const Inst& dot) const {
  const DotShape shape(dot);
  DotSchedule d;
  d.kind = kindOf(dot);
  if (d.kind == DotSchedule::Threads) {
    const int64_t depth = shape.depth;
    d.depth = static_cast<int>(std::min(depth, machine_.dotLoadElements));
    d.unrolled = depth <= machine_.unrolledDepth;
  }
  if (d.kind != DotSchedule::Tiles) return d;
  d.group = mostOf(dot);
  const int lanes = std::max(1, machine_.vectorBytes / byteSize(shape.sum));
  d.columns = 1 << std::min(shape.columnBits, log2(lanes) + 1);
  const int vectors = std::max(1, d.columns / lanes);
  d.rows = 1 << std::min(shape.rowBits, log2(std::bit_floor(static_cast<unsigned>(machine_.vectorRegisters / 2 / vectors))));
  if (machine_.dotRows && (d.group == 1 || machine_.groupsHaveDotRows) && vectors == 2 && (1 << shape.rowBits) >= 2 * machine_.dotRows) {
    d.rows = machine_.dotRows;
    d.restRows = machine_.dotRestRows;
  }
  return d;
}

// Whether the tile that the accumulators begin with can be computed where they are: by whole columns and groups of rows. A tile that is
// joined or reshaped may not be.
bool DotScheduler::storesInit(const Inst& dot, const DotSchedule& d) const {
  if (d.restRows) return false;
  const DotShape shape(dot);
  Nest nest;
  nest.anchors.push_back({Anchor::Buffer, shape.init->def, shape.init});
  nest.shape = shape.type.shape();
  const NestSchedule s = nests_.split(nest, {.isCopy = true, .anyLayout = d.kind == DotSchedule::Threads});
  // Bits at which an axis may begin: a thread has whole columns and rows of the others. A tile of one thread has rows that follow one
  // another.
  int columns = shape.columnBits, firstRow = shape.columnBits, endRow = firstRow + log2(d.rows);
  if (d.kind == DotSchedule::Threads) {
    const Layout& layout = *layouts_.domain(nest.shape);
    columns -= layout.registerColumns - layout.laneBits;
    endRow = firstRow + shape.rowBits;
    firstRow = endRow - layout.registerRows;
  }
  for (int bit = 1; bit < static_cast<int>(s.axisOfBit.size()); ++bit) {
    const bool allowed =
        (bit >= columns && bit <= shape.columnBits) || (bit >= firstRow && bit <= endRow) || bit == shape.columnBits + shape.rowBits;
    if (s.bitInAxis[static_cast<size_t>(bit)] == 0 && !allowed) return true;
  }
  return false;
}

void DotScheduler::decideThreads(const Inst& dot, DotSchedule& d, Choose choose) const {
  const int64_t k = DotShape(dot).depth, most = std::min(k, machine_.dotLoadElements);
  auto whyNotDepth = [&](int depth) { return isPower(depth) && depth <= most ? "" : cat("depth must be a power of two up to ", most); };
  d.depth = ask(choose, {Decision::Depth, 0, d.depth, "one load has so many elements", powers(1, most), whyNotDepth});
  auto whyNotUnrolled = [&](int unrolled) {
    return unrolled && k / d.depth > machine_.maxUnrolledCopies ? cat("unrolling would make ", k / d.depth, " copies of the body") : "";
  };
  d.unrolled = ask(choose, {Decision::Unrolled, 0, d.unrolled, "the loop along K is short", {0, 1}, whyNotUnrolled});
}

void DotScheduler::decideTiles(const Inst& dot, DotSchedule& d, Choose choose) const {
  const DotShape shape(dot);
  const int64_t rows = int64_t{1} << shape.rowBits, most = std::min<int64_t>(rows, machine_.maxDotRows),
                mostColumns = std::min<int64_t>(shape.columns, machine_.maxLanes);
  const DotSchedule usual = d;
  std::vector<int> numbers(static_cast<size_t>(most) + 1);
  std::iota(numbers.begin(), numbers.end(), 0);
  auto whyNotRows = [&](int n) { return n >= 1 && n <= most ? "" : cat("rows must be between 1 and ", most); };
  d.rows = ask(choose, {Decision::Rows, 0, usual.rows, "accumulators fill half of the registers", numbers, whyNotRows});
  auto whyNotRest = [&](int rest) -> std::string {
    if (rest < 0 || rest > d.rows) return "rest must be at most as many as the rows of a tile";
    if (rest == 0 && !isPower(d.rows)) return cat("tiles of ", d.rows, " rows leave a rest of ", rows, " rows");
    DotSchedule tiles = d;
    tiles.restRows = rest;
    return covers(tiles, rows) ? "" : cat("tiles of ", d.rows, " and ", rest, " rows do not make ", rows, " rows");
  };
  d.restRows = ask(choose, {Decision::Rest, 0, usual.restRows, "tiles of `rows` rows may not divide all rows",
                            isPower(d.rows) ? std::vector<int>{0} : numbers, whyNotRest});
  auto whyNotColumns = [&](int n) {
    return isPower(n) && n <= mostColumns ? "" : cat("columns must be a power of two up to ", mostColumns);
  };
  d.columns = ask(choose, {Decision::Columns, 0, usual.columns, "two vectors", powers(1, mostColumns), whyNotColumns});
  const int group = mostOf(dot);
  auto whyNotGroup = [&](int n) -> std::string {
    if (n != 1 && n != group) return cat("group must be 1", group > 1 ? cat(" or ", group) : "");
    return n > 1 && d.columns * 4 < machine_.vectorBytes ? cat("a group needs at least ", machine_.vectorBytes / 4, " columns") : "";
  };
  d.group = ask(choose, {Decision::Group, 0, usual.group, "an instruction multiplies so many",
                         group == 1 ? std::vector<int>{1} : std::vector<int>{1, group}, whyNotGroup});
}

DotSchedule::Kind DotScheduler::kindOf(const Inst& dot) const {
  return layouts_.isMatrixDot(dot) ? DotSchedule::Matrices : threads_ > 1 ? DotSchedule::Threads : DotSchedule::Tiles;
}

DotSchedule DotScheduler::schedule(const Inst& dot, const Choose* choose) {
  DotSchedule d = usual(dot);
  if (choose && d.kind == DotSchedule::Tiles) decideTiles(dot, d, *choose);
  if (choose && d.kind == DotSchedule::Threads) decideThreads(dot, d, *choose);
  if (d.kind != DotSchedule::Matrices) d.storesInit = storesInit(dot, d);
  return d;
}

}  // namespace nereid
