// SPDX-License-Identifier: MIT
import "./encoder.ts";
