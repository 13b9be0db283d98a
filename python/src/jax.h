// SPDX-License-Identifier: MIT
// Kernels as custom calls of XLA on the CPU.
#pragma once

#include <nanobind/nanobind.h>

namespace nereid::python {

// Adds the functions and handlers that nereid.jax registers with JAX to the module.
void addJax(nanobind::module_& m);

}  // namespace nereid::python
