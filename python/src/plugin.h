// SPDX-License-Identifier: MIT
// Launches of stock Triton's kernels: arrays as its launches take them, and what it calls with all arguments of one.
#pragma once

#include "launcher.h"

namespace nereid::python {

// An array in the clothes of a tensor: data_ptr() and dtype, and else what it is.
struct Wrapped {
  Ref object;
  Array array;
};

// A tuple (or dict) with arrays that have no data_ptr() wrapped; null with Python's error set.
PyObject* wrapAll(PyObject* values);
PyObject* dtypeName(DType type);

// Of one parameter of a signature.
struct Slot {
  enum Kind : uint8_t { Constant, Pointer, Scalar, Tuple, Descriptor } kind = Constant;
  DType type = DType::None;
  std::vector<Slot> parts;
};

class PluginLaunch {
 public:
  // The signature: "*fp32", "i32", "constexpr", tuples of them, "tensordesc<fp16[64,64]>". `load` gives the kernel where Triton does not:
  // while one thread loads it, others already launch. load("znz") gives one whose second descriptor is padded with NaN. checked(padding,
  // grid, bits, values) runs a launch with checks.
  PluginLaunch(PyObject* signature, PyObject* load, PyObject* checked);
  static bool checks;  // launches are checked
  // grid x, y, z, stream, kernel, packed metadata, launch metadata, hook before, hook after, arguments...
  PyObject* call(PyObject* const* args, size_t count) const;

 private:
  // `padding` is one character a descriptor: n where it is padded with NaN.
  bool add(const Slot& slot, PyObject* value, Bound& bound, std::string& padding) const;
  std::vector<Slot> slots_;
  Ref load_, checked_;
};

}  // namespace nereid::python
