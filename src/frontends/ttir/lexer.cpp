// SPDX-License-Identifier: MIT
#include "frontends/ttir/lexer.h"

#include <algorithm>

namespace nereid::ttir {

bool Token::is(const char* punctuation) const { return (kind == Tok::Punct || kind == Tok::Arrow) && text == punctuation; }
bool Token::word(const char* w) const { return kind == Tok::Word && text == w; }

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isHexDigit(char c) { return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isWord(char c) { return isLetter(c) || isDigit(c) || c == '$' || c == '.'; }
bool isSuffix(char c) { return isWord(c) || c == '-'; }

}  // namespace

void Lexer::skipBlank() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
      size_t end = text_.find('\n', at_);
      at_ = end == std::string_view::npos ? text_.size() : end;
    } else {
      return;
    }
  }
}

Token Lexer::token(Tok kind, size_t begin, size_t end) {
  at_ = end;
  return {kind, text_.substr(begin, end - begin), static_cast<uint32_t>(begin)};
}

Token Lexer::next() {
  at_ = std::min(at_, text_.size());
  skipBlank();
  size_t begin = at_;
  if (begin >= text_.size()) return {Tok::End, {}, static_cast<uint32_t>(text_.size())};
  auto at = [&](size_t i) { return i < text_.size() ? text_[i] : '\0'; };
  auto scan = [&](size_t i, bool (*accept)(char)) {
    while (i < text_.size() && accept(text_[i])) ++i;
    return i;
  };
  // The end of a string that starts at `i`, or npos.
  auto string = [&](size_t i) {
    for (++i; i < text_.size() && text_[i] != '\n'; ++i) {
      if (text_[i] == '"') return i + 1;
      if (text_[i] == '\\') ++i;
    }
    return std::string_view::npos;
  };
  char c = text_[begin];
  if (isLetter(c)) return token(Tok::Word, begin, scan(begin, isWord));
  if (isDigit(c)) {
    if (c == '0' && at(begin + 1) == 'x' && isHexDigit(at(begin + 2))) return token(Tok::Integer, begin, scan(begin + 2, isHexDigit));
    size_t end = scan(begin, isDigit);
    if (at(end) != '.') return token(Tok::Integer, begin, end);
    end = scan(end + 1, isDigit);
    if (at(end) == 'e' || at(end) == 'E') {
      size_t digits = end + 1;
      if (at(digits) == '+' || at(digits) == '-') ++digits;
      if (isDigit(at(digits))) end = scan(digits, isDigit);
    }
    return token(Tok::Float, begin, end);
  }
  switch (c) {
    case '"': {
      size_t end = string(begin);
      if (end == std::string_view::npos) return token(Tok::Bad, begin, begin + 1);
      return token(Tok::String, begin, end);
    }
    case '%':
      if (isDigit(at(begin + 1))) return token(Tok::Value, begin, scan(begin + 1, isDigit));
      if (isSuffix(at(begin + 1))) return token(Tok::Value, begin, scan(begin + 1, isSuffix));
      return token(Tok::Bad, begin, begin + 1);
    case '@': {
      if (at(begin + 1) == '"') {
        size_t end = string(begin + 1);
        if (end == std::string_view::npos) return token(Tok::Bad, begin, begin + 1);
        return token(Tok::Symbol, begin, end);
      }
      size_t end = scan(begin + 1, isSuffix);
      return token(end > begin + 1 ? Tok::Symbol : Tok::Bad, begin, end);
    }
    case '^': {
      size_t end = scan(begin + 1, isSuffix);
      return token(end > begin + 1 ? Tok::Label : Tok::Bad, begin, end);
    }
    case '#':
      if (at(begin + 1) == '-' && at(begin + 2) == '}') return token(Tok::FileEnd, begin, begin + 3);
      if (isWord(at(begin + 1))) return token(Tok::Hash, begin, scan(begin + 1, isWord));
      return token(Tok::Bad, begin, begin + 1);
    case '!':
      if (isLetter(at(begin + 1))) return token(Tok::Bang, begin, scan(begin + 1, isWord));
      return token(Tok::Bad, begin, begin + 1);
    case '-':
      if (at(begin + 1) == '>') return token(Tok::Arrow, begin, begin + 2);
      return token(Tok::Punct, begin, begin + 1);
    case '{':
      if (at(begin + 1) == '-' && at(begin + 2) == '#') return token(Tok::FileBegin, begin, begin + 3);
      return token(Tok::Punct, begin, begin + 1);
    case '(':
    case ')':
    case '}':
    case '[':
    case ']':
    case '<':
    case '>':
    case ',':
    case ':':
    case '=':
    case '+':
    case '*':
    case '?':
    case '/':
    case '|':
    case '&': return token(Tok::Punct, begin, begin + 1);
    default: return token(Tok::Bad, begin, begin + 1);
  }
}

}  // namespace nereid::ttir
