// SPDX-License-Identifier: MIT
// Models: weights that are read while they arrive, and tokens.
export { Bpe, type BpeOptions } from "./bpe.ts";
export { type Checksums, download, type DownloadOptions, openStore, type Store } from "./download.ts";
export { type GgufWeights, type Joined, loadGguf } from "./gguf.ts";
export { loadSafetensors, type Weights } from "./safetensors.ts";
export { ByteStream, type Source } from "./stream.ts";
