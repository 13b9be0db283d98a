// SPDX-License-Identifier: MIT
// The part of the Triton language that is written in the language: lib/*.py, embedded when the build is configured.
#pragma once

#include <string_view>

namespace nereid::tl {

extern const std::string_view kLibrarySource;

}  // namespace nereid::tl
