// SPDX-License-Identifier: MIT
import "./decoding.ts";
import "./whisper.ts";
import "./language.ts";
