// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"

namespace nereid {

// Runs iterations of the loops that the schedule has marked (`jammed`) together. Returns whether it changed any.
bool jamLoops(Func& f, Module& m);

}  // namespace nereid
