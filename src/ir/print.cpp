// SPDX-License-Identifier: MIT
// The IR as text: TTIR in the spelling of Triton 3.6, which stock Triton parses; the `lo` operations in the same style.
//
// Values keep their names from the source, made unique with a number; the others are numbered. The printed text parses to the same module,
// and prints the same again.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "ir/bits.h"
#include "ir/enums.h"
#include "ir/formats.h"
#include "ir/ir.h"
#include "ir/signatures.h"
#include "support/ptr_map.h"
#include "support/sort.h"

namespace nereid {

namespace {

// A float with at least six decimals, as MLIR prints it: it always has a dot, and infinities and NaNs are bit patterns.
std::string floatText(Elem elem, uint64_t bits) {
  bits = zeroExtend(bits, bitWidth(elem));
  double value = decodeFloat(elem, bits);
  int digits = bitWidth(elem) / 4;
  if (std::isnan(value) || std::isinf(value)) return hex(bits, digits);
  auto decimals = [](std::string text) {
    size_t e = text.find('e');
    size_t dot = text.find('.');
    size_t count = dot == std::string::npos ? 0 : e - dot - 1;
    std::string padding = dot == std::string::npos ? "." : "";
    if (count < 6) padding.append(6 - count, '0');
    return text.insert(e, padding);
  };
  if (elem != Elem::F64) {
    // The shortest text of the float, if it survives the round trip through double.
    std::string text = decimals(scientific(value, true));
    if (auto back = parseDouble(text.substr(text[0] == '-')); back && encodeFloat(elem, std::copysign(*back, value)) == bits) return text;
  }
  return decimals(scientific(value, false));
}

std::string elementText(Type type, uint64_t bits, bool keywords) {
  if (type.isFloat()) return floatText(type.elem, bits);
  if (type.isBool() && keywords) return bits & 1 ? "true" : "false";
  return cat(signExtend(bits, bitWidth(type)));
}

bool isName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '.' || c == '-';
  });
}

std::string symbol(std::string_view name) {
  bool bare = !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '.';
  });
  return bare ? cat("@", name) : cat("@", quoted(name));
}

// The spelling of an attribute's integers in a dictionary.
enum class Spelling : uint8_t { I32, I64, Bool, Unit, Array, Hint };
Spelling spellingOf(Attr attr) {
  switch (attr) {
    case Attr::Reverse:
    case Attr::IsVolatile:
    case Attr::FastMath:
    case Attr::LhsKPack:
    case Attr::RhsKPack:
    case Attr::Pure:
    case Attr::Hex: return Spelling::Bool;
    case Attr::AllowReorder:
    case Attr::EfficientLayout: return Spelling::Unit;
    case Attr::Order:
    case Attr::BoundaryCheck:
    case Attr::IsSigned:
    case Attr::Lanes: return Spelling::Array;
    case Attr::Divisibility:
    case Attr::Contiguity:
    case Attr::Constancy: return Spelling::Hint;
    case Attr::Bytes:
    case Attr::Offset:
    case Attr::Align: return Spelling::I64;
    default: return Spelling::I32;
  }
}

std::string listText(const std::vector<int64_t>& list) {
  std::string out;
  for (size_t i = 0; i < list.size(); ++i) appendAll(out, i ? ", " : "", list[i]);
  return out;
}

// An operation's attributes as a dictionary with a leading space; without `shown`, which are part of its syntax.
std::string dictionary(const Inst& inst, const std::vector<Attr>& shown = {}) {
  std::vector<std::pair<std::string_view, std::string>> items;
  for (auto& [attr, value] : inst.attrs) {
    if (std::find(shown.begin(), shown.end(), attr) != shown.end()) continue;
    // Defaults.
    if (attr == Attr::MaxNumImpreciseAcc && !inst.integer(attr)) continue;
    if (attr == Attr::Padding && inst.op == Op::MakeTensorDesc && inst.integer(attr) <= 1) continue;
    std::string text;
    if (auto* number = std::get_if<int64_t>(&value)) {
      switch (spellingOf(attr)) {
        case Spelling::Bool: text = *number ? " = true" : " = false"; break;
        case Spelling::Unit:
          if (!*number) continue;
          break;
        case Spelling::I64: text = cat(" = ", *number); break;
        case Spelling::Hint: text = cat(" = dense<", *number, "> : tensor<1xi32>"); break;
        default: text = cat(" = ", *number, " : i32"); break;
      }
    } else if (auto* string = std::get_if<std::string>(&value)) {
      text = cat(" = ", quoted(*string));
    } else if (auto* list = std::get_if<std::vector<int64_t>>(&value)) {
      if (spellingOf(attr) == Spelling::Hint)
        text = cat(" = dense<[", listText(*list), "]> : tensor<", list->size(), "xi32>");
      else
        text = list->empty() ? " = array<i32>" : cat(" = array<i32: ", listText(*list), ">");
    } else if (std::holds_alternative<Dense>(value)) {
      continue;
    }
    items.emplace_back(attrName(attr), std::move(text));
  }
  if (items.empty()) return "";
  sortStably(items);
  std::string out = " {";
  for (size_t i = 0; i < items.size(); ++i) appendAll(out, i ? ", " : "", items[i].first, items[i].second);
  return out + "}";
}

class Printer {
 public:
  std::string module(const Module& m, bool lines) {
    if (lines) file_ = m.kernel()->loc.file();
    out_ = "module {\n";
    indent_ = 1;
    for (auto& f : m.funcs) func(*f);
    out_ += "}\n";
    return std::move(out_);
  }

  std::string one(const Inst& i) {
    loose_ = true;
    inst(i);
    if (!out_.empty() && out_.back() == '\n') out_.pop_back();
    return std::move(out_);
  }

 private:
  // ---- names

  void claim(const Value* v, std::string hint) {
    std::string name = hint;
    if (!used_.insert(name).second) {
      int& n = suffixes_[hint];
      do name = cat(hint, "_", n++);
      while (!used_.insert(name).second);
    }
    names_[v] = std::move(name);
  }

  void nameArg(const Value* v) {
    if (isName(v->name)) return claim(v, std::string(v->name));
    std::string name;
    do name = cat("arg", nextArg_++);
    while (used_.contains(name));
    claim(v, std::move(name));
  }

  void nameResults(const Inst& inst) {
    for (const Value* r : inst.results) {
      if (isName(r->name)) {
        claim(r, std::string(r->name));
      } else if (r->index > 0) {
        bool listed = listsResults(inst);
        if (listed) names_[r] = cat(next_++);
      } else if (inst.op == Op::Constant) {
        claim(r, constantName(inst));
      } else {
        names_[r] = cat(next_++);
      }
    }
  }

  // Results are one name with a count, unless the later ones have separate names.
  static bool listsResults(const Inst& inst) {
    for (size_t i = 1; i < inst.results.size(); ++i)
      if (isName(inst.results[i]->name)) return true;
    return false;
  }

  static std::string constantName(const Inst& inst) {
    Type type = inst.result()->type;
    if (!type.isScalar() || !type.isInt()) return "cst";
    uint64_t bits = inst.dense().at(0);
    if (type.isBool()) return bits & 1 ? "true" : "false";
    std::string name = cat("c", signExtend(bits, bitWidth(type)));
    return type.elem == Elem::Index ? name : cat(name, "_", type);
  }

  void nameRegion(const Region& region) {
    for (const Block* block : region.blocks) {
      blocks_[block] = static_cast<int>(blocks_.size());
      for (const Value* arg : block->args) nameArg(arg);
      for (const Inst* i : block->insts) {
        nameResults(*i);
        for (auto& r : i->regions) nameRegion(*r);
      }
    }
  }

  std::string name(const Value* v) {
    if (!v) return "%<null>";
    if (auto it = names_.find(v); it != names_.end()) return cat("%", it->second);
    if (v->def && v->index > 0)
      if (auto it = names_.find(v->def->results[0]); it != names_.end()) return cat("%", it->second, "#", v->index);
    if (loose_) {  // for a single instruction: the names from the source, or a stand-in
      if (isName(v->name)) return cat("%", v->name);
      return v->def ? cat("%<", info(v->def->op).spelling, ">") : cat("%<arg ", v->index, ">");
    }
    return "%<unknown>";
  }

  template <class Values>
  std::string names(const Values& values) {
    std::string out;
    for (size_t i = 0; i < values.size(); ++i) appendAll(out, i ? ", " : "", name(values[i]));
    return out;
  }

  template <class Values>
  static std::string types(const Values& values) {
    std::string out;
    for (size_t i = 0; i < values.size(); ++i) appendAll(out, i ? ", " : "", values[i]->type);
    return out;
  }

  static std::string resultList(const Inst& i) {
    return i.results.size() == 1 && i.results[0]->type.form != Form::None ? cat(i.results[0]->type) : cat("(", types(i.results), ")");
  }

  // ---- structure

  template <class... Parts>
  void text(const Parts&... parts) {
    appendAll(out_, parts...);
  }
  void pad() { out_.append(static_cast<size_t>(indent_) * 2, ' '); }

  void func(const Func& f) {
    names_.clear();
    used_.clear();
    suffixes_.clear();
    blocks_.clear();
    next_ = nextArg_ = 0;
    nameRegion(f.body);
    pad();
    text("tt.func ", f.isPublic ? "public " : "private ", symbol(f.name), "(");
    if (!f.body.empty())
      for (size_t i = 0; i < f.args().size(); ++i) {
        text(i ? ", " : "", name(f.args()[i]), ": ", f.args()[i]->type);
        if (i < f.params.size() && f.params[i].padNan)
          text(" {nereid.padding = \"nan\"}");
        else if (i < f.params.size() && f.params[i].divisibility > 0)
          text(" {tt.divisibility = ", f.params[i].divisibility, " : i32}");
      }
    text(")");
    if (f.results.size() == 1) text(" -> ", f.results[0]);
    if (f.results.size() > 1) {
      text(" -> (");
      for (size_t i = 0; i < f.results.size(); ++i) text(i ? ", " : "", f.results[i]);
      text(")");
    }
    text(" attributes {noinline = ", f.noinline, "} ");
    region(f.body, Entry::Hidden);
    text("\n");
  }

  enum class Entry : uint8_t { Hidden, Labelled };

  // `{ ... }`; the arguments of a hidden entry are in the header of the operation. A final yield without operands is omitted if
  // `implicitYield` is set, since the parser adds it.
  void region(const Region& r, Entry entry, bool implicitYield = false) {
    text("{\n");
    ++indent_;
    for (size_t b = 0; b < r.blocks.size(); ++b) {
      const Block& block = *r.blocks[b];
      if (b > 0 || (entry == Entry::Labelled && !block.args.empty())) label(block);
      for (const Inst* i : block.insts) {
        if (implicitYield && i == block.insts.back() && i->op == Op::Yield && i->operands.empty()) continue;
        inst(*i);
      }
    }
    --indent_;
    pad();
    text("}");
  }

  void label(const Block& block) {
    --indent_;
    pad();
    text("^bb", blockNumber(&block));
    if (!block.args.empty()) {
      text("(");
      for (size_t i = 0; i < block.args.size(); ++i) text(i ? ", " : "", name(block.args[i]), ": ", block.args[i]->type);
      text(")");
    }
    text(":\n");
    ++indent_;
  }

  int blockNumber(const Block* block) {
    auto it = blocks_.find(block);
    return it == blocks_.end() ? -1 : it->second;
  }

  std::string successor(const Successor& s) {
    std::string out = cat("^bb", blockNumber(s.block));
    if (!s.args.empty()) appendAll(out, "(", names(s.args), " : ", types(s.args), ")");
    return out;
  }

  void inst(const Inst& i) {
    if (loose_ && names_.empty()) nameLoose(i);
    pad();
    if (!i.results.empty()) {
      if (i.results.size() == 1)
        text(name(i.results[0]));
      else if (listsResults(i))
        text(names(i.results));
      else
        text(name(i.results[0]), ":", i.results.size());
      text(" = ");
    }
    size_t start = out_.size();
    body(i);
    text("\n");
    // For an operation with regions, at the end of its first line.
    if (file_ && i.loc.file() == file_) out_.insert(out_.find('\n', start), cat("  // line ", i.loc.line()));
  }

  void nameLoose(const Inst& i) {
    nameResults(i);
    for (auto& r : i.regions) nameRegion(*r);
  }

  void body(const Inst& i) {
    std::string_view op = info(i.op).spelling;
    if (i.op == Op::CmpI || i.op == Op::CmpF) {
      int64_t predicate = i.integer(Attr::Predicate);
      return text(op, " ", i.op == Op::CmpI ? cmpIKeyword(predicate) : cmpFKeyword(predicate), ", ", names(i.operands),
                  dictionary(i, {Attr::Predicate}), " : ", i.operand(0)->type);
    }
    if (i.op == Op::Select) {
      text(op, " ", names(i.operands), dictionary(i), " : ");
      if (i.operand(0)->type.isShaped()) text(i.operand(0)->type, ", ");
      return text(i.result()->type);
    }
    if (const Format* format = formatOf(i.op))
      byFormat(i, op, *format);
    else
      byHand(i, op);
  }

  // An operand of a format, or all from there on; for an operation with groups, a group.
  static std::span<Value* const> part(const Inst& i, std::string_view& rest) {
    if (rest.starts_with("*")) {
      rest.remove_prefix(rest.starts_with("*2") ? 2 : 1);
      return i.operands;
    }
    const size_t k = digit(rest);
    const bool all = rest.starts_with("*");
    rest.remove_prefix(all);
    if (signatureOf(i.op).hasGroups) return i.group(k);
    const std::span<Value* const> from = std::span(i.operands).subspan(std::min(k, i.operands.size()));
    return all ? from : from.first(std::min<size_t>(from.size(), 1));
  }
  static size_t digit(std::string_view& rest) {
    const auto k = static_cast<size_t>(rest[0] - '0');
    rest.remove_prefix(1);
    return k;
  }

  // Whether a clause has something to say.
  static bool isWritten(const Inst& i, std::string_view clause, const Format& format) {
    clause.remove_prefix(clause.find_first_of("@%#^"));
    const char kind = clause[0];
    clause.remove_prefix(1);
    if (kind == '^') return !i.results.empty();
    if (kind != '@') return !part(i, clause).empty();
    const Keyword& word = format.keywords[digit(clause)];
    return i.has(word.attr) && i.integer(word.attr) != word.otherwise;
  }

  void byFormat(const Inst& i, std::string_view op, const Format& format) {
    std::string_view rest = format.text;
    std::vector<Attr> written;
    for (const Keyword& word : format.keywords)
      if (word.attr != Attr::Value) written.push_back(word.attr);
    bool inClause = false;
    auto next = [&](std::string_view piece) {
      bool is = rest.starts_with(piece);
      if (is) rest.remove_prefix(piece.size());
      return is;
    };
    auto keywordHere = [&]() -> const Keyword& { return format.keywords[digit(rest)]; };
    text(op, std::string_view("%@?$&>").contains(rest[0]) && (rest[1] != '*' || !i.operands.empty()) ? " " : "");
    while (!rest.empty()) {
      if (next("%")) {
        text(names(part(i, rest)));
        if (!next("i1") && !next("i32") && !next("i64") && !next("^") && !next("p")) next("?");
      } else if (next("|")) {
        const std::string_view clause = rest.substr(0, rest.find('|'));
        inClause = !inClause;
        if (inClause && !isWritten(i, clause, format)) {
          rest.remove_prefix(clause.size() + 1);
          inClause = false;
        }
      } else if (next("!")) {
        text(hints(i));
        written.insert(written.end(), {Attr::Cache, Attr::Evict});
      } else if (next("@") || next("?")) {
        const Keyword& word = keywordHere();
        text(keyword(i, word.attr, word.otherwise));
      } else if (next("$")) {
        text(quoted(i.text(keywordHere().attr)));
      } else if (next("&")) {
        text(symbol(i.text(keywordHere().attr)));
      } else if (next("+")) {
        if (Attr attr = keywordHere().attr; i.integer(attr)) text(" ", attrName(attr));
      } else if (next("{}")) {
        text(dictionary(i, written));
      } else if (next("#=") || next("#~")) {
        text(i.operand(0)->type);
      } else if (next("#")) {
        auto values = part(i, rest);
        text(next("<") && !values.empty() ? shortType(values[0]->type) : types(values));
      } else if (next("^*")) {
        text(resultList(i));
      } else if (next("^,")) {
        text(types(i.results));
      } else if (next("^<")) {
        text(shortType(i.result()->type));
      } else if (next("^")) {
        text(i.result()->type);
      } else if (next("->")) {
        text("->");
      } else if (next(">")) {
        text(successor(i.successors[digit(rest)]));
      } else if (!next("[]")) {
        text(rest.substr(0, 1));
        rest.remove_prefix(1);
      }
    }
  }

  std::string keyword(const Inst& i, Attr attr, int64_t otherwise) { return std::string(enumKeyword(attr, i.integer(attr, otherwise))); }

  // `cacheModifier = ca evictionPolicy = evict_last`, where they are not the defaults.
  std::string hints(const Inst& i) {
    std::string out;
    if (int64_t cache = i.integer(Attr::Cache, 1); cache != 1) appendAll(out, " cacheModifier = ", enumKeyword(Attr::Cache, cache));
    if (int64_t evict = i.integer(Attr::Evict, 1); evict != 1) appendAll(out, " evictionPolicy = ", enumKeyword(Attr::Evict, evict));
    return out;
  }

  void generic(const Inst& i, std::string_view op) {
    text("\"", op, "\"(", names(i.operands), ")");
    if (std::string attrs = dictionary(i); !attrs.empty()) text(" <", std::string_view(attrs).substr(1), ">");
    text(" (");
    for (size_t r = 0; r < i.regions.size(); ++r) {
      if (r) text(", ");
      region(*i.regions[r], Entry::Labelled);
    }
    text(") : (", types(i.operands), ") -> ", resultList(i));
  }

  // The short form of a type whose kind the operation implies: <f32> for !tt.ptr<f32>.
  static std::string shortType(Type type) {
    std::string full = cat(type);
    return full.substr(full.find('<'));
  }

  void byHand(const Inst& i, std::string_view op) {
    switch (i.op) {
      case Op::Constant: {
        const Dense& dense = i.dense();
        Type type = i.result()->type;
        text(op, dictionary(i, {Attr::Value}), " ");
        if (!type.isShaped()) {
          text(elementText(type, dense.at(0), true));
          if (type.isBool()) return;
        } else {
          text("dense<");
          if (dense.isSplat())
            text(elementText(type, dense.bits[0], true));
          else
            denseText(type, dense, 0, 0, dense.bits.size());
          text(">");
        }
        return text(" : ", type);
      }
      case Op::Reduce:
      case Op::Scan:
      case Op::MapElementwise: return generic(i, op);
      case Op::Barrier: return text("gpu.barrier");  // as up to 3.6
      case Op::For: return forLoop(i);
      case Op::If:
        text(op, " ", name(i.operand(0)));
        if (!i.results.empty()) text(" -> (", types(i.results), ")");
        text(" ");
        region(*i.regions[0], Entry::Hidden, i.results.empty());
        if (i.regions.size() > 1 && !i.regions[1]->empty()) {
          text(" else ");
          region(*i.regions[1], Entry::Hidden, i.results.empty());
        }
        return text(dictionary(i));
      case Op::While: return whileLoop(i);
      default: break;
    }
  }

  void denseText(Type type, const Dense& dense, int axis, size_t begin, size_t count) {
    text("[");
    size_t parts = axis < type.rank ? static_cast<size_t>(type.dim(axis)) : 1;
    size_t step = count / parts;
    for (size_t p = 0; p < parts; ++p) {
      if (p) text(", ");
      if (axis + 1 < type.rank)
        denseText(type, dense, axis + 1, begin + p * step, step);
      else
        text(elementText(type, dense.at(begin + p), true));
    }
    text("]");
  }

  void forLoop(const Inst& i) {
    const Block& body = i.regions[0]->entry();
    text("scf.for ", name(body.args[0]), " = ", name(i.operand(0)), " to ", name(i.operand(1)), " step ", name(i.operand(2)));
    if (i.operands.size() > 3) {
      text(" iter_args(");
      for (size_t k = 3; k < i.operands.size(); ++k) text(k > 3 ? ", " : "", name(body.args[k - 2]), " = ", name(i.operand(k)));
      text(") -> (", types(i.results), ")");
    }
    text(" ");
    if (i.operand(0)->type.elem != Elem::Index) text(" : ", i.operand(0)->type, " ");
    region(*i.regions[0], Entry::Hidden, i.results.empty());
    text(dictionary(i));
  }

  void whileLoop(const Inst& i) {
    const Block& test = i.regions[0]->entry();
    text("scf.while");
    if (!i.operands.empty()) {
      text(" (");
      for (size_t k = 0; k < i.operands.size(); ++k) text(k ? ", " : "", name(test.args[k]), " = ", name(i.operand(k)));
      text(")");
    }
    text(" : (", types(i.operands), ") -> ", resultList(i), " ");
    region(*i.regions[0], Entry::Hidden);
    text(" do ");
    region(*i.regions[1], Entry::Labelled, false);
    text(dictionary(i));
  }

  std::string out_;
  int indent_ = 0;
  bool loose_ = false;
  uint32_t file_ = 0;  // the file whose lines are printed; 0: none
  int next_ = 0, nextArg_ = 0;
  PtrMap<const Value*, std::string> names_;
  std::set<std::string> used_;
  std::map<std::string, int> suffixes_;
  PtrMap<const Block*, int> blocks_;
};

}  // namespace

std::string print(const Module& m, bool lines) { return Printer().module(m, lines); }
std::string print(const Inst& inst) { return Printer().one(inst); }

}  // namespace nereid
