// SPDX-License-Identifier: MIT
// Runs kernels of the targets `wasm` and `webgpu` in Node: one process for all of them, started on first use.
#pragma once

#include "driver/driver.h"

namespace nereid {

// The data that Node needs to run a kernel.
struct NodeKernel {
  std::string target;
  KernelInfo info;
  std::vector<Artefact> files;
  std::string details;  // for the manifest
};

std::unique_ptr<Executable> inNode(NodeKernel kernel);
// Why nothing can run there, or an empty text.
std::string whyNoNode();
// Why nothing can run on a GPU there, or an empty text.
std::string whyNoGpu();
// Its version and features: "Node v26.10.0, relaxed SIMD, threads".
std::string nodeFeatures();
// The name and features of the GPU: "NVIDIA H100, shader-f16, subgroups of 32, timestamp-query".
std::string gpuFeatures();

}  // namespace nereid
