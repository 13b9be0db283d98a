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
  auto item = [&]() -> Result<Node*> { return now().is("*") ? starred() : namedExpression(); };
  Node* first = TRY(item());
  if (!now().is(",")) {
    if (first->kind == Kind::Starred)
      return diags_.error(Err::Syntax, first->loc).says("a starred expression belongs in a call or a tuple");
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

Result<Node*> Parser::starred() {
  Node* star = make(Kind::Starred, take().loc);
  star->kids.push_back(TRY(binary(0)));
  star->loc = span(star);
  return star;
}

Result<Node*> Parser::targetList() {
  Node* first = now().is("*") ? TRY(starred()) : TRY(postfix());
  if (!now().is(",")) {
    CHECK_OK(checkTarget(first));
    return first;
  }
  Node* tuple = make(Kind::Tuple, first->loc);
  tuple->kids.push_back(first);
  while (accept(",")) {
    if (now().is("in")) break;
    tuple->kids.push_back(now().is("*") ? TRY(starred()) : TRY(postfix()));
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
  if (now().is("lambda")) return lambda();
  if (now().is("yield")) return yieldExpression();
  Node* value = TRY(orTest());
  if (!now().is("if")) return value;
  NEREID_DEEPER("operators");
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
  if (!now().is("not")) return comparison();
  NEREID_DEEPER("operators");
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
  std::vector<Node*> all;
  do {
    Node* n = make(Kind::Compare, left->loc);
    n->text = op;
    n->at = at;
    n->kids = {left, TRY(binary(0))};
    n->loc = span(n);
    all.push_back(n);
    left = n->kids[1];
    at = now().loc;
    op = takeOperator();
  } while (!op.empty());
  if (all.size() == 1) return all[0];
  Node* chain = make(Kind::Chain, all[0]->loc);
  chain->loc = span(chain);
  chain->at = all[1]->at;
  chain->kids = std::move(all);
  return chain;
}

// Operators of one level associate to the left: `least` is the lowest level that this call accepts.
Result<Node*> Parser::binary(int least) {
  auto level = [&]() -> int {
    static constexpr const char* kLevels[][6] = {{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%", "@"}};
    if (now().kind != Tok::Op) return -1;
    for (int l = 0; l < 6; ++l)
      for (const char* op : kLevels[l])
        if (op && now().is(op)) return l;
    return -1;
  };
  Node* left = TRY(unary());
  for (int chain = 0;; ++chain) {
    int found = level();
    if (found < least) return left;
    if (chain > 2000) return diags_.error(Err::Unsupported, now().loc).says("this chain of operators is too long");
    Node* n = make(Kind::BinOp, left->loc);
    n->text = now().text;
    n->at = take().loc;
    n->kids = {left, TRY(binary(found + 1))};
    n->loc = span(n);
    left = n;
  }
}

Result<Node*> Parser::unary() {
  if (now().kind != Tok::Op || !(now().is("-") || now().is("+") || now().is("~"))) return power();
  NEREID_DEEPER("operators");
  Node* n = make(Kind::UnaryOp, now().loc);
  n->text = take().text;
  n->kids.push_back(TRY(unary()));
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::power() {
  Node* base = TRY(postfix());
  if (!now().is("**")) return base;
  NEREID_DEEPER("operators");
  Node* n = make(Kind::BinOp, base->loc);
  n->at = take().loc;
  n->text = "**";
  n->kids = {base, TRY(unary())};
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::postfix() {
  if (now().is("await")) {
    NEREID_DEEPER("operators");
    Node* n = refused(take().loc, "`await` is not part of the Triton language");
    TRY(postfix());
    return n;
  }
  Node* value = TRY(atom());
  for (int chain = 0;; ++chain) {
    if (chain > 500) return diags_.error(Err::Unsupported, now().loc).says("this chain of calls and members is too long");
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
      NEREID_DEEPER("brackets");
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
  NEREID_DEEPER("brackets");
  take();
  while (!now().is(")")) {
    if (now().is("**")) {
      Node* n = make(Kind::Keyword, take().loc);
      n->kids.push_back(TRY(expression()));
      n->loc = span(n);
      call->kids.push_back(n);
    } else if (now().is("*")) {
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
      if (now().is("for") || now().is("async")) e = TRY(comprehension('(', e, nullptr, e->loc));
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
  auto item = [&]() -> Result<Node*> { return now().is("*") ? starred() : sliceOrExpression(); };
  Node* first = TRY(item());
  if (!now().is(",") && first->kind != Kind::Starred) return first;
  Node* tuple = make(Kind::Tuple, first->loc);
  tuple->kids.push_back(first);
  while (accept(",")) {
    if (now().is("]")) break;
    tuple->kids.push_back(TRY(item()));
  }
  tuple->loc = span(tuple);
  return tuple;
}

Result<Node*> Parser::display(Kind kind, const char* close) {
  NEREID_DEEPER("brackets");
  Node* n = make(kind, take().loc);
  bool comma = false;
  while (!now().is(close)) {
    n->kids.push_back(now().is("*") ? TRY(starred()) : TRY(namedExpression()));
    if (n->kids.size() == 1 && (now().is("for") || now().is("async"))) {
      Node* comp = TRY(comprehension(kind == Kind::List ? '[' : '(', n->kids[0], nullptr, n->loc));
      CHECK_OK(expect(close, " after the comprehension"));
      comp->loc = span(n->loc);
      return comp;
    }
    comma = accept(",");
    if (!comma && !now().is(close)) return unexpectedToken(cat("`,` or `", close, "`").c_str());
  }
  take();
  n->loc = span(n);
  if (kind == Kind::Tuple && n->kids.size() == 1 && !comma) {
    n->kids[0]->loc = n->loc;  // parentheses around a value: the value, with its brackets underlined, too
    return n->kids[0];
  }
  return n;
}

// `{}`, a dictionary or a set, or a comprehension of one.
Result<Node*> Parser::braces() {
  NEREID_DEEPER("brackets");
  Node* n = make(Kind::Dict, take().loc);
  while (!now().is("}")) {
    bool first = n->kids.empty();
    if (accept("**")) {
      if (!first && n->kind == Kind::Set) return unexpectedToken("an item of the set");
      n->kids.push_back(nullptr);
      n->kids.push_back(TRY(binary(0)));
    } else {
      Node* key = now().is("*") ? TRY(starred()) : TRY(namedExpression());
      if (first && !now().is(":")) n->kind = Kind::Set;
      Node* value = nullptr;
      if (n->kind == Kind::Dict) {
        CHECK_OK(expect(":", " after the key"));
        value = TRY(expression());
      }
      if (first && (now().is("for") || now().is("async"))) {
        Node* comp = TRY(comprehension(value ? ':' : '{', key, value, n->loc));
        CHECK_OK(expect("}", " after the comprehension"));
        comp->loc = span(n->loc);
        return comp;
      }
      n->kids.push_back(key);
      if (value) n->kids.push_back(value);
    }
    if (!accept(",") && !now().is("}")) return unexpectedToken("`,` or `}`");
  }
  take();
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::comprehension(char flag, Node* element, Node* value, Loc begin) {
  Node* n = make(Kind::Comp, begin);
  n->flag = flag;
  n->at = now().loc;
  n->kids = {element, value};
  while (now().is("for") || now().is("async")) {
    Node* clause = make(Kind::CompFor, now().loc);
    if (accept("async")) clause->flag = 'a';
    CHECK_OK(expect("for", " of the comprehension"));
    clause->kids.push_back(TRY(targetList()));
    CHECK_OK(expect("in", " in the comprehension"));
    clause->kids.push_back(TRY(orTest()));
    while (accept("if")) {
      Node* test = TRY(orTest());
      if (now().is(":=")) {
        take();
        Node* named = make(Kind::NamedExpr, test->loc);
        named->kids = {test, TRY(expression())};
        test = named;
      }
      clause->kids.push_back(test);
    }
    n->kids.push_back(clause);
  }
  n->loc = span(n);
  return n;
}

Result<Node*> Parser::lambda() {
  NEREID_DEEPER("operators");
  Node* n = make(Kind::Lambda, take().loc);
  CHECK_OK(parameters(n, ":"));
  take();
  n->kids.push_back(TRY(expression()));
  return n;
}

Result<Node*> Parser::yieldExpression() {
  NEREID_DEEPER("operators");
  Node* n = refused(take().loc, "`yield` is not part of the Triton language");
  const Token& t = now();
  if (accept("from"))
    TRY(expression());
  else if (t.kind != Tok::Newline && t.kind != Tok::End && !t.is(")") && !t.is("]") && !t.is("}") && !t.is(";") && !t.is("="))
    TRY(expressionList());
  return n;
}

Result<Node*> Parser::atom() {
  const Token& t = now();
  switch (t.kind) {
    case Tok::Number: return number();
    case Tok::String:
    case Tok::FString: return strings();
    case Tok::Name: {
      if (t.text == "None" || t.text == "True" || t.text == "False")
        return make(t.text == "None" ? Kind::None : t.text == "True" ? Kind::True : Kind::False, take().loc);
      if (isKeyword(t.text)) return unexpectedToken("an expression");
      Node* n = make(Kind::Name, t.loc);
      n->text = take().text;
      return n;
    }
    case Tok::Op:
      if (t.text == "(") return display(Kind::Tuple, ")");
      if (t.text == "[") return display(Kind::List, "]");
      if (t.text == "{") return braces();
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
  if (base == 10 && (text.back() | 0x20) == 'j') return refused(t.loc, "complex numbers are not part of the Triton language");
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
      return refused(t.loc, "this integer has more than 127 bits");
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

// Splits the text of an f-string at its braces; the expressions inside are parsed separately.
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
    if (c == '\\' && !token.raw && s.substr(i, 3) == "\\N{") {  // a character by its name
      size_t close = std::min(s.find('}', i), s.size() - 1);
      literal += s.substr(i, close + 1 - i);
      i = close;
      continue;
    }
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
      if (d == '"' || d == '\'')
        quote = d;
      else if (d == '(' || d == '[' || d == '{')
        ++depth;
      else if (depth > 0 && (d == ')' || d == ']' || d == '}'))
        --depth;
      else if (depth == 0 && (d == '}' || d == ':' || (d == '!' && (end + 1 >= s.size() || s[end + 1] != '='))))
        break;
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
    if (depth_ > kMaxNesting) return tooDeep("f-strings");
    Parser parser(inner, 0, arena_, diags_);
    parser.depth_ = depth_ + 10;
    part->kids = {TRY(parser.wholeExpression()), nullptr};
    if (s[end] == '!') {
      size_t stop = end + 1;
      while (stop < s.size() && s[stop] != ':' && s[stop] != '}') ++stop;
      part->text = s.substr(end + 1, stop - end - 1);
      if (part->text != "r" && part->text != "s" && part->text != "a")
        return diags_.error(Err::Syntax, token.loc)
            .says("`!", part->text, "` in an f-string is not a conversion, which is `!r`, `!s` or `!a`");
      end = stop;
    }
    if (end < s.size() && s[end] == ':') {
      size_t close = end + 1;
      for (int open = 0; close < s.size() && (s[close] != '}' || open > 0); ++close) open += s[close] == '{' ? 1 : s[close] == '}' ? -1 : 0;
      if (close >= s.size()) return diags_.error(Err::Syntax, token.loc).says("a `{` in an f-string is not closed");
      Token spec = token;
      spec.text = s.substr(end + 1, close - end - 1);
      Node* format = make(Kind::JoinedStr, token.loc);
      NEREID_DEEPER("f-strings");
      CHECK_OK(formatString(spec, format->kids));
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
