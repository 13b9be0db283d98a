// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nereid {

// What an assertion or a print says, where the compiled kernel gives a number only.
struct Site {
  bool isAssert = false;
  std::string text;
  uint32_t line = 0;                // of an assertion
  std::vector<std::string> values;  // of a print: "i64", "u64", "hex", "f64" or "ptr"
};

}  // namespace nereid
