// SPDX-License-Identifier: MIT
// Arrays of every library as a place in memory with a type: NumPy's, JAX's on the CPU, torch's, and what has `__array_interface__` or
// `__dlpack__`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "object.h"

namespace nereid::python {

// Types as signatures write them; the code is the place in this list.
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
  std::vector<int64_t> shape, strides;  // in elements; filled in where it is not contiguous
  Ref owner;                            // keeps the memory while the launch runs, where the object itself does not
};

enum class What : uint8_t { Nothing, Array, Error };

// An array, if it is one; Error where it cannot be used, with Python's error set.
What toArray(PyObject* object, Array& out);
// As above, with shape and strides.
What toShapedArray(PyObject* object, Array& out);

}  // namespace nereid::python
