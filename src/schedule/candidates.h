// SPDX-License-Identifier: MIT
// The legal candidates of a schedule, decision by decision: what a search tries, and `emit --stage candidates` lists.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schedule/decision.h"
#include "schedule/schedule.h"

namespace nereid {

// A decision with more than one legal value, after the decisions before it in its nest or dot.
struct Candidates {
  struct Value {
    int value;
    int64_t cost;  // of the nest or dot with this value (costs.cpp), if later decisions stay where they can
  };
  int nest;            // its number
  std::string before;  // the line up to this decision
  Decision::Field field;
  std::vector<Value> values;  // the cheapest first
  int taken, usual;           // in this schedule, and by default
  std::string_view reason;    // for the default

  // The line with one of the values. It leaves later decisions to the compiler.
  std::string line(const Value& value) const { return before + valueText(field, value.value); }
};

// One line for each decision:
//
//   nest 0 axes 1024 vector 0 lanes {16 8 4 2}  # cost 70 82 120 200; now 8, by default 16: ...
//
// With one of the values for the braces, it is a line of a schedule.
std::string describeCandidates(const Func& f, const Schedule& schedule);

}  // namespace nereid
