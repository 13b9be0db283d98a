// SPDX-License-Identifier: MIT
// Operand and result types, attributes and regions of operations: one row per operation (or per Sig), which the verifier reads.
//
//   {Op::Load, "groups pointer: address, mask?: bool ~pointer, other?: *pointer -> *pointer"}
//
// A row has the operands, `->` and the results, then what else must hold. An operand is `name: words`; the name is for messages and for
// other words. After the name, ? is an optional operand, * any number of them, + at least one, and [x] one per axis of x.
//
//   scalar tile vector   the form; if there are several, any of them. Without one: a scalar, tile or vector
//   block descriptor     a block pointer, a tensor descriptor
//   address              a scalar or tile of pointers, or a block pointer
//   any                  any type
//   int bool float pointer   the elements; if there are several, any of them. `number` is an integer other than i1, `data` no pointer
//   64, 1d, 2d           elements of 64 bits; a tile with one axis, two axes
//   =x   the type of x                 *x   what x points to               ~x   the shape of x        ~?x  a scalar, or the shape of x
//   :x   the element type of x         *:x  the element type is what x points to
//   #x   as many elements as x         |x   elements as wide as those of x
//
//   {} {*}   a region with one block, with any number of blocks; `regions`: the verifier has a function for them
//   > > >    successors, as many as there are
//   ; attr            an attribute that the operation must have
//   ; attr<3          in that range if present; attr<x: below the rank of x; attr<#x: below the number of its elements
//   ; attr>0          it must be positive
//
// An attribute with keywords (ir/enums.h) must have the value of one, in every operation. Rules beyond a row are cases of
// `OpVerifier::rest`.
#pragma once

#include <array>

#include "ir/ir.h"

namespace nereid {

struct Slot {
  enum Relation : uint8_t { None, Same, Pointee, Shape, ScalarOrShape, Element, PointeeElement, Count, Width };
  enum Many : uint8_t { One, Optional, Any, Some, PerAxis };

  uint8_t forms = 0;     // bit f: Form f
  uint8_t elements = 0;  // kBool and the like; 0: any
  uint8_t bits = 0, rank = 0;
  std::array<Relation, 2> relation{};
  std::array<uint8_t, 2> of{};  // the slots of the relations
  Many many = One;
  uint8_t axesOf = 0;
  uint8_t nameSize = 0;  // 0: a name of one letter only serves the row
  uint16_t nameAt = 0;

  std::string_view name() const;

  static constexpr uint8_t kBool = 1, kNumber = 2, kFloat = 4, kPointer = 8;
};

struct AttrRule {
  enum Kind : uint8_t { None, Present, Positive, BelowNumber, BelowRank, BelowCount };
  Attr attr{};
  Kind kind = None;
  uint8_t of = 0;  // a number, or a slot
};

struct Signature {
  static constexpr size_t kMaxSlots = 6;
  static constexpr uint8_t kAnyRegions = 255;

  uint16_t first = 0;  // slot of the table: operands, then results
  uint8_t operands = 0, count = 0;
  std::array<AttrRule, 2> rules{};
  uint8_t regions = 0, successors = 0;
  bool hasOneBlock = true;  // each region
  bool hasGroups = false;   // `Inst::segments` has the number of operands of each slot

  const Slot& slot(size_t k) const;
};

const Signature& signatureOf(Op op);

}  // namespace nereid
