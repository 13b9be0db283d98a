// SPDX-License-Identifier: MIT
// Expressions, by precedence.
#include <cstdlib>

#include "frontends/tl/parser_depth.h"
#include "frontends/tl/try.h"

namespace nereid::tl {

Result<Node*> Parser::wholeExpression() {
  Node* n = TRY(expressionList());
  if (now().kind != Tok::End && now().kind != Tok::Newline && !now().is(";")) return unexpectedToken("the end of the expression");
  return n;
}

Result<Node*> Parser::expressionList() {
  auto item = [&]() -> Result<Node*> {
    if (!now().is("*")) return namedExpression();
    Node* star = make(Kind::Starred, take().loc);
    star->kids.push_back(TRY(binary(0)));
    star->loc = span(star);
    return star;
  };
  Node* first = TRY(item());
  if (!now().is(",")) {
    if (first->kind == Kind::Starred) return unsupported(first->loc, "a starred expression belongs in a call or a tuple");
    return first;
  }
  Node* tuple = make(Kind::Tuple, first->loc);
  tuple->kids.push_back(first);
  while (accept(",")) {
    const Token& t = now();
    if (t.kind == Tok::Newline || t.kind == Tok::End || t.is("=") || t.is(")") || t.is("]") || t.is(":") || t.is(";")) break;
    tuple->kids.push_back(TRY(item()));
  }
  tuple->loc = span(tuple);
  return tuple;
}

Result<Node*> Parser::targetList() {
  Node* first = TRY(postfix());
  if (!now().is(",")) {
    CHECK_OK(checkTarget(first));
    return first;
  }
  Node* tuple = make(Kind::Tuple, first->loc);
  tuple->kids.push_back(first);
  while (accept(",")) {
    if (now().is("in")) break;
    tuple->kids.push_back(TRY(postfix()));
  }
  tuple->loc = span(tuple);
  CHECK_OK(checkTarget(tuple));
  return tuple;
}

Result<Node*> Parser::namedExpression() {
  Node* e = TRY(expression());
  if (!now().is(":=")) return e;
  Node* n = make(Kind::NamedExpr, e->loc);
  n->at = take().loc;
  if (e->kind != Kind::Name) return diags_.error(Err::Syntax, e->loc).says("only a name can stand before `:=`");
  n->kids = {e, TRY(expression())};
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::expression() {
  NEREID_DEEPER("expressions");
  if (now().is("lambda"))
    return unsupported(now().loc, "`lambda` is not part of the Triton language", "define a @triton.jit function and pass it by name");
  if (now().is("await") || now().is("yield")) return unsupported(now().loc, cat("`", now().text, "` is not part of the Triton language").c_str());
  Node* value = TRY(orTest());
  if (!now().is("if")) return value;
  Node* n = make(Kind::IfExp, value->loc);
  n->at = take().loc;
  Node* test = TRY(orTest());
  CHECK_OK(expect("else", " of the conditional expression"));
  n->kids = {test, value, TRY(expression())};
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::orTest() {
  Node* left = TRY(andTest());
  if (!now().is("or")) return left;
  Node* n = make(Kind::BoolOp, left->loc);
  n->text = "or";
  n->at = now().loc;
  n->kids.push_back(left);
  while (accept("or")) n->kids.push_back(TRY(andTest()));
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::andTest() {
  Node* left = TRY(notTest());
  if (!now().is("and")) return left;
  Node* n = make(Kind::BoolOp, left->loc);
  n->text = "and";
  n->at = now().loc;
  n->kids.push_back(left);
  while (accept("and")) n->kids.push_back(TRY(notTest()));
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::notTest() {
  NEREID_DEEPER("expressions");
  if (!now().is("not")) return comparison();
  Node* n = make(Kind::UnaryOp, take().loc);
  n->text = "not";
  n->kids.push_back(TRY(notTest()));
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::comparison() {
  Node* left = TRY(binary(0));
  auto takeOperator = [&]() -> std::string {
    static constexpr const char* kOps[] = {"==", "!=", "<=", ">=", "<", ">"};
    for (const char* op : kOps)
      if (accept(op)) return std::string(op);
    if (accept("is")) return accept("not") ? "is not" : "is";
    if (accept("in")) return "in";
    if (now().is("not") && peek().is("in")) {
      take();
      take();
      return "not in";
    }
    return "";
  };
  Loc at = now().loc;
  std::string op = takeOperator();
  if (op.empty()) return left;
  if (op == "in" || op == "not in")
    return unsupported(at, cat("`", op, "` is not part of the Triton language").c_str(), "compare with each value: `x == a or x == b`");
  Node* n = make(Kind::Compare, left->loc);
  n->text = op;
  n->at = at;
  n->kids = {left, TRY(binary(0))};
  n->loc = span(n);
  Loc next = now().loc;
  if (!takeOperator().empty())
    return unsupported(next, "chained comparison is not part of the Triton language", "write `(a < b) & (b < c)`");
  return n;
}

Result<Node*> Parser::binary(int level) {
  // Lowest first. `@` is read so that it can be refused by name.
  static constexpr const char* kLevels[][6] = {{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%", "@"}};
  if (level == 6) return unary();
  Node* left = TRY(binary(level + 1));
  for (int chain = 0;; ++chain) {
    bool found = false;
    for (const char* op : kLevels[level]) found |= op && now().kind == Tok::Op && now().is(op);
    if (!found) return left;
    if (chain > 2000) return unsupported(now().loc, "this chain of operators is too long");
    Node* n = make(Kind::BinOp, left->loc);
    n->text = now().text;
    n->at = take().loc;
    if (n->text == "@")
      return unsupported(n->at, "`@` is not part of the Triton language", "use `tl.dot(a, b)`");
    n->kids = {left, TRY(binary(level + 1))};
    n->loc = span(n);
    left = n;
  }
}

Result<Node*> Parser::unary() {
  NEREID_DEEPER("expressions");
  if (now().kind != Tok::Op || !(now().is("-") || now().is("+") || now().is("~"))) return power();
  Node* n = make(Kind::UnaryOp, now().loc);
  n->text = take().text;
  n->kids.push_back(TRY(unary()));
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::power() {
  Node* base = TRY(postfix());
  if (!now().is("**")) return base;
  Node* n = make(Kind::BinOp, base->loc);
  n->at = take().loc;
  n->text = "**";
  n->kids = {base, TRY(unary())};
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::postfix() {
  if (now().is("await")) return unsupported(now().loc, "`await` is not part of the Triton language");
  Node* value = TRY(atom());
  for (int chain = 0;; ++chain) {
    if (chain > 500) return unsupported(now().loc, "this chain of calls and members is too long");
    if (now().is("(")) {
      Node* call = make(Kind::Call, value->loc);
      call->kids.push_back(value);
      call->at = value->loc;
      value = TRY(callArguments(call));
    } else if (now().is(".")) {
      take();
      if (now().kind != Tok::Name) return unexpectedToken("the name of a member");
      Node* n = make(Kind::Attribute, value->loc);
      n->at = now().loc;
      n->text = take().text;
      n->kids.push_back(value);
      n->loc = span(n);
      value = n;
    } else if (now().is("[")) {
      Node* n = make(Kind::Subscript, value->loc);
      take();
      n->kids = {value, TRY(subscriptIndex())};
      CHECK_OK(expect("]", " after the index"));
      n->loc = span(n);
      value = n;
    } else {
      return value;
    }
  }
}

Result<Node*> Parser::callArguments(Node* call) {
  NEREID_DEEPER("calls");
  take();
  while (!now().is(")")) {
    if (now().is("**")) return unsupported(now().loc, "`**` arguments are not part of the Triton language", "name each argument");
    if (now().is("*")) {
      Node* n = make(Kind::Starred, take().loc);
      n->kids.push_back(TRY(expression()));
      n->loc = span(n);
      call->kids.push_back(n);
    } else if (now().kind == Tok::Name && peek().is("=")) {
      Node* n = make(Kind::Keyword, now().loc);
      n->text = take().text;
      take();
      n->kids.push_back(TRY(expression()));
      for (Node* other : call->kids)
        if (other->kind == Kind::Keyword && other->text == n->text)
          return diags_.error(Err::Syntax, n->loc).says("argument `", n->text, "` is given twice").label(other->loc, "first here");
      call->kids.push_back(n);
    } else {
      Node* e = TRY(namedExpression());
      if (now().is("for"))
        return unsupported(now().loc, "generator expressions are not part of the Triton language", "write a list comprehension: `[... for x in items]`");
      if (!call->kids.empty() && call->kids.back()->kind == Kind::Keyword)
        return diags_.error(Err::Syntax, e->loc).says("a positional argument follows one given by name");
      call->kids.push_back(e);
    }
    if (!accept(",") && !now().is(")")) return unexpectedToken("`,` or `)`");
  }
  take();
  call->loc = span(call);
  return call;
}

Result<Node*> Parser::sliceOrExpression() {
  Node* slice = make(Kind::Slice, now().loc);
  slice->kids = {nullptr, nullptr, nullptr};
  if (!now().is(":")) {
    Node* e = TRY(namedExpression());
    if (!now().is(":")) return e;
    slice->kids[0] = e;
    slice->loc = e->loc;
  }
  take();
  if (!now().is(":") && !now().is("]") && !now().is(",")) slice->kids[1] = TRY(expression());
  if (accept(":") && !now().is("]") && !now().is(",")) slice->kids[2] = TRY(expression());
  slice->loc = span(slice);
  return slice;
}

Result<Node*> Parser::subscriptIndex() {
  Node* first = TRY(sliceOrExpression());
  if (!now().is(",")) return first;
  Node* tuple = make(Kind::Tuple, first->loc);
  tuple->kids.push_back(first);
  while (accept(",")) {
    if (now().is("]")) break;
    tuple->kids.push_back(TRY(sliceOrExpression()));
  }
  tuple->loc = span(tuple);
  return tuple;
}

Result<Node*> Parser::display(Kind kind, const char* close) {
  NEREID_DEEPER("brackets");
  Node* n = make(kind, take().loc);
  bool comma = false;
  while (!now().is(close)) {
    if (now().is("*")) {
      Node* star = make(Kind::Starred, take().loc);
      star->kids.push_back(TRY(binary(0)));
      star->loc = span(star);
      n->kids.push_back(star);
    } else {
      n->kids.push_back(TRY(namedExpression()));
    }
    if (now().is("for")) {
      if (kind != Kind::List)
        return unsupported(now().loc, "generator expressions are not part of the Triton language", "write a list comprehension: `[... for x in items]`");
      take();
      Node* target = TRY(postfix());
      if (target->kind != Kind::Name) return unsupported(target->loc, "a list comprehension can only bind one name");
      CHECK_OK(expect("in", " in the comprehension"));
      Node* items = TRY(orTest());
      if (now().is("if")) return unsupported(now().loc, "`if` in a list comprehension is not part of the Triton language");
      if (now().is("for")) return unsupported(now().loc, "nested comprehensions are not supported");
      CHECK_OK(expect("]", " after the comprehension"));
      n->kind = Kind::ListComp;
      n->kids = {n->kids[0], target, items};
      n->loc = span(n);
      return n;
    }
    comma = accept(",");
    if (!comma && !now().is(close)) return unexpectedToken(cat("`,` or `", close, "`").c_str());
  }
  take();
  n->loc = span(n);
  if (kind == Kind::Tuple && n->kids.size() == 1 && !comma) {
    n->kids[0]->loc = n->loc;  // parentheses alone: the value itself, with its brackets underlined too
    return n->kids[0];
  }
  return n;
}

Result<Node*> Parser::atom() {
  const Token& t = now();
  switch (t.kind) {
    case Tok::Number: return number();
    case Tok::String: case Tok::FString: return strings();
    case Tok::Name: {
      if (t.text == "None" || t.text == "True" || t.text == "False")
        return make(t.text == "None" ? Kind::None : t.text == "True" ? Kind::True : Kind::False, take().loc);
      if (t.text == "lambda")
        return unsupported(t.loc, "`lambda` is not part of the Triton language", "define a @triton.jit function and pass it by name");
      if (t.text == "yield") return unsupported(t.loc, "`yield` is not part of the Triton language");
      if (isKeyword(t.text)) return unexpectedToken("an expression");
      Node* n = make(Kind::Name, t.loc);
      n->text = take().text;
      return n;
    }
    case Tok::Op:
      if (t.text == "(") return display(Kind::Tuple, ")");
      if (t.text == "[") return display(Kind::List, "]");
      if (t.text == "{") return unsupported(t.loc, "dictionaries and sets are not part of the Triton language");
      if (t.text == "...") return make(Kind::Ellipsis, take().loc);
      [[fallthrough]];
    default: return unexpectedToken("an expression");
  }
}

Result<Node*> Parser::number() {
  const Token& t = take();
  std::string text = t.text;
  auto bad = [&]() -> std::unexpected<Failed> { return diags_.error(Err::Syntax, t.loc).says("`", text, "` is not a number"); };
  int base = 10;
  size_t at = 0;
  if (text.size() > 1 && text[0] == '0') {
    char c = static_cast<char>(text[1] | 0x20);
    base = c == 'x' ? 16 : c == 'b' ? 2 : c == 'o' ? 8 : 10;
    if (base != 10) at = 2;
  }
  bool real = base == 10 && text.find_first_of(".eE") != std::string::npos;
  if (!real && !text.empty() && base == 10 && (text.back() | 0x20) == 'j')
    return unsupported(t.loc, "complex numbers are not part of the Triton language");
  if (real) {
    auto value = parseDouble(text);
    if (!value) return bad();
    Node* n = make(Kind::Float, t.loc);
    n->real = *value;
    return n;
  }
  Node* n = make(Kind::Int, t.loc);
  if (at == text.size()) return bad();
  for (; at < text.size(); ++at) {
    char c = text[at];
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
    if (digit >= base) return bad();
    if (__builtin_mul_overflow(n->number, Int{base}, &n->number) || __builtin_add_overflow(n->number, Int{digit}, &n->number))
      return unsupported(t.loc, "this integer has more than 127 bits");
  }
  return n;
}

Result<Node*> Parser::strings() {
  Node* n = make(Kind::Str, now().loc);
  std::vector<Node*> parts;
  bool formatted = false;
  while (now().kind == Tok::String || now().kind == Tok::FString) {
    const Token& t = take();
    if (t.kind == Tok::FString) {
      formatted = true;
      CHECK_OK(formatString(t, parts));
    } else {
      Node* piece = make(Kind::Str, t.loc);
      piece->text = t.text;
      parts.push_back(piece);
    }
  }
  n->loc = span(n);
  if (formatted) {
    n->kind = Kind::JoinedStr;
    n->kids = std::move(parts);
  } else {
    for (Node* p : parts) n->text += p->text;
  }
  return n;
}

// Splits the text of an f-string at its braces; the expressions inside are parsed on their own.
Result<void> Parser::formatString(const Token& token, std::vector<Node*>& parts) {
  const std::string& s = token.text;
  std::string literal;
  auto flush = [&] {
    if (literal.empty()) return;
    Node* piece = make(Kind::Str, token.loc);
    piece->text = token.raw ? literal : unescape(literal);
    parts.push_back(piece);
    literal.clear();
  };
  for (size_t i = 0; i < s.size(); ++i) {
    char c = s[i];
    if ((c == '{' || c == '}') && i + 1 < s.size() && s[i + 1] == c) {
      literal += c;
      ++i;
      continue;
    }
    if (c == '}') return diags_.error(Err::Syntax, token.loc).says("a single `}` in an f-string");
    if (c != '{') {
      literal += c;
      continue;
    }
    flush();
    size_t begin = i + 1, end = begin;
    int depth = 0;
    char quote = 0;
    for (; end < s.size(); ++end) {
      char d = s[end];
      if (quote) {
        if (d == quote) quote = 0;
        continue;
      }
      if (d == '"' || d == '\'') quote = d;
      else if (d == '(' || d == '[' || d == '{') ++depth;
      else if (depth > 0 && (d == ')' || d == ']' || d == '}')) --depth;
      else if (depth == 0 && (d == '}' || d == ':' || (d == '!' && (end + 1 >= s.size() || s[end + 1] != '=')))) break;
    }
    if (end >= s.size()) return diags_.error(Err::Syntax, token.loc).says("a `{` in an f-string is not closed");
    std::string text = s.substr(begin, end - begin);
    Node* part = make(Kind::Formatted, token.loc);
    std::string trimmed(trim(text));
    if (trimmed.ends_with('=') && !trimmed.ends_with("==")) {  // f"{x=}" shows the expression too
      literal = text;
      flush();
      text = trimmed.substr(0, trimmed.size() - 1);
      part->text = "r";
    }
    std::vector<Token> inner = lexExpression(text, token.loc);
    for (Token& t : inner) t.loc = token.loc;
    if (depth_ > kMaxNesting) return unsupported(token.loc, "f-strings are nested too deep");
    Parser parser(inner, 0, arena_, diags_);
    parser.depth_ = depth_ + 10;
    part->kids = {TRY(parser.wholeExpression()), nullptr};
    if (s[end] == '!') {
      part->text = end + 1 < s.size() ? std::string(1, s[end + 1]) : "";
      end += 2;
    }
    if (end < s.size() && s[end] == ':') {
      size_t close = s.find('}', end);
      if (close == std::string::npos) return diags_.error(Err::Syntax, token.loc).says("a `{` in an f-string is not closed");
      Node* format = make(Kind::Str, token.loc);
      format->text = s.substr(end + 1, close - end - 1);
      part->kids[1] = format;
      end = close;
    }
    if (end >= s.size() || s[end] != '}') return diags_.error(Err::Syntax, token.loc).says("a `{` in an f-string is not closed");
    parts.push_back(part);
    i = end;
  }
  flush();
  return {};
}

}  // namespace nereid::tl
