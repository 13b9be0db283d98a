// SPDX-License-Identifier: MIT
// The limit on nesting that both halves of the parser share.
#pragma once

#include "frontends/tl/parser.h"

namespace nereid::tl {

constexpr int kMaxNesting = 150;

struct Parser::Deeper {
  explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
  ~Deeper() { --depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  int& depth_;
};

#define NEREID_DEEPER(what)    \
  Deeper deeper(depth_);       \
  if (depth_ > kMaxNesting) return unsupported(now().loc, cat("this is nested more than ", kMaxNesting, " deep (" what ")").c_str())

}  // namespace nereid::tl
