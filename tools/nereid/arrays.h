// SPDX-License-Identifier: MIT
// Arrays and scalars for kernels: .npy files, texts such as zeros:f32[4,1000], and their comparison.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nereid::tool {

enum class Kind : uint8_t { Bool, Int, UInt, Float };

// An element type and its names in signatures: fp32, bf16, i64, u8, fp8e5, i1.
struct DType {
  std::string name;
  Kind kind = Kind::Float;
  int bytes = 4;
  int exponentBits = 8, mantissaBits = 23, bias = 127;  // for floats
  bool finite = false, fnuz = false;                    // fp8 formats without infinities; those whose -0 encodes NaN
};
// Also accepts the short names f32, f16, ...; null for an unknown name.
const DType* findType(std::string_view name);
// The error for a name that findType() does not know.
std::string unknownType(std::string_view name);

struct Free {
  void operator()(void* p) const { std::free(p); }
};

struct Array {
  const DType* type = nullptr;
  std::vector<int64_t> shape;
  size_t bytes = 0;
  std::unique_ptr<uint8_t, Free> data;  // aligned to 64 bytes
  size_t size() const { return bytes / static_cast<size_t>(type->bytes); }
  uint64_t bits(size_t i) const;
  void setBits(size_t i, uint64_t bits);
  double number(size_t i) const;
};

// Functions of this file return errors as text: empty means success.
std::string allocate(Array& out, const DType& type, std::vector<int64_t> shape);
double decode(const DType& type, uint64_t bits);
uint64_t encode(const DType& type, double value);
// Converts the text of a number to bits: decimal or 0x… integers, decimal floats, inf, nan, True, False.
std::string parseNumber(std::string_view text, const DType& type, uint64_t& bits);

// zeros:f32[4,1000]   full:f32[8],1.5   range:i32[16]   rand:f32[8,8],seed   f32[1, 2, 3]   f32[1; 16]   empty:f32[8]
// @file.npy[:type], where the type is one that .npy cannot express: bf16 in uint16, fp8 in uint8.
std::string parseArray(std::string_view text, Array& out);
bool looksLikeArray(std::string_view text);
std::string show(const Array& a, size_t most);

// npy.cpp
std::string readNpy(const std::string& path, Array& out);
std::string writeNpy(const std::string& path, const Array& a);

}  // namespace nereid::tool
