// SPDX-License-Identifier: MIT
// What the symbols of tt.extern_elementwise stand for: NVIDIA's __nv_*, AMD's __ocml_* and Sleef_* spellings of one set of functions.
#pragma once

#include <optional>
#include <string_view>

#include "ir/ir.h"

namespace nereid {

// Functions that no operation of the table computes by itself.
enum class LibFn : uint8_t { None, IsNan, IsInf, IsFinite, SignBit, Erfinv, Hypot, Lgamma, Ffs, NextAfter, Ldexp, Fdim, Rcp };

struct LibFunction {
  std::string_view name;  // the plain one: tanh
  size_t arity;
  LibFn fn;  // None: `op` computes it
  Op op;
};

std::optional<LibFunction> resolveLibdevice(std::string_view symbol);

}  // namespace nereid
