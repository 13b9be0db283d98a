// SPDX-License-Identifier: MIT
// Kernels of the target `wasm` run in Node: one process for all of them, started when first needed.
#pragma once

#include "driver/driver.h"

namespace nereid {

// What one needs to run a kernel there.
struct NodeKernel {
  KernelInfo info;
  std::vector<Artefact> files;
  std::string details;  // for the manifest
};

std::unique_ptr<Executable> inNode(NodeKernel kernel);
// Why nothing can run there, or empty.
std::string whyNoNode();
// Its version and what it has: "Node v26.10.0, relaxed SIMD, threads".
std::string nodeFeatures();

}  // namespace nereid
