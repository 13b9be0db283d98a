// SPDX-License-Identifier: MIT
#include "ir/type.h"

#include <bit>

#include "support/diag.h"

namespace nereid {

namespace {
constexpr std::string_view kElemNames[] = {"i1",   "i8",  "i16", "i32",      "i64",        "index",  "f16",
                                           "bf16", "f32", "f64", "f8E4M3FN", "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ"};
}

std::string_view elemName(Elem elem) { return kElemNames[static_cast<size_t>(elem)]; }

std::optional<Elem> elemFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kElemNames); ++i)
    if (kElemNames[i] == name) return static_cast<Elem>(i);
  return std::nullopt;
}

Type Type::tile(Type element, std::span<const int64_t> dims) {
  Type t = element;
  t.form = Form::Tile;
  t.rank = 0;
  t.axes = 0;
  int end = 0;
  for (int64_t dim : dims) {
    NEREID_CHECK(dim > 0 && std::has_single_bit(static_cast<uint64_t>(dim)), "a tile dimension of ", dim);
    end += std::countr_zero(static_cast<uint64_t>(dim)) + 1;
    if (end > kAxesBits || t.rank == kMaxRank) {
      t.rank = 1;
      t.axes = uint64_t{1} << (kAxesBits - 1);
      return t;
    }
    ++t.rank;
    t.axes |= uint64_t{1} << (end - 1);
  }
  return t;
}

Type Type::vector(Type element, int lanes) {
  Type t = element;
  t.form = Form::Vector;
  t.rank = 1;
  t.axes = static_cast<unsigned>(lanes);
  return t;
}

int Type::log2(int axis) const {
  uint64_t rest = axes;
  int begin = 0;
  for (; axis > 0; --axis, rest &= rest - 1) begin = std::countr_zero(rest) + 1;
  return std::countr_zero(rest) - begin;
}

int Type::bits() const { return 64 - std::countl_zero(uint64_t{axes}) - rank; }

std::vector<int64_t> Type::shape() const {
  std::vector<int64_t> dims;
  for (int i = 0; i < rank; ++i) dims.push_back(dim(i));
  return dims;
}

int bitWidth(Elem elem) {
  switch (elem) {
    case Elem::I1: return 1;
    case Elem::I8:
    case Elem::F8E4M3FN:
    case Elem::F8E4M3FNUZ:
    case Elem::F8E5M2:
    case Elem::F8E5M2FNUZ: return 8;
    case Elem::I16:
    case Elem::F16:
    case Elem::BF16: return 16;
    case Elem::I32:
    case Elem::F32: return 32;
    case Elem::I64:
    case Elem::Index:
    case Elem::F64: return 64;
  }
  return 0;
}

int bitWidth(Type type) { return type.isPointer() ? 64 : bitWidth(type.elem); }
int byteSize(Type type) { return (bitWidth(type) + 7) / 8; }

FloatFormat floatFormat(Elem elem) {
  switch (elem) {
    case Elem::F16: return {5, 10, 15, FloatFormat::Ieee};
    case Elem::BF16: return {8, 7, 127, FloatFormat::Ieee};
    case Elem::F32: return {8, 23, 127, FloatFormat::Ieee};
    case Elem::F8E4M3FN: return {4, 3, 7, FloatFormat::FiniteNan};
    case Elem::F8E4M3FNUZ: return {4, 3, 8, FloatFormat::Fnuz};
    case Elem::F8E5M2: return {5, 2, 15, FloatFormat::Ieee};
    case Elem::F8E5M2FNUZ: return {5, 2, 16, FloatFormat::Fnuz};
    default: return {11, 52, 1023, FloatFormat::Ieee};
  }
}

std::string& append(std::string& out, const Type& type) {
  std::string element(elemName(type.elem));
  if (type.form == Form::Desc && type.sign != Sign::None) element.insert(0, type.sign == Sign::Signed ? "s" : "u");
  for (int i = 0; i < type.pointerDepth; ++i)
    element = cat("!tt.ptr<", element, type.addressSpace != 1 ? cat(", ", type.addressSpace) : "", ">");
  std::string dims;
  for (int i = 0; i < type.rank; ++i) appendAll(dims, type.dim(i), "x");
  switch (type.form) {
    case Form::None: return append(out, "none");
    case Form::Scalar: return append(out, element);
    case Form::Tile: return appendAll(out, "tensor<", dims, element, ">");
    case Form::BlockPtr: return appendAll(out, "!tt.ptr<tensor<", dims, element, ">>");
    case Form::Desc: return appendAll(out, "!tt.tensordesc<tensor<", dims, element, ">>");  // as up to 3.7
    case Form::Vector: return appendAll(out, "vector<", dims, element, ">");
  }
  return out;
}

}  // namespace nereid
