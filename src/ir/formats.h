// SPDX-License-Identifier: MIT
// The text forms of operations whose signature does not imply one (Sig::ByHand): one row per operation, shared by parser and printer.
//
//   {Op::Gather, "%0[%1]{} : (#*) -> ^*"}   prints   tt.gather %a[%i] {axis = 0 : i32} : (T, U) -> V
//
// A format consists of:
//   %0, %1  an operand                       #*  the types of the operands
//   %*      all operands                     #=  the one type of all operands
//   %*2     all operands: exactly 2          #1  the type of the first operand; the parser accepts one type for all, or a list
//   {}      the other attributes             #.  the type of the next operand
//   @0, @1  the keyword of an attribute      ^   the type of the result
//   ?0      a keyword that the parser        ^*  the types of the results, in parentheses if there are several
//           does not require                 |, x = @0|  a clause that is written if the attribute is not the default
//   !       the hints of a memory access: cacheModifier = K evictionPolicy = K
// Any other character or word stands for itself. A blank affects only the printer. The parser completes the types of some operations
// (`Parser::complete`).
#pragma once

#include <array>

#include "ir/ir.h"

namespace nereid {

// An attribute that is written as a keyword.
struct Keyword {
  Attr attr;
  int64_t otherwise;  // its value if the operation does not have it
};

struct Format {
  Op op;
  std::string_view text;
  int sameResults = 0;  // results that have the type of the first operand and are not in the text
  std::array<Keyword, 3> keywords{};
};

// Null for an operation that parser and printer handle separately.
constexpr const Format* formatOf(Op op) {
  constexpr std::string_view kConversion = "%*{} : #1 -> ^";
  static constexpr Format kFormats[] = {
      {Op::MulSIExt, "%*2{} : #=", 2},
      {Op::MulUIExt, "%*2{} : #=", 2},
      {Op::AddPtr, "%*2{} : #*", 1},
      {Op::IntToPtr, kConversion},
      {Op::PtrToInt, kConversion},
      {Op::Bitcast, kConversion},
      {Op::Splat, kConversion},
      {Op::ExpandDims, kConversion},
      {Op::Broadcast, kConversion},
      {Op::Join, kConversion},
      {Op::Cat, kConversion},
      {Op::Trans, kConversion},
      {Op::Split, kConversion},
      {Op::Histogram, kConversion},
      {Op::FpToFp, "%0|, rounding = @0|{} : #1 -> ^", 0, {{{Attr::Rounding, -1}}}},
      {Op::FPowI, "%*2{} : #*", 1},
      {Op::ClampF, "%0, %1, %2, propagateNan = @0{} : #=", 1, {{{Attr::PropagateNan, 0}}}},
      {Op::GetProgramId, "?0{} : ^", 0, {{{Attr::Axis, 0}}}},
      {Op::GetNumPrograms, "?0{} : ^", 0, {{{Attr::Axis, 0}}}},
      {Op::Dot, "%0, %1, %2|, inputPrecision = @0|{} : #. * #. -> ^", 0, {{{Attr::InputPrecision, -1}}}},
      {Op::Load, "%*!{} : #1"},
      {Op::Store, "%*!{} : #1"},
      {Op::MakeRange, "{} : ^"},
      {Op::Poison, "{} : ^"},
      {Op::Gather, "%0[%1]{} : (#*) -> ^*"},
      {Op::ExternElementwise, "%*{} : (#*) -> ^*"},
      {Op::DescGather, "%0[%1, %2]{} : (#*) -> ^*"},
      {Op::DescScatter, "%0[%1, %2], %3{} : #*"},
      {Op::AtomicRMW, "@0, @1, @2, %*{} : (#*) -> ^", 0, {{{Attr::RmwOp, 4}, {Attr::Sem, 4}, {Attr::Scope, 1}}}},
      {Op::AtomicCAS, "@0, @1, %*{} : (#*) -> ^", 0, {{{Attr::Sem, 4}, {Attr::Scope, 1}}}},
      {Op::LoAtomicRMW, "@0, @1, %*{} : #* -> ^", 0, {{{Attr::RmwOp, 4}, {Attr::Sem, 4}}}},
      {Op::GridWait, "{}"},
      {Op::GridLaunch, "{}"},
  };
  for (const Format& f : kFormats)
    if (f.op == op) return &f;
  return nullptr;
}

}  // namespace nereid
