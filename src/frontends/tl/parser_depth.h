// SPDX-License-Identifier: MIT
// The limit on nesting that both halves of the parser share. It counts what the user nests (brackets, blocks, operators before an operand),
// not our functions.
#pragma once

#include "frontends/tl/parser.h"

namespace nereid::tl {

constexpr int kMaxNesting = 200;  // as CPython's

struct Parser::Deeper {
  explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
  ~Deeper() { --depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  int& depth_;
};

#define NEREID_DEEPER(what) \
  Deeper deeper(depth_);    \
  if (depth_ > kMaxNesting) return tooDeep(what)

}  // namespace nereid::tl
