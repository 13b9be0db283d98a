// SPDX-License-Identifier: MIT
#include "frontends/tl/lexer.h"

#include <algorithm>

namespace nereid::tl {
namespace {

bool isNameStart(unsigned char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80; }
bool isDigit(unsigned char c) { return c >= '0' && c <= '9'; }
int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
bool isNamePart(unsigned char c) { return isNameStart(c) || isDigit(c); }

constexpr std::string_view kOperators[] = {"**=", "//=", ">>=", "<<=", "...", "!=", "->", ":=", "==", "<=", ">=", "+=",
                                           "-=",  "*=",  "/=",  "%=",  "&=",  "|=", "^=", "@=", "**", "//", "<<", ">>",
                                           "+",   "-",   "*",   "/",   "%",   "&",  "|",  "^",  "~",  "<",  ">",  "(",
                                           ")",   "[",   "]",   "{",   "}",   ",",  ":",  ".",  ";",  "=",  "@",  "!"};

// Describes a character that cannot be part of a name, such as typographic quotes, arrows and invisible spaces. (Outside these ranges
// letters are not distinguished from other characters.)
const char* stray(std::string_view name) {
  static constexpr std::pair<uint32_t, uint32_t> kSigns[] = {
      {0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB6},     {0xB8, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
      {0xF7, 0xF7},     {0x2000, 0x203E}, {0x2041, 0x2053}, {0x2055, 0x2070}, {0x207A, 0x207E}, {0x208A, 0x208E},
      {0x20A0, 0x20CF}, {0x2190, 0x2BFF}, {0x2E00, 0x2E7F}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0xFE10, 0xFE1F},
      {0xFE30, 0xFE32}, {0xFEFF, 0xFEFF}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFFFC, 0xFFFF}, {0x1F000, 0x1FAFF}};
  for (size_t i = 0; i < name.size();) {
    unsigned char c = static_cast<unsigned char>(name[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || i + length > name.size()) return "this is not UTF-8";
    uint32_t code = c & (0xFFu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(name[i + k]) & 0xC0) != 0x80) return "this is not UTF-8";
      code = code << 6 | (static_cast<unsigned char>(name[i + k]) & 0x3Fu);
    }
    for (auto& [from, to] : kSigns)
      if (code >= from && code <= to)
        return "this has a character that is not part of Python, such as a typographic quote or an invisible space";
    i += length;
  }
  return nullptr;
}

class Lexer {
 public:
  Lexer(std::string_view text, uint32_t file) : text_(text), file_(file) {}

  std::vector<Token> run() {
    if (text_.starts_with("\xEF\xBB\xBF")) pos_ = 3, lineStart_ = 3;
    tokens_.reserve(text_.size() / 3);
    while (pos_ < text_.size()) {
      if (atLineStart_ && depth_ == 0 && !indentation()) continue;
      next();
    }
    if (!tokens_.empty() && tokens_.back().kind != Tok::Newline && tokens_.back().kind != Tok::Dedent) add(Tok::Newline, pos_);
    for (size_t i = 1; i < indents_.size(); ++i) add(Tok::Dedent, pos_);
    add(Tok::End, pos_);
    return std::move(tokens_);
  }

  std::vector<Token> runExpression(Loc at) {
    atLineStart_ = false;
    depth_ = 1;
    base_ = at;
    while (pos_ < text_.size()) next();
    add(Tok::End, pos_);
    return std::move(tokens_);
  }

 private:
  Loc here(size_t begin, size_t end) const {
    size_t col = begin >= lineStart_ ? begin - lineStart_ + 1 : 1;
    if (base_ && line_ == 1) return {base_.file(), base_.line(), base_.col() + col - 1, end - begin};
    return {base_ ? base_.file() : file_, line_ + (base_ ? base_.line() - 1 : 0), col, end - begin};
  }

  Token& add(Tok kind, size_t begin, std::string text = {}) {
    Token& t = tokens_.emplace_back();
    t.kind = kind;
    t.loc = here(begin, pos_);
    t.begin = static_cast<uint32_t>(begin);
    t.end = static_cast<uint32_t>(pos_);
    t.text = std::move(text);
    return t;
  }

  void newline() {
    ++pos_;
    ++line_;
    lineStart_ = pos_;
  }

  // Measures the indentation of a logical line; false if the line is blank or a comment and was skipped.
  bool indentation() {
    size_t begin = pos_;
    size_t width = 0, narrow = 0;  // with tab stops of 8 columns, and of 1
    for (; pos_ < text_.size(); ++pos_) {
      if (text_[pos_] == ' ')
        ++width, ++narrow;
      else if (text_[pos_] == '\t')
        width = width / 8 * 8 + 8, ++narrow;
      else if (text_[pos_] == '\f')
        width = narrow = 0;
      else
        break;
    }
    if (pos_ >= text_.size()) return false;
    if (text_[pos_] == '#' || text_[pos_] == '\n' || text_[pos_] == '\r') {
      while (pos_ < text_.size() && text_[pos_] != '\n') ++pos_;
      if (pos_ < text_.size()) newline();
      return false;
    }
    atLineStart_ = false;
    // As in CPython, the order of indents must not depend on the width of a tab.
    auto mixed = [&](bool consistent) {
      if (!consistent) add(Tok::Error, begin, "this indentation mixes tabs and spaces, so its depth depends on the width of a tab");
    };
    if (width > indents_.back().first) {
      mixed(narrow > indents_.back().second);
      indents_.push_back({width, narrow});
      add(Tok::Indent, begin);
      return true;
    }
    while (width < indents_.back().first) {
      indents_.pop_back();
      add(Tok::Dedent, begin);
    }
    if (width != indents_.back().first) {
      add(Tok::Error, begin, "this indentation does not match any enclosing block");
      indents_.push_back({width, narrow});
    } else {
      mixed(narrow == indents_.back().second);
    }
    return true;
  }

  void next() {
    char c = text_[pos_];
    if (c == '\n') {
      if (depth_ == 0) {
        size_t begin = pos_++;
        add(Tok::Newline, begin);
        --pos_;
        atLineStart_ = true;
      }
      return newline();
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
      ++pos_;
      return;
    }
    if (c == '#') {
      while (pos_ < text_.size() && text_[pos_] != '\n') ++pos_;
      return;
    }
    if (c == '\\' && pos_ + 1 < text_.size() && (text_[pos_ + 1] == '\n' || text_[pos_ + 1] == '\r')) {
      ++pos_;
      while (pos_ < text_.size() && text_[pos_] == '\r') ++pos_;
      if (pos_ < text_.size() && text_[pos_] == '\n') newline();
      return;
    }
    if (isNameStart(static_cast<unsigned char>(c))) return nameOrString();
    if (isDigit(static_cast<unsigned char>(c)) ||
        (c == '.' && pos_ + 1 < text_.size() && isDigit(static_cast<unsigned char>(text_[pos_ + 1]))))
      return number();
    if (c == '"' || c == '\'') return string(pos_, "");
    for (std::string_view op : kOperators) {
      if (op[0] != c || (op.size() > 1 && text_.substr(pos_, op.size()) != op)) continue;
      size_t begin = pos_;
      pos_ += op.size();
      if (c == '(' || c == '[' || c == '{') ++depth_;
      if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
      add(Tok::Op, begin, std::string(op));
      return;
    }
    size_t begin = pos_++;
    add(Tok::Error, begin, "this character is not valid in Python");
  }

  void nameOrString() {
    size_t begin = pos_;
    while (pos_ < text_.size() && isNamePart(static_cast<unsigned char>(text_[pos_]))) ++pos_;
    std::string_view name = text_.substr(begin, pos_ - begin);
    if (name.size() <= 2 && pos_ < text_.size() && (text_[pos_] == '"' || text_[pos_] == '\'')) {
      std::string prefix(name);
      for (char& p : prefix) p = static_cast<char>(p | 0x20);
      if (prefix == "r" || prefix == "u" || prefix == "b" || prefix == "f" || prefix == "br" || prefix == "rb" || prefix == "fr" ||
          prefix == "rf")
        return string(begin, prefix);
    }
    if (const char* bad = stray(name)) {
      add(Tok::Error, begin, bad);
      return;
    }
    add(Tok::Name, begin, std::string(name));
  }

  // A number with any following characters that look like part of it; the parser computes its value.
  void number() {
    size_t begin = pos_;
    bool hexadecimal = text_[pos_] == '0' && pos_ + 1 < text_.size() && (text_[pos_ + 1] | 0x20) == 'x';
    while (pos_ < text_.size()) {
      unsigned char c = static_cast<unsigned char>(text_[pos_]);
      bool sign = (c == '+' || c == '-') && pos_ > begin && !hexadecimal && (text_[pos_ - 1] | 0x20) == 'e';
      if (!isNamePart(c) && c != '.' && !sign) break;
      ++pos_;
    }
    // An underscore stands between two digits, or after 0x, 0b or 0o.
    const std::string_view written = text_.substr(begin, pos_ - begin);
    std::string digits;
    for (size_t i = 0; i < written.size(); ++i) {
      if (written[i] != '_') {
        digits += written[i];
        continue;
      }
      auto isPart = [&](size_t at) {
        return at < written.size() && hexValue(written[at]) >= 0 && (hexadecimal || isDigit(static_cast<unsigned char>(written[at])));
      };
      const bool isAfterBase = i == 2 && written[0] == '0' && std::string_view("xXbBoO").contains(written[1]);
      if ((isPart(i - 1) || isAfterBase) && isPart(i + 1)) continue;
      add(Tok::Error, begin, "an underscore in a number must stand between two digits");
      return;
    }
    add(Tok::Number, begin, std::move(digits));
  }

  // The position after the `{...}` of an f-string at `i`, which may contain strings with the f-string's quotes; after the brace alone if it
  // is not closed.
  size_t fieldEnd(size_t i, bool triple) const {
    size_t begin = i;
    if (text_.substr(i, 2) == "{{") return i + 2;
    int depth = 0;
    bool format = false;  // after the colon, where quotes are plain text
    for (; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == '\n' && !triple) break;
      if (c == '{' || c == '(' || c == '[') ++depth;
      if ((c == '}' || c == ')' || c == ']') && --depth == 0) return i + 1;
      if (c == ':' && depth == 1) format = true;
      if (format || (c != '"' && c != '\'')) continue;
      bool three = text_.substr(i, 3) == std::string(3, c);
      size_t close = text_.find(three ? std::string(3, c) : std::string(1, c), i + (three ? 3 : 1));
      if (close == std::string_view::npos || (!three && !triple && text_.substr(i, close - i).find('\n') != std::string_view::npos)) break;
      i = close + (three ? 2 : 0);
    }
    return begin + 1;
  }

  void string(size_t begin, std::string_view prefix) {
    char quote = text_[pos_];
    bool triple = text_.substr(pos_, 3) == std::string(3, quote);
    pos_ += triple ? 3 : 1;
    size_t contents = pos_;
    Loc loc = here(begin, contents);
    bool closed = false;
    bool fields = prefix.find('f') != std::string_view::npos;
    while (pos_ < text_.size()) {
      if (fields && text_[pos_] == '{') {
        size_t end = fieldEnd(pos_, triple);
        while (pos_ < end) text_[pos_] == '\n' ? newline() : void(++pos_);
        continue;
      }
      if (text_[pos_] == '\\') {
        ++pos_;
        if (pos_ < text_.size()) text_[pos_] == '\n' ? newline() : void(++pos_);
        continue;
      }
      if (text_[pos_] == quote && (!triple || text_.substr(pos_, 3) == std::string(3, quote))) {
        closed = true;
        break;
      }
      if (text_[pos_] == '\n') {
        if (!triple) break;
        newline();
        continue;
      }
      ++pos_;
    }
    std::string_view body = text_.substr(contents, pos_ - contents);
    if (closed) pos_ += triple ? 3 : 1;
    bool raw = prefix.find('r') != std::string_view::npos;
    bool format = prefix.find('f') != std::string_view::npos;
    std::string value = !closed ? std::string("this string is not closed") : format || raw ? std::string(body) : unescape(body);
    Token& t = add(!closed ? Tok::Error : format ? Tok::FString : Tok::String, begin, std::move(value));
    if (t.loc.line() != loc.line())
      t.loc = loc;
    else
      t.loc = here(begin, pos_);
    t.raw = raw;
  }

  std::string_view text_;
  uint32_t file_;
  Loc base_;
  size_t pos_ = 0, lineStart_ = 0;
  uint32_t line_ = 1;
  int depth_ = 0;
  bool atLineStart_ = true;
  std::vector<std::pair<size_t, size_t>> indents_{{0, 0}};
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view text, uint32_t file) { return Lexer(text, file).run(); }
std::vector<Token> lexExpression(std::string_view text, Loc at) { return Lexer(text, at.file()).runExpression(at); }

std::string unescape(std::string_view text, bool bytes) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    char c = text[++i];
    switch (c) {
      case '\n': break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case 'a': out += '\a'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'v': out += '\v'; break;
      case '\\':
      case '\'':
      case '"': out += c; break;
      case 'x':
      case 'u':
      case 'U': {
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        uint32_t value = 0;
        size_t used = 0;
        while (used < digits && i + 1 < text.size() && hexValue(text[i + 1]) >= 0) {
          value = value * 16 + static_cast<uint32_t>(hexValue(text[++i]));
          ++used;
        }
        if (c == 'x' && bytes)
          out += static_cast<char>(value);
        else
          appendUtf8(out, value);
        break;
      }
      default:
        if (c >= '0' && c <= '7') {
          uint32_t value = static_cast<uint32_t>(c - '0');
          for (int k = 0; k < 2 && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '7'; ++k)
            value = value * 8 + static_cast<uint32_t>(text[++i] - '0');
          appendUtf8(out, value);
        } else {
          out += '\\';
          out += c;
        }
    }
  }
  return out;
}

bool isKeyword(std::string_view name) {
  static constexpr std::string_view kWords[] = {"False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
                                                "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
                                                "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
                                                "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};
  return std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords);
}

std::string_view tokenKindName(Tok kind) {
  static constexpr std::string_view kNames[] = {"name",    "number", "string", "f-string", "op",
                                                "newline", "indent", "dedent", "end",      "error"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace nereid::tl
