// SPDX-License-Identifier: MIT
// Operand and result types and attributes, by signature and by hand.
#include <algorithm>

#include "ir/by_hand.h"
#include "ir/enums.h"
#include "ir/verify.h"

namespace nereid {

namespace {

bool sameShape(const Type& a, const Type& b) { return a.form == b.form && a.rank == b.rank && a.axes == b.axes; }

class OpVerifier {
 public:
  OpVerifier(const Module& m, const Inst& i, Diags& diags) : module_(m), i_(i), diags_(diags) {}

  bool run() {
    if (info(i_.op).sig == Sig::ByHand ? byHand() : bySignature()) return true;
    if (!said_) says("operand and result types do not match: ", list());
    return false;
  }

 private:
  template <class... Parts>
  bool says(const Parts&... parts) {
    said_ = true;
    diags_.error(Err::Type, i_.loc).says("`", info(i_.op).spelling, "`: ", parts...);
    return false;
  }
  template <class... Parts>
  bool shape(const Parts&... parts) {
    said_ = true;
    diags_.error(Err::Shape, i_.loc).says("`", info(i_.op).spelling, "`: ", parts...);
    return false;
  }
  template <class... Parts>
  bool attribute(const Parts&... parts) {
    said_ = true;
    diags_.error(Err::Verify, i_.loc).says("`", info(i_.op).spelling, "`: ", parts...);
    return false;
  }

  std::string list() const {
    std::string out = "(";
    for (size_t k = 0; k < i_.operands.size(); ++k) appendAll(out, k ? ", " : "", i_.operands[k]->type);
    out += ") -> (";
    for (size_t k = 0; k < i_.results.size(); ++k) appendAll(out, k ? ", " : "", i_.results[k]->type);
    return out + ")";
  }

  const Type& in(size_t k) const { return i_.operands[k]->type; }
  const Type& out(size_t k = 0) const { return i_.results[k]->type; }
  static bool sums(const Type& t) { return t.isPointer() && (t.pointee().elem == Elem::F32 || t.pointee().elem == Elem::I32); }
  bool counts(size_t operands, size_t results) {
    if (i_.operands.size() == operands && i_.results.size() == results) return true;
    return attribute(i_.operands.size(), " operands and ", i_.results.size(), " results, but ", operands, " and ", results, " expected");
  }
  bool countsBetween(size_t least, size_t most, size_t results) {
    if (i_.operands.size() >= least && i_.operands.size() <= most && i_.results.size() == results) return true;
    return attribute(i_.operands.size(), " operands and ", i_.results.size(), " results, but ", least, " to ", most, " and ", results,
                     " expected");
  }
  bool groups(size_t n, std::initializer_list<size_t> single = {}) {
    int64_t total = 0;
    for (int32_t s : i_.segments) total += s < 0 ? 1 << 30 : s;
    if (i_.segments.size() != n || total != static_cast<int64_t>(i_.operands.size()))
      return attribute("wrong number of operands in an operand group");
    for (size_t g : single)
      if (i_.segments[g] != 1) return attribute("wrong number of operands in an operand group");
    return true;
  }
  static bool scalarOrTile(const Type& t) { return t.isScalar() || t.isTile() || t.isVector(); }
  bool axisIn(int64_t axis, int rank) { return (axis >= 0 && axis < rank) || attribute("axis ", axis, " is out of range for rank ", rank); }
  bool enumValue(Attr attr, int64_t otherwise) {
    int64_t value = i_.integer(attr, otherwise);
    return !enumKeyword(attr, value).empty() || attribute("unknown value ", value, " of the attribute `", attrName(attr), "`");
  }

  bool bySignature() {
    Sig sig = info(i_.op).sig;
    if (sig == Sig::Terminator) return i_.results.empty();
    static constexpr size_t kCounts[] = {1, 2, 1, 2, 3, 1, 2, 2, 3, 1, 1, 1, 1, 1};
    if (!counts(kCounts[static_cast<size_t>(sig)], 1)) return false;
    Type a = in(0), r = out();
    for (const Value* v : i_.operands)
      if (!scalarOrTile(v->type)) return false;
    bool alike = std::all_of(i_.operands.begin(), i_.operands.end(), [&](const Value* v) { return v->type == a; });
    switch (sig) {
      case Sig::Int1:
      case Sig::Int2: return alike && a.isInt() && r == a;
      case Sig::Float1:
      case Sig::Float2:
      case Sig::Float3: return alike && a.isFloat() && r == a;
      case Sig::FloatTest: return a.isFloat() && r == a.withElement(Elem::I1);
      case Sig::CmpInt:
        if (cmpIKeyword(i_.integer(Attr::Predicate, -1)).empty()) return attribute("unknown predicate");
        return alike && (a.isInt() || a.isPointer()) && r == a.withElement(Elem::I1);
      case Sig::CmpFloat:
        if (cmpFKeyword(i_.integer(Attr::Predicate, -1)).empty()) return attribute("unknown predicate");
        return alike && a.isFloat() && r == a.withElement(Elem::I1);
      case Sig::Select: return in(1) == r && in(2) == r && a.isBool() && (a.isScalar() || sameShape(a, r));
      case Sig::CastInt: {
        if (!a.isInt() || !r.isInt() || !sameShape(a, r)) return false;
        int from = bitWidth(a), to = bitWidth(r);
        if (i_.op == Op::IndexCast || i_.op == Op::IndexCastUI)
          return (a.elem == Elem::Index) != (r.elem == Elem::Index) || a.elem == r.elem;
        return i_.op == Op::TruncI ? to < from : to > from;
      }
      case Sig::CastFloat:
        if (!a.isFloat() || !r.isFloat() || !sameShape(a, r)) return false;
        return i_.op == Op::TruncF ? bitWidth(r) < bitWidth(a) : bitWidth(r) > bitWidth(a);
      case Sig::IntToFloat: return a.isInt() && r.isFloat() && sameShape(a, r);
      case Sig::FloatToInt: return a.isFloat() && r.isInt() && sameShape(a, r);
      case Sig::Bitcast: return sameShape(a, r) && bitWidth(a) == bitWidth(r);
      default: return false;
    }
  }

  // The type of the elements accessed through this pointer.
  static Type accessed(const Type& pointer) {
    if (pointer.form != Form::BlockPtr) return pointer.pointee();
    Type t = pointer;
    t.form = Form::Tile;
    return t;
  }
  static bool accessible(const Type& t) { return t.form == Form::BlockPtr || (t.isPointer() && (t.isScalar() || t.isTile())); }

  bool regions(size_t n) { return i_.regions.size() == n || attribute(i_.regions.size(), " regions, but ", n, " expected"); }
  bool oneBlock(size_t region) {
    return i_.regions[region]->blocks.size() == 1 ||
           attribute("its region has ", i_.regions[region]->blocks.size(), " blocks, but must have one");
  }
  // The entry of a region must have exactly these arguments.
  bool entryTypes(size_t region, const std::vector<Type>& types) {
    if (i_.regions[region]->empty()) return attribute("its region is empty");
    auto& args = i_.regions[region]->entry().args;
    if (args.size() != types.size()) return attribute("its region takes ", args.size(), " arguments, but ", types.size(), " are passed");
    for (size_t k = 0; k < types.size(); ++k)
      if (args[k]->type != types[k]) return says("its region takes ", args[k]->type, ", but ", types[k], " is passed");
    return true;
  }

  bool constant() {
    if (!counts(0, 1)) return false;
    auto* dense = i_.find(Attr::Value) ? std::get_if<Dense>(i_.find(Attr::Value)) : nullptr;
    if (!dense || dense->bits.empty()) return attribute("the attribute `value` is missing");
    if (dense->type != out()) return says("the value is ", dense->type, ", but the result is ", out());
    if (!scalarOrTile(out())) return false;
    size_t n = dense->bits.size();
    return n == 1 || n == static_cast<size_t>(out().numel()) || shape(n, " elements, but the result is ", out());
  }

  bool dot() {
    if (!counts(3, 1)) return false;
    const Type &a = in(0), &b = in(1), &c = in(2);
    if (!a.isTile() || !b.isTile() || c != out() || a.isPointer() || b.isPointer() || c.isPointer()) return false;
    int r = a.rank;
    if ((r != 2 && r != 3) || b.rank != r || c.rank != r)
      return shape("ranks ", int{a.rank}, ", ", int{b.rank}, " and ", int{c.rank}, ", but all three must be 2, or all 3");
    bool fits = a.dim(r - 1) == b.dim(r - 2) && a.dim(r - 2) == c.dim(r - 2) && b.dim(r - 1) == c.dim(r - 1);
    if (r == 3) fits = fits && a.dim(0) == b.dim(0) && a.dim(0) == c.dim(0);
    if (!fits) return shape("the product of ", a, " and ", b, " does not have the shape of ", c);
    if (a.isInt() != b.isInt() || a.isInt() != c.isInt()) return false;
    return enumValue(Attr::InputPrecision, 2);
  }

  bool dotScaled() {
    if (!groups(5, {0, 1, 2}) || i_.results.size() != 1) return attribute("wrong number of operands in an operand group");
    const Type &a = in(0), &b = in(1), &c = in(2);
    if (!a.isTile() || !b.isTile() || c != out() || a.rank != b.rank || a.rank != c.rank || a.rank < 2 || a.rank > 3) return false;
    if (!c.isFloat()) return false;
    if (!enumValue(Attr::LhsElem, 0) || !enumValue(Attr::RhsElem, 0)) return false;
    auto element = [&](int64_t kind, const Type& t) {
      if (kind == 5) return t.elem == Elem::BF16;
      if (kind == 6) return t.elem == Elem::F16;
      return bitWidth(t) == 8;
    };
    int64_t ka = i_.integer(Attr::LhsElem), kb = i_.integer(Attr::RhsElem);
    if (!element(ka, a) || !element(kb, b)) return false;
    if (ka == 2 || ka == 3 || kb == 2 || kb == 3) return attribute("e2m3 and e3m2 are not supported");
    int r = a.rank;
    bool packA = ka == 4, packB = kb == 4;
    bool kA = i_.integer(Attr::LhsKPack, 1), kB = i_.integer(Attr::RhsKPack, 1);
    int64_t m = a.dim(r - 2) * (packA && !kA ? 2 : 1), k = a.dim(r - 1) * (packA && kA ? 2 : 1);
    int64_t k2 = b.dim(r - 2) * (packB && kB ? 2 : 1), n = b.dim(r - 1) * (packB && !kB ? 2 : 1);
    if (k != k2 || m != c.dim(r - 2) || n != c.dim(r - 1))
      return shape("the product of ", a, " and ", b, " does not have the shape of ", c);
    auto scale = [&](const Value* s, int64_t rows) {
      if (!s) return true;
      const Type& t = s->type;
      return (t.isTile() && t.rank == r && t.dim(r - 2) == rows && k % t.dim(r - 1) == 0 && bitWidth(t) == 8 && !t.isPointer()) ||
             shape("scales are ", t, ", which does not match ", rows, " rows of ", k, " elements");
    };
    return scale(i_.optional(3), m) && scale(i_.optional(4), n);
  }

  bool combine() {
    size_t n = i_.operands.size();
    bool scan = i_.op == Op::Scan;
    if (n == 0 || i_.results.size() != n || !regions(1) || !oneBlock(0))
      return attribute("must have one result per operand, and one region");
    int64_t axis = i_.integer(Attr::Axis, -1);
    std::vector<Type> types;
    for (size_t k = 0; k < n; ++k) {
      if (!in(k).isTile() || !sameShape(in(k), in(0))) return false;
      if (!axisIn(axis, in(k).rank)) return false;
      Type wanted = in(k);
      if (!scan) {
        auto dims = in(k).shape();
        dims.erase(dims.begin() + axis);
        wanted = dims.empty() ? in(k).element() : Type::tile(in(k).element(), dims);
      }
      Type got = out(k);
      if (got != wanted && !(got.isTile() && got.rank == 0 && got.element() == wanted))
        return shape("along axis ", axis, " of ", in(k), " the result must be ", wanted, ", not ", out(k));
    }
    for (int twice = 0; twice < 2; ++twice)
      for (size_t k = 0; k < n; ++k) types.push_back(in(k).element());
    return entryTypes(0, types);
  }

  bool mapElementwise() {
    if (i_.operands.empty() || i_.results.empty() || !regions(1)) return attribute("must have operands, results and one region");
    int64_t pack = i_.integer(Attr::Pack, 1);
    if (pack < 1 || pack > 1024 || in(0).numel() % pack)
      return attribute("pack = ", pack, " must divide the number of elements, and be at most 1024");
    std::vector<Type> types;
    for (size_t k = 0; k < i_.operands.size(); ++k) {
      if (!in(k).isTile() || !sameShape(in(k), in(0))) return false;
      for (int64_t p = 0; p < pack; ++p) types.push_back(in(k).element());
    }
    for (const Value* r : i_.results)
      if (!sameShape(r->type, in(0))) return false;
    return entryTypes(0, types);
  }

  // Shapes, strides and the like of block pointers and descriptors.
  bool integers(std::span<Value* const> values, int rank) {
    if (static_cast<int>(values.size()) != rank) return shape(values.size(), " sizes, strides or offsets, but the rank is ", rank);
    return std::all_of(values.begin(), values.end(), [](const Value* v) { return v->type.isScalar() && v->type.isInt(); });
  }

  bool descriptorTile(const Type& desc, const Type& tile) {
    // A tile may drop axes of size 1.
    if (desc.form != Form::Desc || !tile.isTile() || tile.isPointer()) return false;
    if (tile.numel() != desc.numel() || bitWidth(tile) != bitWidth(desc))
      return shape("the tile ", tile, " does not match the descriptor ", desc);
    return true;
  }

  bool byHand();
  bool lower();
  bool control();

  const Module& module_;
  const Inst& i_;
  Diags& diags_;
  bool said_ = false;
};

bool OpVerifier::byHand() {
  Type r = i_.results.empty() ? Type{} : out();
  switch (byHandOp(i_.op)) {
    case ByHandOp::Constant: return constant();
    case ByHandOp::Poison: return counts(0, 1);
    case ByHandOp::ClampF:
      return counts(3, 1) && in(0).isFloat() && in(0) == in(1) && in(0) == in(2) && in(0) == r && enumValue(Attr::PropagateNan, 0);
    case ByHandOp::FPowI: return counts(2, 1) && in(0).isFloat() && in(1).isInt() && sameShape(in(0), in(1)) && r == in(0);
    case ByHandOp::MulSIExt:
    case ByHandOp::MulUIExt: return counts(2, 2) && in(0).isInt() && in(0) == in(1) && out(0) == in(0) && out(1) == in(0);
    case ByHandOp::FpToFp: return counts(1, 1) && in(0).isFloat() && r.isFloat() && sameShape(in(0), r) && enumValue(Attr::Rounding, 1);
    case ByHandOp::IntToPtr: return counts(1, 1) && in(0).isInt() && bitWidth(in(0)) == 64 && r.isPointer() && sameShape(in(0), r);
    case ByHandOp::PtrToInt: return counts(1, 1) && in(0).isPointer() && r.isInt() && bitWidth(r) == 64 && sameShape(in(0), r);
    case ByHandOp::Bitcast: return counts(1, 1) && scalarOrTile(in(0)) && sameShape(in(0), r) && bitWidth(in(0)) == bitWidth(r);
    case ByHandOp::AddPtr:
      return counts(2, 1) && in(0).isPointer() && scalarOrTile(in(0)) && in(1).isInt() && !in(1).isBool() && sameShape(in(0), in(1)) &&
             r == in(0);
    case ByHandOp::ExternElementwise: {
      if (i_.operands.empty() || i_.results.size() != 1) return attribute("must have operands and one result");
      if (i_.text(Attr::Symbol).empty()) return attribute("the attribute `symbol` is missing");
      for (const Value* v : i_.operands)
        if (!sameShape(v->type, r) || !scalarOrTile(v->type)) return false;
      return true;
    }
    case ByHandOp::InlineAsm: return true;  // refused by the targets
    case ByHandOp::Splat:
    case ByHandOp::LoSplat:
      return counts(1, 1) && in(0).isScalar() && (i_.op == Op::Splat ? r.isTile() : r.isVector()) && r.element() == in(0);
    case ByHandOp::Unsplat: return counts(1, 1) && in(0).isTile() && in(0).numel() == 1 && r == in(0).element();
    case ByHandOp::ExpandDims: {
      if (!counts(1, 1) || !in(0).isTile() || !r.isTile()) return false;
      int64_t axis = i_.integer(Attr::Axis, -1);
      if (!axisIn(axis, in(0).rank + 1)) return false;
      auto dims = in(0).shape();
      dims.insert(dims.begin() + axis, 1);
      return r == Type::tile(in(0).element(), dims);
    }
    case ByHandOp::Reshape:
      return counts(1, 1) && in(0).isTile() && r.isTile() && r.element() == in(0).element() &&
             (r.numel() == in(0).numel() || shape(in(0), " and ", r, " have different numbers of elements"));
    case ByHandOp::Broadcast: {
      if (!counts(1, 1) || !in(0).isTile() || !r.isTile() || r.element() != in(0).element() || r.rank != in(0).rank) return false;
      for (int d = 0; d < r.rank; ++d)
        if (in(0).dim(d) != r.dim(d) && in(0).dim(d) != 1) return shape(in(0), " cannot be broadcast to ", r);
      return true;
    }
    case ByHandOp::Cat:
      return counts(2, 1) && in(0).isTile() && in(0).rank >= 1 && in(0) == in(1) && r.isTile() && r.element() == in(0).element() &&
             r.numel() == 2 * in(0).numel();
    case ByHandOp::Join: {
      if (!counts(2, 1) || !in(0).isTile() || in(0) != in(1)) return false;
      auto dims = in(0).shape();
      dims.push_back(2);
      return r == Type::tile(in(0).element(), dims);
    }
    case ByHandOp::Split: {
      if (!counts(1, 2) || !in(0).isTile() || in(0).rank < 1 || in(0).dim(in(0).rank - 1) != 2) return false;
      auto dims = in(0).shape();
      dims.pop_back();
      Type half = Type::tile(in(0).element(), dims);
      auto fits = [&](const Type& t) { return t == half || (dims.empty() && t == half.element()); };
      return fits(out(0)) && fits(out(1));
    }
    case ByHandOp::Trans: {
      if (!counts(1, 1) || !in(0).isTile()) return false;
      auto& order = i_.list(Attr::Order);
      if (static_cast<int>(order.size()) != in(0).rank)
        return attribute("order has ", order.size(), " axes, but the tile has ", int{in(0).rank});
      std::vector<bool> seen(order.size());
      std::vector<int64_t> dims;
      for (int64_t axis : order) {
        if (axis < 0 || axis >= in(0).rank || seen[static_cast<size_t>(axis)]) return attribute("order is not a permutation of the axes");
        seen[static_cast<size_t>(axis)] = true;
        dims.push_back(in(0).dim(static_cast<int>(axis)));
      }
      return r == Type::tile(in(0).element(), dims) || shape("transposing ", in(0), " does not give ", r);
    }
    case ByHandOp::MakeRange: {
      if (!counts(0, 1) || !r.isTile() || r.rank != 1 || !r.isInt()) return false;
      int64_t start = i_.integer(Attr::Start), end = i_.integer(Attr::End);
      return (end - start == r.numel()) || attribute("the range from ", start, " to ", end, " does not have the size of ", r);
    }
    case ByHandOp::Gather:
      if (!counts(2, 1) || !in(0).isTile() || !in(1).isTile() || !in(1).isInt() || in(0).rank != in(1).rank) return false;
      if (!axisIn(i_.integer(Attr::Axis, -1), in(0).rank)) return false;
      for (int d = 0; d < in(0).rank; ++d)
        if (d != i_.integer(Attr::Axis) && in(0).dim(d) != in(1).dim(d))
          return shape("indices are ", in(1), ", but the tile is ", in(0), ": other axes must be equal");
      return r == in(1).withElement(in(0).element());
    case ByHandOp::GetProgramId:
    case ByHandOp::GetNumPrograms: return counts(0, 1) && r.isScalar() && r.isInt() && axisIn(i_.integer(Attr::Axis), 3);
    case ByHandOp::Dot: return dot();
    case ByHandOp::DotScaled: return dotScaled();
    case ByHandOp::Reduce:
    case ByHandOp::Scan: return combine();
    case ByHandOp::MapElementwise: return mapElementwise();
    case ByHandOp::Histogram: {
      if (!groups(2, {0}) || i_.results.size() != 1) return attribute("wrong number of operands in an operand group");
      const Value* mask = i_.optional(1);
      return in(0).isTile() && in(0).isInt() && r.isTile() && r.rank == 1 && r.isInt() &&
             (!mask || mask->type == in(0).withElement(Elem::I1));
    }
    case ByHandOp::Load: {
      if (!groups(3, {0}) || i_.results.size() != 1) return attribute("wrong number of operands in an operand group");
      if (!enumValue(Attr::Cache, 1) || !enumValue(Attr::Evict, 1)) return false;
      if (!accessible(in(0))) return false;
      Type t = accessed(in(0));
      const Value *mask = i_.optional(1), *other = i_.optional(2);
      if (r != t) return says("the result is ", r, ", but the pointers are ", in(0));
      if (mask && mask->type != t.withElement(Elem::I1)) return shape("the mask is ", mask->type, ", but the pointers are ", in(0));
      return !other || other->type == t || says("`other` is ", other->type, ", but the elements are ", t);
    }
    case ByHandOp::Store: {
      if (!groups(3, {0, 1}) || !i_.results.empty()) return attribute("wrong number of operands in an operand group");
      if (!enumValue(Attr::Cache, 1) || !enumValue(Attr::Evict, 1)) return false;
      if (!accessible(in(0))) return false;
      Type t = accessed(in(0));
      const Value* mask = i_.optional(2);
      if (in(1) != t) return says("the value is ", in(1), ", but the pointers are ", in(0));
      return !mask || mask->type == t.withElement(Elem::I1) || shape("the mask is ", mask->type, ", but the pointers are ", in(0));
    }
    case ByHandOp::AtomicRMW: {
      if (!countsBetween(2, 3, 1) || !accessible(in(0)) || in(0).form == Form::BlockPtr) return false;
      Type t = accessed(in(0));
      int64_t kind = i_.integer(Attr::RmwOp, 4);
      if (!enumValue(Attr::RmwOp, -1) || !enumValue(Attr::Sem, 4) || !enumValue(Attr::Scope, 1)) return false;
      if (in(1) != t || r != t || t.isPointer()) return false;
      // Sums have a kind for floats; `max` and `min` of floats come from reductions of descriptors.
      auto op = static_cast<Rmw>(kind);
      bool fits = t.isFloat() ? op == Rmw::FAdd || op == Rmw::Xchg || op == Rmw::Max || op == Rmw::Min : op != Rmw::FAdd;
      if (!fits) return says("`", enumKeyword(Attr::RmwOp, kind), "` does not support ", t);
      return i_.operands.size() == 2 || in(2) == t.withElement(Elem::I1);
    }
    case ByHandOp::AtomicCAS: {
      if (!counts(3, 1) || !accessible(in(0)) || in(0).form == Form::BlockPtr || !enumValue(Attr::Sem, 4) || !enumValue(Attr::Scope, 1))
        return false;
      Type t = accessed(in(0));
      return in(1) == t && in(2) == t && r == t;
    }
    case ByHandOp::AtomicPoll: return countsBetween(2, 3, 1) && in(0).isPointer();
    case ByHandOp::MakeTensorPtr:
      return groups(4, {0}) && i_.results.size() == 1 && r.form == Form::BlockPtr && in(0) == Type::pointer(r.elem) &&
             integers(i_.group(1), r.rank) && integers(i_.group(2), r.rank) && integers(i_.group(3), r.rank);
    case ByHandOp::Advance:
      return i_.operands.size() >= 1 && i_.results.size() == 1 && in(0).form == Form::BlockPtr && r == in(0) &&
             integers(std::span(i_.operands).subspan(1), r.rank);
    case ByHandOp::MakeTensorDesc:
      return groups(3, {0}) && i_.results.size() == 1 && r.form == Form::Desc && in(0).isScalar() && in(0).pointerDepth == 1 &&
             in(0).elem == r.elem && integers(i_.group(1), r.rank) && integers(i_.group(2), r.rank) && enumValue(Attr::Padding, 1);
    case ByHandOp::DescLoad:
      return i_.operands.size() >= 1 && i_.results.size() == 1 && descriptorTile(in(0), r) &&
             integers(std::span(i_.operands).subspan(1), in(0).rank);
    case ByHandOp::DescStore:
    case ByHandOp::DescReduce:
      return groups(3, {0, 1}) && i_.results.empty() && descriptorTile(in(0), in(1)) && integers(i_.group(2), in(0).rank) &&
             (i_.op == Op::DescStore || enumValue(Attr::Kind, -1));
    case ByHandOp::DescGather:
    case ByHandOp::DescScatter: {
      bool gather = i_.op == Op::DescGather;
      if (!counts(gather ? 3 : 4, gather ? 1 : 0)) return false;
      const Type& tile = gather ? r : in(3);
      return in(0).form == Form::Desc && in(0).rank == 2 && in(0).dim(0) == 1 && in(1).isTile() && in(1).rank == 1 && in(1).isInt() &&
             in(2).isScalar() && in(2).isInt() && tile.isTile() && tile.rank == 2 && tile.dim(0) == in(1).dim(0) &&
             tile.dim(1) == in(0).dim(1) && bitWidth(tile) == bitWidth(in(0));
    }
    case ByHandOp::Print: return i_.results.empty();
    case ByHandOp::Assert: return counts(1, 0) && in(0).isInt() && scalarOrTile(in(0));
    case ByHandOp::Assume: return i_.operands.size() >= 1 && i_.results.empty() && in(0).isBool();
    case ByHandOp::Barrier:
    case ByHandOp::GridWait:
    case ByHandOp::GridLaunch: return counts(0, 0);
    case ByHandOp::Call:
    case ByHandOp::For:
    case ByHandOp::If:
    case ByHandOp::While:
    case ByHandOp::Condition:
    case ByHandOp::Br:
    case ByHandOp::CondBr: return control();
    case ByHandOp::LoAlloc:
    case ByHandOp::LoLoad:
    case ByHandOp::LoStore:
    case ByHandOp::LoGather:
    case ByHandOp::LoScatter:
    case ByHandOp::LoIota:
    case ByHandOp::LoExtract:
    case ByHandOp::LoInsert:
    case ByHandOp::LoShuffle:
    case ByHandOp::LoAtomicRMW:
    case ByHandOp::LoAtomicCAS:
    case ByHandOp::LoExclusive:
    case ByHandOp::LoDotAdd:
    case ByHandOp::LoMatrixDot:
    case ByHandOp::LoMatrixZero:
    case ByHandOp::LoMatrixGet:
    case ByHandOp::LoMatrixPut:
    case ByHandOp::LoSubgroupShuffle:
    case ByHandOp::LoBarrier:
    case ByHandOp::LoPrint:
    case ByHandOp::LoAssert: return lower();
  }
  return attribute("is not known to the verifier");
}

bool OpVerifier::control() {
  switch (i_.op) {
    case Op::Call: {
      const Func* callee = module_.find(i_.text(Attr::Callee));
      if (!callee) return attribute("there is no function @", i_.text(Attr::Callee));
      bool fits = !callee->body.empty() && callee->args().size() == i_.operands.size() && callee->results.size() == i_.results.size();
      for (size_t k = 0; fits && k < i_.operands.size(); ++k) fits = callee->args()[k]->type == in(k);
      for (size_t k = 0; fits && k < i_.results.size(); ++k) fits = callee->results[k] == out(k);
      return fits || says("the arguments or results do not have the types of @", callee->name, ": ", list());
    }
    case Op::For: {
      if (i_.operands.size() < 3 || i_.results.size() != i_.operands.size() - 3)
        return attribute("the numbers of carried values and results differ");
      if (!in(0).isScalar() || !in(0).isInt() || in(1) != in(0) || in(2) != in(0) || !regions(1) || !oneBlock(0)) return false;
      std::vector<Type> types{in(0)};
      for (size_t k = 3; k < i_.operands.size(); ++k) {
        if (in(k) != out(k - 3)) return says("the carried value is ", in(k), ", but the result is ", out(k - 3));
        types.push_back(in(k));
      }
      return entryTypes(0, types);
    }
    case Op::If:
      if (i_.operands.size() != 1 || in(0) != Type::scalar(Elem::I1)) return false;
      if (i_.regions.empty() || i_.regions.size() > 2 || (i_.regions.size() == 1 && !i_.results.empty()))
        return attribute("must have one or two regions, and two if it has results");
      for (size_t k = 0; k < i_.regions.size(); ++k)
        if (!oneBlock(k) || !entryTypes(k, {})) return false;
      return true;
    case Op::While: {
      if (!regions(2) || !oneBlock(0) || !oneBlock(1)) return false;
      std::vector<Type> before, after;
      for (const Value* v : i_.operands) before.push_back(v->type);
      for (const Value* v : i_.results) after.push_back(v->type);
      return entryTypes(0, before) && entryTypes(1, after);
    }
    case Op::Condition: return i_.operands.size() >= 1 && in(0) == Type::scalar(Elem::I1) && i_.results.empty();
    case Op::Br: return i_.successors.size() == 1 && counts(0, 0);
    case Op::CondBr: return i_.successors.size() == 2 && counts(1, 0) && in(0) == Type::scalar(Elem::I1);
    default: return false;
  }
}

bool OpVerifier::lower() {
  Type r = i_.results.empty() ? Type{} : out();
  auto maskFor = [](const Value* mask, const Type& value) { return !mask || mask->type == value.withElement(Elem::I1); };
  auto pointerTo = [](const Type& p, const Type& value) { return p.isScalar() && p.isPointer() && p.pointee() == value.element(); };
  switch (i_.op) {
    case Op::LoAlloc: {
      int64_t align = i_.integer(Attr::Align, 1);
      if (i_.integer(Attr::Bytes, -1) < 0 || align < 1 || (align & (align - 1)))
        return attribute("`bytes` must not be negative, and `align` must be a power of two");
      return counts(0, 1) && r.isScalar() && r.isPointer();
    }
    case Op::LoLoad:
      return groups(3, {0}) && i_.results.size() == 1 && (r.isScalar() || r.isVector()) && pointerTo(in(0), r) &&
             maskFor(i_.optional(1), r) && (!i_.optional(2) || i_.optional(2)->type == r);
    case Op::LoStore:
      return groups(3, {0, 1}) && i_.results.empty() && (in(1).isScalar() || in(1).isVector()) && pointerTo(in(0), in(1)) &&
             maskFor(i_.optional(2), in(1));
    case Op::LoGather:
      return countsBetween(1, 3, 1) && in(0).isVector() && in(0).isPointer() && r == in(0).pointee() &&
             (i_.operands.size() < 2 || in(1) == r.withElement(Elem::I1)) && (i_.operands.size() < 3 || in(2) == r);
    case Op::LoScatter:
      return countsBetween(2, 3, 0) && in(0).isVector() && in(0).isPointer() && in(1) == in(0).pointee() &&
             (i_.operands.size() < 3 || in(2) == in(1).withElement(Elem::I1));
    case Op::LoMatrixDot: {
      if (i_.list(Attr::Shape).size() != 3) return attribute("the attribute `shape` has the wrong size");
      if (i_.list(Attr::Transposed).size() != 2) return attribute("the attribute `transposed` must have two items");
      return counts(3, 0) && sums(in(0)) && in(1).isPointer() && in(1).pointee().elem == (in(0).pointee().isInt() ? Elem::I8 : Elem::F16) &&
             in(2) == in(1);
    }
    case Op::LoMatrixZero:
      return i_.list(Attr::Shape).size() == 2 ? counts(1, 0) && sums(in(0)) : attribute("the attribute `shape` has the wrong size");
    case Op::LoMatrixGet:
    case Op::LoMatrixPut: return counts(2, 0) && sums(in(0)) && in(1) == in(0);
    case Op::LoBarrier:
      return i_.text(Attr::Space) == "workgroup" || i_.text(Attr::Space) == "storage"
                 ? counts(0, 0)
                 : attribute("`space` must be \"workgroup\" or \"storage\"");
    case Op::LoSubgroupShuffle:
      return i_.integer(Attr::Threads) > 0 && i_.integer(Attr::Private) > 0 ? counts(2, 0) && in(0).isPointer() && in(1) == in(0)
                                                                            : attribute("`threads` and `private` must be positive");
    case Op::LoDotAdd: {
      if (!counts(3, 1) || !r.isVector() || in(0) != r || in(1) != r.withElement(Elem::I32) || !in(2).isVector()) return false;
      const Elem e = in(2).elem;
      return (e == Elem::BF16 ? r.elem == Elem::F32 : r.elem == Elem::I32 && (e == Elem::I16 || e == Elem::I8)) &&
             in(2).numel() * bitWidth(in(2)) == r.numel() * 32;
    }
    case Op::LoExclusive: return counts(0, 1) && r == Type::scalar(Elem::I1);
    case Op::LoIota: return counts(0, 1) && r.isVector() && r.isInt();
    case Op::LoExtract:
      return counts(1, 1) && in(0).isVector() && r == in(0).element() && axisIn(i_.integer(Attr::Offset), static_cast<int>(in(0).numel()));
    case Op::LoInsert:
      return counts(2, 1) && in(0).isVector() && in(1) == in(0).element() && r == in(0) &&
             axisIn(i_.integer(Attr::Offset), static_cast<int>(in(0).numel()));
    case Op::LoShuffle: {
      if (!countsBetween(1, 2, 1) || !in(0).isVector() || !r.isVector() || r.element() != in(0).element()) return false;
      if (i_.operands.size() == 2 && in(1) != in(0)) return false;
      auto& lanes = i_.list(Attr::Lanes);
      if (static_cast<int64_t>(lanes.size()) != r.numel()) return attribute(lanes.size(), " lanes, but the result is ", r);
      int64_t limit = in(0).numel() * static_cast<int64_t>(i_.operands.size());
      return std::all_of(lanes.begin(), lanes.end(), [&](int64_t l) { return l >= -1 && l < limit; }) ||
             attribute("lane index out of range");
    }
    case Op::LoAtomicRMW:
      return counts(2, 1) && pointerTo(in(0), in(1)) && in(1).isScalar() && r == in(1) && enumValue(Attr::RmwOp, -1) &&
             enumValue(Attr::Sem, 4);
    case Op::LoAtomicCAS: return counts(3, 1) && pointerTo(in(0), in(1)) && in(1).isScalar() && in(2) == in(1) && r == in(1);
    case Op::LoAssert: return counts(1, 0) && in(0) == Type::scalar(Elem::I1);
    case Op::LoPrint: {
      // A condition, an optional value, and the element's index if the value is of a tile.
      size_t count = i_.operands.size();
      bool isTile = !i_.list(Attr::Shape).empty();
      return count >= 1 && count <= 3 && in(0) == Type::scalar(Elem::I1) && i_.results.empty() && isTile == (count == 3) &&
             (count < 3 || in(2) == Type::scalar(Elem::I32)) && (count < 2 || in(1).isScalar());
    }
    default: return attribute("unknown to the verifier");
  }
}

}  // namespace

bool verifyOp(const Module& m, const Inst& inst, Diags& diags) { return OpVerifier(m, inst, diags).run(); }

}  // namespace nereid
