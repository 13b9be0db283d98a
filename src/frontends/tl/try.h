// SPDX-License-Identifier: MIT
// TRY(e) evaluates to the value of a Result, or returns its failure from the enclosing function. The core uses no exceptions.
#pragma once

#include <utility>

#include "support/diag.h"

#define NEREID_TRY_JOIN_(a, b) a##b
#define NEREID_TRY_JOIN(a, b) NEREID_TRY_JOIN_(a, b)
#define NEREID_TRY_IN(name, ...)                           \
  ({                                                       \
    auto&& name = (__VA_ARGS__);                           \
    if (!name) return std::unexpected(::nereid::Failed{}); \
    std::move(*name);                                      \
  })
#define TRY(...) NEREID_TRY_IN(NEREID_TRY_JOIN(try_, __COUNTER__), __VA_ARGS__)
#define CHECK_OK(...)                                               \
  do {                                                              \
    if (!(__VA_ARGS__)) return std::unexpected(::nereid::Failed{}); \
  } while (false)
