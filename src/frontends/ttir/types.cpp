// SPDX-License-Identifier: MIT
// Types, attributes and locations of MLIR text.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "frontends/ttir/parser.h"
#include "ir/bits.h"

namespace nereid::ttir {

// ---- types

bool Parser::parseType(Type& out) {
  Depth depth(*this);
  if (tooDeep()) return false;
  Loc loc = here();
  if (tok_.kind == Tok::Word) {
    std::string_view word = tok_.text;
    if (auto elem = elemFromName(word)) {
      advance();
      out = Type::scalar(*elem);
      return true;
    }
    if (word == "tensor" || word == "vector") {
      advance();
      return parseShaped(out, word == "tensor" ? Form::Tile : Form::Vector);
    }
    if (word == "none") {
      advance();
      out = Type{};
      return true;
    }
    // si8 and ui8 occur in descriptors only; elsewhere operations carry the signedness.
    if (word.size() > 2 && (word.starts_with("si") || word.starts_with("ui")))
      if (auto elem = elemFromName(word.substr(1)); elem && *elem < Elem::Index) {
        advance();
        out = Type::scalar(*elem);
        out.sign = word[0] == 's' ? Sign::Signed : Sign::Unsigned;
        return true;
      }
    error(Err::Type, loc)
        .says("unknown type `", word, "`")
        .hint("use i1 to i64, f16, bf16, f32, f64, f8E4M3FN, f8E5M2, index, tensor<…> or !tt.ptr<…>");
    return false;
  }
  if (tok_.kind == Tok::Bang) {
    std::string_view name = tok_.text;
    if (auto it = aliases_.find(name); it != aliases_.end()) {
      uint32_t after = tok_.offset + static_cast<uint32_t>(name.size());
      seek(it->second);
      if (!parseType(out)) return false;
      seek(after);
      return true;
    }
    advance();
    if (name == "!tt.ptr") return parsePointerBody(out);
    if (name == "!tt.tensordesc") return parseDescBody(out);
    if (name == "!tt" && take("<")) {  // !tt<ptr<f32>>, a long form
      bool ok = takeWord("ptr") ? parsePointerBody(out) : takeWord("tensordesc") ? parseDescBody(out) : syntax("ptr or tensordesc");
      return ok && expect(">");
    }
    error(Err::Type, loc).says("unknown type `", name, "`");
    return false;
  }
  return syntax("a type");
}

bool Parser::parsePointerBody(Type& out) {
  if (!expect("<")) return false;
  Loc loc = here();
  Type inner;
  if (!parseType(inner)) return false;
  int64_t space = 1;
  if (take(",")) {
    // "constant" is tl.const, from 3.9 on; Triton's front-end has already checked that nothing stores there.
    Literal literal{tok_, false};
    bool isConstant = tok_.kind == Tok::String && tok_.text == "\"constant\"";
    if (!isConstant && !toInteger(literal, space)) return false;
    advance();
  }
  if (!expect(">")) return false;
  if (inner.form == Form::Tile) {
    if (inner.isPointer()) {
      error(Err::Unsupported, loc).says("block pointers to pointers are not supported");
      return false;
    }
    out = inner;
    out.form = Form::BlockPtr;
    return true;
  }
  if (inner.form != Form::Scalar || inner.pointerDepth == kMaxPointerDepth) {
    error(Err::Type, loc).says("a pointer cannot point to ", inner);
    return false;
  }
  if (space < 0 || space > kMaxAddressSpace) {
    error(Err::Type, loc).says("pointers to address space ", space, " are not supported").hint("Triton's pointers are in address space 1");
    return false;
  }
  out = inner.pointerTo();
  out.sign = Sign::None;
  out.addressSpace = static_cast<uint8_t>(space);
  return true;
}

bool Parser::parseDescBody(Type& out) {
  if (!expect("<")) return false;
  Type inner;
  if (atWord("tensor")) {
    if (!parseType(inner) || !expect(">")) return false;
  } else {
    seek(tok_.offset);  // the dimensions are characters, not tokens
    if (!parseShapedBody(inner, Form::Tile)) return false;
  }
  out = inner;
  out.form = Form::Desc;
  return true;
}

bool Parser::parseShaped(Type& out, Form form) {
  if (!at("<")) return syntax("`<`");
  seek(tok_.offset + 1);
  return parseShapedBody(out, form);
}

// The current token is the first after the `<`; dimensions are read from its characters on.
bool Parser::parseShapedBody(Type& out, Form form) {
  uint32_t at = tok_.offset;
  Loc begin = here();
  std::vector<int64_t> dims;
  while (at < text_.size() && text_[at] >= '0' && text_[at] <= '9') {
    int64_t dim = 0;
    auto [end, ec] = std::from_chars(text_.data() + at, text_.data() + text_.size(), dim);
    auto next = static_cast<uint32_t>(end - text_.data());
    if (ec != std::errc() || next >= text_.size() || text_[next] != 'x') {
      error(Err::Syntax, begin).says("expected dimensions such as 128x64");
      return false;
    }
    dims.push_back(dim);
    at = next + 1;
  }
  seek(at);
  if (at < text_.size() && text_[at] == '?') {
    error(Err::Unsupported, begin).says("tiles of dynamic size are not supported");
    return false;
  }
  Type element;
  if (!parseType(element)) return false;
  if (!element.isScalar()) {
    error(Err::Type, begin).says("a tile cannot have elements of ", element);
    return false;
  }
  if (take(",")) {  // a TTGIR encoding: the layout on a GPU, which is ignored
    AnyAttr ignored;
    if (!parseAttr(ignored)) return false;
  }
  if (!expect(">")) return false;
  int bits = 0;
  for (int64_t dim : dims) {
    if (dim <= 0 || !std::has_single_bit(static_cast<uint64_t>(dim))) {
      error(Err::Shape, begin).says("every dimension of a tile must be a power of two (got ", dim, ")");
      return false;
    }
    bits += std::countr_zero(static_cast<uint64_t>(dim));
  }
  if (bits > kMaxTileBits) {
    error(Err::Shape, begin).says("a tile can have at most 2^20 elements (got 2^", bits, ")");
    return false;
  }
  if (dims.size() > kMaxRank) {
    error(Err::Shape, begin).says("a tile can have at most ", kMaxRank, " axes (got ", dims.size(), ")");
    return false;
  }
  if (form == Form::Vector && (dims.size() != 1 || bits > 12)) {
    error(Err::Shape, begin).says("a vector must have one axis of at most 4096 lanes");
    return false;
  }
  out = Type::tile(element, dims);
  out.form = form;
  return true;
}

bool Parser::parseTypeList(std::vector<Type>& out) {
  do {
    Type type;
    if (!parseType(type)) return false;
    out.push_back(type);
  } while (take(","));
  return true;
}

bool Parser::parseParenTypes(std::vector<Type>& out) {
  if (!expect("(")) return false;
  if (take(")")) return true;
  do {
    Type type;
    if (!parseType(type)) return false;
    out.push_back(type);
    Attrs ignored;
    if (!parseOptionalAttrDict(ignored)) return false;
  } while (take(","));
  return expect(")");
}

bool Parser::parseResultTypes(std::vector<Type>& out) {
  if (at("(")) return parseParenTypes(out);
  Type type;
  if (!parseType(type)) return false;
  out.push_back(type);
  return true;
}

bool Parser::parseFunctionType(std::vector<Type>& in, std::vector<Type>& out) {
  return parseParenTypes(in) && expect("->") && parseResultTypes(out);
}

// ---- attributes

bool Parser::toInteger(const Literal& literal, int64_t& out) {
  std::string_view digits = literal.token.text;
  uint64_t value = 0;
  bool ok = literal.token.kind == Tok::Integer;
  if (ok) {
    int base = 10;
    if (digits.starts_with("0x")) {
      base = 16;
      digits.remove_prefix(2);
    }
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    ok = ec == std::errc() && end == digits.data() + digits.size();
  }
  if (literal.token.word("true") || literal.token.word("false")) {
    ok = true;
    value = literal.token.word("true");
  }
  if (!ok) {
    error(Err::Syntax, locOf(literal.token)).says("expected an integer of at most 64 bits, found `", literal.token.text.substr(0, 40), "`");
    return false;
  }
  out = static_cast<int64_t>(literal.negative ? 0 - value : value);
  return true;
}

bool Parser::toBits(const Literal& literal, Type type, uint64_t& bits) {
  const Token& t = literal.token;
  if (!type.isFloat()) {
    int64_t value = 0;
    if (t.kind == Tok::Float) {
      error(Err::Type, locOf(t)).says("expected a value of ", type.element(), ", found a float");
      return false;
    }
    if (!toInteger(literal, value)) return false;
    bits = zeroExtend(static_cast<uint64_t>(value), bitWidth(type));
    return true;
  }
  if (t.kind == Tok::Integer && t.text.starts_with("0x")) {
    int64_t value = 0;
    if (!toInteger(literal, value)) return false;
    bits = zeroExtend(static_cast<uint64_t>(value), bitWidth(type));
    return true;
  }
  if (t.kind != Tok::Float && t.kind != Tok::Integer) {
    error(Err::Syntax, locOf(t)).says("expected a float, found `", t.text.substr(0, 40), "`");
    return false;
  }
  auto value = parseDouble(t.text);
  if (!value) {
    error(Err::Syntax, locOf(t)).says("expected a float, found `", t.text.substr(0, 40), "`");
    return false;
  }
  bits = encodeFloat(type.elem, literal.negative ? -*value : *value);
  return true;
}

bool Parser::parseLiterals(std::vector<Literal>& out) {
  Depth depth(*this);
  if (tooDeep()) return false;
  if (take("[")) {
    if (take("]")) return true;
    do {
      if (!parseLiterals(out)) return false;
    } while (take(","));
    return expect("]");
  }
  bool negative = take("-");
  if (tok_.kind != Tok::Integer && tok_.kind != Tok::Float && tok_.kind != Tok::String && !atWord("true") && !atWord("false"))
    return syntax("a number");
  if (out.size() > (size_t{1} << kMaxTileBits)) {
    error(Err::Shape, here()).says("a constant can have at most 2^20 elements");
    return false;
  }
  out.push_back({advance(), negative});
  return true;
}

// dense<...> : type
bool Parser::parseDense(AnyAttr& out) {
  advance();
  if (!expect("<")) return false;
  out.isDense = true;
  if (!at(">") && !parseLiterals(out.literals)) return false;
  if (!expect(">")) return false;
  if (!expect(":")) return false;
  Loc loc = here();
  Type type;
  // Attribute types may have any shape: tt.divisibility is a tensor<3xi32> if a pointer has three axes.
  if (atWord("tensor") || atWord("vector")) {
    uint32_t begin = tok_.offset;
    size_t before = diags_.size();
    if (!parseType(type)) {
      diags_.truncate(before);
      seek(begin);
      advance();
      if (!skipBalanced()) return false;
      for (const Literal& literal : out.literals) {
        int64_t value = 0;
        if (!toInteger(literal, value)) return false;
        auto* list = std::get_if<std::vector<int64_t>>(&out.value);
        if (!list) list = &out.value.emplace<std::vector<int64_t>>();
        list->push_back(value);
      }
      return true;
    }
    out.type = type;
    return true;
  }
  error(Err::Type, loc).says("dense<> needs a tensor type");
  return false;
}

// dense_resource<name> : type, with the data in the file's end:
//
//   {-# dialect_resources: { builtin: { name: "0x04000000…" } } #-}
//
// Four bytes of alignment, then the elements as in dense<"0x…">.
bool Parser::parseResource(AnyAttr& out) {
  Loc loc = here();
  advance();
  if (!expect("<")) return false;
  std::string name = tok_.kind == Tok::String ? unquote(tok_.text) : std::string(tok_.text);
  advance();
  if (!expect(">") || !expect(":")) return false;
  Type type;
  if (!parseType(type)) return false;
  out.isDense = true;
  out.type = type;
  size_t section = text_.rfind("{-#");
  Lexer lexer(text_);
  lexer.seek(static_cast<uint32_t>(section == std::string_view::npos ? text_.size() : section));
  for (Token t = lexer.next(); t.kind != Tok::End && t.kind != Tok::FileEnd; t = lexer.next()) {
    if (t.kind != Tok::Word && t.kind != Tok::String) continue;
    if ((t.kind == Tok::String ? unquote(t.text) : std::string(t.text)) != name) continue;
    if (!lexer.next().is(":")) continue;
    Token data = lexer.next();
    if (data.kind != Tok::String) continue;
    std::string digits = unquote(data.text);
    constexpr size_t kHead = 2 + 8;  // 0x and the alignment
    if (!digits.starts_with("0x") || digits.size() < kHead) break;
    Literal& literal = out.literals.emplace_back();
    literal.token = {Tok::String, module_.intern(cat("\"0x", digits.substr(kHead), "\"")), data.offset};
    return true;
  }
  error(Err::Unsupported, loc)
      .says("the data of dense_resource<", name, "> is not in this file")
      .hint("print the module without --mlir-elide-resource-strings-if-larger");
  return false;
}

// "0x..." contains the bytes of the elements, little-endian; i1 has one byte or one bit per element.
bool Parser::hexData(const AnyAttr& attr, Type type, Dense& out) {
  std::string digits = unquote(attr.literals[0].token.text);
  auto bad = [&] {
    error(Err::Syntax, attr.loc).says("the data of dense<\"0x…\"> does not have the size of ", type);
    return false;
  };
  if (!digits.starts_with("0x") || digits.size() % 2) return bad();
  std::vector<uint8_t> bytes;
  for (size_t i = 2; i < digits.size(); i += 2) {
    uint8_t byte = 0;
    auto [end, ec] = std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
    if (ec != std::errc() || end != digits.data() + i + 2) return bad();
    bytes.push_back(byte);
  }
  auto count = static_cast<size_t>(type.numel());
  auto size = static_cast<size_t>(byteSize(type));
  if (type.isBool() && bytes.size() == (count + 7) / 8 && bytes.size() != count) {
    for (size_t i = 0; i < count; ++i) out.bits.push_back((bytes[i / 8] >> (i % 8)) & 1);
    return true;
  }
  if (type.isBool() && bytes.size() == 1) {  // a splat of one bit
    out.bits.assign(1, bytes[0] & 1);
    return true;
  }
  if (bytes.size() != count * size && bytes.size() != size) return bad();
  for (size_t i = 0; i < bytes.size(); i += size) {
    uint64_t value = 0;
    for (size_t b = 0; b < size; ++b) value |= static_cast<uint64_t>(bytes[i + b]) << (8 * b);
    out.bits.push_back(zeroExtend(value, bitWidth(type)));
  }
  return true;
}

bool Parser::toDense(const AnyAttr& attr, Type type, Dense& out) {
  out.type = type;
  if (attr.literals.size() == 1 && attr.literals[0].token.kind == Tok::String) return hexData(attr, type, out);
  for (const Literal& literal : attr.literals) {
    uint64_t bits = 0;
    if (!toBits(literal, type, bits)) return false;
    out.bits.push_back(bits);
  }
  auto count = static_cast<size_t>(type.numel());
  if (out.bits.size() != count && out.bits.size() != 1) {
    error(Err::Shape, attr.loc).says("dense<> has ", out.bits.size(), " elements, but its type is ", type);
    return false;
  }
  return true;
}

bool Parser::parseIntegerList(std::vector<int64_t>& out) {
  do {
    Literal literal;
    literal.negative = take("-");
    literal.token = tok_;
    int64_t value = 0;
    if (!toInteger(literal, value)) return false;
    advance();
    out.push_back(value);
  } while (take(","));
  return true;
}

// `: type` after an attribute.
bool Parser::parseAttrType(AnyAttr& out) { return !take(":") || parseTypeAttr(out); }

bool Parser::parseTypeAttr(AnyAttr& out) {
  Type type;
  if (!parseType(type)) return false;
  out.type = type;
  return true;
}

// @name, @"a name", @name::@nested
void Parser::parseSymbol(AnyAttr& out) {
  std::string_view name = advance().text.substr(1);
  out.value = name.starts_with("\"") ? unquote(name) : std::string(name);
  while (at(":") && text_.substr(tok_.offset, 3) == "::@") {  // a nested reference
    advance();
    advance();
    advance();
  }
}

// #alias, or #tt.padding_option<nan>, #tt<cache_modifier ca>: the last word is the keyword.
bool Parser::parseHashAttr(AnyAttr& out) {
  Token name = tok_;
  if (auto it = aliases_.find(name.text); it != aliases_.end()) {
    uint32_t after = name.offset + static_cast<uint32_t>(name.text.size());
    seek(it->second);
    if (!parseAttr(out)) return false;
    seek(after);
    return true;
  }
  advance();
  if (!at("<")) return true;
  uint32_t begin = tok_.offset;
  if (!skipBalanced()) return false;
  std::string_view inside = text_.substr(begin, tok_.offset - begin);
  size_t end = inside.find_last_not_of(" \t\r\n>");
  if (end != std::string_view::npos) {
    size_t start = inside.find_last_of(" <", end);
    out.keyword = inside.substr(start + 1, end - start);
  }
  return true;
}

// array<i32: 1, 2>
bool Parser::parseArray(AnyAttr& out) {
  advance();
  if (!expect("<")) return false;
  if (tok_.kind == Tok::Word) advance();  // the element type
  std::vector<int64_t> list;
  if (take(":") && !parseIntegerList(list)) return false;
  out.value = std::move(list);
  return expect(">");
}

bool Parser::parseWordAttr(AnyAttr& out) {
  std::string_view word = tok_.text;
  if (word == "true" || word == "false") {
    advance();
    out.value = int64_t{word == "true"};
    return parseAttrType(out);
  }
  if (word == "unit") {
    advance();
    out.isUnit = true;
    return true;
  }
  if (word == "dense") return parseDense(out);
  if (word == "dense_resource") return parseResource(out);
  if (word == "array") return parseArray(out);
  if (word == "loc") {
    Loc ignored;
    return parseOptionalLoc(ignored);
  }
  if (word == "affine_map" || word == "affine_set" || word == "distinct" || word == "sparse" || word == "strided" || word == "opaque") {
    advance();
    if (at("[") && !skipBalanced()) return false;
    return at("<") ? skipBalanced() : syntax("`<`");
  }
  return parseTypeAttr(out);
}

// [1, 2]: only the integers matter.
bool Parser::parseListAttr(AnyAttr& out) {
  advance();
  std::vector<int64_t> list;
  bool integers = true;
  if (!at("]")) do {
      AnyAttr item;
      if (!parseAttr(item)) return false;
      if (auto* number = std::get_if<int64_t>(&item.value))
        list.push_back(*number);
      else
        integers = false;
    } while (take(","));
  if (integers) out.value = std::move(list);
  return expect("]");
}

// The only dictionaries in use are those of function arguments; their divisibility represents the whole dictionary.
bool Parser::parseDictAttr(AnyAttr& out) {
  Attrs inner;
  if (!parseAttrDict(inner)) return false;
  out.value = int64_t{0};
  for (auto& [name, attr] : inner)
    if (name == "tt.divisibility") out.value = attr.value;
  return true;
}

// A number with an optional sign and type.
bool Parser::parseNumberAttr(AnyAttr& out) {
  const bool negative = take("-");
  if (tok_.kind != Tok::Integer && tok_.kind != Tok::Float) return syntax("a number");
  const Literal literal{advance(), negative};
  out.literals.push_back(literal);
  if (!parseAttrType(out)) return false;
  out.isFloat = literal.token.kind == Tok::Float || (out.type && out.type->isFloat());
  if (!out.isFloat) {
    int64_t value = 0;
    if (!toInteger(literal, value)) return false;
    out.value = value;
  }
  return true;
}

bool Parser::parseAttr(AnyAttr& out) {
  Depth depth(*this);
  if (tooDeep()) return false;
  out.loc = here();
  switch (tok_.kind) {
    case Tok::String: out.value = unquote(advance().text); return parseAttrType(out);
    case Tok::Symbol: parseSymbol(out); return true;
    case Tok::Integer:
    case Tok::Float: return parseNumberAttr(out);
    case Tok::Hash: return parseHashAttr(out);
    case Tok::Bang: return parseTypeAttr(out);
    case Tok::Word: return parseWordAttr(out);
    case Tok::Punct:
      if (at("-")) return parseNumberAttr(out);
      if (at("[")) return parseListAttr(out);
      if (at("{")) return parseDictAttr(out);
      if (at("(")) {
        out.isFunctionType = true;
        return parseFunctionType(out.inputs, out.outputs);
      }
      return syntax("an attribute");
    default: return syntax("an attribute");
  }
}

bool Parser::parseAttrDict(Attrs& out) {
  Depth depth(*this);
  if (tooDeep()) return false;
  if (!expect("{")) return false;
  if (take("}")) return true;
  do {
    std::string name;
    if (tok_.kind == Tok::Word)
      name = std::string(advance().text);
    else if (tok_.kind == Tok::String)
      name = unquote(advance().text);
    else
      return syntax("the name of an attribute");
    AnyAttr value;
    value.loc = here();
    if (take("=")) {
      if (!parseAttr(value)) return false;
    } else {
      value.isUnit = true;
    }
    out.emplace_back(std::move(name), std::move(value));
  } while (take(","));
  return expect("}");
}

bool Parser::parseOptionalAttrDict(Attrs& out) { return !at("{") || parseAttrDict(out); }

// ---- locations

void Parser::findAliases() {
  Lexer lexer(text_);
  Token previous, token = lexer.next();
  while (token.kind != Tok::End) {
    previous = token;
    token = lexer.next();
    if ((previous.kind == Tok::Hash || previous.kind == Tok::Bang) && token.is("=")) {
      Token value = lexer.next();
      aliases_.emplace(previous.text, value.offset);
      token = value;
    }
  }
}

bool Parser::parseOptionalLoc(Loc& out) {
  if (!atWord("loc")) return true;
  advance();
  if (!expect("(")) return false;
  Loc found;
  if (!parseLocBody(found)) return false;
  if (found) out = found;
  return expect(")");
}

bool Parser::parseLocBody(Loc& out) {
  Depth depth(*this);
  if (tooDeep()) return false;
  auto number = [&](uint32_t& value) {
    Literal literal{tok_, false};
    int64_t n = 0;
    if (!toInteger(literal, n)) return false;
    advance();
    value = static_cast<uint32_t>(std::min<int64_t>(std::max<int64_t>(n, 0), INT32_MAX));
    return true;
  };
  if (tok_.kind == Tok::Hash) {
    Token name = advance();
    if (auto known = locAliases_.find(name.text); known != locAliases_.end()) {
      out = known->second;
      return true;
    }
    auto it = aliases_.find(name.text);
    if (it == aliases_.end()) {
      error(Err::UnknownName, locOf(name)).says("unknown location `", name.text, "`");
      return false;
    }
    uint32_t after = tok_.offset;
    seek(it->second);
    Loc found;
    if (atWord("loc") ? !parseOptionalLoc(found) : !parseLocBody(found)) return false;
    seek(after);
    locAliases_[name.text] = found;
    out = found;
    return true;
  }
  if (tok_.kind == Tok::String) {
    std::string text = unquote(advance().text);
    if (take("(")) {  // a name: "x"(loc)
      if (!parseLocBody(out)) return false;
      return expect(")");
    }
    if (!take(":")) return true;
    uint32_t line = 0, col = 0;
    if (!number(line) || !expect(":") || !number(col)) return false;
    out = {sources_.find(text), line, std::max(col, 1u), 0};
    if (takeWord("to")) {
      uint32_t endLine = line, endCol = col;
      if (tok_.kind == Tok::Integer && !number(endLine)) return false;
      if (!expect(":") || !number(endCol)) return false;
      if (endLine == line && endCol > col) out = out.withLength(endCol - col);
    }
    return true;
  }
  if (takeWord("unknown")) return true;
  if (takeWord("callsite")) {
    if (!expect("(")) return false;
    Loc callee, caller;
    if (!parseLocBody(callee) || !expectWord("at") || !parseLocBody(caller)) return false;
    out = callee ? callee : caller;
    return expect(")");
  }
  if (takeWord("fused")) {
    if (at("<") && !skipBalanced()) return false;
    if (!expect("[")) return false;
    if (take("]")) return true;
    do {
      Loc part;
      if (!parseLocBody(part)) return false;
      if (!out) out = part;
    } while (take(","));
    return expect("]");
  }
  if (atWord("loc")) return parseOptionalLoc(out);
  return syntax("a location");
}

}  // namespace nereid::ttir
