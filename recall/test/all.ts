// SPDX-License-Identifier: MIT
import "./encoder.ts";
import "./formats.ts";
import "./hnsw.ts";
import "./store.ts";
