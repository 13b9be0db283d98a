// SPDX-License-Identifier: MIT
// Tokens to syntax trees, one function or expression at a time: code that no kernel uses is never parsed.
#pragma once

#include "frontends/tl/ast.h"
#include "frontends/tl/lexer.h"

namespace nereid::tl {

class Parser {
 public:
  Parser(const std::vector<Token>& tokens, size_t at, Arena& arena, Diags& diags)
      : tokens_(tokens), pos_(at), arena_(arena), diags_(diags) {}

  // Parses a function at `def`. With `signatureOnly` the body is skipped.
  Result<Node*> function(bool signatureOnly = false);
  // Parses an expression that may be a tuple without parentheses.
  Result<Node*> expressionList();
  // Parses an expression that must extend to the end of the tokens or of the line.
  Result<Node*> wholeExpression();
  size_t position() const { return pos_; }

 private:
  struct Deeper;  // counts nesting, so that deep input gives a diagnostic instead of a stack overflow

  const Token& now() const { return tokens_[pos_]; }
  const Token& peek(size_t n = 1) const { return tokens_[std::min(pos_ + n, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[pos_ + 1 < tokens_.size() ? pos_++ : pos_]; }
  bool accept(const char* spelling);
  Result<const Token*> expect(const char* spelling, const char* where);
  Loc span(const Node* first) const { return span(first->loc); }
  Loc span(Loc first) const;
  const Token* openBracket() const;
  std::unexpected<Failed> unexpectedToken(const char* wanted);
  std::unexpected<Failed> tooDeep(const char* what);
  // Python that is refused only when it is executed: a branch disabled by constexprs may contain it.
  Node* refused(Loc loc, std::string why, const char* hint = "");
  void skipStatement();
  bool softKeyword(const char* word, const char* first) const;
  Node* make(Kind kind, Loc loc) { return arena_.make(kind, loc); }

  Result<Node*> block();
  Result<void> statements(Node* block);
  Result<void> simpleStatement(Node* block);
  Result<Node*> ifStatement();
  Result<Node*> forStatement();
  Result<Node*> whileStatement();
  Result<Node*> withStatement();
  Result<Node*> loopElse();
  Result<Node*> tryStatement();
  Result<Node*> raiseStatement();
  Result<Node*> importStatement();
  Result<Node*> nestedFunction();
  Result<Node*> expressionStatement();
  Result<void> parameters(Node* function, const char* close);
  Result<void> checkTarget(const Node* target);

  Result<Node*> targetList();
  Result<Node*> namedExpression();
  Result<Node*> expression();
  Result<Node*> orTest();
  Result<Node*> andTest();
  Result<Node*> notTest();
  Result<Node*> comparison();
  Result<Node*> binary(int least);
  Result<Node*> lambda();
  Result<Node*> yieldExpression();
  Result<Node*> starred();
  Result<Node*> comprehension(char flag, Node* element, Node* value, Loc begin);
  Result<Node*> braces();
  Result<Node*> unary();
  Result<Node*> power();
  Result<Node*> postfix();
  Result<Node*> atom();
  Result<Node*> callArguments(Node* call);
  Result<Node*> subscriptIndex();
  Result<Node*> sliceOrExpression();
  Result<Node*> display(Kind kind, const char* close);
  Result<Node*> number();
  Result<Node*> strings();
  Result<void> formatString(const Token& token, std::vector<Node*>& parts);

  const std::vector<Token>& tokens_;
  size_t pos_;
  Arena& arena_;
  Diags& diags_;
  int depth_ = 0;
};

}  // namespace nereid::tl
