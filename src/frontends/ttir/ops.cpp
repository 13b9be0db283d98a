// SPDX-License-Identifier: MIT
// Custom forms of operations. Most follow from the signature in the table. The others have a function here, which also accepts the
// spellings of older versions of Triton.
#include <algorithm>

#include "frontends/ttir/parser.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "ir/enums.h"
#include "ir/formats.h"
#include "ir/signatures.h"

namespace nereid::ttir {

bool Parser::parseCustom(Token name, Inst*& out) {
  Depth depth(*this);
  if (tooDeep()) return false;
  std::string_view spelling = name.text;
  Op op;
  if (!findOp(spelling, locOf(name), op)) return false;
  Inst* inst = out = module_.newInst(op, locOf(name));
  inst->parent = instBlock_;
  if (info(op).sig != Sig::ByHand) return bySignature(*inst);
  if (spelling == "tt.view") inst->set(Attr::AllowReorder, int64_t{1});
  const Format* format = formatOf(op);
  return format ? byFormat(*inst, *format) : byHand(*inst);
}

// ---- pieces

bool Parser::attrs(Inst& inst) {
  Attrs dict;
  if (at("{") && !parseAttrDict(dict)) return false;
  return applyAttrs(inst, dict);
}

bool Parser::hints(Inst& inst) {
  while (atWord("cacheModifier") || atWord("evictionPolicy")) {
    Attr attr = atWord("cacheModifier") ? Attr::Cache : Attr::Evict;
    advance();
    if (!expect("=") || !enumWord(inst, attr)) return false;
  }
  return true;
}

bool Parser::enumWord(Inst& inst, Attr attr) {
  if (tok_.kind == Tok::Integer) {
    int64_t number = 0;
    if (!toInteger({tok_, false}, number)) return false;
    advance();
    inst.set(attr, number);
    return true;
  }
  auto number = tok_.kind == Tok::Word ? enumFromKeyword(attr, tok_.text) : std::nullopt;
  if (!number) return syntax(cat("the keyword of ", attrName(attr)).c_str());
  advance();
  inst.set(attr, *number);
  return true;
}

bool Parser::add(Inst& inst, const Use& use, Type type) {
  Value* v = resolve(use, type);
  if (!v) return false;
  inst.operands.push_back(v);
  return true;
}

bool Parser::addAll(Inst& inst, const std::vector<Use>& uses, const std::vector<Type>& types) {
  if (uses.size() != types.size()) {
    error(Err::Syntax, inst.loc).says(uses.size(), " operands, but ", types.size(), " types");
    return false;
  }
  for (size_t i = 0; i < uses.size(); ++i)
    if (!add(inst, uses[i], types[i])) return false;
  return true;
}

bool Parser::addSame(Inst& inst, const std::vector<Use>& uses, Type type) {
  for (const Use& use : uses)
    if (!add(inst, use, type)) return false;
  return true;
}

void Parser::result(Inst& inst, Type type) { module_.addResult(inst, type); }

bool Parser::uses(std::vector<Use>& out, size_t count) {
  Loc loc = here();
  if (!parseUses(out)) return false;
  if (out.size() == count) return true;
  if (out.empty()) return syntax("a value such as %x");
  error(Err::Syntax, loc).says("expected ", count, " operands, found ", out.size());
  return false;
}

// !tt.ptr<f32>, or <f32> where the operation implies that it is a pointer (or a descriptor).
bool Parser::typeOfSlot(const Inst& inst, size_t slot, Type& out) {
  if (!at("<")) return parseType(out);
  const uint8_t forms = signatureOf(inst.op).slot(slot).forms;
  return forms == 1 << static_cast<int>(Form::Desc) ? parseDescBody(out) : parsePointerBody(out);  // of scalars and of tiles
}

Region& Parser::newRegion(Inst& inst) {
  auto& region = inst.regions.emplace_back(std::make_unique<Region>());
  region->parent = &inst;
  return *region;
}

void Parser::addYield(Region& region, Loc loc) {
  if (region.empty()) module_.newBlock(region);
  Block* last = region.blocks.back();
  if (last->terminator() && info(last->terminator()->op).effects == Effects::Exit) return;
  Inst* yield = module_.newInst(Op::Yield, loc);
  yield->parent = last;
  last->insts.push_back(yield);
}

// %a, %b {..} : T -> U, or T to U; the old form is (T) -> U.
// One type may stand for all operands: tt.join %a, %b : T -> U.
bool Parser::operandTypes(size_t count, std::vector<Type>& types) {
  if (at("(") ? !parseParenTypes(types) : !parseTypeList(types)) return false;
  if (types.size() == 1)
    for (size_t i = 1; i < count; ++i) types.push_back(types[0]);
  return true;
}

// The promises fastmath<..> and overflow<..> are not used; some versions write them before the dictionary, some after.
bool Parser::flags() {
  while (atWord("fastmath") || atWord("overflow") || atWord("exact") || atWord("disjoint") || atWord("nneg") || atWord("nonNeg") ||
         atWord("round_to_nearest_even")) {
    advance();
    if (at("<") && !skipBalanced()) return false;
  }
  return true;
}

// ---- by signature

bool Parser::bySignature(Inst& inst) {
  Sig sig = info(inst.op).sig;
  std::vector<Use> values;
  size_t count = 1;
  switch (sig) {
    case Sig::Int2:
    case Sig::Float2:
    case Sig::CmpInt:
    case Sig::CmpFloat: count = 2; break;
    case Sig::Float3:
    case Sig::Select: count = 3; break;
    default: break;
  }
  if (sig == Sig::Terminator) {
    std::vector<Type> types;
    if (!parseUses(values) || !attrs(inst)) return false;
    if (!values.empty() && (!expect(":") || !parseTypeList(types))) return false;
    return addAll(inst, values, types);
  }
  if (sig == Sig::CmpInt || sig == Sig::CmpFloat) {
    if (tok_.kind != Tok::Word && tok_.kind != Tok::String) return syntax("a predicate");
    Token word = advance();
    std::string keyword = word.kind == Tok::String ? unquote(word.text) : std::string(word.text);
    auto predicate = sig == Sig::CmpInt ? cmpIFromKeyword(keyword) : cmpFFromKeyword(keyword);
    if (!predicate) {
      error(Err::Syntax, locOf(word)).says("`", keyword, "` is not a predicate of `", info(inst.op).spelling, "`");
      return false;
    }
    inst.set(Attr::Predicate, *predicate);
    if (!expect(",")) return false;
  }
  if (!uses(values, count)) return false;
  if (sig == Sig::FloatToInt || sig == Sig::CastFloat) {
    // arith.truncf %x to_nearest_even
    static constexpr const char* kModes[] = {"to_nearest_even", "downward", "upward", "toward_zero", "to_nearest_away"};
    for (const char* mode : kModes)
      if (atWord(mode)) {
        if (mode != kModes[0]) {
          error(Err::Unsupported, here()).says("rounding mode `", mode, "` is not supported");
          return false;
        }
        advance();
      }
  }
  if (!flags() || !attrs(inst) || !flags() || !expect(":")) return false;
  Type type;
  if (!parseType(type)) return false;
  switch (sig) {
    case Sig::CmpInt:
    case Sig::CmpFloat:
    case Sig::FloatTest:
      if (!addSame(inst, values, type)) return false;
      result(inst, type.withElement(Elem::I1));
      return true;
    case Sig::Select: {
      // The condition's type is written unless it is a scalar.
      Type condition = Type::scalar(Elem::I1);
      if (take(",")) {
        condition = type;
        if (!parseType(type)) return false;
      }
      if (!add(inst, values[0], condition) || !add(inst, values[1], type) || !add(inst, values[2], type)) return false;
      result(inst, type);
      return true;
    }
    case Sig::CastInt:
    case Sig::CastFloat:
    case Sig::IntToFloat:
    case Sig::FloatToInt:
    case Sig::Bitcast: {
      Type to;
      if (!expectWord("to") || !parseType(to) || !add(inst, values[0], type)) return false;
      result(inst, to);
      return true;
    }
    default:
      if (!addSame(inst, values, type)) return false;
      result(inst, type);
      return true;
  }
}

// ---- by format

// Operands as the text has them: in the order of the operation, by groups if the format numbers them.
struct Parser::Parts {
  std::array<std::vector<Use>, Signature::kMaxSlots> uses;
  std::array<std::vector<Type>, Signature::kMaxSlots> types;
  std::array<std::string_view, Signature::kMaxSlots> implied;  // the types that are not in the text, as the format has them
  std::vector<Type> results;

  size_t count() const {
    size_t n = 0;
    for (auto& group : uses) n += group.size();
    return n;
  }
};

bool Parser::byFormat(Inst& inst, const Format& format) {
  Parts parts;
  std::string_view rest = format.text;
  bool inClause = false, isNumbered = false;
  auto next = [&](std::string_view piece) {
    bool is = rest.starts_with(piece);
    if (is) rest.remove_prefix(piece.size());
    return is;
  };
  auto digit = [&] {
    const auto k = static_cast<size_t>(rest[0] - '0');
    rest.remove_prefix(1);
    return k;
  };
  auto quotedText = [&](Attr attr) {
    if (tok_.kind != Tok::String) return syntax("a text in quotes");
    inst.set(attr, unquote(advance().text));
    while (take(",")) advance();  // of asserts up to 3.0: file, function and line
    return true;
  };
  auto symbolName = [&](Attr attr) {
    if (tok_.kind != Tok::Symbol) return syntax("a function such as @f");
    std::string_view name = advance().text.substr(1);
    inst.set(attr, name.starts_with("\"") ? unquote(name) : std::string(name));
    return true;
  };
  while (!rest.empty()) {
    bool ok = true;
    if (next(" ")) {
    } else if (next("%*2")) {
      ok = uses(parts.uses[0], 2);
    } else if (next("%*")) {
      ok = parseUses(parts.uses[0]);
    } else if (next("%")) {
      const size_t k = digit();
      isNumbered = true;
      ok = next("*") ? parseUses(parts.uses[k]) : parseUse(parts.uses[k].emplace_back());
      for (std::string_view type : {"i1", "i32", "i64", "^", "p", "?"})
        if (next(type)) parts.implied[k] = type;
      if (ok && inst.op == Op::DotScaled && k == 2 && take(",")) ok = oldScales(parts);
    } else if (next("|")) {
      const std::string_view clause = rest.substr(0, rest.find('|'));
      inClause = !inClause;
      if (inClause && !isPresent(clause, parts)) {
        rest.remove_prefix(clause.size() + 1);
        inClause = false;
      }
    } else if (next("!")) {
      ok = hints(inst);
    } else if (rest.starts_with("@") || rest.starts_with("?")) {
      const bool isRequired = rest[0] == '@' || tok_.kind == Tok::Word || tok_.kind == Tok::Integer;
      rest.remove_prefix(1);
      const Attr attr = format.keywords[digit()].attr;
      if (isRequired) ok = enumWord(inst, attr);
    } else if (next("$")) {
      ok = quotedText(format.keywords[digit()].attr);
    } else if (next("&")) {
      ok = symbolName(format.keywords[digit()].attr);
    } else if (next("+")) {
      const Attr attr = format.keywords[digit()].attr;
      if (takeWord(std::string(attrName(attr)).c_str())) inst.set(attr, int64_t{1});
    } else if (next("[]")) {
      takeWord("weights");
      if (at("[") || at("(")) ok = skipBalanced();
    } else if (next("{}")) {
      ok = flags() && attrs(inst);
    } else if (next("(#*)")) {
      ok = parseParenTypes(parts.types[0]);
    } else if (next("#*")) {
      ok = parseTypeList(parts.types[0]);
    } else if (next("#=")) {
      ok = parseType(parts.types[0].emplace_back());
      parts.types[0].resize(parts.count(), parts.types[0][0]);
    } else if (next("#~")) {
      ok = operandTypes(parts.count(), parts.types[0]);
    } else if (next("#")) {
      const size_t k = digit();
      ok = next("*") ? parseTypeList(parts.types[k]) : typeOfSlot(inst, k, parts.types[k].emplace_back());
      next("<");
    } else if (next("^*") || next("^,")) {
      ok = at("(") ? parseResultTypes(parts.results) : parseTypeList(parts.results);
    } else if (next("^")) {
      ok = typeOfSlot(inst, signatureOf(inst.op).operands, parts.results.emplace_back());
      next("<");
    } else if (next("->")) {
      ok = expect("->");
    } else if (next(">")) {
      digit();
      ok = parseSuccessor(inst, false);
    } else {
      auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
      const bool isWord = isLetter(rest[0]);
      const std::string literal(rest.begin(), isWord ? std::find_if_not(rest.begin(), rest.end(), isLetter) : rest.begin() + 1);
      ok = isWord ? expectWord(literal.c_str()) : expect(literal.c_str());
      rest.remove_prefix(literal.size());
    }
    if (!ok) return false;
  }
  return finish(inst, format, parts, isNumbered);
}

// Whether the text has a clause: it starts like it, or has operands whose types it contains.
bool Parser::isPresent(std::string_view clause, const Parts& parts) const {
  clause.remove_prefix(std::min(clause.find_first_not_of(' '), clause.size()));
  if (const size_t type = clause.find('#'); type != std::string_view::npos && clause.find('%') == std::string_view::npos)
    return !parts.uses[clause[type + 1] == '*' ? 0 : static_cast<size_t>(clause[type + 1] - '0')].empty();
  if (clause.starts_with("%")) return tok_.kind == Tok::Value;
  if (clause.starts_with("->")) return at("->");
  const std::string literal(clause.substr(0, clause.find_first_of(" %")));
  return literal.size() > 1 ? atWord(literal.c_str()) : at(literal.c_str());
}

// Resolves the operands, and adds the results.
bool Parser::finish(Inst& inst, const Format& format, Parts& parts, bool isNumbered) {
  std::vector<Use> values;
  std::vector<Type> in;
  for (size_t k = 0; k < parts.uses.size(); ++k) {
    const std::string_view implied = parts.implied[k];
    std::vector<Type>& types = parts.types[k];
    for (const Use& use : parts.uses[k]) {
      values.push_back(use);
      if (implied.empty()) continue;
      if (implied == "?") {
        auto known = typeOf(use);
        if (!known) {
          error(Err::UnknownName, use.loc).says("unknown value `", use.name, "`");
          return false;
        }
        types.push_back(*known);
      } else {
        types.push_back(implied == "^"   ? parts.results[0]
                        : implied == "p" ? Type::pointer(parts.results[0].elem)
                                         : Type::scalar(*elemFromName(implied)));
      }
    }
    in.insert(in.end(), types.begin(), types.end());
  }
  if (isNumbered && signatureOf(inst.op).hasGroups) {
    inst.segments.clear();
    for (size_t k = 0; k < signatureOf(inst.op).operands; ++k) inst.segments.push_back(static_cast<int32_t>(parts.uses[k].size()));
  }
  if (!complete(inst, values, in, parts.results) || !addAll(inst, values, in)) return false;
  for (int k = 0; k < format.sameResults; ++k) parts.results.push_back(in[0]);
  for (Type type : parts.results) result(inst, type);
  return info(inst.op).forms != Forms::Lower || normalise(inst, inst.loc);
}

// 3.2: %a, %a_scale, %b[, %b_scale], %c; the first three have been read as %a, %b, %c.
bool Parser::oldScales(Parts& parts) {
  std::vector<Use> rest;
  if (!parseUses(rest)) return false;
  if (rest.empty() || rest.size() > 2) return syntax("the accumulator");
  parts.uses[3] = std::move(parts.uses[1]);
  parts.uses[1] = std::move(parts.uses[2]);
  parts.uses[2] = {rest.back()};
  if (rest.size() == 2) parts.uses[4] = {rest[0]};
  return true;
}

bool Parser::miscounted(const Inst& inst, const std::vector<Use>& values, const char* wanted) {
  error(Err::Syntax, inst.loc).says("`", info(inst.op).spelling, "` takes ", wanted, ", but has ", values.size(), " operands");
  return false;
}

// Types that the text does not have, or has in more than one form.
bool Parser::complete(Inst& inst, const std::vector<Use>& values, std::vector<Type>& in, std::vector<Type>& out) {
  switch (inst.op) {
    case Op::Trans:
      if (!inst.has(Attr::Order)) inst.set(Attr::Order, std::vector<int64_t>{1, 0});
      return true;
    case Op::Split: out.push_back(out[0]); return true;
    case Op::Unsplat: {
      Type old;  // up to 3.2 the result was in the text
      out.push_back(in[0].element());
      return !take("->") || parseType(old);
    }
    case Op::Histogram:
      if (values.empty() || values.size() > 2) return miscounted(inst, values, "a value and perhaps a mask");
      in = {in[0]};
      if (values.size() > 1) in.push_back(in[0].withElement(Elem::I1));
      inst.segments = {1, values.size() > 1};
      return true;
    case Op::Load:
    case Op::Store: return access(inst, values, in, out);
    default: return true;
  }
}

bool Parser::access(Inst& inst, const std::vector<Use>& values, std::vector<Type>& in, std::vector<Type>& out) {
  const bool loads = inst.op == Op::Load;
  if (values.empty() || values.size() > 3 || (!loads && values.size() < 2))
    return miscounted(inst, values, loads ? "a pointer, and perhaps a mask and `other`" : "a pointer, a value and perhaps a mask");
  // Before 3.0 the type was the element's.
  Type pointer = in[0];
  auto actual = typeOf(values[0]);
  if (actual && actual->isPointer() && *actual != pointer && actual->pointee() == pointer) pointer = *actual;
  if (actual && actual->form == Form::BlockPtr) pointer = *actual;
  Type element;
  if (pointer.form == Form::BlockPtr) {
    element = pointer;
    element.form = Form::Tile;
  } else if (pointer.isPointer()) {
    element = pointer.pointee();
  } else {
    error(Err::Type, inst.loc).says("`", info(inst.op).spelling, "` needs a pointer, but this is ", pointer);
    return false;
  }
  const Type mask = element.withElement(Elem::I1);
  in = loads ? std::vector{pointer, mask, element} : std::vector{pointer, element, mask};
  in.resize(values.size());
  if (loads) {
    inst.segments = {1, values.size() > 1, values.size() > 2};
    out.push_back(element);
  } else {
    inst.segments = {1, 1, values.size() > 2};
  }
  return true;
}

// ---- by hand

bool Parser::byHand(Inst& inst) {
  switch (inst.op) {
    case Op::Constant: return constant(inst);
    case Op::Barrier:
      while (tok_.kind == Tok::Word &&
             (atWord("all") || atWord("local") || atWord("global_read") || atWord("global_write") || atWord("none"))) {
        advance();
        if (!take("|")) break;
      }
      return attrs(inst);
    case Op::For: return forLoop(inst);
    case Op::If: return ifOp(inst);
    case Op::While: return whileLoop(inst);
    default:
      error(Err::Syntax, inst.loc).says("`", info(inst.op).spelling, "` must be written in its generic form, with quotes");
      return false;
  }
}

bool Parser::constant(Inst& inst) {
  Attrs dict;
  if (at("{") && !parseAttrDict(dict)) return false;
  AnyAttr value;
  if (!parseAttr(value)) return false;
  dict.emplace_back("value", std::move(value));
  if (!applyAttrs(inst, dict)) return false;
  result(inst, inst.dense().type);
  return true;
}

// ---- control

bool Parser::forLoop(Inst& inst) {
  if (takeWord("unsigned")) unsignedLoops_.insert(&inst);
  if (tok_.kind != Tok::Value) return syntax("the induction variable");
  Token iv = advance();
  Use bounds[3];
  if (!expect("=") || !parseUse(bounds[0]) || !expectWord("to") || !parseUse(bounds[1]) || !expectWord("step") || !parseUse(bounds[2]))
    return false;
  std::vector<Token> names;
  std::vector<Use> inits;
  std::vector<Type> types;
  if (takeWord("iter_args")) {
    if (!expect("(")) return false;
    if (!at(")")) do {
        if (tok_.kind != Tok::Value) return syntax("a carried value");
        names.push_back(advance());
        if (!expect("=") || !parseUse(inits.emplace_back())) return false;
      } while (take(","));
    if (!expect(")") || !expect("->") || !parseResultTypes(types)) return false;
  }
  Type ivType = Type::scalar(Elem::Index);
  if (take(":") && !parseType(ivType)) return false;
  if (names.size() != types.size()) {
    error(Err::Syntax, inst.loc).says(names.size(), " carried values, but ", types.size(), " types");
    return false;
  }
  for (const Use& bound : bounds)
    if (!add(inst, bound, ivType)) return false;
  if (!addAll(inst, inits, types)) return false;
  Region& region = newRegion(inst);
  Block* body = module_.newBlock(region);
  size_t mark = scope_.size();
  auto argument = [&](const Token& name, Type type) {
    bool numbered = name.text[1] >= '0' && name.text[1] <= '9';
    Value* v = module_.addArg(*body, type, numbered ? std::string_view() : name.text.substr(1), locOf(name));
    return define(name.text, {v}, locOf(name));
  };
  if (!argument(iv, ivType)) return false;
  for (size_t i = 0; i < names.size(); ++i)
    if (!argument(names[i], types[i])) return false;
  if (!parseRegion(region, &inst)) return false;
  endScope(mark);
  if (types.empty()) addYield(region, inst.loc);
  for (Type type : types) result(inst, type);
  return attrs(inst);
}

//   scf.for unsigned %i = %a to %b step %s : i32   =>   scf.for %k = extui %a to extui %b step extui %s : i64 { %i = trunci %k ... }
//
// A signed loop with a wider counter. i64 and index have no wider type: both bounds and the counter have their sign bit flipped instead.
void Parser::countSigned(Inst& loop, Block& before) {
  if (loop.operands.size() < 3 || loop.regions.size() != 1 || loop.regions[0]->empty() || loop.regions[0]->entry().args.empty()) return;
  Region& region = *loop.regions[0];
  Block& body = region.entry();
  Value* counter = body.args[0];
  const Type type = counter->type;
  if (!type.isInt() || !type.isScalar()) return;
  const bool widens = bitWidth(type) < 64;
  Builder outside(module_, &before, loop.loc);
  auto convert = [&](Builder& b, Value* v) {
    return widens ? b.cast(Op::ExtUI, v, Type::scalar(Elem::I64)) : b.make(Op::XOrI, {v, b.constant(type, uint64_t{1} << 63)});
  };
  for (size_t k = 0; k < (widens ? 3u : 2u); ++k) loop.operands[k] = convert(outside, loop.operands[k]);
  std::vector<Inst*> rest = std::move(body.insts);
  body.insts.clear();
  Builder inside(module_, &body, loop.loc);
  if (widens) counter->type = Type::scalar(Elem::I64);
  Value* index = widens ? inside.cast(Op::TruncI, counter, type) : convert(inside, counter);
  const size_t made = body.insts.size();
  body.insts.insert(body.insts.end(), rest.begin(), rest.end());
  auto replace = [&](std::vector<Value*>& values) {
    for (Value*& v : values)
      if (v == counter) v = index;
  };
  size_t at = 0;
  for (Block* block : region.blocks)
    for (Inst* inst : block->insts) {
      if (block == &body && at++ < made) continue;
      replace(inst->operands);
      for (Successor& s : inst->successors) replace(s.args);
      for (auto& r : inst->regions)
        walk(*r, [&](Inst& inner) {
          replace(inner.operands);
          for (Successor& s : inner.successors) replace(s.args);
        });
    }
}

bool Parser::ifOp(Inst& inst) {
  Use condition;
  std::vector<Type> types;
  if (!parseUse(condition) || !add(inst, condition, Type::scalar(Elem::I1))) return false;
  if (take("->") && !parseResultTypes(types)) return false;
  if (!parseRegion(newRegion(inst), &inst)) return false;
  if (takeWord("else") && !parseRegion(newRegion(inst), &inst)) return false;
  if (types.empty())
    for (auto& region : inst.regions) addYield(*region, inst.loc);
  for (Type type : types) result(inst, type);
  return attrs(inst);
}

bool Parser::whileLoop(Inst& inst) {
  std::vector<Token> names;
  std::vector<Use> inits;
  if (take("(")) {
    if (!at(")")) do {
        if (tok_.kind != Tok::Value) return syntax("a carried value");
        names.push_back(advance());
        if (!expect("=") || !parseUse(inits.emplace_back())) return false;
      } while (take(","));
    if (!expect(")")) return false;
  }
  std::vector<Type> in, out;
  if (!expect(":") || !parseFunctionType(in, out)) return false;
  if (!addAll(inst, inits, in)) return false;
  Region& test = newRegion(inst);
  Block* entry = module_.newBlock(test);
  size_t mark = scope_.size();
  for (size_t i = 0; i < names.size(); ++i) {
    bool numbered = names[i].text[1] >= '0' && names[i].text[1] <= '9';
    Value* v = module_.addArg(*entry, in[i], numbered ? std::string_view() : names[i].text.substr(1), locOf(names[i]));
    if (!define(names[i].text, {v}, locOf(names[i]))) return false;
  }
  if (!parseRegion(test, &inst)) return false;
  endScope(mark);
  if (!expectWord("do")) return false;
  Region& body = newRegion(inst);
  if (!parseRegion(body, &inst)) return false;
  if (body.empty()) addYield(body, inst.loc);
  for (Type type : out) result(inst, type);
  takeWord("attributes");
  return attrs(inst);
}

}  // namespace nereid::ttir
