// SPDX-License-Identifier: MIT
// Compiles one function: visits its syntax tree and emits IR along the way.
//
// As in Triton there is no separate type checker. Every expression evaluates to a Val: to a compile-time value if possible, else to an IR
// value. So `if` on a constexpr visits one branch only, and the other may be ill-typed.
//
//   codegen.cpp      functions: arguments, calls, results
//   statements.cpp   assignments, returns, asserts
//   control.cpp      if, for, while
//   expressions.cpp  names, operators, subscripts
//   members.cpp      attributes of values, types and modules
//   constants.cpp    Python arithmetic on compile-time values
//   arithmetic.cpp   promotion, broadcasting, operators on tensors
//   casts.cpp        conversions
//   builtins*.cpp    members of `tl`
//   host_*.cpp       Python at compile time: containers, their methods, exceptions, functions within functions, formats
//   host_python.cpp  the same where there is a real Python to ask
#pragma once

#include "frontends/tl/source.h"
#include "frontends/tl/try.h"
#include "frontends/tl/values.h"
#include "ir/builder.h"

namespace nereid::tl {

struct Compiled {
  Func* func = nullptr;
  Val result;  // describes the type of the result, with stale handles; None if nothing is returned
  bool busy = true;
};

// State shared by the functions of one compilation.
struct Shared {
  Loader& loader;
  Diags& diags;
  Module& module;
  const Request& request;
  std::map<std::string, Compiled> functions;
  std::set<std::string> symbols;
  int callDepth = 0;
  int unrolled = 0;  // iterations of all loops
  // For Python at compile time: expressions evaluated so far, the current exception, and the running comprehensions.
  int64_t hostSteps = 0;
  std::optional<Val> raised;
  std::set<int> comprehensions;
  int comprehensionsMade = 0;
};

struct Arg {
  Val value;
  Loc loc;
};
struct Args {
  std::vector<Arg> positional;
  std::vector<std::pair<std::string, Arg>> named;
  Loc call, callee;
};

class CodeGen;
struct Bound;
using BuiltinFn = Result<Val> (CodeGen::*)(Bound&);

// A builtin. `params` are names separated by spaces; `?` after a name makes it optional, `*` before a name takes the rest.
struct BuiltinInfo {
  std::string_view name, params;
  BuiltinFn run;
  bool member;         // also a method of tensors
  Op op = Op::Poison;  // for families of builtins that differ only in the operation
  int tag = 0;
};
const BuiltinInfo* findBuiltin(std::string_view name);
const BuiltinInfo* findPythonBuiltin(std::string_view name);
const BuiltinInfo* findDescMethod(std::string_view name);
const BuiltinInfo* findLibdevice(std::string_view name);
const BuiltinInfo* findLibdeviceRow(std::string_view name);  // one whose symbol depends on the types of its arguments
const BuiltinInfo* findHostMath(std::string_view name);
const BuiltinInfo* findTargetQuery(std::string_view name);
const BuiltinInfo* findHostModule(std::string_view name);  // "math.gcd"
bool takesTensors(const BuiltinInfo& info);                // false for Python's that work at compile time only
bool isException(std::string_view name);
// `nereid.language` and similar names are aliases of Triton's modules.
std::string tritonName(std::string_view dotted);
std::vector<std::string> builtinNames(bool membersOnly);

// The arguments of a builtin, by index of the parameter.
struct Bound {
  struct Slot {
    Val value;
    Loc loc;  // location of the call, for omitted arguments
    bool present = false;
  };
  const BuiltinInfo* info;
  std::vector<Slot> slots;
  std::vector<Arg> rest;
  Loc call;
  const Val& operator[](size_t i) const { return slots[i].value; }
  bool present(size_t i) const { return slots[i].present; }
  bool given(size_t i) const { return present(i) && !slots[i].value.isNone(); }
  Loc loc(size_t i) const { return slots[i].loc; }
};

struct Locs {
  Loc at, a, b;
};

class CodeGen {
 public:
  CodeGen(Shared& shared, const FunctionDef* fn, SourceModule* module, CodeGen* caller, Loc callLoc)
      : shared_(shared), fn_(fn), source_(module), caller_(caller), callLoc_(callLoc), b_(shared.module, nullptr) {}

  // The public function, from a signature.
  Result<Func*> kernel();
  // A global of a module, evaluated on first use.
  Result<Val> global(SourceModule& module, std::string_view name, Loc use);

 private:
  friend struct BuiltinTable;
  friend struct HostCall;
  friend struct ClassTable;
  friend const BuiltinInfo* findLibdeviceRow(std::string_view name);

  // ---- codegen.cpp
  Result<void> body(const Node* node, Func* func);
  Result<Val> callFunction(const FunctionDef& fn, Args args);
  // `defaults`: one per parameter, evaluated beforehand. `host`: Python at compile time, which supports `**` parameters.
  Result<std::vector<Arg>> bind(const FunctionDef& fn, const Node* node, const Args& args, bool host = false,
                                const std::vector<Val>* defaults = nullptr);
  Result<Val> callHost(const FunctionDef& fn, const Args& args);
  const Val* foldCall(const FunctionDef& fn, const Args& args);
  Result<Val> defaultValue(const FunctionDef& fn, const Node* param);
  Result<Val> signatureValue(std::string_view item, const Node* param, const std::string& paramName, Func& func, std::vector<Type>& types);
  Val descriptorParam(const TType& type, const std::string& name, Func& func, std::vector<Type>& types);
  Result<Val> signatureConstant(std::string_view item, std::string_view spelled, const Node* param);
  Result<Val> literal(std::string_view text, Loc loc, std::string_view what);
  std::string symbolFor(const FunctionDef& fn, const std::vector<Arg>& args);
  Result<Val> call(const Val& callee, Args args);
  Result<Bound> bindBuiltin(const BuiltinInfo& info, const Args& args);
  Result<Val> callBuiltin(const BuiltinInfo& info, const Args& args);
  Diag& error(Err err, Loc loc);
  std::string_view parameterOf(const Value* v) const;
  std::string textAt(Loc loc) const;
  std::string insteadOf(std::string_view name);
  static std::string inPythonHint(std::string_view name);
  const std::vector<Val>* keep(std::vector<Val> items) { return shared_.loader.heap().keep(std::move(items)); }
  std::string_view keep(std::string text) { return shared_.loader.heap().keep(std::move(text)); }
  Val tuple(std::vector<Val> items) { return Val::tuple(keep(std::move(items))); }
  Val iterator(std::vector<Val> items) {
    Val v = tuple(std::move(items));
    v.isIterator = true;
    return v;
  }
  void nameValue(const Val& v, std::string_view name);

  // ---- statements.cpp
  Result<void> block(const Node* block);
  Result<void> statement(const Node* n);
  Result<void> hostStatement(const Node* n);
  Result<void> assignment(const Node* n);
  Result<void> annotatedAssignment(const Node* n);
  Result<void> augmentedAssignment(const Node* n);
  Result<void> assertStatement(const Node* n);
  Result<void> assign(const Node* target, const Val& value);
  Result<void> assignName(const Node* target, const Val& value);
  Result<void> unpack(const Node* target, const Val& value);
  Result<void> assignItem(const Node* target, const Val& value);
  Result<void> assignField(const Node* target, const Val& value);
  Val asConstexpr(const Val& v);
  Result<Val> sanitize(const Val& value, Loc loc);
  Result<void> returnStatement(const Node* n);
  Result<Val> decay(const Val& value, Loc loc);
  Result<void> with(const Node* n);
  bool terminated() const { return stopped_; }

  // ---- control.cpp
  Result<void> ifStatement(const Node* n);
  Result<void> ifRegions(const Node* n, Value* condition);
  Result<void> ifBlocks(const Node* n, Value* condition);
  Result<std::vector<std::string>> merge(const Scope& before, Scope& thenScope, Scope& elseScope, const Node* n);
  Result<void> forStatement(const Node* n);
  // The value of a loop variable after its loop, as in Python: of the last iteration, or its previous value if there was none.
  Result<Val> afterLoop(const Val& v, Loc loc);
  // Ends a branch or body: computes the names that the code after it sees. `before`: the names in scope before it.
  Result<void> settleLoopVariables(const Scope& before, Loc loc);
  Result<void> staticFor(const Node* n, const std::vector<Val>& values);
  Result<void> whileStatement(const Node* n);
  Result<Val> conditional(const Node* n);
  Result<Tensor> scalarCondition(const Val& v, const Node* n);
  Result<bool> staticCondition(const Val& v, const Node* n);
  // The names that a loop carries, and their values before it.
  struct Carried {
    std::vector<std::string> names;
    Scope before;
    std::vector<Value*> inits;
  };
  struct Range {
    Val lower, upper, step;
    Loc lowerLoc, upperLoc, stepLoc;
  };
  Carried carried(const Node* body, const Node* also, const std::string& except);
  void bindNames(const std::vector<std::string>& names, const Scope& like, const std::vector<Value*>& handles);
  Result<std::vector<Value*>> carriedBack(const Carried& c, const Node* loop);
  std::vector<Value*> closeLoop(Inst* loop, const Carried& c, std::vector<Value*> yields, Loc loc);
  Result<void> loopBody(const Node* body, const Scope& before, Loc loc);
  Result<void> staticRange(const Node* n, const Range& range);
  Result<Tensor> loopBound(const Val& v, Loc loc, std::string_view what);
  Result<void> rangeLoop(const Node* n, Range range);
  Result<void> hostWhile(const Node* n);
  Result<Tensor> loopCondition(const Node* n);

  // ---- expressions.cpp
  Result<Val> eval(const Node* n);
  Result<Val> lookup(const Node* n);
  Result<Val> callExpression(const Node* n);
  Result<Args> arguments(const Node* n);
  Result<Val> subscript(const Node* n);
  Result<std::vector<Val>> displayItems(const Node* n);
  Result<Val> dictDisplay(const Node* n);
  Result<Val> sliceBounds(const Node* n);
  Result<Val> operatorChain(const Node* n);
  Result<Val> comparison(const Node* n);
  Result<Val> namedExpression(const Node* n);
  Result<Val> index(const Val& value, const Val& at, const Node* n);
  Result<Val> indexTensor(const Val& v, const Val& at, const Node* n);
  Result<Val> indexTuple(const Val& v, const Val& at, const Node* n);
  Result<Val> indexDict(const Val& v, const Val& at, Loc loc);
  Result<Val> indexString(const Val& v, const Val& at, Loc loc);
  Result<size_t> itemIndex(Int at, size_t size, std::string_view container, Loc loc);
  Result<std::vector<Val>> sliceOf(const std::vector<Val>& from, const Val& slice, Loc loc);
  Result<Val> boolOp(const Node* n);
  Result<Val> joinedString(const Node* n);
  Result<Val> unaryOperator(std::string_view op, const Val& v, Loc at, Loc operand);
  Result<Val> binaryOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Val> tensorOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Val> knownOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  std::unexpected<Failed> notOperand(std::string_view op, const Val& v, Loc at);
  Result<Val> staticAssert(const Node* n);

  // ---- host_values.cpp
  Result<void> hostBudget(Loc loc);
  Diag& raise(std::string_view exception, Loc loc);
  std::unexpected<Failed> refuse(const Node* n);  // reports Python syntax that the Triton language lacks, with the reason
  Result<std::vector<Val>> iterate(const Val& v, Loc loc);
  Result<bool> contains(const Val& container, const Val& item, Loc loc);
  Result<int> order(const Val& a, const Val& b, Loc loc, int depth = 0);  // negative, 0, positive
  Result<std::optional<Val>> hostBinary(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Val> makeSet(const std::vector<Val>& items, Loc loc);
  Result<void> dictStore(HostObject& d, const Val& key, const Val& value, Loc loc);
  Result<Val> makeDict(const Val& from, Loc loc);
  Val list(std::vector<Val> items);
  // A list; a tuple in a kernel.
  Val sequence(std::vector<Val> items) { return host_ ? list(std::move(items)) : tuple(std::move(items)); }
  // Converts a value for use in a kernel: lists become tuples, and nothing can change any more.
  Val toKernel(const Val& v);
  Result<void> hostStoreItem(const Val& container, const Val& at, const Val& value, Loc loc);

  // ---- host_python.cpp
  bool inPython(const FunctionDef& fn) const;
  Result<Val> askPython(const std::string& expression, std::string_view what, Loc loc);
  Result<std::string> pythonText(const Val& v, Loc loc);
  Result<std::string> pythonArguments(const Args& args);
  Result<Val> callPython(const FunctionDef& fn, const Args& args);
  Result<Val> bPythonValue(Bound& a);

  // ---- host_methods.cpp
  // Empty if the value has no such method.
  std::string_view hostMethodName(const Val& v, std::string_view name);
  Result<Val> hostMethod(const Val& self, std::string_view name, const Args& args);

  // ---- host_formats.cpp
  Result<Val> formatted(const Val& v, std::string_view spec, Loc loc);
  Result<Val> percentFormat(const Val& format, const Val& values, Loc loc);
  Result<Val> percentValue(const Val& v, char& type, Loc loc);
  // `next`: the argument of the next `{}`.
  Result<Val> strFormat(std::string_view format, const Args& args, size_t& next);
  Result<std::string_view> formatField(std::string_view field, const Args& args, size_t& next);
  Result<Val> fieldArgument(std::string_view name, const Args& args, size_t& next);
  Result<Val> fieldMember(Val v, std::string_view path, Loc loc);

  // ---- host_builtins.cpp
  Result<Val> bEnumerate(Bound& a);
  Result<Val> bZip(Bound& a);
  Result<Val> bMap(Bound& a);
  Result<Val> bFilter(Bound& a);
  Result<Val> bSorted(Bound& a);
  Result<Val> bReversed(Bound& a);
  Result<Val> bIter(Bound& a);
  Result<Val> bNext(Bound& a);
  Result<Val> bAnyAll(Bound& a);
  Result<Val> bSum(Bound& a);
  Result<Val> bDivmod(Bound& a);
  Result<Val> bPow(Bound& a);
  Result<Val> bRound(Bound& a);
  Result<Val> bRepr(Bound& a);
  Result<Val> bFormat(Bound& a);
  Result<Val> bDigits(Bound& a);
  Result<Val> bChr(Bound& a);
  Result<Val> bOrd(Bound& a);
  Result<Val> bCallable(Bound& a);
  Result<Val> bType(Bound& a);
  Result<Val> bImportModule(Bound& a);
  Result<Val> bGcdLcm(Bound& a);
  Result<Val> bIsqrt(Bound& a);
  Result<Val> bFactorial(Bound& a);
  Result<Val> bComb(Bound& a);
  Result<Val> bProd(Bound& a);
  Result<Val> bTrunc(Bound& a);
  Result<Val> bFloatPow(Bound& a);
  Result<Val> bFabs(Bound& a);
  Result<Val> bCopysign(Bound& a);
  Result<Val> bIsInf(Bound& a);
  Result<Val> bIsNan(Bound& a);
  Result<Val> bIsFinite(Bound& a);
  Result<Val> bLog10(Bound& a);
  Result<Val> bOperator(Bound& a);
  Result<Val> bFunctoolsReduce(Bound& a);
  Result<Val> bAccumulate(Bound& a);
  Result<Val> bChain(Bound& a);
  Result<Val> bProduct(Bound& a);
  Result<std::vector<std::vector<Val>>> rowsOf(const Bound& a, bool sameLength);
  Result<std::vector<Val>> accumulated(const std::vector<Val>& items, const Val& function, Loc loc);
  std::unexpected<Failed> outOfDomain(const Bound& a, std::string_view what);
  std::unexpected<Failed> tooManyBits(Loc loc);
  Result<double> numberOf(const Bound& a, size_t i);
  Result<Val> hostSort(std::vector<Val> items, const Val& key, bool reverse, Loc loc);
  Result<Val> callValues(const Val& callee, std::vector<Val> values, Loc loc);

  // ---- host_statements.cpp
  Result<void> hostFor(const Node* n);
  Result<void> hostTry(const Node* n);
  Result<void> hostRaise(const Node* n);
  Result<void> hostImport(const Node* n);
  Result<void> hostDelete(const Node* target);
  Result<Val> importValue(SourceModule& module, std::string_view from, std::string_view member, Loc loc, Loc use);
  Result<Val> makeClosure(const Node* n);
  Result<Val> callClosure(const Closure& c, const Args& args);
  Result<Val> comprehension(const Node* n);
  Result<void> comprehensionClause(const Node* n, size_t clause, std::vector<Val>& items, std::vector<Val>& values);
  Result<Val> chainedComparison(const Node* n);
  // False after `break` and `return`: the loop ends.
  bool loopGoesOn();

  // ---- members.cpp
  Result<Val> attribute(const Val& v, std::string_view name, Loc at, const Node* n);
  Result<std::optional<Val>> valueMember(const Val& v, std::string_view name, Loc at);
  Result<std::optional<Val>> tensorMember(const Val& v, std::string_view name, Loc at);
  std::optional<Val> tupleMember(const Val& v, std::string_view name);
  std::optional<Val> descMember(const Val& v, std::string_view name);
  std::vector<std::string> membersOf(const Val& v);
  std::unexpected<Failed> noMember(const Val& v, std::string_view name, Loc at, const Node* n);
  Val bound(const Val& self, Val method);
  Val shapeTuple(const Shape& shape);
  Result<Val> moduleMember(const Val& m, std::string_view name, Loc at);
  Result<Val> fileMember(const Val& m, std::string_view name, Loc at);
  std::optional<Val> mathMember(std::string_view name);
  Val tritonMember(std::string_view name);
  Result<std::optional<Val>> tlMember(std::string_view name, bool math, Loc at);
  std::vector<std::string> membersOfModule(std::string_view module);
  Result<Val> typeMember(const Val& type, std::string_view name, Loc at);
  Result<Val> callMethod(const Val& method, const Args& args);
  Result<Val> typeQuery(const TType& type, std::string_view query, const Args& args);
  Result<Val> callClass(const Val& cls, const Args& args);
  Result<Val> oneArgument(const Val& cls, const Args& args);
  Result<Val> toConvert(const Val& cls, const Args& args);
  Result<Val> cConstexpr(const Val& cls, const Args& args);
  Result<Val> cSequence(const Val& cls, const Args& args);
  Result<Val> cDict(const Val& cls, const Args& args);
  Result<Val> cPointerType(const Val& cls, const Args& args);
  Result<Val> cBlockType(const Val& cls, const Args& args);
  Result<Val> cDtype(const Val& cls, const Args& args);
  Result<Val> cStr(const Val& cls, const Args& args);
  Result<Val> cBool(const Val& cls, const Args& args);
  Result<Val> cInt(const Val& cls, const Args& args);
  Result<Val> cFloat(const Val& cls, const Args& args);
  Result<Val> makeNamedTuple(const Val& cls, const Args& args);
  Result<Val> makeAggregate(const ClassDef& cls, const Args& args);
  // Calls the method of an aggregate for an operator; returns nothing if neither operand has one.
  Result<std::optional<Val>> operatorMethod(std::string_view op, const Val& a, const Val& b, const Locs& locs);

  // ---- constants.cpp
  Result<Val> constantBinary(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Val> numberOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Val> intOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Val> containerOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  std::unexpected<Failed> notDefined(std::string_view op, const Val& a, const Val& b, Loc loc);
  Result<Val> constantUnary(std::string_view op, const Val& v, Loc at);

  // ---- arithmetic.cpp
  using Pair = std::pair<Tensor, Tensor>;
  struct Rules {
    bool pointerLeft = false, pointerRight = false, arithmetic = true, divide = false;
  };
  Tensor tensor(Value* v, const TType& type) { return {v, type}; }
  Result<Tensor> toTensor(const Val& v, Loc loc);
  // A number as a constant, with a shape if one is given.
  Result<Tensor> scalarConstant(const Val& number, DType type, Loc loc, const Shape& shape = {});
  Result<DType> numberType(const Val& number, Loc loc);
  std::unexpected<Failed> notPointer(const Bound& a, std::string_view what, const Tensor& ptr);
  // `v` as an operand of a memory operation: numbers take the memory's type directly.
  Result<Tensor> memoryOperand(const Val& v, DType elem, const Shape& shape, Loc loc);
  Tensor zeroOf(const TType& type);
  Result<DType> promoteInts(DType a, DType b);
  Result<DType> computationType(DType a, bool aIsNumber, DType b, bool bIsNumber, bool divide, const Locs& locs);
  Result<Pair> operands(const Val& a, const Val& b, Rules rules, const Locs& locs);
  Result<Pair> intOperands(const Val& a, const Val& b, const Locs& locs);
  Result<Pair> broadcast(Tensor a, Tensor b, const Locs& locs);
  Tensor stretch(const Tensor& t, const Shape& shape);  // each axis of `t` must have that size or 1
  Result<Tensor> broadcastTo(Tensor t, const Shape& shape, Loc loc);
  Result<std::vector<Tensor>> broadcastAll(std::vector<Tensor> tensors, const Locs& locs);
  Tensor splat(Tensor scalar, const Shape& shape);
  Tensor expandDims(Tensor t, int axis);
  // `sanitize`: in debug mode an integer result that wraps fails an assertion, as with `+` and `tl.add` in kernels.
  Result<Tensor> add(const Val& a, const Val& b, const Locs& locs, bool sanitize = false);
  Result<Tensor> sub(const Val& a, const Val& b, const Locs& locs, bool sanitize = false);
  Result<Tensor> mul(const Val& a, const Val& b, const Locs& locs, bool sanitize = false);
  Result<Tensor> integer(Op op, std::string_view name, const Tensor& a, const Tensor& b, const Locs& locs, bool sanitize);
  Result<Tensor> trueDiv(const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> floorDiv(const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> mod(const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> bitwise(Op op, const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> shiftRight(const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> compare(std::string_view op, const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> minMax(bool maximum, bool propagateNan, const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> negate(const Tensor& t, Loc loc);
  Result<Tensor> invert(const Tensor& t, Loc loc);
  Result<Tensor> logicalNot(const Tensor& t, Loc loc);
  Result<Tensor> logical(bool conjunction, const Val& a, const Val& b, const Locs& locs);
  Result<Tensor> where(const Tensor& condition, const Val& x, const Val& y, const Locs& locs);

  // ---- casts.cpp
  Result<Tensor> cast(const Tensor& t, DType to, Loc loc, std::string_view rounding = {});
  Result<Tensor> bitcast(const Tensor& t, DType to, Loc loc);
  Tensor widenTo(const Tensor& t, Prim to);  // an integer to a wider one, extended by its sign

  // ---- builtins.cpp and others: arguments
  Result<Shape> shapeOf(const Val& v, Loc loc);
  Result<std::vector<int64_t>> intList(const Val& v, Loc loc, std::string_view what);
  Result<std::vector<Val>> shapeArguments(Bound& a);
  Result<int64_t> constantInt(const Val& v, Loc loc, std::string_view what);
  Result<int64_t> axisOf(const Val& v, int64_t rank, Loc loc);
  Result<std::string_view> constantString(const Val& v, Loc loc, std::string_view what);
  Result<bool> constantBool(const Val& v, Loc loc, std::string_view what);
  Result<DType> dtypeOf(const Val& v, Loc loc);
  Result<Tensor> tensorOf(const Val& v, Loc loc);
  Result<int64_t> constantInt(const Bound& a, size_t i, std::string_view what) { return constantInt(a[i], a.loc(i), what); }
  Result<std::string_view> constantString(const Bound& a, size_t i, std::string_view what) { return constantString(a[i], a.loc(i), what); }
  Result<bool> constantBool(const Bound& a, size_t i, std::string_view what) { return constantBool(a[i], a.loc(i), what); }
  Result<DType> dtypeOf(const Bound& a, size_t i) { return dtypeOf(a[i], a.loc(i)); }
  Result<Tensor> tensorOf(const Bound& a, size_t i) { return tensorOf(a[i], a.loc(i)); }
  Result<bool> propagateNan(const Bound& a, size_t i);

  // creation and shape
  Result<Val> bProgramId(Bound& a);
  Result<Val> bArange(Bound& a);
  Result<Val> bFull(Bound& a);
  Result<Val> bCat(Bound& a);
  Result<Val> bCast(Bound& a);
  Result<Val> bToTensor(Bound& a);
  Result<Val> bBroadcast(Bound& a);
  Result<Val> bBroadcastTo(Bound& a);
  Result<Val> bExpandDims(Bound& a);
  Result<Val> bSqueeze(Bound& a);
  Result<Val> bPermute(Bound& a);
  Result<Val> bReshape(Bound& a);
  Result<Val> bJoin(Bound& a);
  Result<Val> bSplit(Bound& a);
  Result<Val> bItem(Bound& a);
  Result<Tensor> reshape(const Tensor& t, const Shape& shape, bool reorder, Loc loc);
  Result<Tensor> unsplat(const Tensor& t, Loc loc);

  // arithmetic
  Result<Val> bBinary(Bound& a);
  Result<Val> bMinMax(Bound& a);
  Result<Val> bClamp(Bound& a);
  Result<Val> bWhere(Bound& a);
  Result<Val> bMath(Bound& a);
  Result<Val> bAbs(Bound& a);
  Result<Val> bFma(Bound& a);
  Result<Val> bFdiv(Bound& a);
  Result<Val> bUmulhi(Bound& a);
  Result<Val> bLogical(Bound& a);
  Result<Val> bLibdevice(Bound& a);
  Result<Val> bLibdeviceRow(Bound& a);
  Result<Val> bPromoteBf16(Bound& a);

  // combining
  Result<Val> bDot(Bound& a);
  Result<int64_t> dotPrecision(const Bound& a);
  Result<void> checkDotOperands(const Bound& a, const TType& x, const TType& y);
  Result<DType> dotResult(const Bound& a, DType operand, DType out);
  Result<Val> bDotScaled(Bound& a);
  Result<Val> bReduce(Bound& a);
  Result<Val> bReduceWithIndices(Bound& a);
  Result<Val> bScan(Bound& a);
  Result<Val> bHistogram(Bound& a);
  Result<Val> bGather(Bound& a);
  Result<Val> bMapElementwise(Bound& a);
  Result<std::vector<Tensor>> reduceOrScan(Op op, std::vector<Tensor> inputs, int64_t axis, const Val& combine, bool reverse, bool keepDims,
                                           bool flat, const Bound& a);
  Result<std::vector<Tensor>> combineResults(const Val& v, Loc loc, size_t count);

  // memory
  Result<Val> bLoad(Bound& a);
  Result<Val> bStore(Bound& a);
  Result<Val> bAtomicRmw(Bound& a);
  Result<Val> bAtomicCas(Bound& a);
  Result<Val> bMakeBlockPtr(Bound& a);
  Result<Val> bAdvance(Bound& a);
  Result<Val> bMakeDesc(Bound& a);
  Result<Val> bDescLoad(Bound& a);
  Result<Val> bDescStore(Bound& a);
  Result<Val> bDescReduce(Bound& a);
  Result<Val> bDescGather(Bound& a);
  Result<Val> bDescScatter(Bound& a);
  Result<std::vector<Val>> indexList(const Val& v, Loc loc, bool wide, std::string_view what);
  Result<std::vector<int64_t>> boundaryCheck(const Val& v, size_t rank, Loc loc);
  Result<Tensor> atomicRmw(Rmw op, const Tensor& ptr, const Tensor& val, const Tensor& mask, int64_t sem, int64_t scope);
  Result<Tensor> floatAtomic(bool maximum, const Tensor& ptr, const Tensor& val, const Tensor& mask, int64_t sem, int64_t scope, Loc loc);
  Result<int64_t> semOf(const Bound& a, size_t i);
  Result<int64_t> scopeOf(const Bound& a, size_t i);
  Result<void> cacheAttrs(Inst* inst, const Bound& a, size_t cache, size_t evict, bool isLoad);
  struct BlockAccess {
    Tensor pointers, mask;  // null mask: no mask needed
  };
  Result<BlockAccess> blockAccess(const Val& blockPtr, const std::vector<int64_t>& check, Loc loc);
  Result<std::pair<Val, std::vector<Value*>>> descAccess(const Val& desc, Loc descLoc, const Val& offsets, Loc loc);

  // hints, debugging, Python
  Result<Val> bHint(Bound& a);
  Result<Val> bAssume(Bound& a);
  Result<Val> bBarrier(Bound& a);
  Result<Val> bPrint(Bound& a);
  Result<Val> bAssert(Bound& a);
  Result<Val> bStaticPrint(Bound& a);
  Result<Val> bRefused(Bound& a);
  Result<Val> bInlineAsm(Bound& a);
  Result<Val> bIterator(Bound& a);
  Result<Val> bIgnored(Bound& a);
  Result<Val> bTarget(Bound& a);
  Result<Val> bCdiv(Bound& a);
  Result<Val> bNextPowerOf2(Bound& a);
  Result<Val> bLen(Bound& a);
  Result<Val> bNumber(Bound& a);
  Result<Val> bIsInstance(Bound& a);
  Result<Val> bGetAttr(Bound& a);
  Result<Val> bBreakpoint(Bound&) { return Val::none(); }  // it stops in Python, under nereid.debug
  Result<Val> bPyMinMax(Bound& a);
  Result<Val> bPyAbs(Bound& a);
  Result<Val> bRangeTuple(Bound& a);
  Result<Val> bHostMath(Bound& a);
  Result<Val> bGetIntDtype(Bound& a);
  Result<void> emitAssert(const Val& condition, const Val& message, const Val* mask, Loc loc);

  Shared& shared_;
  const FunctionDef* fn_;
  SourceModule* source_;
  CodeGen* caller_;
  Loc callLoc_;
  Builder b_;
  std::shared_ptr<Scope> frame_ = std::make_shared<Scope>();  // closures keep it
  Scope& scope_ = *frame_;
  std::vector<std::shared_ptr<Scope>> outer_;  // for a closure: the enclosing scopes, innermost first
  std::set<std::string> nonlocal_;
  std::map<std::string, Loc> assigned_;  // where each name was last assigned, for messages
  Func* func_ = nullptr;
  bool host_ = false;     // evaluates at compile time only: defaults, globals, constexpr functions
  bool folding_ = false;  // runs a kernel's function on compile-time values to find its result; host_ is set, too
  int round_ = 0;         // iteration of the innermost unrolled loop, from 1
  bool stopped_ = false;  // the following code is unreachable
  enum class Jump : uint8_t { None, Break, Continue } jump_ = Jump::None;  // at compile time: why execution stopped, if not for a return
  int comprehension_ = 0;                                                  // the innermost running comprehension
  std::vector<Val> handling_;                                              // exceptions whose `except` blocks are running
  int loops_ = 0;                                                          // number of enclosing dynamic loops
  int regions_ = 0;  // number of enclosing scf regions, in which a function cannot return
  int withs_ = 0;
  int depth_ = 0;  // recursion depth of eval
  std::optional<Val> result_;
  Loc resultLoc_;
  // In an aggregate's `__init__`: the class, the name of its `self`, and the fields set so far.
  const ClassDef* making_ = nullptr;
  std::string makingName_;
  Scope made_;
  const Node* unused_ = nullptr;  // the expression that is a whole statement
};

}  // namespace nereid::tl
