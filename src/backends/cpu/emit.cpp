// SPDX-License-Identifier: MIT
// Lower form to LLVM IR: each instruction becomes one or a few.
//
// Vectors may be wider than a register; LLVM splits them. f16 is LLVM's half and computed in f32. bf16 and fp8 are integers with the
// conversions of conversions.cpp, so that subnormals and NaN follow TTIR's rules on every processor.
#include "backends/cpu/emit.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>

#include "backends/cpu/conversions.h"
#include "backends/cpu/cpu.h"
#include "ir/lower_ops.h"
#include "lower/math.h"
#include "lower/site.h"

namespace nereid::cpu {

namespace {

using llvm::Intrinsic::ID;

struct Emitter {
  const Lowered& lowered;
  llvm::LLVMContext& c;
  llvm::Module& m;
  llvm::IRBuilder<> b;
  Conversions convert;
  bool standalone;
  int vectorBits;
  llvm::Function* f = nullptr;
  llvm::Value* dummy = nullptr;  // 64 readable bytes: the address of masked-off scalar loads
  std::unordered_map<const Value*, llvm::Value*> values;
  std::map<std::pair<llvm::BasicBlock*, const Value*>, llvm::Value*> scratchIn;
  llvm::Value *pid[3] = {}, *size[3] = {}, *scratch = nullptr;
  llvm::Value *ticks = nullptr, *seen = nullptr;  // the counter of interrupt.h, and its value at the last check
  llvm::BasicBlock* exit = nullptr;
  llvm::Value* exclusive = nullptr;

  Emitter(const Lowered& l, llvm::LLVMContext& context, llvm::Module& module, bool alone, int bits)
      : lowered(l), c(context), m(module), b(context), convert(b), standalone(alone), vectorBits(bits) {}

  llvm::Type* elementType(Type t) {
    if (t.isPointer()) return b.getPtrTy();
    switch (t.elem) {
      case Elem::I1: return b.getInt1Ty();
      case Elem::I8:
      case Elem::F8E4M3FN:
      case Elem::F8E4M3FNUZ:
      case Elem::F8E5M2:
      case Elem::F8E5M2FNUZ: return b.getInt8Ty();
      case Elem::I16:
      case Elem::BF16: return b.getInt16Ty();
      case Elem::I32: return b.getInt32Ty();
      case Elem::I64:
      case Elem::Index: return b.getInt64Ty();
      case Elem::F16: return b.getHalfTy();
      case Elem::F32: return b.getFloatTy();
      case Elem::F64: return b.getDoubleTy();
    }
    return nullptr;
  }
  llvm::Type* type(const Type& t) {
    llvm::Type* e = elementType(t);
    return t.isVector() ? llvm::FixedVectorType::get(e, static_cast<unsigned>(t.numel())) : e;
  }
  llvm::Value* get(const Value* v) {
    // A scratch address is computed at each use: computed once, hundreds of them would occupy registers through the whole function.
    if (v->def && v->def->op == Op::LoAlloc) {
      llvm::Value*& here = scratchIn[{b.GetInsertBlock(), v}];
      if (!here) here = b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), scratch, static_cast<uint64_t>(v->def->integer(Attr::Offset)));
      return here;
    }
    auto it = values.find(v);
    NEREID_CHECK(it != values.end(), "a value that was not emitted");
    return it->second;
  }
  llvm::Value* zero(llvm::Type* t) { return llvm::Constant::getNullValue(t); }

  void run() {
    const Func& func = *lowered.module.kernel();
    auto* signature =
        llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getPtrTy(), b.getInt64Ty(), b.getInt64Ty(), b.getPtrTy()}, false);
    f = llvm::Function::Create(signature, llvm::Function::ExternalLinkage, func.name, m);
    f->addFnAttr(llvm::Attribute::NoUnwind);
    f->addParamAttr(4, llvm::Attribute::NoAlias);
    f->addParamAttr(4, llvm::Attribute::getWithAlignment(c, llvm::Align(64)));
    llvm::Value *args = f->getArg(0), *grid = f->getArg(1), *begin = f->getArg(2), *end = f->getArg(3);
    scratch = f->getArg(4);
    auto* entry = llvm::BasicBlock::Create(c, "entry", f);
    b.SetInsertPoint(entry);
    llvm::AllocaInst* space = b.CreateAlloca(llvm::ArrayType::get(b.getInt64Ty(), 8));
    space->setAlignment(llvm::Align(64));
    dummy = space;
    auto params = func.args();
    for (size_t i = 0; i < params.size(); ++i) {
      llvm::Value* slot = b.CreateLoad(b.getPtrTy(), b.CreateConstInBoundsGEP1_64(b.getPtrTy(), args, i));
      llvm::Value* v = slot;
      if (!params[i]->type.isPointer()) {
        Type t = params[i]->type;
        v = b.CreateLoad(t.isBool() ? b.getInt8Ty() : type(t), slot);
        if (t.isBool()) v = b.CreateICmpNE(v, b.getInt8(0));
      }
      values[params[i]] = v;
    }
    exclusive = b.getFalse();
    if (lowered.mayBeExclusive && !standalone) {
      exclusive = b.CreateICmpSLT(end, b.getInt64(0));
      end = b.CreateAnd(end, b.getInt64(~kExclusive));
    }
    if (!standalone) {
      ticks = m.getOrInsertGlobal("nereid_ticks", b.getInt32Ty());
      seen = b.CreateAlloca(b.getInt32Ty());
      b.CreateStore(tick(), seen);
    }
    for (unsigned i = 0; i < 3; ++i) size[i] = b.CreateLoad(b.getInt32Ty(), b.CreateConstInBoundsGEP1_64(b.getInt32Ty(), grid, i));
    auto* head = llvm::BasicBlock::Create(c, "programs", f);
    auto* body = llvm::BasicBlock::Create(c, "program", f);
    exit = llvm::BasicBlock::Create(c, "exit", f);
    // The position of the first program; the others follow by counting. Computed up to the last axis that the kernel uses.
    const unsigned axes = axesUsed(func.body);
    std::vector<llvm::Value*> start;
    llvm::Value* rest = begin;
    for (unsigned i = 0; i < axes; ++i) {
      llvm::Value* extent = b.CreateZExt(size[i], b.getInt64Ty());
      start.push_back(b.CreateTrunc(b.CreateURem(rest, extent), b.getInt32Ty()));
      if (i + 1 < axes) rest = b.CreateUDiv(rest, extent);
    }
    b.CreateBr(head);
    b.SetInsertPoint(head);
    llvm::PHINode* at = b.CreatePHI(b.getInt64Ty(), 2);
    at->addIncoming(begin, entry);
    std::vector<llvm::PHINode*> id;
    for (unsigned i = 0; i < axes; ++i) {
      id.push_back(b.CreatePHI(b.getInt32Ty(), 2));
      id[i]->addIncoming(start[i], entry);
      pid[i] = id[i];
    }
    b.CreateCondBr(b.CreateICmpULT(at, end), body, exit);
    b.SetInsertPoint(body);
    block(func.body.entry());
    mayStop();
    std::vector<llvm::Value*> following;
    llvm::Value* carry = b.getInt32(1);
    for (unsigned i = 0; i < axes; ++i) {
      llvm::Value* next = b.CreateAdd(id[i], carry);
      llvm::Value* wraps = b.CreateICmpEQ(next, size[i]);
      following.push_back(b.CreateSelect(wraps, b.getInt32(0), next));
      if (i + 1 < axes) carry = b.CreateZExt(wraps, b.getInt32Ty());
    }
    auto* latch = b.GetInsertBlock();
    at->addIncoming(b.CreateAdd(at, b.getInt64(1)), latch);
    for (unsigned i = 0; i < axes; ++i) id[i]->addIncoming(following[i], latch);
    b.CreateBr(head);
    b.SetInsertPoint(exit);
    b.CreateRetVoid();
  }

  llvm::Value* tick() {
    auto* load = b.CreateAlignedLoad(b.getInt32Ty(), ticks, llvm::Align(4));
    load->setAtomic(llvm::AtomicOrdering::Monotonic);
    return load;
  }

  // Returns from the kernel when its launch is interrupted.
  void mayStop() {
    if (standalone) return;
    auto* ask = llvm::BasicBlock::Create(c, "ask", f);
    auto* after = llvm::BasicBlock::Create(c, "", f);
    llvm::MDNode* rarely = llvm::MDBuilder(c).createUnlikelyBranchWeights();
    llvm::Value* now = tick();
    b.CreateCondBr(b.CreateICmpNE(now, b.CreateLoad(b.getInt32Ty(), seen)), ask, after, rarely);
    b.SetInsertPoint(ask);
    b.CreateStore(now, seen);
    auto callee = m.getOrInsertFunction("nereid_must_stop", llvm::FunctionType::get(b.getInt32Ty(), false));
    llvm::cast<llvm::Function>(callee.getCallee())->addFnAttr(llvm::Attribute::Cold);
    b.CreateCondBr(b.CreateICmpNE(b.CreateCall(callee), b.getInt32(0)), exit, after, rarely);
    b.SetInsertPoint(after);
  }

  static unsigned axesUsed(const Region& region) {
    unsigned axes = 0;
    walk(region, [&](const Inst& i) {
      if (i.op == Op::GetProgramId) axes = std::max(axes, static_cast<unsigned>(i.integer(Attr::Axis)) + 1);
      if (i.op == Op::LoAssert || i.op == Op::LoPrint) axes = 3;  // their text names the program
    });
    return axes;
  }

  void block(const Block& source) {
    for (const Inst* i : source.insts) inst(*i);
  }

  // The values that end a region.
  std::vector<llvm::Value*> ends(const Block& source, size_t from = 0) {
    std::vector<llvm::Value*> out;
    const Inst* last = source.terminator();
    for (size_t i = from; last && i < last->operands.size(); ++i) out.push_back(get(last->operands[i]));
    return out;
  }

  void inst(const Inst& i) {
    if (llvm::Value* v = value(i)) values[i.result()] = v;
  }

  llvm::Value* value(const Inst& i) {
    auto op = [&](size_t k) { return get(i.operands[k]); };
    const Type* t = i.results.empty() ? nullptr : &i.result()->type;
    if (isIntOp(i.op)) return integer(i);
    if (isFloatOp(i.op)) return floating(i);
    switch (otherOp(i.op)) {
      case OtherOp::Constant: return constant(i);
      case OtherOp::Poison: return zero(type(*t));
      case OtherOp::GetProgramId: return pid[i.integer(Attr::Axis)];
      case OtherOp::GetNumPrograms: return size[i.integer(Attr::Axis)];
      case OtherOp::LoAlloc: return nullptr;  // get() computes its address
      case OtherOp::LoLoad: return load(i);
      case OtherOp::LoStore: store(i); return nullptr;
      case OtherOp::LoGather: return gather(i);
      case OtherOp::LoScatter: scatter(i); return nullptr;
      case OtherOp::LoPrefetch:  // for a read, into all caches, as data
        b.CreateIntrinsic(llvm::Intrinsic::prefetch, {op(0)->getType()}, {op(0), b.getInt32(0), b.getInt32(3), b.getInt32(1)});
        return nullptr;
      case OtherOp::LoSplat: return b.CreateVectorSplat(static_cast<unsigned>(t->numel()), op(0));
      case OtherOp::LoIota: {
        std::vector<llvm::Constant*> lanes;
        for (int64_t k = 0; k < t->numel(); ++k) lanes.push_back(llvm::ConstantInt::get(elementType(*t), static_cast<uint64_t>(k)));
        return llvm::ConstantVector::get(lanes);
      }
      case OtherOp::LoExtract: return b.CreateExtractElement(op(0), static_cast<uint64_t>(i.integer(Attr::Offset)));
      case OtherOp::LoInsert: return b.CreateInsertElement(op(0), op(1), static_cast<uint64_t>(i.integer(Attr::Offset)));
      case OtherOp::LoShuffle: {
        std::vector<int> lanes;
        for (int64_t lane : i.list(Attr::Lanes)) lanes.push_back(static_cast<int>(lane));
        return b.CreateShuffleVector(op(0), i.operands.size() > 1 ? op(1) : op(0), lanes);
      }
      case OtherOp::LoExclusive: return exclusive;
      case OtherOp::LoDotAdd: return dotAdd(i);
      case OtherOp::LoAtomicRMW: return atomicRmw(i);
      case OtherOp::LoAtomicCAS: return atomicCas(i);
      case OtherOp::LoPrint: print(i); return nullptr;
      case OtherOp::LoAssert: assertion(i); return nullptr;
      case OtherOp::For: loop(i); return nullptr;
      case OtherOp::If: branch(i); return nullptr;
      case OtherOp::While: whileLoop(i); return nullptr;
      case OtherOp::Yield:
      case OtherOp::Condition:
      case OtherOp::Return: return nullptr;
      case OtherOp::IntToPtr: return b.CreateIntToPtr(op(0), type(*t));
      case OtherOp::PtrToInt: return b.CreatePtrToInt(op(0), type(*t));
      case OtherOp::AddPtr: return addPtr(i);
      case OtherOp::Bitcast:
      case OtherOp::ArithBitcast: {
        if (t->isPointer()) return op(0);
        return b.CreateBitCast(op(0), type(*t));
      }
      case OtherOp::Select: return b.CreateSelect(op(0), op(1), op(2));
      case OtherOp::CmpI: return b.CreateICmp(icmp(static_cast<CmpIPred>(i.integer(Attr::Predicate))), op(0), op(1));
      case OtherOp::CmpF:
        return b.CreateFCmp(fcmp(static_cast<CmpFPred>(i.integer(Attr::Predicate))), wide(i.operands[0]), wide(i.operands[1]));
      case OtherOp::ExtSI:
      case OtherOp::IndexCast:
        if (bitWidth(*t) < bitWidth(i.operands[0]->type)) return b.CreateTrunc(op(0), type(*t));
        return b.CreateSExt(op(0), type(*t));
      case OtherOp::ExtUI:
      case OtherOp::IndexCastUI:
        if (bitWidth(*t) < bitWidth(i.operands[0]->type)) return b.CreateTrunc(op(0), type(*t));
        return b.CreateZExt(op(0), type(*t));
      case OtherOp::TruncI: return b.CreateTrunc(op(0), type(*t));
      case OtherOp::ExtF:
      case OtherOp::TruncF:
      case OtherOp::FpToFp: {
        bool towardZero = i.op == Op::FpToFp && i.has(Attr::Rounding) && i.integer(Attr::Rounding) == 0;
        return convert.floatToFloat(op(0), i.operands[0]->type.elem, t->elem, towardZero, i.op == Op::FpToFp);
      }
      case OtherOp::SIToFP:
      case OtherOp::UIToFP: {
        bool isSigned = i.op == Op::SIToFP;
        return convert.fromInt(op(0), t->elem, isSigned);
      }
      case OtherOp::FPToSI:
      case OtherOp::FPToUI: {
        llvm::Value* x = wide(i.operands[0]);
        ID id = i.op == Op::FPToSI ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
        return b.CreateIntrinsic(id, {type(*t), x->getType()}, {x});
      }
      case OtherOp::ClampF: return floating(i);
      // Operations on WebGPU's workgroups and subgroups: `lower` emits none for this target.
      case OtherOp::LoPrivate:
      case OtherOp::LoMatrixDot:
      case OtherOp::LoMatrixZero:
      case OtherOp::LoMatrixGet:
      case OtherOp::LoMatrixPut:
      case OtherOp::LoBarrier:
      case OtherOp::LoSubgroupShuffle: break;
    }
    NEREID_CHECK(false, "no code for ", info(i.op).spelling);
    return nullptr;
  }

  // Floats narrower than 32 bits are computed in f32.
  llvm::Value* wide(const Value* v) {
    Elem e = v->type.elem;
    return e == Elem::F32 || e == Elem::F64 ? get(v) : convert.floatToFloat(get(v), e, Elem::F32, false, false);
  }

  llvm::Value* floating(const Inst& i) {
    Elem e = i.result()->type.elem;
    Elem in = e == Elem::F64 ? Elem::F64 : Elem::F32;
    // Sign operations work on the bits.
    if (e != Elem::F32 && e != Elem::F64 && e != Elem::F16 && (i.op == Op::NegF || i.op == Op::AbsF)) {
      llvm::Value* x = get(i.operands[0]);
      uint64_t sign = uint64_t{1} << (bitWidth(e) - 1);
      return i.op == Op::NegF ? b.CreateXor(x, llvm::ConstantInt::get(x->getType(), sign))
                              : b.CreateAnd(x, llvm::ConstantInt::get(x->getType(), sign - 1));
    }
    if (e == Elem::F16 && i.op == Op::NegF) return b.CreateFNeg(get(i.operands[0]));
    if (e == Elem::F16 && i.op == Op::AbsF) return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, get(i.operands[0]));
    std::vector<llvm::Value*> x;
    if (i.op == Op::Fma && bitWidth(e) < 32) {
      // Rounds once: in f64 the product is exact, and the sum's rounding error is far from a tie of the narrow type.
      for (const Value* v : i.operands) x.push_back(convert.floatToFloat(get(v), e, Elem::F64, false, false));
      return convert.floatToFloat(floatingWide(i, x), Elem::F64, e, false, false);
    }
    for (const Value* v : i.operands) x.push_back(wide(v));
    llvm::Value* y = floatingWide(i, x);
    return e == in ? y : convert.floatToFloat(y, in, e, false, false);
  }

  llvm::Value* contracted(llvm::Value* v) {
    if (auto* inst = llvm::dyn_cast<llvm::Instruction>(v)) inst->setHasAllowContract(true);
    return v;
  }

  llvm::Value* floatingWide(const Inst& i, const std::vector<llvm::Value*>& x) {
    auto unary = [&](ID id) { return b.CreateUnaryIntrinsic(id, x[0]); };
    llvm::Type* t = x[0]->getType();
    if (i.op == Op::ClampF) {
      if (i.integer(Attr::PropagateNan) == 0xFFFF) return nanExtremum(false, nanExtremum(true, x[0], x[1]), x[2]);
      return numExtremum(false, numExtremum(true, x[0], x[1]), x[2]);
    }
    switch (floatOp(i.op)) {
      case FloatOp::AddF: return contracted(b.CreateFAdd(x[0], x[1]));
      case FloatOp::SubF: return contracted(b.CreateFSub(x[0], x[1]));
      case FloatOp::MulF: return contracted(b.CreateFMul(x[0], x[1]));
      case FloatOp::DivF:
      case FloatOp::PreciseDivF: return b.CreateFDiv(x[0], x[1]);
      case FloatOp::RemF: return b.CreateFRem(x[0], x[1]);
      case FloatOp::NegF: return b.CreateFNeg(x[0]);
      case FloatOp::AbsF: return unary(llvm::Intrinsic::fabs);
      case FloatOp::Fma: return b.CreateIntrinsic(llvm::Intrinsic::fma, {t}, {x[0], x[1], x[2]});
      case FloatOp::MinimumF:
      case FloatOp::MaximumF: return nanExtremum(i.op == Op::MaximumF, x[0], x[1]);
      case FloatOp::MinNumF:
      case FloatOp::MaxNumF: return numExtremum(i.op == Op::MaxNumF, x[0], x[1]);
      case FloatOp::Sqrt:
      case FloatOp::PreciseSqrt: return unary(llvm::Intrinsic::sqrt);
      case FloatOp::Rsqrt: return b.CreateFDiv(llvm::ConstantFP::get(t, 1.0), unary(llvm::Intrinsic::sqrt));
      case FloatOp::Ceil: return unary(llvm::Intrinsic::ceil);
      case FloatOp::Floor: return unary(llvm::Intrinsic::floor);
      case FloatOp::Round: return unary(llvm::Intrinsic::round);
      case FloatOp::RoundEven: return unary(llvm::Intrinsic::roundeven);
      case FloatOp::Trunc: return unary(llvm::Intrinsic::trunc);
      case FloatOp::CopySign: return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, x[0], x[1]);
      case FloatOp::LoScale: return scale(x[0], x[1]);
      case FloatOp::Cbrt:
      case FloatOp::Exp:
      case FloatOp::Exp2:
      case FloatOp::Expm1:
      case FloatOp::Log:
      case FloatOp::Log2:
      case FloatOp::Log10:
      case FloatOp::Log1p:
      case FloatOp::Sin:
      case FloatOp::Cos:
      case FloatOp::Tan:
      case FloatOp::Asin:
      case FloatOp::Acos:
      case FloatOp::Atan:
      case FloatOp::Atan2:
      case FloatOp::Sinh:
      case FloatOp::Cosh:
      case FloatOp::Tanh:
      case FloatOp::Asinh:
      case FloatOp::Acosh:
      case FloatOp::Atanh:
      case FloatOp::Erf:
      case FloatOp::Erfc:
      case FloatOp::PowF: return library(i, x);
    }
    NEREID_CHECK(false, "no code for ", info(i.op).spelling);
    return nullptr;
  }

  llvm::Value* isNan(llvm::Value* x) { return b.CreateFCmpUNO(x, x); }
  // Orders -0 before 0, and returns NaN if either operand is NaN.
  llvm::Value* nanExtremum(bool largest, llvm::Value* x, llvm::Value* y) {
    return b.CreateBinaryIntrinsic(largest ? llvm::Intrinsic::maximum : llvm::Intrinsic::minimum, x, y);
  }
  // Returns the other operand if one is NaN; of two zeros, either.
  llvm::Value* numExtremum(bool largest, llvm::Value* x, llvm::Value* y) {
#if defined(__x86_64__)
    // A machine max returns its second operand if either is NaN, so only y must be tested. In a reduction y is the new element: the
    // dependency chain through the accumulator is one instruction, where LLVM's expansion of maxnum also tests the accumulator.
    if (llvm::isa<llvm::Constant>(x)) std::swap(x, y);
    auto predicate = largest ? llvm::CmpInst::FCMP_OGT : llvm::CmpInst::FCMP_OLT;
    llvm::Value* extremum = b.CreateSelect(b.CreateFCmp(predicate, x, y), x, y);
    return b.CreateSelect(b.CreateFCmpORD(y, y), extremum, x);
#else
    return b.CreateBinaryIntrinsic(largest ? llvm::Intrinsic::maxnum : llvm::Intrinsic::minnum, x, y);
#endif
  }
  // AVX-512's instruction takes 16 lanes: longer vectors are split, shorter ones are padded.
  llvm::Value* scale(llvm::Value* x, llvm::Value* n) {
    constexpr int kLanes = 16;
    auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(x->getType());
    int lanes = vector ? static_cast<int>(vector->getNumElements()) : 1;
    llvm::Type* whole = llvm::FixedVectorType::get(b.getFloatTy(), kLanes);
    auto act = [&](llvm::Value* a, llvm::Value* k) {
      return b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_scalef_ps_512, {}, {a, k, zero(whole), b.getInt16(-1), b.getInt32(4)});
    };
    if (!vector) {
      auto wide = [&](llvm::Value* v) { return b.CreateInsertElement(llvm::PoisonValue::get(whole), v, uint64_t{0}); };
      return b.CreateExtractElement(act(wide(x), wide(n)), uint64_t{0});
    }
    auto range = [&](llvm::Value* v, int first, int count) {
      std::vector<int> mask(static_cast<size_t>(count));
      for (int i = 0; i < count; ++i) mask[static_cast<size_t>(i)] = first + i;
      return b.CreateShuffleVector(v, mask);
    };
    if (lanes <= kLanes) {
      auto grown = [&](llvm::Value* v) {
        std::vector<int> mask(kLanes, -1);
        for (int i = 0; i < lanes; ++i) mask[static_cast<size_t>(i)] = i;
        return b.CreateShuffleVector(v, mask);
      };
      return range(act(grown(x), grown(n)), 0, lanes);
    }
    std::vector<llvm::Value*> parts;
    for (int i = 0; i < lanes; i += kLanes) parts.push_back(act(range(x, i, kLanes), range(n, i, kLanes)));
    return joined(std::move(parts));
  }

  // Processors with VNNI and AVX512-BF16 have instructions for one register, and all have one for products of i16.
  llvm::Value* dotAdd(const Inst& i) {
    const Type &t = i.result()->type, &from = i.operand(2)->type;
    const auto lanes = static_cast<unsigned>(t.numel()), group = 32u / static_cast<unsigned>(bitWidth(from));
    const auto whole = std::min(lanes, static_cast<unsigned>(vectorBits / 32));
    auto part = [&](llvm::Value* v, unsigned first, unsigned count) -> llvm::Value* {
      if (count == llvm::cast<llvm::FixedVectorType>(v->getType())->getNumElements()) return v;
      std::vector<int> mask(count);
      for (unsigned k = 0; k < count; ++k) mask[k] = static_cast<int>(first + k);
      return b.CreateShuffleVector(v, mask);
    };
    llvm::Value *sums = get(i.operands[0]), *x = get(i.operands[1]), *y = get(i.operands[2]);
    std::vector<llvm::Value*> parts;
    for (unsigned k = 0; k < lanes; k += whole)
      parts.push_back(dotAddOf(part(sums, k, whole), part(x, k, whole), part(y, k * group, whole * group), from.elem));
    return joined(std::move(parts));
  }

  llvm::Value* dotAddOf(llvm::Value* sum, llvm::Value* groups, llvm::Value* y, Elem elem) {
    llvm::Value* x = b.CreateBitCast(groups, y->getType());
    const unsigned lanes = llvm::cast<llvm::FixedVectorType>(sum->getType())->getNumElements();
    auto as = [&](llvm::Value* v, llvm::Type* element) {
      return b.CreateBitCast(v, llvm::FixedVectorType::get(element, lanes * 32 / element->getScalarSizeInBits()));
    };
    auto pick = [&](ID of128, ID of256, ID of512) { return lanes == 16 ? of512 : lanes == 8 ? of256 : of128; };
#if defined(__x86_64__)
    using namespace llvm::Intrinsic;
    if (elem == Elem::BF16)
      return b.CreateIntrinsic(pick(x86_avx512bf16_dpbf16ps_128, x86_avx512bf16_dpbf16ps_256, x86_avx512bf16_dpbf16ps_512), {},
                               {sum, as(x, b.getBFloatTy()), as(y, b.getBFloatTy())});
    if (elem == Elem::I8)
      return b.CreateIntrinsic(pick(x86_avx512_vpdpbusd_128, x86_avx512_vpdpbusd_256, x86_avx512_vpdpbusd_512), {}, {sum, x, y});
    if (lanes >= 4)
      return b.CreateAdd(sum, b.CreateIntrinsic(pick(x86_sse2_pmadd_wd, x86_avx2_pmadd_wd, x86_avx512_pmaddw_d_512), {}, {x, y}));
#endif
    // Even and odd elements.
    llvm::Value* total = sum;
    for (unsigned half = 0; half < 2; ++half) {
      std::vector<int> mask(lanes);
      for (unsigned k = 0; k < lanes; ++k) mask[k] = static_cast<int>(2 * k + half);
      auto wide = [&](llvm::Value* v) { return b.CreateSExt(b.CreateShuffleVector(v, mask), sum->getType()); };
      total = b.CreateAdd(total, b.CreateMul(wide(x), wide(y)));
    }
    return total;
  }

  // Vectors of one type and a power of two in number, one after the other.
  llvm::Value* joined(std::vector<llvm::Value*> parts) {
    while (parts.size() > 1) {
      std::vector<llvm::Value*> next;
      for (size_t i = 0; i < parts.size(); i += 2) {
        auto* part = llvm::cast<llvm::FixedVectorType>(parts[i]->getType());
        std::vector<int> mask(part->getNumElements() * 2);
        for (size_t k = 0; k < mask.size(); ++k) mask[k] = static_cast<int>(k);
        next.push_back(b.CreateShuffleVector(parts[i], parts[i + 1], mask));
      }
      parts = std::move(next);
    }
    return parts[0];
  }

  // Functions without an expansion of ours for this type call the C library, lane by lane.
  llvm::Value* library(const Inst& i, const std::vector<llvm::Value*>& x) {
    std::string name(libraryName(i.op));
    NEREID_CHECK(!name.empty(), "no code for ", info(i.op).spelling);
    llvm::Type* t = x[0]->getType();
    llvm::Type* element = t->getScalarType();
    if (element->isFloatTy()) name += "f";
    std::vector<llvm::Type*> types(x.size(), element);
    auto callee = m.getOrInsertFunction(name, llvm::FunctionType::get(element, types, false));
    llvm::cast<llvm::Function>(callee.getCallee())->setDoesNotAccessMemory();
    auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(t);
    if (!vector) return b.CreateCall(callee, x);
    llvm::Value* out = llvm::PoisonValue::get(t);
    for (unsigned lane = 0; lane < vector->getNumElements(); ++lane) {
      std::vector<llvm::Value*> args;
      for (llvm::Value* v : x) args.push_back(b.CreateExtractElement(v, lane));
      out = b.CreateInsertElement(out, b.CreateCall(callee, args), lane);
    }
    return out;
  }

  llvm::Value* integer(const Inst& i) {
    std::vector<llvm::Value*> x;
    for (const Value* v : i.operands) x.push_back(get(v));
    llvm::Type* t = x[0]->getType();
    unsigned width = t->getScalarSizeInBits();
    auto number = [&](uint64_t n) { return llvm::ConstantInt::get(t, n); };
    switch (intOp(i.op)) {
      case IntOp::AddI: return b.CreateAdd(x[0], x[1]);
      case IntOp::SubI: return b.CreateSub(x[0], x[1]);
      case IntOp::MulI: return b.CreateMul(x[0], x[1]);
      case IntOp::AndI: return b.CreateAnd(x[0], x[1]);
      case IntOp::OrI: return b.CreateOr(x[0], x[1]);
      case IntOp::XOrI: return b.CreateXor(x[0], x[1]);
      case IntOp::MinSI: return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x[0], x[1]);
      case IntOp::MaxSI: return b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x[0], x[1]);
      case IntOp::MinUI: return b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, x[0], x[1]);
      case IntOp::MaxUI: return b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, x[0], x[1]);
      case IntOp::DivSI:
      case IntOp::RemSI:
      case IntOp::DivUI:
      case IntOp::RemUI: return division(i.op, x[0], x[1]);
      case IntOp::ShLI:
      case IntOp::ShRUI:
      case IntOp::ShRSI: {
        // A shift by the width or more is defined here, but poison in LLVM.
        llvm::Value* large = b.CreateICmpUGE(x[1], number(width));
        llvm::Value* amount = b.CreateSelect(large, i.op == Op::ShRSI ? number(width - 1) : number(0), x[1]);
        if (i.op == Op::ShRSI) return b.CreateAShr(x[0], amount);
        llvm::Value* shifted = i.op == Op::ShLI ? b.CreateShl(x[0], amount) : b.CreateLShr(x[0], amount);
        return b.CreateSelect(large, number(0), shifted);
      }
      case IntOp::MulHiUI: {
        llvm::Type* twice = t->getWithNewBitWidth(width * 2);
        llvm::Value* product = b.CreateMul(b.CreateZExt(x[0], twice), b.CreateZExt(x[1], twice));
        return b.CreateTrunc(b.CreateLShr(product, llvm::ConstantInt::get(twice, width)), t);
      }
      case IntOp::AbsI: return b.CreateIntrinsic(llvm::Intrinsic::abs, {t}, {x[0], b.getFalse()});
      case IntOp::CtLZ: return b.CreateIntrinsic(llvm::Intrinsic::ctlz, {t}, {x[0], b.getFalse()});
      case IntOp::CtTZ: return b.CreateIntrinsic(llvm::Intrinsic::cttz, {t}, {x[0], b.getFalse()});
      case IntOp::CtPop: return b.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, x[0]);
    }
    NEREID_CHECK(false, "no code for ", info(i.op).spelling);
    return nullptr;
  }

  llvm::Value* division(Op op, llvm::Value* x, llvm::Value* y) {
    llvm::Type* t = x->getType();
    bool isSigned = op == Op::DivSI || op == Op::RemSI, isRem = op == Op::RemSI || op == Op::RemUI;
    if (auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(t); vector && t->getScalarSizeInBits() <= 32) {
      // There are no vector instructions for integer division; the quotient of two 32-bit integers is exact after rounding to f64 and
      // truncation.
      llvm::Type* f64 = llvm::FixedVectorType::get(b.getDoubleTy(), vector->getNumElements());
      llvm::Type* wide = t->getWithNewBitWidth(64);
      llvm::Value* byZero = b.CreateICmpEQ(y, zero(t));
      llvm::Value* divisor = b.CreateSelect(byZero, llvm::ConstantInt::get(t, 1), y);
      llvm::Value* quotient = b.CreateFDiv(isSigned ? b.CreateSIToFP(x, f64) : b.CreateUIToFP(x, f64),
                                           isSigned ? b.CreateSIToFP(divisor, f64) : b.CreateUIToFP(divisor, f64));
      llvm::Value* q = b.CreateTrunc(b.CreateFPToSI(quotient, wide), t);
      if (isRem) q = b.CreateSub(x, b.CreateMul(q, divisor));
      return b.CreateSelect(byZero, zero(t), q);
    }
    llvm::Value *none = zero(t), *one = llvm::ConstantInt::get(t, 1);
    llvm::Value* byZero = b.CreateICmpEQ(y, none);
    llvm::Value* safe = b.CreateSelect(byZero, one, y);
    if (!isSigned) {
      llvm::Value* q = isRem ? b.CreateURem(x, safe) : b.CreateUDiv(x, safe);
      return b.CreateSelect(byZero, none, q);
    }
    // The smallest value divided by -1 traps on x86.
    llvm::Value* byMinus = b.CreateICmpEQ(y, llvm::Constant::getAllOnesValue(t));
    safe = b.CreateSelect(byMinus, one, safe);
    llvm::Value* q = isRem ? b.CreateSRem(x, safe) : b.CreateSDiv(x, safe);
    q = b.CreateSelect(byMinus, isRem ? none : b.CreateNeg(x), q);
    return b.CreateSelect(byZero, none, q);
  }

  llvm::Value* constant(const Inst& i) {
    Type t = i.result()->type;
    uint64_t bits = i.dense().bits[0];
    llvm::Type* e = elementType(t);
    llvm::Constant* value;
    if (t.isPointer())
      value = llvm::ConstantExpr::getIntToPtr(b.getInt64(bits), e);
    else if (e->isFloatingPointTy())
      value = llvm::ConstantFP::get(c, llvm::APFloat(e->getFltSemantics(), llvm::APInt(e->getScalarSizeInBits(), bits, false, true)));
    else
      value = llvm::ConstantInt::get(e, llvm::APInt(e->getScalarSizeInBits(), bits, false, true));
    return t.isVector() ? llvm::ConstantVector::getSplat(llvm::ElementCount::getFixed(static_cast<unsigned>(t.numel())), value) : value;
  }

  llvm::Align alignOf(const Type& t) { return llvm::Align(static_cast<uint64_t>(byteSize(t))); }

  llvm::Value* addPtr(const Inst& i) {
    llvm::Value *p = get(i.operands[0]), *offset = get(i.operands[1]);
    Type pointee = i.operands[0]->type.pointee();
    if (pointee.isPointer()) return b.CreateGEP(b.getInt64Ty(), p, offset);
    return b.CreateGEP(pointee.isBool() ? b.getInt8Ty() : elementType(pointee), p, offset);
  }

  llvm::Value* load(const Inst& i) {
    const Type& t = i.result()->type;
    llvm::Value* p = get(i.operands[0]);
    const Value *mask = i.optional(1), *other = i.optional(2);
    llvm::Type* lt = type(t);
    if (!mask) return b.CreateAlignedLoad(lt, p, alignOf(t));
    llvm::Value* otherwise = other ? get(other) : zero(lt);
    if (t.isVector()) return b.CreateMaskedLoad(lt, p, alignOf(t), get(mask), otherwise);
    llvm::Value* v = b.CreateAlignedLoad(lt, b.CreateSelect(get(mask), p, dummy), alignOf(t));
    return b.CreateSelect(get(mask), v, otherwise);
  }

  template <class F>
  void when(llvm::Value* condition, F&& body) {
    auto* then = llvm::BasicBlock::Create(c, "", f);
    auto* after = llvm::BasicBlock::Create(c, "", f);
    b.CreateCondBr(condition, then, after);
    b.SetInsertPoint(then);
    body();
    b.CreateBr(after);
    b.SetInsertPoint(after);
  }

  // The lane of a constant mask with one true lane. LLVM 22 stores such an element with its width before a truncation (x86 with AVX-512).
  static std::optional<unsigned> onlyLane(llvm::Value* mask) {
    auto* constant = llvm::dyn_cast<llvm::Constant>(mask);
    auto* type = llvm::dyn_cast<llvm::FixedVectorType>(mask->getType());
    std::optional<unsigned> found;
    for (unsigned lane = 0; constant && type && lane < type->getNumElements(); ++lane) {
      llvm::Constant* element = constant->getAggregateElement(lane);
      if (!element || (!element->isNullValue() && !element->isOneValue())) return std::nullopt;
      if (element->isNullValue()) continue;
      if (found) return std::nullopt;
      found = lane;
    }
    return found;
  }

  void store(const Inst& i) {
    llvm::Value *p = get(i.operands[0]), *v = get(i.operands[1]);
    const Type& t = i.operands[1]->type;
    const Value* mask = i.optional(2);
    if (!mask) {
      b.CreateAlignedStore(v, p, alignOf(t));
    } else if (t.isVector()) {
      if (std::optional<unsigned> lane = onlyLane(get(mask))) {
        llvm::Value* element = b.CreateExtractElement(v, *lane);
        b.CreateAlignedStore(element, b.CreateConstGEP1_32(element->getType(), p, *lane), alignOf(t));
      } else {
        b.CreateMaskedStore(v, p, alignOf(t), get(mask));
      }
    } else {
      when(get(mask), [&] { b.CreateAlignedStore(v, p, alignOf(t)); });
    }
  }

  llvm::Value* gather(const Inst& i) {
    const Type& t = i.result()->type;
    const Value *mask = i.optional(1), *other = i.optional(2);
    llvm::Type* lt = type(t);
    return b.CreateMaskedGather(lt, get(i.operands[0]), alignOf(t), mask ? get(mask) : nullptr, other ? get(other) : zero(lt));
  }

  void scatter(const Inst& i) {
    const Value* mask = i.optional(2);
    b.CreateMaskedScatter(get(i.operands[1]), get(i.operands[0]), alignOf(i.operands[1]->type), mask ? get(mask) : nullptr);
  }

  llvm::AtomicOrdering ordering(const Inst& i) {
    switch (static_cast<MemSem>(i.integer(Attr::Sem, 4))) {
      case MemSem::Relaxed: return llvm::AtomicOrdering::Monotonic;
      case MemSem::Acquire: return llvm::AtomicOrdering::Acquire;
      case MemSem::Release: return llvm::AtomicOrdering::Release;
      default: return llvm::AtomicOrdering::AcquireRelease;
    }
  }

  llvm::Value* atomicRmw(const Inst& i) {
    using R = llvm::AtomicRMWInst;
    const Type& t = i.result()->type;
    llvm::Value *p = get(i.operands[0]), *v = get(i.operands[1]);
    R::BinOp op = R::Xchg;
    switch (static_cast<Rmw>(i.integer(Attr::RmwOp))) {
      case Rmw::And: op = R::And; break;
      case Rmw::Or: op = R::Or; break;
      case Rmw::Xor: op = R::Xor; break;
      case Rmw::Add: op = R::Add; break;
      case Rmw::FAdd: op = R::FAdd; break;
      case Rmw::Max: op = t.isFloat() ? R::FMax : R::Max; break;
      case Rmw::Min: op = t.isFloat() ? R::FMin : R::Min; break;
      case Rmw::UMax: op = R::UMax; break;
      case Rmw::UMin: op = R::UMin; break;
      case Rmw::Xchg: op = R::Xchg; break;
    }
    if (t.elem == Elem::BF16 && op != R::Xchg) return atomicBf16(i, p, v);
    return b.CreateAtomicRMW(op, p, v, alignOf(t), ordering(i));
  }

  // Without bf16 instructions LLVM would call its runtime library to round: use a compare-and-swap loop instead.
  llvm::Value* atomicBf16(const Inst& i, llvm::Value* p, llvm::Value* v) {
    const llvm::Align align = alignOf(i.result()->type);
    llvm::Type* bits = b.getInt16Ty();
    llvm::Value* operand = convert.floatToFloat(v, Elem::BF16, Elem::F32, false, false);
    llvm::LoadInst* first = b.CreateAlignedLoad(bits, p, align);
    first->setAtomic(llvm::AtomicOrdering::Monotonic);
    auto* before = b.GetInsertBlock();
    auto* again = llvm::BasicBlock::Create(c, "again", f);
    auto* done = llvm::BasicBlock::Create(c, "done", f);
    b.CreateBr(again);
    b.SetInsertPoint(again);
    llvm::PHINode* old = b.CreatePHI(bits, 2);
    old->addIncoming(first, before);
    llvm::Value* x = convert.floatToFloat(old, Elem::BF16, Elem::F32, false, false);
    llvm::Value* y = nullptr;
    switch (static_cast<Rmw>(i.integer(Attr::RmwOp))) {
      case Rmw::FAdd: y = b.CreateFAdd(x, operand); break;
      case Rmw::Max: y = numExtremum(true, x, operand); break;
      case Rmw::Min: y = numExtremum(false, x, operand); break;
      default: NEREID_CHECK(false, "unknown atomic operation on bf16");
    }
    llvm::Value* replacement = convert.floatToFloat(y, Elem::F32, Elem::BF16, false, false);
    auto order = ordering(i);
    auto* exchange = b.CreateAtomicCmpXchg(p, old, replacement, align, order, llvm::AtomicCmpXchgInst::getStrongestFailureOrdering(order));
    old->addIncoming(b.CreateExtractValue(exchange, 0), b.GetInsertBlock());
    b.CreateCondBr(b.CreateExtractValue(exchange, 1), done, again);
    b.SetInsertPoint(done);
    return old;
  }

  llvm::Value* atomicCas(const Inst& i) {
    const Type& t = i.result()->type;
    llvm::Type* lt = type(t);
    llvm::Type* bits = b.getIntNTy(static_cast<unsigned>(bitWidth(t)));
    llvm::Value *cmp = get(i.operands[1]), *v = get(i.operands[2]);
    if (!lt->isIntegerTy()) {
      cmp = b.CreateBitOrPointerCast(cmp, bits);
      v = b.CreateBitOrPointerCast(v, bits);
    }
    auto order = ordering(i);
    auto failure = llvm::AtomicCmpXchgInst::getStrongestFailureOrdering(order);
    llvm::Value* old = b.CreateExtractValue(b.CreateAtomicCmpXchg(get(i.operands[0]), cmp, v, alignOf(t), order, failure), 0);
    return lt->isIntegerTy() ? old : b.CreateBitOrPointerCast(old, lt);
  }

  void print(const Inst& i) {
    std::string format = "pid (%u, %u, %u)";
    std::vector<llvm::Value*> args{nullptr, pid[0], pid[1], pid[2]};
    auto prefix = [&] {
      format += "%s";
      args.push_back(b.CreateGlobalString(std::string(i.text(Attr::Prefix))));
    };
    if (i.operands.size() == 1) prefix();
    if (i.operands.size() > 1) {
      // Each index is padded to the width of the largest one of its dimension.
      format += " idx (";
      const auto& shape = i.list(Attr::Shape);
      for (size_t d = 0; d < shape.size(); ++d) {
        int64_t inner = 1;
        for (size_t k = d + 1; k < shape.size(); ++k) inner *= shape[k];
        format += cat(d ? ", %" : "%", cat(shape[d] - 1).size(), "u");
        args.push_back(b.CreateURem(b.CreateUDiv(get(i.operands[2]), b.getInt32(static_cast<uint32_t>(inner))),
                                    b.getInt32(static_cast<uint32_t>(shape[d]))));
      }
      format += ")";
      prefix();
      const Type& t = i.operands[1]->type;
      llvm::Value* v = get(i.operands[1]);
      bool inHex = i.integer(Attr::Hex) != 0, isSigned = printsSigned(i);
      if (t.isPointer()) {
        format += "%p";
      } else if (t.isFloat() && !inHex) {
        v = b.CreateFPExt(wide(i.operands[1]), b.getDoubleTy());
        v = b.CreateSelect(b.CreateFCmpUNO(v, v), llvm::ConstantFP::getNaN(b.getDoubleTy()), v);  // drops the sign of NaN
        format += "%f";
      } else {
        if (v->getType()->isFloatingPointTy()) v = b.CreateBitCast(v, b.getIntNTy(v->getType()->getScalarSizeInBits()));
        // As after C's promotions, a signed integer below 32 bits prints 32 bits in hexadecimal.
        if (inHex && isSigned && bitWidth(t) < 32) v = b.CreateSExt(v, b.getInt32Ty());
        v = isSigned && !inHex ? b.CreateSExt(v, b.getInt64Ty()) : b.CreateZExt(v, b.getInt64Ty());
        format += inHex ? cat("0x%0", std::max(bitWidth(t) / 4, 1), "llx") : isSigned ? "%lld" : "%llu";
      }
      args.push_back(v);
    }
    args[0] = b.CreateGlobalString(format + "\n");
    auto callee = m.getOrInsertFunction("printf", llvm::FunctionType::get(b.getInt32Ty(), {b.getPtrTy()}, true));
    when(get(i.operands[0]), [&] { b.CreateCall(callee, args); });
  }

  void assertion(const Inst& i) {
    auto* signature = llvm::FunctionType::get(
        b.getVoidTy(), {b.getPtrTy(), b.getInt32Ty(), b.getPtrTy(), b.getInt32Ty(), b.getInt32Ty(), b.getInt32Ty()}, false);
    auto callee = m.getOrInsertFunction("nereid_assertion_failed", signature);
    auto* handler = llvm::cast<llvm::Function>(callee.getCallee());
    if (standalone && handler->empty()) {
      // A weak definition, so that a program can override it.
      handler->setLinkage(llvm::Function::WeakAnyLinkage);
      llvm::IRBuilder<> h(llvm::BasicBlock::Create(c, "", handler));
      auto printer = m.getOrInsertFunction("printf", llvm::FunctionType::get(h.getInt32Ty(), {h.getPtrTy()}, true));
      auto abort = m.getOrInsertFunction("abort", llvm::FunctionType::get(h.getVoidTy(), false));
      h.CreateCall(printer, {h.CreateGlobalString("%s:%u: assertion failed in program (%u, %u, %u): %s\n", "", 0, &m), handler->getArg(0),
                             handler->getArg(1), handler->getArg(3), handler->getArg(4), handler->getArg(5), handler->getArg(2)});
      h.CreateCall(abort);
      h.CreateRetVoid();
    }
    std::string message(i.text(Attr::Message)), file(i.has(Attr::File) ? i.text(Attr::File) : "");
    when(get(i.operands[0]), [&] {
      b.CreateCall(callee, {b.CreateGlobalString(file), b.getInt32(i.loc.line()), b.CreateGlobalString(message), pid[0], pid[1], pid[2]});
    });
  }

  void loop(const Inst& i) {
    const Block& body = i.regions[0]->entry();
    llvm::Value *lower = get(i.operands[0]), *upper = get(i.operands[1]), *step = get(i.operands[2]);
    auto* before = b.GetInsertBlock();
    auto* head = llvm::BasicBlock::Create(c, "for", f);
    auto* inside = llvm::BasicBlock::Create(c, "body", f);
    auto* after = llvm::BasicBlock::Create(c, "done", f);
    b.CreateBr(head);
    b.SetInsertPoint(head);
    llvm::PHINode* iv = b.CreatePHI(lower->getType(), 2);
    iv->addIncoming(lower, before);
    values[body.args[0]] = iv;
    std::vector<llvm::PHINode*> carried;
    for (size_t k = 0; k < i.results.size(); ++k) {
      llvm::Value* init = get(i.operands[3 + k]);
      carried.push_back(b.CreatePHI(init->getType(), 2));
      carried.back()->addIncoming(init, before);
      values[body.args[1 + k]] = carried.back();
    }
    b.CreateCondBr(b.CreateICmpSLT(iv, upper), inside, after);
    b.SetInsertPoint(inside);
    block(body);
    auto next = ends(body);
    if (i.has(Attr::Source)) mayStop();
    auto* latch = b.GetInsertBlock();
    auto* one = llvm::dyn_cast<llvm::ConstantInt>(step);
    bool wraps = i.has(Attr::Source) && !(one && one->isOne());  // source loops may end near the top of their type
    llvm::Value* following = b.CreateAdd(iv, step, "", false, !wraps && i.operands[0]->type.elem == Elem::I64);
    if (wraps) following = b.CreateSelect(b.CreateICmpSGT(following, iv), following, upper);
    iv->addIncoming(following, latch);
    for (size_t k = 0; k < carried.size(); ++k) carried[k]->addIncoming(next[k], latch);
    b.CreateBr(head);
    b.SetInsertPoint(after);
    for (size_t k = 0; k < carried.size(); ++k) values[i.results[k]] = carried[k];
  }

  void branch(const Inst& i) {
    auto* then = llvm::BasicBlock::Create(c, "then", f);
    auto* otherwise = llvm::BasicBlock::Create(c, "else", f);
    auto* after = llvm::BasicBlock::Create(c, "endif", f);
    b.CreateCondBr(get(i.operands[0]), then, otherwise);
    std::vector<llvm::Value*> results[2];
    llvm::BasicBlock* from[2];
    for (int k = 0; k < 2; ++k) {
      b.SetInsertPoint(k == 0 ? then : otherwise);
      if (static_cast<size_t>(k) < i.regions.size() && !i.regions[static_cast<size_t>(k)]->empty()) {
        const Block& body = i.regions[static_cast<size_t>(k)]->entry();
        block(body);
        results[k] = ends(body);
      }
      from[k] = b.GetInsertBlock();
      b.CreateBr(after);
    }
    b.SetInsertPoint(after);
    for (size_t k = 0; k < i.results.size(); ++k) {
      llvm::PHINode* phi = b.CreatePHI(results[0][k]->getType(), 2);
      for (int s = 0; s < 2; ++s) phi->addIncoming(results[s][k], from[s]);
      values[i.results[k]] = phi;
    }
  }

  void whileLoop(const Inst& i) {
    const Block &test = i.regions[0]->entry(), &body = i.regions[1]->entry();
    auto* before = b.GetInsertBlock();
    auto* head = llvm::BasicBlock::Create(c, "while", f);
    auto* inside = llvm::BasicBlock::Create(c, "do", f);
    auto* after = llvm::BasicBlock::Create(c, "done", f);
    b.CreateBr(head);
    b.SetInsertPoint(head);
    std::vector<llvm::PHINode*> carried;
    for (size_t k = 0; k < i.operands.size(); ++k) {
      llvm::Value* init = get(i.operands[k]);
      carried.push_back(b.CreatePHI(init->getType(), 2));
      carried.back()->addIncoming(init, before);
      values[test.args[k]] = carried.back();
    }
    block(test);
    auto forwarded = ends(test, 1);
    b.CreateCondBr(get(test.terminator()->operands[0]), inside, after);
    b.SetInsertPoint(inside);
    for (size_t k = 0; k < forwarded.size(); ++k) values[body.args[k]] = forwarded[k];
    block(body);
    auto next = ends(body);
    mayStop();
    auto* latch = b.GetInsertBlock();
    for (size_t k = 0; k < carried.size(); ++k) carried[k]->addIncoming(next[k], latch);
    b.CreateBr(head);
    b.SetInsertPoint(after);
    for (size_t k = 0; k < forwarded.size(); ++k) values[i.results[k]] = forwarded[k];
  }

  static llvm::CmpInst::Predicate icmp(CmpIPred p) {
    using L = llvm::CmpInst;
    constexpr L::Predicate kMap[] = {L::ICMP_EQ,  L::ICMP_NE,  L::ICMP_SLT, L::ICMP_SLE, L::ICMP_SGT,
                                     L::ICMP_SGE, L::ICMP_ULT, L::ICMP_ULE, L::ICMP_UGT, L::ICMP_UGE};
    return kMap[static_cast<size_t>(p)];
  }
  static llvm::CmpInst::Predicate fcmp(CmpFPred p) {
    using L = llvm::CmpInst;
    constexpr L::Predicate kMap[] = {L::FCMP_FALSE, L::FCMP_OEQ, L::FCMP_OGT, L::FCMP_OGE, L::FCMP_OLT, L::FCMP_OLE,
                                     L::FCMP_ONE,   L::FCMP_ORD, L::FCMP_UEQ, L::FCMP_UGT, L::FCMP_UGE, L::FCMP_ULT,
                                     L::FCMP_ULE,   L::FCMP_UNE, L::FCMP_UNO, L::FCMP_TRUE};
    return kMap[static_cast<size_t>(p)];
  }
};

}  // namespace

std::unique_ptr<llvm::Module> emit(const Lowered& lowered, llvm::LLVMContext& context, bool standalone, int vectorBits) {
  auto module = std::make_unique<llvm::Module>("nereid", context);
  Emitter emitter(lowered, context, *module, standalone, vectorBits);
  emitter.run();
  for (llvm::Function& f : *module) {
    if (f.isDeclaration()) continue;
    f.addFnAttr("prefer-vector-width", std::to_string(vectorBits));
    f.addFnAttr("min-legal-vector-width", std::to_string(vectorBits));
    f.addFnAttr("denormal-fp-math", "ieee,ieee");
  }
  return module;
}

}  // namespace nereid::cpu
