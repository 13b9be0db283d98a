// SPDX-License-Identifier: MIT
// The parser of MLIR text, shared by types.cpp (types, attributes, locations), parser.cpp (modules, functions, regions, generic operations)
// and ops.cpp (custom forms).
//
// A function that can fail returns bool (false: it has added a diagnostic) or a Result. Values are resolved after their types are read,
// since MLIR writes types last. A value that is used before its definition gets a stand-in, which is replaced at the end of the function.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontends/ttir/lexer.h"
#include "ir/formats.h"
#include "ir/ir.h"

namespace nereid::ttir {

// A use of a value whose type is not known yet.
struct Use {
  std::string_view name;  // with the %
  uint32_t number = 0;    // of %x#number
  Loc loc;
};

// A literal inside dense<> or a constant.
struct Literal {
  Token token;
  bool negative = false;
};

// Values of attributes that the IR cannot represent; they exist only while their operation is read.
struct AnyAttr {
  AttrValue value;                // monostate: a unit attribute, or an ignored one
  std::optional<Type> type;       // of a typed attribute, or a type attribute
  std::vector<Literal> literals;  // of dense<> and numbers, converted once the type is known
  bool isDense = false, isUnit = false, isFloat = false;
  std::string keyword;                // for #tt<...>: the last word in it
  std::vector<Type> inputs, outputs;  // for a function type
  bool isFunctionType = false;
  Loc loc;
};

class Parser {
 public:
  Parser(Sources& sources, uint32_t file, Diags& diags);
  Result<Module> run();

 private:
  static constexpr int kMaxDepth = 128;

  // ---- tokens (parser.cpp)
  Token advance();  // returns the current token and moves to the next
  void seek(uint32_t offset);
  bool at(const char* punctuation) const { return tok_.is(punctuation); }
  bool atWord(const char* word) const { return tok_.word(word); }
  bool take(const char* punctuation);
  bool takeWord(const char* word);
  bool expect(const char* punctuation);
  bool expectWord(const char* word);
  Loc locOf(const Token& token) const;
  Loc here() const { return locOf(tok_); }
  Diag& error(Err err, Loc loc) { return diags_.error(err, loc); }
  bool syntax(const char* wanted);  // "expected X, found Y"
  bool skipBalanced();              // skips the bracketed group that the current token opens
  std::string unquote(std::string_view literal) const;

  struct Depth {
    explicit Depth(Parser& p) : parser(p) { ++parser.depth_; }
    ~Depth() { --parser.depth_; }
    Parser& parser;
  };
  bool tooDeep();

  // ---- types, attributes, locations (types.cpp)
  bool parseType(Type& out);
  bool parseShaped(Type& out, Form form);         // parses the text after tensor or vector: <dims x element [, encoding]>
  bool parseShapedBody(Type& out, Form form);     // after the <
  bool parsePointerBody(Type& out);               // after !tt.ptr
  bool parseDescBody(Type& out);                  // after !tt.tensordesc
  bool parseTypeList(std::vector<Type>& out);     // T, U
  bool parseParenTypes(std::vector<Type>& out);   // (T, U)
  bool parseResultTypes(std::vector<Type>& out);  // T or (T, U)
  bool parseFunctionType(std::vector<Type>& in, std::vector<Type>& out);
  bool parseAttr(AnyAttr& out);
  bool parseAttrType(AnyAttr& out);
  bool parseTypeAttr(AnyAttr& out);
  void parseSymbol(AnyAttr& out);
  bool parseHashAttr(AnyAttr& out);
  bool parseArray(AnyAttr& out);
  bool parseWordAttr(AnyAttr& out);
  bool parseListAttr(AnyAttr& out);
  bool parseDictAttr(AnyAttr& out);
  bool parseNumberAttr(AnyAttr& out);
  bool parseDense(AnyAttr& out);
  bool parseLiterals(std::vector<Literal>& out);
  bool toBits(const Literal& literal, Type type, uint64_t& bits);
  bool toDense(const AnyAttr& attr, Type type, Dense& out);
  bool parseResource(AnyAttr& out);
  bool hexData(const AnyAttr& attr, Type type, Dense& out);
  bool toInteger(const Literal& literal, int64_t& out);
  bool parseIntegerList(std::vector<int64_t>& out);  // 1, -2 (no brackets)
  using Attrs = std::vector<std::pair<std::string, AnyAttr>>;
  bool parseAttrDict(Attrs& out);          // at `{`
  bool parseOptionalAttrDict(Attrs& out);  // at `{`, if present
  void findAliases();
  bool parseOptionalLoc(Loc& out);
  bool parseLocBody(Loc& out);  // the content of loc( )

  // ---- structure (parser.cpp)
  bool parseTop();
  bool parseModule();
  bool parseFunc();
  bool parseGenericFunc(Loc loc);
  bool finishFunc();
  bool parseRegion(Region& region, Inst* parent);  // { blocks }; the caller may have added arguments to the entry
  bool parseBlockArgs(Block& block);
  bool parseInst(Block& block);
  bool parseGeneric(Token name, Inst*& out, std::vector<Type>& results);
  bool findOp(std::string_view spelling, Loc loc, Op& out);
  bool applyAttrs(Inst& inst, Attrs& attrs);
  bool normalise(Inst& inst, Loc loc);  // segments and defaults of a generic operation
  Block* blockNamed(std::string_view label, Region& region, Loc loc);
  bool parseSuccessor(Inst& inst, bool generic);
  void endScope(size_t mark);
  bool define(std::string_view name, const std::vector<Value*>& values, Loc loc);
  bool parseUse(Use& out);
  bool parseUses(std::vector<Use>& out);      // %a, %b; none if the current token is not a value
  Value* resolve(const Use& use, Type type);  // null after an error
  Value* lookup(const Use& use);              // null if it is not defined (yet)
  std::optional<Type> typeOf(const Use& use);

  static uint64_t zeroExtendTo(Type type, int64_t value);

  // ---- custom forms (ops.cpp)
  bool parseCustom(Token name, Inst*& out);
  bool bySignature(Inst& inst);
  struct Parts;
  bool byFormat(Inst& inst, const Format& format);
  bool isPresent(std::string_view clause, const Parts& parts) const;
  bool oldScales(Parts& parts);
  bool finish(Inst& inst, const Format& format, Parts& parts, bool isNumbered);
  bool complete(Inst& inst, const std::vector<Use>& values, std::vector<Type>& in, std::vector<Type>& out);
  bool miscounted(const Inst& inst, const std::vector<Use>& values, const char* wanted);
  bool access(Inst& inst, const std::vector<Use>& values, std::vector<Type>& in, std::vector<Type>& out);
  bool byHand(Inst& inst);
  bool constant(Inst& inst);
  bool forLoop(Inst& inst);
  void countSigned(Inst& loop, Block& before);
  bool ifOp(Inst& inst);
  bool whileLoop(Inst& inst);
  bool attrs(Inst& inst);  // an optional dictionary, applied
  bool flags();            // fastmath<..> and the like, ignored
  bool hints(Inst& inst);  // cacheModifier = .., evictionPolicy = ..
  bool enumWord(Inst& inst, Attr attr);
  bool add(Inst& inst, const Use& use, Type type);
  bool operandTypes(size_t count, std::vector<Type>& types);
  bool addAll(Inst& inst, const std::vector<Use>& uses, const std::vector<Type>& types);
  bool addSame(Inst& inst, const std::vector<Use>& uses, Type type);
  void result(Inst& inst, Type type);
  bool uses(std::vector<Use>& out, size_t count);
  bool typeOfSlot(const Inst& inst, size_t slot, Type& out);
  Region& newRegion(Inst& inst);
  void addYield(Region& region, Loc loc);

  Sources& sources_;
  uint32_t file_;
  Diags& diags_;
  std::string_view text_;
  Lexer lexer_;
  Token tok_;
  std::vector<uint32_t> lines_;  // offset of each line's first byte
  int depth_ = 0;
  Module module_;
  std::map<std::string_view, uint32_t> aliases_;  // #loc3, !alias: offset of the definition
  std::map<std::string_view, Loc> locAliases_;    // aliases that have been read
  std::map<std::string_view, std::vector<Value*>> values_;
  std::vector<std::string_view> scope_;  // names in values_, innermost last
  struct Forward {
    Value* standIn;
    Use use;
  };
  std::map<std::string, Forward> forward_;
  Replacements replaced_;
  struct PendingBlock {
    Block* block;
    bool defined;
    Loc loc;
  };
  std::vector<std::map<std::string_view, PendingBlock>> blocks_;  // by label; one map per open region
  Block* instBlock_ = nullptr;                                    // the block to which the current operation will belong
  int module_depth_ = 0;
  std::set<const Inst*> unsignedLoops_;
};

}  // namespace nereid::ttir
