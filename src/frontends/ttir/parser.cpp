// SPDX-License-Identifier: MIT
// Modules, functions, regions, and operations in generic form.
#include "frontends/ttir/parser.h"

#include <algorithm>

#include "frontends/ttir/ttir.h"
#include "ir/bits.h"
#include "ir/enums.h"
#include "ir/signatures.h"

namespace nereid::ttir {

Result<Module> parse(Sources& sources, uint32_t file, Diags& diags) {
  auto m = Parser(sources, file, diags).run();
  if (m && !verify(*m, diags)) return std::unexpected(Failed{});
  return m;
}

Parser::Parser(Sources& sources, uint32_t file, Diags& diags)
    : sources_(sources), file_(file), diags_(diags), text_(sources.text(file)), lexer_(text_) {
  lines_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') lines_.push_back(static_cast<uint32_t>(i + 1));
  findAliases();
  tok_ = lexer_.next();
}

Result<Module> Parser::run() {
  if (text_.size() > UINT32_MAX / 2) {
    error(Err::TooDeep, {}).says("the text is longer than 2 GiB");
    return std::unexpected(Failed{});
  }
  if (!parseTop()) return std::unexpected(Failed{});
  if (module_.funcs.empty()) {
    error(Err::Syntax, here()).says("there is no function in this text").hint("write a kernel as `tt.func public @name(…) { … }`");
    return std::unexpected(Failed{});
  }
  return std::move(module_);
}

// ---- tokens

Token Parser::advance() {
  Token token = tok_;
  tok_ = lexer_.next();
  return token;
}

void Parser::seek(uint32_t offset) {
  lexer_.seek(offset);
  tok_ = lexer_.next();
}

bool Parser::take(const char* punctuation) {
  if (!at(punctuation)) return false;
  advance();
  return true;
}

bool Parser::takeWord(const char* word) {
  if (!atWord(word)) return false;
  advance();
  return true;
}

bool Parser::expect(const char* punctuation) {
  if (take(punctuation)) return true;
  return syntax(cat("`", punctuation, "`").c_str());
}

bool Parser::expectWord(const char* word) {
  if (takeWord(word)) return true;
  return syntax(cat("`", word, "`").c_str());
}

Loc Parser::locOf(const Token& token) const {
  auto it = std::upper_bound(lines_.begin(), lines_.end(), token.offset);
  auto line = static_cast<uint32_t>(it - lines_.begin());
  uint32_t col = token.offset - lines_[line - 1] + 1;
  return {file_, line, col, token.text.size()};
}

bool Parser::syntax(const char* wanted) {
  if (tok_.kind == Tok::End)
    error(Err::Syntax, here()).says("expected ", wanted, ", but the text ends here");
  else
    error(Err::Syntax, here()).says("expected ", wanted, ", found `", tok_.text.substr(0, 40), "`");
  return false;
}

bool Parser::tooDeep() {
  if (depth_ <= kMaxDepth) return false;
  error(Err::TooDeep, here()).says("nesting deeper than ", kMaxDepth, " levels");
  return true;
}

bool Parser::skipBalanced() {
  std::vector<char> open;
  do {
    if (tok_.kind == Tok::End) return syntax("a closing bracket");
    if (tok_.kind == Tok::Punct) {
      char c = tok_.text[0];
      if (c == '(' || c == '[' || c == '{' || c == '<') open.push_back(c);
      if (c == ')' || c == ']' || c == '}' || c == '>') {
        char wanted = c == ')' ? '(' : c == ']' ? '[' : c == '}' ? '{' : '<';
        if (open.empty() || open.back() != wanted) return syntax("a closing bracket");
        open.pop_back();
      }
    }
    advance();
  } while (!open.empty());
  return true;
}

std::string Parser::unquote(std::string_view literal) const {
  std::string out;
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  for (size_t i = 1; i + 1 < literal.size(); ++i) {
    if (literal[i] != '\\') {
      out += literal[i];
      continue;
    }
    char next = literal[++i];
    if (next == 'n')
      out += '\n';
    else if (next == 't')
      out += '\t';
    else if (i + 2 < literal.size() && digit(next) >= 0 && digit(literal[i + 1]) >= 0)
      out += static_cast<char>(digit(next) * 16 + digit(literal[++i]));
    else
      out += next;
  }
  return out;
}

// ---- values

bool Parser::parseUse(Use& out) {
  if (tok_.kind != Tok::Value) return syntax("a value such as %x");
  out.loc = here();
  out.name = advance().text;
  out.number = 0;
  if (tok_.kind == Tok::Hash &&
      tok_.offset == static_cast<uint32_t>(out.name.data() - text_.data() + static_cast<ptrdiff_t>(out.name.size()))) {
    Token digits = advance();
    digits.text.remove_prefix(1);
    digits.kind = Tok::Integer;
    int64_t number = 0;
    if (!toInteger({digits, false}, number)) return false;
    if (number < 0 || number > 100000) return syntax("a result number");
    out.number = static_cast<uint32_t>(number);
  }
  return true;
}

bool Parser::parseUses(std::vector<Use>& out) {
  if (tok_.kind != Tok::Value) return true;
  do {
    Use use;
    if (!parseUse(use)) return false;
    out.push_back(use);
  } while (take(","));
  return true;
}

Value* Parser::lookup(const Use& use) {
  auto it = values_.find(use.name);
  if (it == values_.end() || use.number >= it->second.size()) return nullptr;
  return it->second[use.number];
}

std::optional<Type> Parser::typeOf(const Use& use) {
  Value* v = lookup(use);
  if (!v) return std::nullopt;
  return v->type;
}

Value* Parser::resolve(const Use& use, Type type) {
  if (Value* v = lookup(use)) {
    if (v->type == type) return v;
    error(Err::Type, use.loc).says(use.name, " is ", v->type, ", but is used as ", type).label(v->loc, "defined here");
    return nullptr;
  }
  if (values_.contains(use.name)) {
    error(Err::UnknownName, use.loc).says(use.name, " has only ", values_[use.name].size(), " results");
    return nullptr;
  }
  // It may be defined later, since blocks can be in any order.
  auto [it, fresh] = forward_.try_emplace(cat(use.name, "#", use.number));
  if (fresh) {
    Inst* owner = module_.newInst(Op::Poison, use.loc);
    it->second = {module_.addResult(*owner, type), use};
  } else if (it->second.standIn->type != type) {
    error(Err::Type, use.loc)
        .says(use.name, " is used as ", type, " here, but as ", it->second.standIn->type, " before")
        .label(it->second.use.loc, "here");
    return nullptr;
  }
  return it->second.standIn;
}

bool Parser::define(std::string_view name, const std::vector<Value*>& values, Loc loc) {
  auto [it, fresh] = values_.try_emplace(name, values);
  if (!fresh) {
    error(Err::Redefined, loc).says(name, " is defined twice").label(it->second.empty() ? Loc{} : it->second[0]->loc, "first here");
    return false;
  }
  scope_.push_back(name);
  for (size_t i = 0; i < values.size() && !forward_.empty(); ++i) {
    auto waiting = forward_.find(cat(name, "#", i));
    if (waiting == forward_.end()) continue;
    if (waiting->second.standIn->type != values[i]->type) {
      error(Err::Type, waiting->second.use.loc).says(name, " is ", values[i]->type, ", but is used as ", waiting->second.standIn->type);
      return false;
    }
    replaced_.add(waiting->second.standIn, values[i]);
    forward_.erase(waiting);
  }
  return true;
}

void Parser::endScope(size_t mark) {
  while (scope_.size() > mark) {
    values_.erase(scope_.back());
    scope_.pop_back();
  }
}

// ---- modules and functions

bool Parser::parseTop() {
  while (true) {
    Depth depth(*this);
    switch (tok_.kind) {
      case Tok::End: return true;
      case Tok::Hash:
      case Tok::Bang: {
        bool type = tok_.kind == Tok::Bang;
        advance();
        if (!expect("=")) return false;
        AnyAttr ignored;
        if (type && at("(")) return syntax("a type");
        if (!parseAttr(ignored)) return false;
        break;
      }
      case Tok::FileBegin:
        while (tok_.kind != Tok::FileEnd && tok_.kind != Tok::End) advance();
        if (tok_.kind == Tok::End) return syntax("`#-}`");
        advance();
        break;
      case Tok::Word:
        if (atWord("module") || atWord("builtin.module")) {
          if (!parseModule()) return false;
          break;
        }
        [[fallthrough]];
      case Tok::String: {
        if (tok_.text == "\"builtin.module\"") {
          if (!parseModule()) return false;
          break;
        }
        if (!parseFunc()) return false;
        break;
      }
      default: return syntax("a module or a function");
    }
  }
}

bool Parser::parseModule() {
  if (module_depth_++ > 0) {
    error(Err::Unsupported, here()).says("a file can have only one module");
    return false;
  }
  bool generic = tok_.kind == Tok::String;
  advance();
  Attrs ignored;
  if (generic) {
    if (!expect("(") || !expect(")")) return false;
    if (at("<") && !skipBalanced()) return false;
    if (!expect("(")) return false;
  } else {
    if (tok_.kind == Tok::Symbol) advance();
    if (takeWord("attributes") && !parseAttrDict(ignored)) return false;
  }
  if (!expect("{")) return false;
  if (tok_.kind == Tok::Label) {
    advance();
    if (!expect(":")) return false;
  }
  while (!at("}"))
    if (!parseFunc()) return false;
  advance();
  if (generic) {
    if (!expect(")") || !parseOptionalAttrDict(ignored) || !expect(":")) return false;
    std::vector<Type> in, out;
    if (!parseFunctionType(in, out)) return false;
  }
  Loc loc;
  return parseOptionalLoc(loc);
}

bool Parser::parseFunc() {
  Loc loc = here();
  if (tok_.kind == Tok::String && tok_.text == "\"tt.func\"") return parseGenericFunc(loc);
  if (!atWord("tt.func")) {
    if (tok_.kind == Tok::Word || tok_.kind == Tok::String) {
      error(Err::Unsupported, loc)
          .says("`", tok_.text.substr(0, 40), "` cannot stand outside a function")
          .hint("a module can contain only tt.func");
      return false;
    }
    return syntax("a function: `tt.func`");
  }
  advance();
  auto func = std::make_unique<Func>();
  func->loc = loc;
  func->isPublic = true;
  if (takeWord("private") || takeWord("nested"))
    func->isPublic = false;
  else
    takeWord("public");
  if (tok_.kind != Tok::Symbol) return syntax("the function's @name");
  Token name = advance();
  func->name = name.text[1] == '"' ? unquote(name.text.substr(1)) : std::string(name.text.substr(1));
  if (module_.find(func->name)) {
    error(Err::Redefined, locOf(name)).says("@", func->name, " is defined twice").label(module_.find(func->name)->loc, "first here");
    return false;
  }
  if (!expect("(")) return false;
  Block* entry = module_.newBlock(func->body);
  if (!at(")")) do {
      if (tok_.kind != Tok::Value) {
        error(Err::Unsupported, here()).says("@", func->name, " has no body: declarations are not supported");
        return false;
      }
      Token arg = advance();
      Type type;
      Attrs attrs;
      Loc argLoc = locOf(arg);
      if (!expect(":") || !parseType(type) || !parseOptionalAttrDict(attrs) || !parseOptionalLoc(argLoc)) return false;
      bool numbered = arg.text[1] >= '0' && arg.text[1] <= '9';
      Value* v = module_.addArg(*entry, type, numbered ? std::string_view() : arg.text.substr(1), argLoc);
      if (!define(arg.text, {v}, locOf(arg))) return false;
      Param& param = func->params.emplace_back();
      param.name = std::string(arg.text.substr(1));
      for (auto& [key, attr] : attrs) {
        if (auto* n = std::get_if<int64_t>(&attr.value); n && key == "tt.divisibility" && *n > 0) param.divisibility = *n;
        if (auto* padding = std::get_if<std::string>(&attr.value); padding && key == "nereid.padding") param.padNan = *padding == "nan";
      }
    } while (take(","));
  if (!expect(")")) return false;
  if (take("->") && !parseResultTypes(func->results)) return false;
  Attrs attrs;
  if (takeWord("attributes") && !parseAttrDict(attrs)) return false;
  for (auto& [key, attr] : attrs)
    if (key == "noinline") func->noinline = attr.isUnit || attr.value == AttrValue(int64_t{1});
  if (!at("{")) {
    error(Err::Unsupported, loc).says("@", func->name, " has no body: declarations are not supported");
    return false;
  }
  if (!parseRegion(func->body, nullptr)) return false;
  Loc ignored;
  if (!parseOptionalLoc(ignored)) return false;
  module_.funcs.push_back(std::move(func));
  return finishFunc();
}

bool Parser::parseGenericFunc(Loc loc) {
  advance();
  auto func = std::make_unique<Func>();
  func->loc = loc;
  func->isPublic = true;
  if (!expect("(") || !expect(")")) return false;
  Attrs attrs;
  if (take("<") && (!parseAttrDict(attrs) || !expect(">"))) return false;
  if (!expect("(") || !parseRegion(func->body, nullptr) || !expect(")") || !parseOptionalAttrDict(attrs) || !expect(":")) return false;
  std::vector<Type> in, out;
  if (!parseFunctionType(in, out)) return false;
  Loc ignored;
  if (!parseOptionalLoc(ignored)) return false;
  std::vector<int64_t> divisibility;
  for (auto& [key, attr] : attrs) {
    auto* text = std::get_if<std::string>(&attr.value);
    if (key == "sym_name" && text) func->name = *text;
    if (key == "sym_visibility" && text) func->isPublic = *text == "public";
    if (key == "noinline") func->noinline = attr.isUnit || attr.value == AttrValue(int64_t{1});
    if (key == "function_type") func->results = attr.outputs;
    if (key == "arg_attrs")
      if (auto* list = std::get_if<std::vector<int64_t>>(&attr.value)) divisibility = *list;
  }
  if (func->name.empty() || module_.find(func->name)) {
    error(Err::Redefined, loc).says(func->name.empty() ? "this function has no sym_name" : cat("@", func->name, " is defined twice"));
    return false;
  }
  if (func->body.empty()) {
    error(Err::Unsupported, loc).says("@", func->name, " has no body: declarations are not supported");
    return false;
  }
  for (size_t i = 0; i < func->args().size(); ++i) {
    Param& param = func->params.emplace_back();
    param.name = func->args()[i]->name.empty() ? cat("arg", i) : std::string(func->args()[i]->name);
    if (i < divisibility.size()) param.divisibility = divisibility[i];
  }
  module_.funcs.push_back(std::move(func));
  return finishFunc();
}

// Replaces the stand-ins of values that were used before their definition.
bool Parser::finishFunc() {
  endScope(0);
  values_.clear();
  if (!forward_.empty()) {
    const Forward* first = nullptr;
    for (auto& [key, forward] : forward_)
      if (!first || std::pair(forward.use.loc.line(), forward.use.loc.col()) < std::pair(first->use.loc.line(), first->use.loc.col()))
        first = &forward;
    error(Err::UnknownName, first->use.loc).says("unknown value `", first->use.name, "`");
    return false;
  }
  replaced_.apply(module_.funcs.back()->body);
  replaced_ = {};
  return true;
}

// ---- regions

Block* Parser::blockNamed(std::string_view label, Region& region, Loc loc) {
  auto [it, fresh] = blocks_.back().try_emplace(label);
  if (fresh) it->second = {module_.newBlock(region), false, loc};
  return it->second.block;
}

bool Parser::parseBlockArgs(Block& block) {
  if (!take("(")) return true;
  if (take(")")) return true;
  do {
    if (tok_.kind != Tok::Value) return syntax("a block argument such as %x");
    Token arg = advance();
    Type type;
    Loc loc = locOf(arg);
    if (!expect(":") || !parseType(type) || !parseOptionalLoc(loc)) return false;
    bool numbered = arg.text[1] >= '0' && arg.text[1] <= '9';
    Value* v = module_.addArg(block, type, numbered ? std::string_view() : arg.text.substr(1), loc);
    if (!define(arg.text, {v}, locOf(arg))) return false;
  } while (take(","));
  return expect(")");
}

bool Parser::parseRegion(Region& region, Inst* parent) {
  Depth depth(*this);
  if (tooDeep()) return false;
  region.parent = parent;
  if (!expect("{")) return false;
  size_t mark = scope_.size();
  blocks_.emplace_back();
  Block* block = region.empty() ? nullptr : region.blocks[0];
  if (!block && !at("}") && tok_.kind != Tok::Label) block = module_.newBlock(region);
  while (!at("}")) {
    if (tok_.kind == Tok::Label) {
      Token label = advance();
      block = blockNamed(label.text, region, locOf(label));
      PendingBlock& pending = blocks_.back()[label.text];
      if (pending.defined) {
        error(Err::Redefined, locOf(label)).says("block ", label.text, " is defined twice").label(pending.loc, "first here");
        return false;
      }
      pending.defined = true;
      pending.loc = locOf(label);
      // Blocks are in the order of their labels, independent of the order of branches.
      std::erase(region.blocks, block);
      region.blocks.push_back(block);
      if (!parseBlockArgs(*block) || !expect(":")) return false;
      continue;
    }
    if (tok_.kind == Tok::End) return syntax("`}`");
    if (!parseInst(*block)) return false;
  }
  for (auto& [label, pending] : blocks_.back())
    if (!pending.defined) {
      error(Err::UnknownName, pending.loc).says("unknown block `", label, "`");
      return false;
    }
  blocks_.pop_back();
  endScope(mark);
  advance();
  return true;
}

bool Parser::parseSuccessor(Inst& inst, bool generic) {
  if (tok_.kind != Tok::Label) return syntax("a block such as ^bb1");
  Token label = advance();
  if (!inst.parent || !inst.parent->parent) return syntax("an operation without branches");
  Successor& s = inst.successors.emplace_back();
  s.block = blockNamed(label.text, *inst.parent->parent, locOf(label));
  if (generic || !take("(")) return true;
  std::vector<Use> uses;
  std::vector<Type> types;
  if (!parseUses(uses)) return false;
  if (!uses.empty() && (!expect(":") || !parseTypeList(types))) return false;
  if (uses.size() != types.size()) return syntax(cat(uses.size(), " types").c_str());
  for (size_t i = 0; i < uses.size(); ++i) {
    Value* v = resolve(uses[i], types[i]);
    if (!v) return false;
    s.args.push_back(v);
  }
  return expect(")");
}

// ---- operations

bool Parser::parseInst(Block& block) {
  std::vector<std::pair<Token, size_t>> names;
  if (tok_.kind == Tok::Value) {
    do {
      if (tok_.kind != Tok::Value) return syntax("the name of a result");
      Token name = advance();
      int64_t count = 1;
      if (take(":")) {
        if (!toInteger({tok_, false}, count)) return false;
        advance();
        if (count < 1 || count > 100000) return syntax("a number of results");
      }
      names.emplace_back(name, static_cast<size_t>(count));
    } while (take(","));
    if (!expect("=")) return false;
  }
  Token op = tok_;
  if (op.kind != Tok::Word && op.kind != Tok::String) return syntax("an operation");
  advance();
  Inst* inst = nullptr;
  // An operation finds its block through its parent: branches need it to resolve their targets.
  instBlock_ = &block;
  std::vector<Type> results;
  if (!(op.kind == Tok::String ? parseGeneric(op, inst, results) : parseCustom(op, inst))) return false;
  if (!parseOptionalLoc(inst->loc)) return false;
  if (unsignedLoops_.erase(inst)) countSigned(*inst, block);
  size_t count = 0;
  for (auto& [name, n] : names) count += n;
  if (!names.empty() && count != inst->results.size()) {
    error(Err::Syntax, locOf(names[0].first)).says("`", info(inst->op).spelling, "` has ", inst->results.size(), " results, not ", count);
    return false;
  }
  block.insts.push_back(inst);
  size_t at = 0;
  for (auto& [name, n] : names) {
    std::vector<Value*> values(inst->results.begin() + static_cast<ptrdiff_t>(at), inst->results.begin() + static_cast<ptrdiff_t>(at + n));
    at += n;
    for (Value* v : values) v->loc = inst->loc;
    bool numbered = name.text[1] >= '0' && name.text[1] <= '9';
    if (!numbered) values[0]->name = module_.intern(name.text.substr(1));
    if (!define(name.text, values, locOf(name))) return false;
  }
  return true;
}

namespace {

struct Renamed {
  std::string_view old, now;
};
// Names of operations in older and newer versions.
constexpr Renamed kRenamed[] = {
    {"llvm.mlir.undef", "ub.poison"},
    {"gpu.barrier", "ttg.barrier"},
    {"tt.debug_barrier", "ttg.barrier"},
    {"tt.view", "tt.reshape"},
    {"tt.ext_elemwise", "tt.extern_elementwise"},
    {"tt.pure_extern_elementwise", "tt.extern_elementwise"},
    {"tt.impure_extern_elementwise", "tt.extern_elementwise"},
    {"tt.experimental_make_tensor_descriptor", "tt.make_tensor_descriptor"},
    {"tt.experimental_descriptor_load", "tt.descriptor_load"},
    {"tt.experimental_descriptor_store", "tt.descriptor_store"},
    {"tt.experimental_descriptor_gather", "tt.descriptor_gather"},
    {"tt.experimental_descriptor_scatter", "tt.descriptor_scatter"},
    {"func.return", "tt.return"},
};

constexpr Renamed kAttrRenamed[] = {
    {"cacheModifier", "cache"},  {"evictionPolicy", "evict"},   {"lhs_type", "a_elem_type"},
    {"rhs_type", "b_elem_type"}, {"padding_option", "padding"}, {"pack_element", "packed_element"},
};

}  // namespace

bool Parser::findOp(std::string_view spelling, Loc loc, Op& out) {
  for (const Renamed& r : kRenamed)
    if (r.old == spelling) spelling = r.now;
  if (auto op = opFromSpelling(spelling)) {
    out = *op;
    return true;
  }
  std::vector<std::string> all;
  for (size_t i = 0; i < kOpCount; ++i) all.emplace_back(info(static_cast<Op>(i)).spelling);
  auto& diag = error(Err::Unsupported, loc).says("unknown operation `", spelling.substr(0, 60), "`");
  diag.meant(nearest(spelling.substr(0, 60), all));
  return false;
}

bool Parser::parseGeneric(Token name, Inst*& out, std::vector<Type>& results) {
  Depth depth(*this);
  if (tooDeep()) return false;
  std::string spelling = unquote(name.text);
  Op op;
  if (!findOp(spelling, locOf(name), op)) return false;
  Inst* inst = out = module_.newInst(op, locOf(name));
  inst->parent = instBlock_;
  std::vector<Use> uses;
  if (!expect("(") || !parseUses(uses) || !expect(")")) return false;
  if (take("[")) {
    do {
      if (!parseSuccessor(*inst, true)) return false;
    } while (take(","));
    if (!expect("]")) return false;
  }
  Attrs attrs;
  if (take("<") && (!parseAttrDict(attrs) || !expect(">"))) return false;
  if (take("(")) {
    do {
      if (!parseRegion(newRegion(*inst), inst)) return false;
    } while (take(","));
    if (!expect(")")) return false;
  }
  if (!parseOptionalAttrDict(attrs)) return false;
  std::vector<Type> types;
  if (!expect(":") || !parseFunctionType(types, results)) return false;
  if (types.size() != uses.size()) {
    error(Err::Type, inst->loc).says(uses.size(), " operands, but ", types.size(), " types");
    return false;
  }
  for (size_t i = 0; i < uses.size(); ++i) {
    Value* v = resolve(uses[i], types[i]);
    if (!v) return false;
    inst->operands.push_back(v);
  }
  for (Type type : results) module_.addResult(*inst, type);
  return applyAttrs(*inst, attrs) && normalise(*inst, inst->loc);
}

uint64_t Parser::zeroExtendTo(Type type, int64_t value) { return zeroExtend(static_cast<uint64_t>(value), bitWidth(type)); }

bool Parser::applyAttrs(Inst& inst, Attrs& attrs) {
  for (auto& [name, attr] : attrs) {
    std::string_view key = name;
    for (const Renamed& r : kAttrRenamed)
      if (r.old == key) key = r.now;
    auto* list = std::get_if<std::vector<int64_t>>(&attr.value);
    if (key == "operandSegmentSizes" || key == "operand_segment_sizes") {
      std::vector<int64_t> sizes;
      if (list) sizes = *list;
      if (attr.isDense)
        for (const Literal& literal : attr.literals)
          if (!toInteger(literal, sizes.emplace_back())) return false;
      for (int64_t n : sizes) {
        if (n < 0 || n > 1 << 20) {
          error(Err::Syntax, attr.loc).says("an operand segment cannot have ", n, " operands");
          return false;
        }
        inst.segments.push_back(static_cast<int32_t>(n));
      }
      continue;
    }
    if (key == "allowTF32" && inst.op == Op::Dot) {
      inst.set(Attr::InputPrecision, int64_t{attr.value == AttrValue(int64_t{1}) ? 0 : 2});
      continue;
    }
    if (key == "unsignedCmp" && inst.op == Op::For) {
      if (attr.value != AttrValue(int64_t{0})) unsignedLoops_.insert(&inst);
      continue;
    }
    auto id = attrFromName(key);
    if (!id) continue;
    if (*id == Attr::Value) {
      if (inst.op != Op::Constant) continue;
      Dense dense;
      Type type = attr.type.value_or(Type::scalar(attr.isFloat ? Elem::F64 : attr.literals.empty() ? Elem::I1 : Elem::I64));
      if (attr.literals.empty()) {
        auto* number = std::get_if<int64_t>(&attr.value);
        if (!number) {
          error(Err::Syntax, attr.loc).says("the value of a constant must be a number");
          return false;
        }
        dense = {type, {zeroExtendTo(type, *number)}};
      } else if (!toDense(attr, type, dense)) {
        return false;
      }
      inst.set(Attr::Value, std::move(dense));
      continue;
    }
    if (attr.isUnit) {
      inst.set(*id, int64_t{1});
    } else if (!attr.keyword.empty()) {
      auto number = enumFromKeyword(*id, attr.keyword);
      if (!number) {
        error(Err::Syntax, attr.loc).says("`", attr.keyword, "` is not a valid value of ", attrName(*id));
        return false;
      }
      inst.set(*id, *number);
    } else if (attr.isDense) {
      std::vector<int64_t> numbers;
      for (const Literal& literal : attr.literals)
        if (!toInteger(literal, numbers.emplace_back())) return false;
      if (numbers.size() == 1 && attr.type && attr.type->bits() < 6) numbers.resize(static_cast<size_t>(attr.type->numel()), numbers[0]);
      inst.set(*id, std::move(numbers));
    } else if (attr.isFloat || std::holds_alternative<std::monostate>(attr.value)) {
      continue;  // no known operation has such a value
    } else {
      inst.set(*id, attr.value);
    }
  }
  return true;
}

bool Parser::normalise(Inst& inst, Loc loc) {
  auto bad = [&] {
    error(Err::Syntax, loc).says("`", info(inst.op).spelling, "` does not take ", inst.operands.size(), " operands");
    return false;
  };
  auto n = static_cast<int32_t>(inst.operands.size());
  if (inst.op == Op::Br || inst.op == Op::CondBr) {
    bool conditional = inst.op == Op::CondBr;
    if (inst.successors.size() != (conditional ? 2u : 1u) || n < conditional) return bad();
    if (!conditional) {
      inst.successors[0].args = std::move(inst.operands);
      inst.operands.clear();
    } else {
      int32_t first = inst.segments.size() == 3 ? inst.segments[1] : n - 1;
      if (1 + first > n) return bad();
      inst.successors[0].args.assign(inst.operands.begin() + 1, inst.operands.begin() + 1 + first);
      inst.successors[1].args.assign(inst.operands.begin() + 1 + first, inst.operands.end());
      inst.operands.resize(1);
    }
    inst.segments.clear();
    return true;
  }
  if (inst.op == Op::If && inst.regions.size() == 2 && inst.regions[1]->empty()) inst.regions.pop_back();
  const Signature& row = signatureOf(inst.op);
  if (!row.hasGroups) {
    inst.segments.clear();
    return true;
  }
  if (inst.segments.empty()) {
    int32_t left = n;
    for (size_t k = 0; k < row.operands; ++k) {
      const Slot& slot = row.slot(k);
      int32_t size = slot.many == Slot::Optional ? left > 0 : 1;
      if (slot.many == Slot::PerAxis) {
        const bool ofResult = slot.axesOf >= row.operands;
        if (ofResult ? inst.results.empty() : slot.axesOf >= inst.operands.size()) return bad();
        size = ofResult ? inst.results[0]->type.rank : inst.operands[slot.axesOf]->type.rank;
      }
      inst.segments.push_back(size);
      left -= size;
    }
  }
  int64_t total = 0;
  for (int32_t s : inst.segments) total += s;
  if (inst.segments.size() != row.operands || total != n) return bad();
  return true;
}

}  // namespace nereid::ttir
