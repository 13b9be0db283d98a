// SPDX-License-Identifier: MIT
// `nereid tune`: searches schedules of a kernel for a fast one.
#pragma once

#include <string>

#include "session.h"

namespace nereid::tool {

struct TuneOptions {
  std::string target = "cpu", out;
  double seconds = 30;
  int threads = 0;
};

// The session has the arguments. Writes the fastest schedule that it finds within the time to `out`.
Problem tune(Session& session, const File& file, const std::string& signature, const uint32_t grid[3], const TuneOptions& options);

}  // namespace nereid::tool
