// SPDX-License-Identifier: MIT
// Search of texts by meaning.
export { Encoder, type EncoderOptions } from "./encoder.ts";
export { Hnsw, type HnswOptions, type Vectors } from "./hnsw.ts";
export { crc32, Log, LogError, type LogFile, type LogRecord, MemoryFile, openNodeFile, openPrivateFile } from "./log.ts";
export { Recall, type RecallOptions } from "./recall.ts";
export { type Filter, type Hit, type Item, matches, type SearchOptions, Store, type StoreOptions } from "./store.ts";
export { loadWeights, type Weights } from "./weights.ts";
