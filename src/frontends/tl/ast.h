// SPDX-License-Identifier: MIT
// The syntax tree of the accepted part of Python: one node type, with its parts in `kids` in the order of the table.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "support/diag.h"

namespace nereid::tl {

using Int = __int128;  // Python integers in kernels: wide enough for any 64-bit arithmetic of constexprs

enum class Kind : uint8_t {
  // expressions
  None,
  True,
  False,
  Ellipsis,
  Int,        // number
  Float,      // real
  Str,        // text
  JoinedStr,  // kids: Str | Formatted
  Formatted,  // kids: expression, JoinedStr of the format or null; text: the conversion ("r", "s", "a" or empty)
  Name,       // text
  Attribute,  // kids: value; text: member
  Subscript,  // kids: value, index
  Slice,      // kids: lower, upper, step, each may be null
  Call,       // kids: callee, arguments...
  Keyword,    // kids: value; text: name, or empty for **kwargs
  Starred,    // kids: value
  Tuple,
  List,       // kids: items
  Set,        // kids: items
  Dict,       // kids: key, value, ...; the key of `**x` is null
  Comp,       // kids: element, value of a dictionary or null, CompFor...; flag: '[' list, '(' generator, '{' set, ':' dictionary
  CompFor,    // kids: target, iterable, conditions...
  Lambda,     // kids: Param..., expression
  BinOp,      // kids: left, right; text: operator
  UnaryOp,    // kids: operand; text: operator
  BoolOp,     // kids: operands; text: "and" | "or"
  Compare,    // kids: left, right; text: operator
  Chain,      // kids: Compare...: `a < b < c` is a < b, b < c with the nodes of b shared
  IfExp,      // kids: test, then, else
  NamedExpr,  // kids: target, value
  Refused,    // Python that the compiler does not run; text: why, kids: Str of the hint
  // statements
  Expr,       // kids: value
  Assign,     // kids: target, value, further targets...
  AnnAssign,  // kids: target, annotation, value or null
  AugAssign,  // kids: target, value; text: operator without "="
  Return,     // kids: value or null
  Pass,
  Assert,  // kids: test, message or null
  If,      // kids: test, Block, Block or null
  For,     // kids: target, iterable, Block, Block of `else` or null
  While,   // kids: test, Block, Block of `else` or null
  With,    // kids: items (call, target or null)..., Block
  Break,
  Continue,
  Raise,     // kids: exception or null
  Try,       // kids: Block, Block of `else` or null, Block of `finally` or null, Handler...
  Handler,   // kids: classes or null, Block; text: name or empty
  Import,    // kids: Alias...
  Alias,     // kids: Str of the module, Str of the member or null; text: the name that is bound
  Del,       // kids: targets
  Scope,     // text: "global" | "nonlocal"; kids: Name...
  Block,     // kids: statements
  Function,  // kids: Param..., Block; text: name
  Param,  // kids: annotation or null, default or null; text: name; flag: '*' for *args, '^' for **kwargs, '/' for keyword-only ones after a
          // star
};

struct Node {
  Kind kind;
  Loc loc;
  std::string text;
  tl::Int number = 0;
  double real = 0;
  char flag = 0;
  std::vector<Node*> kids;
  Loc at;  // the operator, keyword or name within, where that is narrower

  Node* kid(size_t i) const { return i < kids.size() ? kids[i] : nullptr; }
};

class Arena {
 public:
  Node* make(Kind kind, Loc loc) {
    Node& n = nodes_.emplace_back();
    n.kind = kind;
    n.loc = loc;
    n.at = loc;
    return &n;
  }

 private:
  std::deque<Node> nodes_;
};

std::string_view kindName(Kind kind);
// An indented dump, for `--stage ast`.
void dump(std::string& out, const Node* node, int depth = 0);
// The source of an expression as Python would write it, for messages.
std::string unparse(const Node* node);
std::string intText(Int value);

}  // namespace nereid::tl
