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

// Returns the innermost unclosed bracket before the current token, or null.
const Token* Parser::openBracket() const {
  int closed = 0;
  for (size_t i = pos_; i-- > 0;) {
    const Token& t = tokens_[i];
    if (t.kind == Tok::Newline || t.kind == Tok::Indent || t.kind == Tok::Dedent) break;  // brackets have none inside
    if (t.is(")") || t.is("]") || t.is("}")) ++closed;
    if ((t.is("(") || t.is("[") || t.is("{")) && closed-- == 0) return &t;
  }
  return nullptr;
}

std::unexpected<Failed> Parser::unexpectedToken(const char* wanted) {
  const Token& t = now();
  if (t.kind == Tok::Error) return diags_.error(Err::Syntax, t.loc).says(t.text);
  const Token* open = openBracket();
  if (open && (t.kind == Tok::Newline || t.kind == Tok::End))
    return diags_.error(Err::Syntax, open->loc).says("`", open->text, "` is never closed");
  std::string saw = t.kind == Tok::Newline                            ? "the end of the line"
                    : t.kind == Tok::End                              ? "the end of the file"
                    : t.kind == Tok::Indent                           ? "an indented block"
                    : t.kind == Tok::Dedent                           ? "the end of the block"
                    : t.kind == Tok::String || t.kind == Tok::FString ? "a string"
                                                                      : cat("`", t.text, "`");
  auto& d = diags_.error(Err::Syntax, t.loc);
  d.says("expected ", wanted, ", but found ", saw);
  if (open && open->loc.line() != t.loc.line()) d.label(open->loc, cat("this `", open->text, "` is still open"));
  return d;
}

std::unexpected<Failed> Parser::tooDeep(const char* what) {
  return diags_.error(Err::Unsupported, now().loc).says("more than ", kMaxNesting, " nested ", what);
}

Node* Parser::refused(Loc loc, std::string why, const char* hint) {
  Node* n = make(Kind::Refused, loc);
  n->text = std::move(why);
  Node* advice = make(Kind::Str, loc);
  advice->text = hint;
  n->kids = {advice};
  return n;
}

// Skips a statement with the blocks that belong to it.
void Parser::skipStatement() {
  while (now().kind != Tok::Newline && now().kind != Tok::End) take();
  if (now().kind == Tok::Newline) take();
  if (now().kind != Tok::Indent) return;
  int level = 0;
  do {
    if (now().kind == Tok::Indent) ++level;
    if (now().kind == Tok::Dedent) --level;
    if (now().kind == Tok::End) return;
    take();
  } while (level > 0);
}

// Returns whether `match` or the like starts a statement here: the line ends in a colon, and its block starts with `first`.
bool Parser::softKeyword(const char* word, const char* first) const {
  if (!now().is(word)) return false;
  for (size_t i = pos_ + 1; i + 2 < tokens_.size(); ++i)
    if (tokens_[i].kind == Tok::Newline)
      return i > pos_ + 1 && tokens_[i - 1].is(":") && tokens_[i + 1].kind == Tok::Indent && tokens_[i + 2].is(first);
  return false;
}

Result<const Token*> Parser::expect(const char* spelling, const char* where) {
  if (now().is(spelling)) return &take();
  return unexpectedToken(cat("`", spelling, "`", where).c_str());
}

// The location from `first` to the last consumed token on the same line.
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
  if (now().is("["))  // type parameters
    while (now().kind != Tok::Newline && now().kind != Tok::End && !now().is("(")) take();
  CHECK_OK(expect("(", " after the name of the function"));
  CHECK_OK(parameters(fn, ")"));
  CHECK_OK(expect(")", " after the parameters"));
  if (accept("->")) TRY(expression());
  CHECK_OK(expect(":", " after the parameters"));
  if (!signatureOnly) fn->kids.push_back(TRY(block()));
  return fn;
}

Result<void> Parser::parameters(Node* fn, const char* close) {
  bool keywordOnly = false;
  std::string wanted = cat("`,` or `", close, "`");
  while (!now().is(close)) {
    if (accept("/")) {
      if (!accept(",") && !now().is(close)) return unexpectedToken(wanted.c_str());
      continue;
    }
    bool named = now().is("**");
    bool star = named || now().is("*");
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
    param->flag = named ? '^' : star ? '*' : keywordOnly ? '/' : 0;
    param->kids = {nullptr, nullptr};
    if (fn->kind == Kind::Function && accept(":")) {
      accept("*");  // `*args: *Ts`
      param->kids[0] = TRY(expression());
    }
    if (now().is("=")) {
      take();
      param->kids[1] = TRY(expression());
    }
    if (star) param->loc = begin;
    for (Node* other : fn->kids)
      if (other->text == param->text)
        return diags_.error(Err::Syntax, param->loc)
            .says("parameter `", param->text, "` is declared twice")
            .label(other->loc, "first here");
    fn->kids.push_back(param);
    keywordOnly |= star;
    if (!accept(",") && !now().is(close)) return unexpectedToken(wanted.c_str());
  }
  return {};
}

Result<Node*> Parser::block() {
  Node* block = make(Kind::Block, now().loc);
  if (now().kind != Tok::Newline) {  // on the same line as the colon
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
    if (t.is("if"))
      block->kids.push_back(TRY(ifStatement()));
    else if (t.is("for"))
      block->kids.push_back(TRY(forStatement()));
    else if (t.is("while"))
      block->kids.push_back(TRY(whileStatement()));
    else if (t.is("with"))
      block->kids.push_back(TRY(withStatement()));
    else if (t.is("try"))
      block->kids.push_back(TRY(tryStatement()));
    else if (t.is("def") || t.is("@"))
      block->kids.push_back(TRY(nestedFunction()));
    else if (t.is("class") || t.is("async") || softKeyword("match", "case")) {
      block->kids.push_back(refused(t.loc, t.is("class") ? "a class inside a kernel is not part of the Triton language"
                                                         : cat("`", t.text, "` is not part of the Triton language")));
      skipStatement();
      while (t.is("async") && now().is("else")) skipStatement();
    } else
      CHECK_OK(simpleStatement(block));
  }
  if (now().kind == Tok::Dedent) take();
  return {};
}

Result<void> Parser::simpleStatement(Node* block) {
  for (;;) {
    const Token& t = now();
    if (t.kind == Tok::Indent) return diags_.error(Err::Syntax, now().loc).says("this line is indented, but no block begins here");
    if (t.is("pass") || t.is("break") || t.is("continue")) {
      block->kids.push_back(make(t.is("pass") ? Kind::Pass : t.is("break") ? Kind::Break : Kind::Continue, take().loc));
    } else if (t.is("return")) {
      Node* n = make(Kind::Return, take().loc);
      n->kids.push_back(now().kind == Tok::Newline || now().is(";") || now().kind == Tok::End ? nullptr : TRY(expressionList()));
      block->kids.push_back(n);
    } else if (t.is("assert")) {
      Node* n = make(Kind::Assert, take().loc);
      n->kids = {TRY(expression()), nullptr};
      if (accept(",")) n->kids[1] = TRY(expression());
      block->kids.push_back(n);
    } else if (t.is("raise")) {
      block->kids.push_back(TRY(raiseStatement()));
    } else if (t.is("import") || t.is("from")) {
      block->kids.push_back(TRY(importStatement()));
    } else if (t.is("del")) {
      Node* n = make(Kind::Del, take().loc);
      n->kids = {TRY(expressionList())};
      block->kids.push_back(n);
    } else if (t.is("global") || t.is("nonlocal")) {
      Node* n = make(Kind::Scope, t.loc);
      n->text = take().text;
      do {
        if (now().kind != Tok::Name || isKeyword(now().text)) return unexpectedToken("a name");
        Node* name = make(Kind::Name, now().loc);
        name->text = take().text;
        n->kids.push_back(name);
      } while (accept(","));
      block->kids.push_back(n);
    } else if (t.is("type") && peek().kind == Tok::Name && !isKeyword(peek().text)) {
      block->kids.push_back(refused(t.loc, "`type` is not part of the Triton language"));
      while (now().kind != Tok::Newline && now().kind != Tok::End) take();
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
    case Kind::Tuple:
    case Kind::List:
      for (const Node* kid : target->kids) CHECK_OK(checkTarget(kid));
      return {};
    case Kind::Starred: return checkTarget(target->kid(0));
    case Kind::Subscript:
    case Kind::Attribute: return {};
    default: return diags_.error(Err::Syntax, target->loc).says("this cannot be assigned to");
  }
}

Result<Node*> Parser::expressionStatement() {
  Node* first = TRY(expressionList());
  if (now().is(":")) {
    take();
    Node* n = make(Kind::AnnAssign, first->loc);
    if (first->kind != Kind::Name && first->kind != Kind::Attribute && first->kind != Kind::Subscript)
      return diags_.error(Err::Syntax, first->loc).says("only a plain name can be annotated");
    n->kids = {first, TRY(expression()), nullptr};
    if (accept("=")) n->kids[2] = TRY(expressionList());
    n->loc = span(n);
    return n;
  }
  if (now().is("=")) {
    Node* n = make(Kind::Assign, first->loc);
    n->at = take().loc;
    CHECK_OK(checkTarget(first));
    n->kids = {first, TRY(expressionList())};
    while (now().is("=")) {
      Node* target = n->kids[1];
      if (n->kids.size() == 2) n->at = now().loc;
      take();
      CHECK_OK(checkTarget(target));
      n->kids[1] = TRY(expressionList());
      n->kids.push_back(target);
    }
    n->loc = span(n);
    return n;
  }
  static constexpr const char* kAugmented[] = {"+=", "-=", "*=", "/=", "//=", "%=", "**=", ">>=", "<<=", "&=", "^=", "|=", "@="};
  for (const char* op : kAugmented) {
    if (!now().is(op)) continue;
    Node* n = make(Kind::AugAssign, first->loc);
    n->at = take().loc;
    n->text.assign(op, std::strlen(op) - 1);
    if (first->kind == Kind::Tuple || first->kind == Kind::List || first->kind == Kind::Starred)
      return diags_.error(Err::Syntax, first->loc).says("this cannot be assigned to");
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
  NEREID_DEEPER("blocks");
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
  n->kids.push_back(TRY(loopElse()));
  return n;
}

Result<Node*> Parser::whileStatement() {
  Node* n = make(Kind::While, take().loc);
  n->kids.push_back(TRY(namedExpression()));
  CHECK_OK(expect(":", " after the condition"));
  n->kids.push_back(TRY(block()));
  n->kids.push_back(TRY(loopElse()));
  return n;
}

Result<Node*> Parser::loopElse() {
  if (!now().is("else")) return nullptr;
  Loc at = take().loc;
  CHECK_OK(expect(":", " after `else`"));
  Node* n = TRY(block());
  n->at = at;
  return n;
}

Result<Node*> Parser::withStatement() {
  Node* n = make(Kind::With, take().loc);
  // `with (a as b, c):`: parentheses around all items, if they contain an `as`.
  bool around = false;
  if (now().is("(")) {
    int depth = 0;
    bool as = false;
    for (size_t i = pos_; i + 1 < tokens_.size(); ++i) {
      const Token& t = tokens_[i];
      if (t.kind == Tok::Op && (t.is("(") || t.is("[") || t.is("{"))) ++depth;
      if (t.kind == Tok::Op && (t.is(")") || t.is("]") || t.is("}")) && --depth == 0) {
        around = as && tokens_[i + 1].is(":");
        break;
      }
      as |= depth == 1 && t.is("as");
    }
  }
  if (around) take();
  do {
    if (around && now().is(")")) break;
    n->kids.push_back(TRY(expression()));
    n->kids.push_back(accept("as") ? TRY(postfix()) : nullptr);
  } while (accept(","));
  if (around) CHECK_OK(expect(")", " after the items of the `with`"));
  CHECK_OK(expect(":", " after the `with`"));
  n->kids.push_back(TRY(block()));
  return n;
}

Result<Node*> Parser::tryStatement() {
  Node* n = make(Kind::Try, take().loc);
  CHECK_OK(expect(":", " after `try`"));
  n->kids = {TRY(block()), nullptr, nullptr};
  while (now().is("except")) {
    Node* handler = make(Kind::Handler, take().loc);
    accept("*");
    handler->kids = {now().is(":") ? nullptr : TRY(expressionList()), nullptr};
    if (accept("as")) {
      if (now().kind != Tok::Name || isKeyword(now().text)) return unexpectedToken("a name");
      handler->text = take().text;
    }
    CHECK_OK(expect(":", " after `except`"));
    handler->kids[1] = TRY(block());
    n->kids.push_back(handler);
  }
  if (n->kids.size() > 3 && accept("else")) {
    CHECK_OK(expect(":", " after `else`"));
    n->kids[1] = TRY(block());
  }
  if (accept("finally")) {
    CHECK_OK(expect(":", " after `finally`"));
    n->kids[2] = TRY(block());
  } else if (n->kids.size() == 3) {
    return unexpectedToken("`except` or `finally`");
  }
  return n;
}

Result<Node*> Parser::raiseStatement() {
  Node* n = make(Kind::Raise, take().loc);
  n->kids = {nullptr};
  if (now().kind == Tok::Newline || now().kind == Tok::End || now().is(";")) return n;
  n->kids[0] = TRY(expression());
  if (accept("from")) TRY(expression());
  return n;
}

Result<Node*> Parser::importStatement() {
  Node* n = make(Kind::Import, now().loc);
  auto dotted = [&]() -> Result<std::string> {
    std::string out;
    while (now().is(".") || now().is("...")) out += take().text;
    while (now().kind == Tok::Name && !isKeyword(now().text)) {
      out += take().text;
      if (!accept(".")) break;
      out += '.';
    }
    if (out.empty()) return unexpectedToken("the name of a module");
    return out;
  };
  auto text = [&](std::string s) {
    Node* str = make(Kind::Str, n->loc);
    str->text = std::move(s);
    return str;
  };
  auto name = [&]() -> Result<std::string> {
    if (now().kind != Tok::Name || isKeyword(now().text)) return unexpectedToken("a name");
    return take().text;
  };
  if (take().is("import")) {
    do {
      Node* alias = make(Kind::Alias, now().loc);
      std::string module = TRY(dotted());
      std::string first = module.substr(0, module.find('.'));
      bool as = accept("as");
      alias->text = as ? TRY(name()) : first;  // `import a.b` binds `a`
      alias->kids = {text(as ? module : first), nullptr};
      n->kids.push_back(alias);
    } while (accept(","));
    return n;
  }
  std::string module = TRY(dotted());
  CHECK_OK(expect("import", " after the module"));
  if (now().is("*")) return diags_.error(Err::Syntax, now().loc).says("`import *` belongs at the top of a file");
  bool parentheses = accept("(");
  do {
    if (parentheses && now().is(")")) break;
    Node* alias = make(Kind::Alias, now().loc);
    std::string member = TRY(name());
    alias->text = accept("as") ? TRY(name()) : member;
    alias->kids = {text(module), text(member)};
    n->kids.push_back(alias);
  } while (accept(","));
  if (parentheses) CHECK_OK(expect(")", " after the names"));
  return n;
}

Result<Node*> Parser::nestedFunction() {
  NEREID_DEEPER("blocks");
  Loc begin = now().loc;
  bool decorated = now().is("@");
  while (accept("@")) {
    TRY(namedExpression());
    if (now().kind != Tok::Newline) return unexpectedToken("the end of the line");
    take();
  }
  if (decorated && !now().is("def")) {
    if (!now().is("class") && !now().is("async")) return unexpectedToken("`def`");
    skipStatement();
    return refused(begin, "nested function definition is not supported", "define a @triton.jit function at the top of the file");
  }
  Node* fn = TRY(function());
  fn->flag = decorated ? '@' : 0;
  if (decorated) fn->at = begin;
  return fn;
}

}  // namespace nereid::tl
