// SPDX-License-Identifier: MIT
// Launches of stock Triton's kernels: arrays as arguments of its launches, and the function that receives all arguments of a launch.
#pragma once

#include "launcher.h"

namespace nereid::python {

// An array with the interface of a tensor: data_ptr() and dtype; other attributes are forwarded.
struct Wrapped {
  Ref object;
  Array array;
};

// A tuple (or dict) in which arrays without data_ptr() are wrapped. Returns null with Python's error set.
PyObject* wrapAll(PyObject* values);
PyObject* dtypeName(DType type);

// One parameter of a signature.
struct Slot {
  enum Kind : uint8_t { Constant, Pointer, Scalar, Tuple, Descriptor } kind = Constant;
  DType type = DType::None;
  std::vector<Slot> parts;
};

class PluginLaunch {
 public:
  // The signature: "*fp32", "i32", "constexpr", tuples of them, "tensordesc<fp16[64,64]>". `load` returns a kernel that Triton does not
  // provide; other threads may launch while one loads. load("znz") returns one whose second descriptor is padded with NaN.
  // checked(padding, grid, bits, values) runs a launch with checks.
  PluginLaunch(PyObject* signature, PyObject* load, PyObject* checked);
  static bool checks;  // launches are checked
  // grid x, y, z, stream, kernel, packed metadata, launch metadata, hook before, hook after, arguments...
  PyObject* call(PyObject* const* args, size_t count) const;

 private:
  // `padding` has one character per descriptor: n if it is padded with NaN.
  bool add(const Slot& slot, PyObject* value, Bound& bound, std::string& padding) const;
  std::vector<Slot> slots_;
  Ref load_, checked_;
};

}  // namespace nereid::python
