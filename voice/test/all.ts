// SPDX-License-Identifier: MIT
import "./decoding.ts";
import "./download.ts";
import "./whisper.ts";
import "./gpu.ts";
import "./language.ts";
import "./live.ts";
