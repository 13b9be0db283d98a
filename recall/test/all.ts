// SPDX-License-Identifier: MIT
import "./encoder.ts";
import "./formats.ts";
import "./store.ts";
