// SPDX-License-Identifier: MIT
// Kernels as custom calls of XLA on the CPU.
#pragma once

#include <nanobind/nanobind.h>

namespace nereid::python {

// Adds to the module what nereid.jax registers with JAX and asks of it.
void addJax(nanobind::module_& m);

}  // namespace nereid::python
