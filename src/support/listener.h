// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace nereid {

// Who hears what kernels say while they run: the text of an assertion that failed, or what was printed. From any of their threads.
struct Listener {
  void (*hear)(void* user, bool isFailure, std::string_view text);
  void* user;
};

}  // namespace nereid
