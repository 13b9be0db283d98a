// SPDX-License-Identifier: MIT
// The nesting limit of both halves of the parser. It counts nesting in the source (brackets, blocks, operators before an operand), not
// recursion.
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
