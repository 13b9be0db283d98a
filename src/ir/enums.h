// SPDX-License-Identifier: MIT
// The keywords of TTIR's enumerations, shared by printer, parser and messages.
#pragma once

#include <optional>
#include <string_view>

#include "ir/ir.h"

namespace nereid {

// The keyword for a value of the enumeration that `attr` contains, or empty if there is none.
std::string_view enumKeyword(Attr attr, int64_t value);
std::optional<int64_t> enumFromKeyword(Attr attr, std::string_view keyword);
bool isEnum(Attr attr);

std::string_view cmpIKeyword(int64_t predicate);
std::optional<int64_t> cmpIFromKeyword(std::string_view keyword);
std::string_view cmpFKeyword(int64_t predicate);
std::optional<int64_t> cmpFFromKeyword(std::string_view keyword);

}  // namespace nereid
