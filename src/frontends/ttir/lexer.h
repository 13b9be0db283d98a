// SPDX-License-Identifier: MIT
// Tokens of MLIR text. The parser may move the lexer to any byte: dimension lists (`128x64xf32`) are read as characters.
#pragma once

#include <cstdint>
#include <string_view>

namespace nereid::ttir {

enum class Tok : uint8_t {
  End,
  Bad,        // no token begins here
  Word,       // tt.load, i32, true
  Integer,    // 12, 0x1F
  Float,      // 1.5e+00
  String,     // "text", with the quotes
  Value,      // %name, without #2
  Symbol,     // @name, @"name"
  Label,      // ^bb0
  Hash,       // #loc3, #tt.foo, #1
  Bang,       // !tt.ptr
  Arrow,      // ->
  FileBegin,  // {-#
  FileEnd,    // #-}
  Punct,      // one character: ( ) { } [ ] < > , : = - + * ? / | &
};

struct Token {
  Tok kind = Tok::End;
  std::string_view text;
  uint32_t offset = 0;
  bool is(const char* punctuation) const;
  bool word(const char* w) const;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();
  void seek(uint32_t offset) { at_ = offset; }
  std::string_view text() const { return text_; }

 private:
  void skipBlank();
  Token token(Tok kind, size_t begin, size_t end);
  size_t at_ = 0;
  std::string_view text_;
};

}  // namespace nereid::ttir
