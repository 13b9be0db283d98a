// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"

namespace nereid {

// 64-bit integers become 32-bit ones where their values fit, or where only their low halves matter: to addresses, say. For targets whose
// addresses have 32 bits, and whose 64-bit integers are slow or two words. Signs are extended where a 64-bit value is needed.
void narrowIntegers(Func& f, Module& m);

}  // namespace nereid
