// SPDX-License-Identifier: MIT
#include "frontends/tl/ast.h"

#include <algorithm>

namespace nereid::tl {

std::string_view kindName(Kind kind) {
  static constexpr std::string_view kNames[] = {
      "None",      "True",      "False",   "Ellipsis", "Int",     "Float", "Str",   "JoinedStr", "Formatted", "Name",  "Attribute",
      "Subscript", "Slice",     "Call",    "Keyword",  "Starred", "Tuple", "List",  "Set",       "Dict",      "Comp",  "CompFor",
      "Lambda",    "BinOp",     "UnaryOp", "BoolOp",   "Compare", "Chain", "IfExp", "NamedExpr", "Refused",   "Expr",  "Assign",
      "AnnAssign", "AugAssign", "Return",  "Pass",     "Assert",  "If",    "For",   "While",     "With",      "Break", "Continue",
      "Raise",     "Try",       "Handler", "Import",   "Alias",   "Del",   "Scope", "Block",     "Function",  "Param"};
  return kNames[static_cast<size_t>(kind)];
}

std::string intText(Int value) {
  if (value == 0) return "0";
  bool negative = value < 0;
  unsigned __int128 n = negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  std::string out;
  for (; n; n /= 10) out += static_cast<char>('0' + static_cast<int>(n % 10));
  if (negative) out += '-';
  std::reverse(out.begin(), out.end());
  return out;
}

void dump(std::string& out, const Node* node, int depth) {
  out.append(static_cast<size_t>(depth) * 2, ' ');
  if (!node) {
    out += "-\n";
    return;
  }
  appendAll(out, kindName(node->kind));
  switch (node->kind) {
    case Kind::Int: appendAll(out, " ", intText(node->number)); break;
    case Kind::Float: appendAll(out, " ", node->real); break;
    case Kind::Str: appendAll(out, " ", quoted(node->text)); break;
    case Kind::Param: appendAll(out, " ", node->flag == '*' ? "*" : "", node->text); break;
    default:
      if (!node->text.empty()) appendAll(out, " ", node->text);
  }
  appendAll(out, " @", node->loc.line(), ":", node->loc.col(), "\n");
  for (const Node* kid : node->kids) dump(out, kid, depth + 1);
}

namespace {

std::string joined(const Node* n, size_t from) {
  std::string out;
  for (size_t i = from; i < n->kids.size(); ++i) appendAll(out, i > from ? ", " : "", unparse(n->kids[i]));
  return out;
}

}  // namespace

std::string unparse(const Node* n) {
  if (!n) return "";
  auto kid = [&](size_t i) { return unparse(n->kid(i)); };
  switch (n->kind) {
    case Kind::None: return "None";
    case Kind::True: return "True";
    case Kind::False: return "False";
    case Kind::Ellipsis: return "...";
    case Kind::Int: return intText(n->number);
    case Kind::Float: return shortest(n->real);
    case Kind::Str: return quoted(n->text);
    case Kind::JoinedStr: return "f\"...\"";
    case Kind::Name: return n->text;
    case Kind::Attribute: return cat(kid(0), ".", n->text);
    case Kind::Subscript: return cat(kid(0), "[", kid(1), "]");
    case Kind::Slice: return n->kid(2) ? cat(kid(0), ":", kid(1), ":", kid(2)) : cat(kid(0), ":", kid(1));
    case Kind::Call: return cat(kid(0), "(", joined(n, 1), ")");
    case Kind::Keyword: return n->text.empty() ? cat("**", kid(0)) : cat(n->text, "=", kid(0));
    case Kind::Starred: return cat("*", kid(0));
    case Kind::Tuple: return cat("(", joined(n, 0), n->kids.size() == 1 ? ",)" : ")");
    case Kind::List: return cat("[", joined(n, 0), "]");
    case Kind::Set: return cat("{", joined(n, 0), "}");
    case Kind::Dict: {
      std::string out = "{";
      for (size_t i = 0; i + 1 < n->kids.size(); i += 2)
        appendAll(out, i ? ", " : "", n->kid(i) ? cat(kid(i), ": ", kid(i + 1)) : cat("**", kid(i + 1)));
      return out + "}";
    }
    case Kind::Comp: {
      std::string out = n->kid(1) ? cat(kid(0), ": ", kid(1)) : kid(0);
      for (size_t i = 2; i < n->kids.size(); ++i) appendAll(out, " ", kid(i));
      return n->flag == '[' ? cat("[", out, "]") : n->flag == '(' ? cat("(", out, ")") : cat("{", out, "}");
    }
    case Kind::CompFor: {
      std::string out = cat("for ", kid(0), " in ", kid(1));
      for (size_t i = 2; i < n->kids.size(); ++i) appendAll(out, " if ", kid(i));
      return out;
    }
    case Kind::Lambda: {
      std::string out = "lambda";
      for (size_t i = 0; i + 1 < n->kids.size(); ++i) appendAll(out, i ? ", " : " ", n->kids[i]->text);
      return cat(out, ": ", unparse(n->kids.back()));
    }
    case Kind::Chain: {
      std::string out = kid(0).substr(0, kid(0).size() - 1);
      for (size_t i = 1; i < n->kids.size(); ++i) appendAll(out, " ", n->kids[i]->text, " ", unparse(n->kids[i]->kid(1)));
      return out + ")";
    }
    case Kind::BinOp:
    case Kind::Compare: return cat("(", kid(0), " ", n->text, " ", kid(1), ")");
    case Kind::UnaryOp: return cat(n->text, n->text == "not" ? " " : "", kid(0));
    case Kind::BoolOp: {
      std::string out;
      for (size_t i = 0; i < n->kids.size(); ++i) appendAll(out, i ? cat(" ", n->text, " ") : "", kid(i));
      return out;
    }
    case Kind::IfExp: return cat(kid(1), " if ", kid(0), " else ", kid(2));
    case Kind::NamedExpr: return cat("(", kid(0), " := ", kid(1), ")");
    default: return std::string(kindName(n->kind));
  }
}

}  // namespace nereid::tl
