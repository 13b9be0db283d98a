// SPDX-License-Identifier: MIT
// The text forms of operations whose signature does not imply one (Sig::ByHand): one row per operation, shared by parser and printer.
//
//   {Op::Gather, "%0[%1]{} : (#*) -> ^*"}   prints   tt.gather %a[%i] {axis = 0 : i32} : (T, U) -> V
//
// A format consists of:
//   %0, %1  an operand, or a group of them   #0, #1  its type
//   %1*     the operands from there on,      #1*     their types
//           or all of a group
//   %*      all operands                     #*      the types of all operands
//   %*2     all operands: exactly 2          #=      the one type of all operands
//                                            #~      the type of the first; the parser accepts one for all, or a list
//   {}      the other attributes             ^       the type of the result
//   @0, @1  the keyword of an attribute      ^*      the types of the results, in parentheses if there are several
//   ?0      a keyword that the parser        ^,      the types of the results, with commas between
//           does not require                 #0<, ^<  the short form of a type: <f32> for !tt.ptr<f32>
//   $0, &0  a text in quotes, a symbol: the value of an attribute
//   +0      the name of an attribute, if it is set
//   >0      a successor
//   []      promises for LLVM in brackets, which the parser drops
//   !       the hints of a memory access: cacheModifier = K evictionPolicy = K
//   |, x = @0|  a clause that is written if the attribute is not the default, or if it has operands or results
//
// An operand whose type is not in the text has it after its number: %1*i64 (i1, i32, i64), %2^ (the type of the result), %0p (a pointer to
// the elements of the result), %2? (that of its definition). Any other character or word stands for itself. A blank affects only the
// printer. The parser completes the types of some operations (`Parser::complete`).
#pragma once

#include <array>

#include "ir/ir.h"

namespace nereid {

// An attribute that is written as a keyword.
struct Keyword {
  Attr attr;
  int64_t otherwise = 0;  // its value if the operation does not have it
};

struct Format {
  Op op;
  std::string_view text;
  int sameResults = 0;  // results that have the type of the first operand and are not in the text
  std::array<Keyword, 3> keywords{};
};

// Null for an operation that parser and printer handle separately. The parser has code for what a Sig implies: it allows more there.
inline const Format* formatOf(Op op) {
  constexpr std::string_view kConversion = "%*{} : #~ -> ^";
  static constexpr Format kFormats[] = {
      {Op::MulSIExt, "%*2{} : #=", 2},
      {Op::MulUIExt, "%*2{} : #=", 2},
      {Op::AddPtr, "%*2{} : #*", 1},
      {Op::IntToPtr, kConversion},
      {Op::PtrToInt, kConversion},
      {Op::Bitcast, kConversion},
      {Op::Splat, kConversion},
      {Op::Unsplat, "%0{} : #0"},
      {Op::ExpandDims, kConversion},
      {Op::Reshape, "%0+0+1{} : #~ -> ^", 0, {{{Attr::AllowReorder}, {Attr::EfficientLayout}}}},
      {Op::Broadcast, kConversion},
      {Op::Join, kConversion},
      {Op::Cat, kConversion},
      {Op::Trans, kConversion},
      {Op::Split, kConversion},
      {Op::Histogram, kConversion},
      {Op::FpToFp, "%0|, rounding = @0|{} : #~ -> ^", 0, {{{Attr::Rounding, -1}}}},
      {Op::FPowI, "%*2{} : #*", 1},
      {Op::ClampF, "%0, %1, %2, propagateNan = @0{} : #=", 1, {{{Attr::PropagateNan, 0}}}},
      {Op::GetProgramId, "?0{} : ^", 0, {{{Attr::Axis, 0}}}},
      {Op::GetNumPrograms, "?0{} : ^", 0, {{{Attr::Axis, 0}}}},
      {Op::Dot, "%0, %1, %2^|, inputPrecision = @0|{} : #0 * #1 -> ^", 0, {{{Attr::InputPrecision, -1}}}},
      {Op::DotScaled,
       "%0| scale %3|, %1| scale %4|, %2^ lhs = @0 rhs = @1{} : #0|, #3| * #1|, #4| -> ^",
       0,
       {{{Attr::LhsElem, 0}, {Attr::RhsElem, 0}}}},
      {Op::Load, "%*!{} : #~"},
      {Op::Store, "%*!{} : #~"},
      {Op::MakeRange, "{} : ^"},
      {Op::Poison, "{} : ^"},
      {Op::Gather, "%0[%1]{} : (#*) -> ^*"},
      {Op::ExternElementwise, "%*{} : (#*) -> ^*"},
      {Op::InlineAsm, "$0{}| %* : #*| -> ^,", 0, {{{Attr::AsmString}}}},
      {Op::MakeTensorPtr, "%0p, [%1*i64], [%2*i64], [%3*i32]{} : ^<"},
      {Op::Advance, "%0^, [%1*i32]{} : ^<"},
      {Op::MakeTensorDesc, "%0, [%1*i32], [%2*i64]{} : #0<, ^<"},
      {Op::DescLoad, "%0[%1*i32]!{} : #0 -> ^"},
      {Op::DescStore, "%0[%2*i32], %1{} : #0, #1"},
      {Op::DescReduce, "@0, %0[%2*i32], %1{} : #0, #1", 0, {{{Attr::Kind, 1}}}},
      {Op::DescGather, "%0[%1, %2]{} : (#*) -> ^*"},
      {Op::DescScatter, "%0[%1, %2], %3{} : #*"},
      {Op::AtomicRMW, "@0, @1, @2, %*{} : (#*) -> ^", 0, {{{Attr::RmwOp, 4}, {Attr::Sem, 4}, {Attr::Scope, 1}}}},
      {Op::AtomicCAS, "@0, @1, %*{} : (#*) -> ^", 0, {{{Attr::Sem, 4}, {Attr::Scope, 1}}}},
      {Op::AtomicPoll, "@0, @1, %0, %1| timeout %2?|{} : #0, #1 -> ^", 0, {{{Attr::Sem, 2}, {Attr::Scope, 1}}}},
      {Op::LoAtomicRMW, "@0, @1, %*{} : #* -> ^", 0, {{{Attr::RmwOp, 4}, {Attr::Sem, 4}}}},
      {Op::Print, "$0{}| : %* : #*|", 0, {{{Attr::Prefix}}}},
      {Op::Assert, "%0, $0{} : #0", 0, {{{Attr::Message}}}},
      {Op::Assume, "%0[]{} : #0"},
      {Op::GridWait, "{}"},
      {Op::GridLaunch, "{}"},
      {Op::Call, "&0(%*){} : (#*) -> ^*", 0, {{{Attr::Callee}}}},
      {Op::Condition, "(%0i1){}| %1* : #1*|"},
      {Op::Br, ">0{}"},
      {Op::CondBr, "%0i1[], >0, >1{}"},
  };
  static constexpr Format kSame{{}, "%*{} : ^"}, kTest{{}, "%*{} : #0"}, kCast{{}, "%*{} : #0 to ^"}, kLast{{}, "%*{}| : #*|"};
  static constexpr Format kLower{{}, "%*{}| : #*|| -> ^,|"};
  switch (info(op).sig) {
    case Sig::FloatTest: return &kTest;
    case Sig::CastInt:
    case Sig::CastFloat:
    case Sig::IntToFloat:
    case Sig::FloatToInt:
    case Sig::Bitcast: return &kCast;
    case Sig::Terminator: return &kLast;
    case Sig::ByHand: break;
    default: return &kSame;
  }
  for (const Format& f : kFormats)
    if (f.op == op) return &f;
  return info(op).forms == Forms::Lower ? &kLower : nullptr;
}

}  // namespace nereid
