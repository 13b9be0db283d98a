// SPDX-License-Identifier: MIT
// One decision about a nest or a dot: the values that are legal after the decisions before it, and the default.
//
// NestScheduler and DotScheduler ask for each decision in turn. Who answers is up to the caller: a line of a schedule's text, a generator
// of random numbers, or the listing of candidates. So what may be written, drawn and listed is the same by construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/function_ref.h"

namespace nereid {

struct Decision {
  enum Field : uint8_t { Vector, Lanes, Transposed, Threads, Spread, Order, Unrolled, Jammed, Tested, Rows, Rest, Columns, Group, Depth };
  Field field;
  int index;                             // of the axis of Threads, of the loop of Order; otherwise 0
  int usual;                             // the default
  std::string_view reason;               // for the default
  std::vector<int> values;               // the legal ones are among them
  FunctionRef<std::string(int)> whyNot;  // the reason why a value is not legal; empty if it is

  std::vector<int> legal() const;
};

// Answers a decision with one of its legal values.
using Choose = FunctionRef<int(const Decision&)>;
// Asks. A default that is not legal after the decisions before it gives way to the first legal value.
int ask(Choose choose, Decision decision);

bool isPower(int n);
// The powers of two from `first` to `last`.
std::vector<int> powers(int first, int64_t last);

std::string_view nameOf(Decision::Field field);
// A value as text: a number, `none`, `yes` or `no`.
std::string valueText(Decision::Field field, int value);

// The decisions of one line of text. The line may omit the rest, which the compiler decides.
struct LineDecisions {
  int line = 0;  // its number
  bool isDot = false;
  std::string axes;
  std::vector<std::pair<Decision::Field, std::vector<int>>> fields;
};

// Answers as a line says, and with the default where it says nothing.
class LineReader {
 public:
  explicit LineReader(const LineDecisions& line) : line_(line), asked_(line.fields.size(), 0) {}
  int operator()(const Decision& decision);
  // Why the line is not legal; empty if it is.
  std::string fault() const;

 private:
  const LineDecisions& line_;
  std::vector<size_t> asked_;  // items of each field
  std::string fault_;
};

// A generator of numbers for random schedules (xorshift64; Marsaglia, 2003).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  int below(int n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<int>(state_ % static_cast<uint64_t>(n));
  }
  // Answers with a legal value.
  int operator()(const Decision& decision) {
    const std::vector<int> values = decision.legal();
    return values[static_cast<size_t>(below(static_cast<int>(values.size())))];
  }

 private:
  uint64_t state_;
};

}  // namespace nereid
