// SPDX-License-Identifier: MIT
// Maps the index of an element in one tile to the index of the element it is computed from in another tile.
//
// Every dimension is a power of two, so an element's index is a list of bits, and each layout operation only drops, moves or
// fixes bits: broadcast drops, trans moves, reshape leaves the flat index alone, split fixes the last bit. An IndexMap says for each
// bit of a tile's flat (row-major) index which bit of the iterated domain it is. Composing maps is table look-up, at any rank.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ir/ir.h"

namespace nereid {

// Either bit `bit` of axis `axis`, or a constant.
struct IndexBit {
  static constexpr int8_t kZero = -1, kOne = -2, kComputed = -3;  // kComputed: known only at run time
  int8_t axis = kZero;
  uint8_t bit = 0;
  bool isConstant() const { return axis < 0; }
  auto operator<=>(const IndexBit&) const = default;
};
using IndexMap = std::vector<IndexBit>;  // element 0 is the lowest bit of the flat index

// The map of operand `operand` of an operation that computes each element from one element of each operand: element-wise
// and layout operations, Load, and results of Split. Empty: the operand is not indexed that way (or not at all). For Join and Cat,
// `operand` selects the half; the caller selects by `selectorBit`.
std::optional<IndexMap> operandMap(const Inst& inst, size_t operand, const IndexMap& map, size_t result = 0);
// For Join and Cat: the bit of the result's map that selects the second operand.
IndexBit selectorBit(const Inst& inst, const IndexMap& map);
// True for an operation whose elements can be computed wherever they are needed, given its operands' elements.
bool isInlinable(const Inst& inst);

// Whether no element of an index is negative. As in addresses, sums and products are assumed not to wrap, and divisors not to be negative.
bool isNonNegative(const Value* v);

// Whether a tile is computed from an unsigned number that may have been negative: in an address that is far outside of any array, but in a
// comparison it means something. So masks made of it are neither affine nor contiguous.
bool mayComeFromNegative(const Value* v);

// How a tile's value changes along one axis of the domain.
struct Stride {
  enum Kind : uint8_t { Constant, Runtime, None } kind = None;  // Runtime: the same everywhere, but known only at run time
  int64_t value = 0;                                            // if Constant; for pointers in elements
  static Stride constant(int64_t v) { return {Constant, v}; }
};
class Divisibility;
// `bits` is the number of bits of that axis. With `group`, `bits` are its lowest bits: the stride is that within each group of 2^bits
// elements, aligned to 2^bits. There `i % n` moves like `i`, and `i / n` not at all, if both are multiples of the group's size and `i` is
// not negative.
Stride strideOf(const Value* v, const IndexMap& map, int axis, int bits, Divisibility* group = nullptr);

}  // namespace nereid
