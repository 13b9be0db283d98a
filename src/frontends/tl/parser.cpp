// SPDX-License-Identifier: MIT
// Statements; expressions are in parser_expressions.cpp.
#include "frontends/tl/parser.h"

#include <cstring>

#include "frontends/tl/parser_depth.h"
#include "frontends/tl/try.h"

namespace nereid::tl {

bool Parser::accept(const char* spelling) {
  if (!now().is(spelling)) return false;
  take();
  return true;
}

std::unexpected<Failed> Parser::unexpectedToken(const char* wanted) {
  const Token& t = now();
  if (t.kind == Tok::Error) return diags_.error(Err::Syntax, t.loc).says(t.text);
  std::string saw = t.kind == Tok::Newline ? "the end of the line"
                    : t.kind == Tok::End   ? "the end of the file"
                    : t.kind == Tok::Indent ? "an indented block"
                    : t.kind == Tok::Dedent ? "the end of the block"
                    : t.kind == Tok::String || t.kind == Tok::FString ? "a string"
                                                                      : cat("`", t.text, "`");
  return diags_.error(Err::Syntax, t.loc).says("expected ", wanted, ", but found ", saw);
}

std::unexpected<Failed> Parser::unsupported(Loc loc, const char* what, const char* hint) {
  return diags_.error(Err::Unsupported, loc).says(what).hint(hint);
}

Result<const Token*> Parser::expect(const char* spelling, const char* where) {
  if (now().is(spelling)) return &take();
  return unexpectedToken(cat("`", spelling, "`", where).c_str());
}

// From `first` to the last token taken, on the line of `first`.
Loc Parser::span(Loc first) const {
  if (pos_ == 0) return first;
  Loc last = tokens_[pos_ - 1].loc;
  if (last.file() != first.file() || last.line() != first.line() || last.col() < first.col()) return first;
  return first.withLength(last.col() + last.length() - first.col());
}

Result<Node*> Parser::function(bool signatureOnly) {
  const Token& def = now();
  CHECK_OK(expect("def", ""));
  if (now().kind != Tok::Name || isKeyword(now().text)) return unexpectedToken("the name of the function");
  Node* fn = make(Kind::Function, now().loc);
  fn->text = take().text;
  fn->at = def.loc;
  CHECK_OK(expect("(", " after the name of the function"));
  CHECK_OK(parameters(fn));
  CHECK_OK(expect(")", " after the parameters"));
  if (accept("->")) TRY(expression());
  CHECK_OK(expect(":", " after the parameters"));
  if (!signatureOnly) fn->kids.push_back(TRY(block()));
  return fn;
}

Result<void> Parser::parameters(Node* fn) {
  bool keywordOnly = false;
  while (!now().is(")")) {
    if (accept("/")) {
      if (!accept(",") && !now().is(")")) return unexpectedToken("`,` or `)`");
      continue;
    }
    if (now().is("**")) return unsupported(now().loc, "`**` parameters are not part of the Triton language", "name each parameter");
    bool star = now().is("*");
    Loc begin = now().loc;
    if (star) {
      take();
      if (accept(",")) {
        keywordOnly = true;
        continue;
      }
    }
    if (now().kind != Tok::Name || isKeyword(now().text)) return unexpectedToken("the name of a parameter");
    Node* param = make(Kind::Param, now().loc);
    param->text = take().text;
    param->flag = star ? '*' : keywordOnly ? '/' : 0;
    param->kids = {nullptr, nullptr};
    if (accept(":")) param->kids[0] = TRY(expression());
    if (now().is("=")) {
      take();
      param->kids[1] = TRY(expression());
    }
    if (star) param->loc = begin;
    for (Node* other : fn->kids)
      if (other->text == param->text)
        return diags_.error(Err::Syntax, param->loc).says("parameter `", param->text, "` is declared twice").label(other->loc, "first here");
    fn->kids.push_back(param);
    keywordOnly |= star;
    if (!accept(",") && !now().is(")")) return unexpectedToken("`,` or `)`");
  }
  return {};
}

Result<Node*> Parser::block() {
  Node* block = make(Kind::Block, now().loc);
  if (now().kind != Tok::Newline) {  // on the line of the colon
    CHECK_OK(simpleStatement(block));
    return block;
  }
  take();
  if (now().kind != Tok::Indent) return unexpectedToken("an indented block");
  take();
  CHECK_OK(statements(block));
  return block;
}

Result<void> Parser::statements(Node* block) {
  NEREID_DEEPER("blocks");
  while (now().kind != Tok::Dedent && now().kind != Tok::End) {
    const Token& t = now();
    if (t.is("if")) block->kids.push_back(TRY(ifStatement()));
    else if (t.is("for")) block->kids.push_back(TRY(forStatement()));
    else if (t.is("while")) block->kids.push_back(TRY(whileStatement()));
    else if (t.is("with")) block->kids.push_back(TRY(withStatement()));
    else CHECK_OK(simpleStatement(block));
  }
  if (now().kind == Tok::Dedent) take();
  return {};
}

// What Python has and the Triton language has not, with the reason.
struct Refusal {
  const char *word, *what, *hint;
};
constexpr Refusal kRefused[] = {
    {"break", "`break` is not part of the Triton language", "give the loop a condition: `while` with a flag, or bounds that end it"},
    {"continue", "`continue` is not part of the Triton language", "put the rest of the body under an `if`, or mask it"},
    {"try", "`try` is not part of the Triton language: nothing in a kernel raises", ""},
    {"raise", "`raise` is not part of the Triton language", "`tl.static_assert` stops the compilation, `tl.device_assert` the kernel"},
    {"class", "a class inside a kernel is not part of the Triton language", ""},
    {"def", "nested function definition is not supported", "define a @triton.jit function at the top of the file"},
    {"@", "nested function definition is not supported", "define a @triton.jit function at the top of the file"},
    {"import", "`import` inside a kernel is not part of the Triton language", "import at the top of the file"},
    {"from", "`import` inside a kernel is not part of the Triton language", "import at the top of the file"},
    {"del", "`del` is not part of the Triton language", "values are never changed in place: just stop using the name"},
    {"global", "`global` is not part of the Triton language", "a kernel's results are what it stores"},
    {"nonlocal", "`nonlocal` is not part of the Triton language", ""},
    {"async", "`async` is not part of the Triton language", ""},
    {"yield", "`yield` is not part of the Triton language", ""},
    {"await", "`await` is not part of the Triton language", ""},
};

Result<void> Parser::simpleStatement(Node* block) {
  for (;;) {
    const Token& t = now();
    if (t.kind == Tok::Name || t.is("@")) {
      for (const Refusal& r : kRefused)
        if (t.text == r.word) return unsupported(t.loc, r.what, r.hint);
      if ((t.text == "match" || t.text == "type") && peek().kind == Tok::Name && !isKeyword(peek().text))
        return unsupported(t.loc, cat("`", t.text, "` is not part of the Triton language").c_str());
    }
    if (t.kind == Tok::Indent)
      return diags_.error(Err::Syntax, now().loc).says("this line is indented, but no block begins here");
    if (t.is("pass")) {
      block->kids.push_back(make(Kind::Pass, take().loc));
    } else if (t.is("return")) {
      Node* n = make(Kind::Return, take().loc);
      n->kids.push_back(now().kind == Tok::Newline || now().is(";") || now().kind == Tok::End ? nullptr : TRY(expressionList()));
      block->kids.push_back(n);
    } else if (t.is("assert")) {
      Node* n = make(Kind::Assert, take().loc);
      n->kids = {TRY(expression()), nullptr};
      if (accept(",")) n->kids[1] = TRY(expression());
      block->kids.push_back(n);
    } else {
      block->kids.push_back(TRY(expressionStatement()));
    }
    if (accept(";")) {
      if (now().kind != Tok::Newline) continue;
    }
    if (now().kind == Tok::Newline) {
      take();
      return {};
    }
    if (now().kind == Tok::End || now().kind == Tok::Dedent) return {};
    return unexpectedToken("the end of the statement");
  }
}

Result<void> Parser::checkTarget(const Node* target) {
  switch (target->kind) {
    case Kind::Name: return {};
    case Kind::Tuple: case Kind::List:
      for (const Node* kid : target->kids) CHECK_OK(checkTarget(kid));
      return {};
    case Kind::Starred:
      return unsupported(target->loc, "starred targets are not part of the Triton language", "unpack each item by name");
    case Kind::Subscript:
      return unsupported(target->loc, "items cannot be assigned: a tensor is a value, not memory",
                         "select with `tl.where`, or write to memory with `tl.store`");
    case Kind::Attribute: return {};  // of `self`, in the constructor of an aggregate
    default: return diags_.error(Err::Syntax, target->loc).says("this cannot be assigned to");
  }
}

Result<Node*> Parser::expressionStatement() {
  Node* first = TRY(expressionList());
  if (now().is(":")) {
    take();
    Node* n = make(Kind::AnnAssign, first->loc);
    if (first->kind != Kind::Name) return unsupported(first->loc, "only a plain name can be annotated");
    n->kids = {first, TRY(expression()), nullptr};
    if (accept("=")) n->kids[2] = TRY(expressionList());
    n->loc = span(n);
    return n;
  }
  if (now().is("=")) {
    Node* n = make(Kind::Assign, first->loc);
    n->at = take().loc;
    CHECK_OK(checkTarget(first));
    Node* value = TRY(expressionList());
    if (now().is("="))
      return unsupported(now().loc, "several targets in one assignment are not part of the Triton language", "write one assignment a name");
    n->kids = {first, value};
    n->loc = span(n);
    return n;
  }
  static constexpr const char* kAugmented[] = {"+=", "-=", "*=", "/=", "//=", "%=", "**=", ">>=", "<<=", "&=", "^=", "|=", "@="};
  for (const char* op : kAugmented) {
    if (!now().is(op)) continue;
    Node* n = make(Kind::AugAssign, first->loc);
    n->at = take().loc;
    n->text.assign(op, std::strlen(op) - 1);
    if (n->text == "@") return unsupported(n->at, "`@` is not part of the Triton language", "`acc = tl.dot(a, b, acc)`");
    if (first->kind == Kind::Tuple) return diags_.error(Err::Syntax, first->loc).says("this cannot be assigned to");
    CHECK_OK(checkTarget(first));
    n->kids = {first, TRY(expressionList())};
    n->loc = span(n);
    return n;
  }
  Node* n = make(Kind::Expr, first->loc);
  n->kids = {first};
  return n;
}

Result<Node*> Parser::ifStatement() {
  NEREID_DEEPER("elif");
  Node* n = make(Kind::If, take().loc);
  n->kids.push_back(TRY(namedExpression()));
  CHECK_OK(expect(":", " after the condition"));
  n->kids.push_back(TRY(block()));
  if (now().is("elif")) {
    Node* otherwise = make(Kind::Block, now().loc);
    otherwise->kids.push_back(TRY(ifStatement()));
    n->kids.push_back(otherwise);
  } else if (accept("else")) {
    CHECK_OK(expect(":", " after `else`"));
    n->kids.push_back(TRY(block()));
  } else {
    n->kids.push_back(nullptr);
  }
  return n;
}

Result<Node*> Parser::forStatement() {
  Node* n = make(Kind::For, take().loc);
  Node* target = TRY(targetList());
  CHECK_OK(expect("in", " in the `for`"));
  Node* iterable = TRY(expressionList());
  CHECK_OK(expect(":", " after the `for`"));
  n->kids = {target, iterable, TRY(block())};
  if (now().is("else")) return unsupported(now().loc, "`else` after a loop is not part of the Triton language");
  return n;
}

Result<Node*> Parser::whileStatement() {
  Node* n = make(Kind::While, take().loc);
  n->kids.push_back(TRY(namedExpression()));
  CHECK_OK(expect(":", " after the condition"));
  n->kids.push_back(TRY(block()));
  if (now().is("else")) return unsupported(now().loc, "`else` after a loop is not part of the Triton language");
  return n;
}

Result<Node*> Parser::withStatement() {
  Node* n = make(Kind::With, take().loc);
  do {
    n->kids.push_back(TRY(expression()));
    n->kids.push_back(accept("as") ? TRY(postfix()) : nullptr);
  } while (accept(","));
  CHECK_OK(expect(":", " after the `with`"));
  n->kids.push_back(TRY(block()));
  return n;
}

}  // namespace nereid::tl
