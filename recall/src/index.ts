// SPDX-License-Identifier: MIT
// Search of texts by meaning.
export { Encoder, type EncoderOptions } from "./encoder.ts";
export { loadWeights, type Weights } from "./weights.ts";
