// SPDX-License-Identifier: MIT
// Arrays of any library as an address and an element type: NumPy, JAX on the CPU, torch, and objects with `__array_interface__` or
// `__dlpack__`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "object.h"

namespace nereid::python {

// Element types as signatures spell them; the code is the index in this list.
enum class DType : uint8_t {
  None,
  I1,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  FP16,
  BF16,
  FP32,
  FP64,
  FP8E5,
  FP8E4NV,
  FP8E4B8,
  FP8E5B16,
  FP8E4B15
};
const char* nameOf(DType type);
const char* longNameOf(DType type);         // "float32"
uint64_t encode(double value, DType type);  // the bits of a float in one of the types
DType dtypeNamed(const char* name);         // "fp32", "float32"; None if the name is unknown
int bytesOf(DType type);

struct Array {
  void* data = nullptr;
  DType type = DType::None;
  bool readOnly = false;
  bool contiguous = true;
  std::vector<int64_t> shape, strides;  // in elements; only filled in if the array is not contiguous
  Ref owner;                            // keeps the memory alive during the launch if the object itself does not
};

enum class What : uint8_t { Nothing, Array, Error };

// The array that an object is. None if it is not an array; Error if it cannot be used, with Python's error set.
What toArray(PyObject* object, Array& out);
// As above, with shape and strides.
What toShapedArray(PyObject* object, Array& out);

}  // namespace nereid::python
