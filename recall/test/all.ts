// SPDX-License-Identifier: MIT
import "./encoder.ts";
import "./store.ts";
