// SPDX-License-Identifier: MIT
// Types of the Triton language. Unlike in the IR, integers are signed or unsigned.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/type.h"
#include "support/text.h"

namespace nereid::tl {

enum class Prim : uint8_t { Void, I1, I8, I16, I32, I64, U8, U16, U32, U64, F8E4NV, F8E4B8, F8E4B15, F8E5, F8E5B16, F16, BF16, F32, F64 };

struct DType {
  Prim prim = Prim::Void;
  uint8_t pointers = 0;  // depth of indirection
  bool isConst = false;  // for a pointer: tl.const
  bool operator==(const DType&) const = default;

  bool isPointer() const { return pointers > 0; }
  bool isConstPointer() const { return isPointer() && isConst; }
  bool isBool() const { return !pointers && prim == Prim::I1; }
  bool isSigned() const { return !pointers && prim >= Prim::I8 && prim <= Prim::I64; }
  bool isUnsigned() const { return !pointers && (prim == Prim::I1 || (prim >= Prim::U8 && prim <= Prim::U64)); }
  bool isInt() const { return isSigned() || isUnsigned(); }
  bool isFloat() const { return !pointers && prim >= Prim::F8E4NV; }
  bool isFp8() const { return !pointers && prim >= Prim::F8E4NV && prim <= Prim::F8E5B16; }
  bool isStandardFloat() const { return !pointers && prim >= Prim::F16; }
  bool is(Prim p) const { return !pointers && prim == p; }
  int bits() const;  // 64 for a pointer
  int mantissa() const;
  int kind() const { return isBool() ? 0 : isInt() ? 1 : 2; }
  DType pointee() const {
    DType t{prim, static_cast<uint8_t>(pointers - 1), false};
    return t;
  }
  DType pointerTo(bool constant = false) const { return {prim, static_cast<uint8_t>(pointers + 1), constant}; }
  Type ir() const;  // the scalar type of the IR
};

// The sizes of a tile's axes. They are powers of two, and a tile has at most 2^20 elements, so their logarithms in unary fit in one number.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) { add(dims.begin(), dims.size()); }
  Shape(const std::vector<int64_t>& dims) { add(dims.data(), dims.size()); }

  bool operator==(const Shape&) const = default;
  bool empty() const { return low_ == 0 && high_ == 0; }
  size_t size() const;
  int64_t operator[](size_t axis) const;
  int64_t back() const { return (*this)[size() - 1]; }
  int64_t numel() const;
  std::vector<int64_t> dims() const;

  void push_back(int64_t dim) { insert(size(), dim); }
  void insert(size_t axis, int64_t dim);
  void erase(size_t axis);

 private:
  void add(const int64_t* dims, size_t count);
  int begin(size_t axis) const;
  uint64_t bits() const { return uint64_t{high_} << 32 | low_; }
  void set(uint64_t bits);
  // From the lowest bit, for each axis as many zeros as its logarithm, then a one. Stored in halves, since many structures contain types.
  uint32_t low_ = 0, high_ = 0;
};

// A scalar if `shape` is empty, else a tile.
struct TType {
  DType scalar;
  Shape shape;
  bool operator==(const TType&) const = default;
  bool isBlock() const { return !shape.empty(); }
  int64_t numel() const { return shape.numel(); }
  TType with(DType t) const { return {t, shape}; }
  Type ir() const;
};

// "fp32", "float32", "i32", "uint8", "u1", ...: the spellings of signatures, annotations and `tl.`.
std::optional<Prim> primFromName(std::string_view name);
// Names as Triton prints them: "int32", "fp32", "pointer<fp16>".
std::string_view primName(Prim prim);
std::string name(DType type);
// Names as Triton mangles them into function names: "i32", "Pfp32", "fp32S128_64S".
std::string mangle(const TType& type);
// Names as in a signature: "*fp32", "i32", "*kfp16".
std::optional<DType> dtypeFromSignature(std::string_view text);
DType intType(int bits, bool isSigned);
bool isPowerOfTwo(int64_t n);
std::string listText(const std::vector<int64_t>& items);  // "[1, 2]"
// Names for messages: "fp32", "128x64xfp32", "[128, 64]".
std::string& append(std::string& out, DType type);
std::string& append(std::string& out, const TType& type);
std::string& append(std::string& out, const Shape& shape);

constexpr int64_t kMaxNumel = int64_t{1} << kMaxTileBits;

}  // namespace nereid::tl
