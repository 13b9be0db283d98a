// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace nereid {

// Receives the output of running kernels: the text of a failed assertion, or printed text. Called from any of their threads.
struct Listener {
  void (*hear)(void* user, bool isFailure, std::string_view text);
  void* user;
};

}  // namespace nereid
