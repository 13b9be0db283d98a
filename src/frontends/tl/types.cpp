// SPDX-License-Identifier: MIT
#include "frontends/tl/types.h"

#include <bit>

#include "support/diag.h"

namespace nereid::tl {
namespace {

struct PrimInfo {
  std::string_view name, mangled;
  int bits, mantissa;
  Elem elem;
};
constexpr PrimInfo kPrims[] = {
    {"void", "V", 0, 0, Elem::I1},
    {"int1", "u1", 1, 0, Elem::I1},
    {"int8", "i8", 8, 0, Elem::I8},
    {"int16", "i16", 16, 0, Elem::I16},
    {"int32", "i32", 32, 0, Elem::I32},
    {"int64", "i64", 64, 0, Elem::I64},
    {"uint8", "u8", 8, 0, Elem::I8},
    {"uint16", "u16", 16, 0, Elem::I16},
    {"uint32", "u32", 32, 0, Elem::I32},
    {"uint64", "u64", 64, 0, Elem::I64},
    {"fp8e4nv", "fp8e4nv", 8, 3, Elem::F8E4M3FN},
    {"fp8e4b8", "fp8e4b8", 8, 3, Elem::F8E4M3FNUZ},
    {"fp8e4b15", "fp8e4b15", 8, 3, Elem::I8},
    {"fp8e5", "fp8e5", 8, 2, Elem::F8E5M2},
    {"fp8e5b16", "fp8e5b16", 8, 2, Elem::F8E5M2FNUZ},
    {"fp16", "fp16", 16, 10, Elem::F16},
    {"bf16", "bf16", 16, 7, Elem::BF16},
    {"fp32", "fp32", 32, 23, Elem::F32},
    {"fp64", "fp64", 64, 52, Elem::F64},
};
const PrimInfo& of(Prim p) { return kPrims[static_cast<size_t>(p)]; }

}  // namespace

int DType::bits() const { return pointers ? 64 : of(prim).bits; }
int DType::mantissa() const { return of(prim).mantissa; }

Type DType::ir() const { return pointers ? Type::pointer(of(prim).elem, pointers) : Type::scalar(of(prim).elem); }

void Shape::add(const int64_t* dims, size_t count) {
  for (size_t i = 0; i < count; ++i) push_back(dims[i]);
}

void Shape::set(uint64_t bits) {
  low_ = static_cast<uint32_t>(bits);
  high_ = static_cast<uint32_t>(bits >> 32);
}

// The lowest bit of an axis: after the ones of the preceding axes.
int Shape::begin(size_t axis) const {
  int bit = 0;
  for (uint64_t rest = bits(); axis > 0; --axis, rest &= rest - 1) bit = std::countr_zero(rest) + 1;
  return bit;
}

size_t Shape::size() const { return static_cast<size_t>(std::popcount(bits())); }

int64_t Shape::operator[](size_t axis) const { return int64_t{1} << std::countr_zero(bits() >> begin(axis)); }

void Shape::insert(size_t axis, int64_t dim) {
  int log2 = std::countr_zero(static_cast<uint64_t>(dim)), from = begin(axis);
  NEREID_CHECK(isPowerOfTwo(dim) && std::bit_width(bits()) + log2 < 64, "an axis of ", dim, " beside ", size());
  uint64_t before = (uint64_t{1} << from) - 1;
  set((bits() & before) | uint64_t{1} << (from + log2) | (bits() & ~before) << (log2 + 1));
}

void Shape::erase(size_t axis) {
  int from = begin(axis), to = begin(axis + 1);
  uint64_t before = (uint64_t{1} << from) - 1;
  set((bits() & before) | (bits() >> (to - 1) >> 1) << from);
}

int64_t Shape::numel() const { return int64_t{1} << (std::bit_width(bits()) - std::popcount(bits())); }

std::vector<int64_t> Shape::dims() const {
  std::vector<int64_t> out;
  for (size_t i = 0; i < size(); ++i) out.push_back((*this)[i]);
  return out;
}

Type TType::ir() const { return shape.empty() ? scalar.ir() : Type::tile(scalar.ir(), shape.dims()); }

std::optional<Prim> primFromName(std::string_view name) {
  struct Alias {
    std::string_view name;
    Prim prim;
  };
  static constexpr Alias kAliases[] = {
      {"i1", Prim::I1},
      {"u1", Prim::I1},
      {"bool", Prim::I1},
      {"i8", Prim::I8},
      {"i16", Prim::I16},
      {"i32", Prim::I32},
      {"i64", Prim::I64},
      {"u8", Prim::U8},
      {"u16", Prim::U16},
      {"u32", Prim::U32},
      {"u64", Prim::U64},
      {"float8e4nv", Prim::F8E4NV},
      {"float8e4b8", Prim::F8E4B8},
      {"float8e4b15", Prim::F8E4B15},
      {"float8e5", Prim::F8E5},
      {"float8e5b16", Prim::F8E5B16},
      {"float8_e4m3fn", Prim::F8E4NV},
      {"float8_e5m2", Prim::F8E5},
      {"float8_e4m3fnuz", Prim::F8E4B8},
      {"float8_e5m2fnuz", Prim::F8E5B16},
      {"float16", Prim::F16},
      {"half", Prim::F16},
      {"bfloat16", Prim::BF16},
      {"float32", Prim::F32},
      {"float", Prim::F32},
      {"float64", Prim::F64},
      {"double", Prim::F64},
      {"f16", Prim::F16},
      {"f32", Prim::F32},
      {"f64", Prim::F64},
      {"int", Prim::I32},
  };
  for (size_t i = 0; i < std::size(kPrims); ++i)
    if (kPrims[i].name == name) return static_cast<Prim>(i);
  for (const Alias& a : kAliases)
    if (a.name == name) return a.prim;
  return std::nullopt;
}

std::string_view primName(Prim prim) { return of(prim).name; }

std::string name(DType type) {
  if (type.pointers) return cat(type.isConst ? "const_pointer<" : "pointer<", name(type.pointee()), ">");
  return std::string(of(type.prim).name);
}

std::string listText(const std::vector<int64_t>& items) {
  std::string out = "[";
  for (size_t i = 0; i < items.size(); ++i) appendAll(out, i ? ", " : "", items[i]);
  return out + "]";
}

std::string& append(std::string& out, DType type) { return out += name(type); }

std::string& append(std::string& out, const TType& type) {
  for (int64_t d : type.shape.dims()) appendAll(out, d, "x");
  return append(out, type.scalar);
}

std::string& append(std::string& out, const Shape& shape) { return out += listText(shape.dims()); }

std::string mangle(const TType& type) {
  std::string out(type.scalar.pointers, 'P');
  if (type.scalar.isConst) out += 'k';
  out += of(type.scalar.prim).mangled;
  if (type.shape.empty()) return out;
  out += 'S';
  for (size_t i = 0; i < type.shape.size(); ++i) appendAll(out, i ? "_" : "", type.shape[i]);
  return out + 'S';
}

std::optional<DType> dtypeFromSignature(std::string_view text) {
  text = trim(text);
  if (text.starts_with('*')) {
    text.remove_prefix(1);
    bool constant = text.starts_with('k');
    if (constant) text.remove_prefix(1);
    auto inner = dtypeFromSignature(text);
    if (!inner) return std::nullopt;
    return inner->pointerTo(constant);
  }
  auto prim = primFromName(text);
  if (!prim) return std::nullopt;
  return DType{*prim};
}

DType intType(int bits, bool isSigned) {
  switch (bits) {
    case 1: return {Prim::I1};
    case 8: return {isSigned ? Prim::I8 : Prim::U8};
    case 16: return {isSigned ? Prim::I16 : Prim::U16};
    case 32: return {isSigned ? Prim::I32 : Prim::U32};
    default: return {isSigned ? Prim::I64 : Prim::U64};
  }
}

bool isPowerOfTwo(int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

}  // namespace nereid::tl
