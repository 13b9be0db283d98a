// SPDX-License-Identifier: MIT
// A library of kernels: operations on arrays, and graphs of them that are recorded once and replayed.
export { Graph, Plan } from "./graph.ts";
export {
  type Activation,
  activation,
  attention,
  type AttentionOptions,
  cast,
  conv1d,
  distances,
  distancesInt8,
  embedding,
  type Epilogue,
  gelu,
  layerNorm,
  matmul,
  matmulInt4,
  matmulInt8,
  type Metric,
  type Out,
  pool,
  quantizeColumns,
  quantizeInt4,
  quantizeRows,
  relu,
  rmsNorm,
  search,
  type SearchIndex,
  selfAttention,
  silu,
  softmax,
  topK,
} from "./operations.ts";
export { kernel, sources } from "./scope.ts";
export { type LaunchArguments, type Result, type Results, type Tensor, Value } from "./tensor.ts";
