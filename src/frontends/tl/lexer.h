// SPDX-License-Identifier: MIT
// Python source to tokens: indentation, line joining, strings, numbers, operators.
//
// A file contains more than kernels (tests, torch code, classes), so the lexer refuses nothing: text that is not Python becomes an Error
// token, which is reported only if that part of the file is needed.
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
  // Name, Op: as written. String: the value, without escapes. FString: the raw text between the quotes. Error: the problem.
  std::string text;
  bool raw = false;  // FString: of an rf"" literal
  bool is(const char* spelling) const { return (kind == Tok::Name || kind == Tok::Op) && text == spelling; }
};

// All tokens of `text`, the content of `file`; ends with Dedents and End.
std::vector<Token> lex(std::string_view text, uint32_t file);
// Tokens of an expression inside an f-string, whose location starts at `at`; without layout tokens.
std::vector<Token> lexExpression(std::string_view text, Loc at);
// Replaces the escapes of a string literal.
std::string unescape(std::string_view text, bool bytes = false);
bool isKeyword(std::string_view name);
std::string_view tokenKindName(Tok kind);

}  // namespace nereid::tl
