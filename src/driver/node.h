// SPDX-License-Identifier: MIT
// Kernels of the targets `wasm` and `webgpu` run in Node: one process for all of them, started when first needed.
#pragma once

#include "driver/driver.h"

namespace nereid {

// What one needs to run a kernel there.
struct NodeKernel {
  std::string target;
  KernelInfo info;
  std::vector<Artefact> files;
  std::string details;  // for the manifest
};

std::unique_ptr<Executable> inNode(NodeKernel kernel);
// Why nothing can run there, or empty.
std::string whyNoNode();
// Why nothing can run there on a GPU, or empty.
std::string whyNoGpu();
// Its version and what it has: "Node v26.10.0, relaxed SIMD, threads".
std::string nodeFeatures();
// What the GPU is and has: "NVIDIA H100, shader-f16, subgroups of 32, timestamp-query".
std::string gpuFeatures();

}  // namespace nereid
