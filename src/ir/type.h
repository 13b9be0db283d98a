// SPDX-License-Identifier: MIT
// Types of the IR, by value: no context, no interning.
//
// Triton requires that the element count of every tile is a power of two. So each dimension is one, too, and a shape is a list of
// logarithms. This makes every layout operation (reshape, trans, join, broadcast) a map between index bits. Since a tile has at most 2^20
// elements, the logarithms fit in unary, and a type in 64 bits: types are copied and compared for each value.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nereid {

enum class Elem : uint8_t { I1, I8, I16, I32, I64, Index, F16, BF16, F32, F64, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ };

enum class Form : uint8_t {
  None,      // the result of an operation without results
  Scalar,    // i32, f32, !tt.ptr<f32>
  Tile,      // tensor<128x64xf16>, tensor<16x!tt.ptr<f32>>
  BlockPtr,  // !tt.ptr<tensor<64x32xf16>>, the block pointers of Triton up to 3.7
  Desc,      // !tt.tensordesc<64x64xf16>
  Vector,    // vector<8xf32>: lower form only, one machine vector
};

// Signedness is visible in tensor descriptors only; elsewhere operations carry it.
enum class Sign : uint8_t { None, Signed, Unsigned };

constexpr int kMaxRank = 24;
constexpr int kMaxTileBits = 20;  // TRITON_MAX_TENSOR_NUMEL is 2^20
constexpr int kAxesBits = kMaxTileBits + kMaxRank;
constexpr int kMaxPointerDepth = 7, kMaxAddressSpace = 7;

struct Type {
  Form form : 3 = Form::None;
  Sign sign : 2 = Sign::None;
  uint8_t pointerDepth : 3 = 0;  // 1 for a pointer to `elem`, 2 for a pointer to such a pointer
  Elem elem : 4 = Elem::I32;
  uint8_t addressSpace : 3 = 1;
  uint32_t rank : 5 = 0;
  uint64_t axes : kAxesBits = 0;  // from the lowest bit, for each axis as many zeros as its logarithm, and a one

  static Type scalar(Elem elem) { return {.form = Form::Scalar, .elem = elem}; }
  static Type pointer(Elem elem, int depth = 1) {
    return {.form = Form::Scalar, .pointerDepth = static_cast<uint8_t>(depth), .elem = elem};
  }
  // The dims must be powers of two. A shape too large for a tile is stored as one axis of 2^43, which no other shape uses.
  static Type tile(Type element, std::span<const int64_t> dims);
  static Type vector(Type element, int lanes);

  bool operator==(const Type& other) const { return std::bit_cast<uint64_t>(*this) == std::bit_cast<uint64_t>(other); }
  explicit operator bool() const { return form != Form::None; }

  bool isTile() const { return form == Form::Tile; }
  bool isScalar() const { return form == Form::Scalar; }
  bool isVector() const { return form == Form::Vector; }
  bool isShaped() const { return form != Form::Scalar && form != Form::None; }
  bool isPointer() const { return pointerDepth > 0; }  // also tiles and vectors of pointers
  bool isInt() const { return !isPointer() && elem <= Elem::Index; }
  bool isFloat() const { return !isPointer() && elem >= Elem::F16; }
  bool isFp8() const { return !isPointer() && elem >= Elem::F8E4M3FN; }
  bool isBool() const { return !isPointer() && elem == Elem::I1; }

  int log2(int axis) const;  // of a dimension
  int64_t dim(int axis) const { return int64_t{1} << log2(axis); }
  int bits() const;  // log2 of the element count
  int64_t numel() const { return int64_t{1} << bits(); }
  std::vector<int64_t> shape() const;

  // The element type, without the shape.
  Type element() const { return {.form = Form::Scalar, .pointerDepth = pointerDepth, .elem = elem, .addressSpace = addressSpace}; }
  // The same shape (or none) with another element type.
  Type withElement(Type element) const {
    Type t = *this;
    t.elem = element.elem;
    t.pointerDepth = element.pointerDepth;
    t.addressSpace = element.addressSpace;
    return t;
  }
  Type withElement(Elem e) const { return withElement(scalar(e)); }
  // The pointee type with the same shape: tensor<16x!tt.ptr<f32>> gives tensor<16xf32>.
  Type pointee() const {
    Type t = *this;
    --t.pointerDepth;
    return t;
  }
  Type pointerTo() const {
    Type t = *this;
    ++t.pointerDepth;
    return t;
  }
};

static_assert(sizeof(Type) == 8);

// Bits of one element as a value: 1 for i1, 64 for pointers and index.
int bitWidth(Type type);
int bitWidth(Elem elem);
// Bytes of one element in memory: 1 for i1.
int byteSize(Type type);
std::string_view elemName(Elem elem);
std::optional<Elem> elemFromName(std::string_view name);
std::string& append(std::string& out, const Type& type);

// Layout of a float format; ir/bits.h converts between its bits and double.
struct FloatFormat {
  int exponentBits, mantissaBits, bias;
  enum Special : uint8_t { Ieee, FiniteNan, Fnuz } special;  // FiniteNan: no infinities, all-ones is NaN; Fnuz: NaN is -0
};
FloatFormat floatFormat(Elem elem);

}  // namespace nereid
