// SPDX-License-Identifier: MIT
// Python source to tokens: indentation, line joining, strings, numbers, operators.
//
// A file holds more than kernels (tests, torch code, classes), so nothing is refused here: text that is not Python becomes an Error
// token, and only whoever needs that part of the file complains.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/diag.h"

namespace nereid::tl {

enum class Tok : uint8_t { Name, Number, String, FString, Op, Newline, Indent, Dedent, End, Error };

struct Token {
  Tok kind = Tok::End;
  Loc loc;
  uint32_t begin = 0, end = 0;  // bytes in the source
  // Name, Op: as written. String: the value, escapes done. FString: the text between the quotes, raw. Error: what is wrong.
  std::string text;
  bool raw = false;  // FString: of an rf"" literal
  bool is(const char* spelling) const { return (kind == Tok::Name || kind == Tok::Op) && text == spelling; }
};

// All tokens of `text`, which is that of `file`; ends with Dedents and End.
std::vector<Token> lex(std::string_view text, uint32_t file);
// Tokens of an expression inside an f-string, located from `at`; no layout tokens.
std::vector<Token> lexExpression(std::string_view text, Loc at);
// Replaces the escapes of a string literal.
std::string unescape(std::string_view text, bool bytes = false);
bool isKeyword(std::string_view name);
std::string_view tokenKindName(Tok kind);

}  // namespace nereid::tl
