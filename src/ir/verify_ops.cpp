// SPDX-License-Identifier: MIT
// Operand and result types, attributes and regions of each operation: by its row in signatures.cpp, and by a function for what a row cannot
// express.
#include <algorithm>

#include "ir/enums.h"
#include "ir/signatures.h"
#include "ir/verify.h"

namespace nereid {

namespace {

bool sameShape(const Type& a, const Type& b) { return a.form == b.form && a.rank == b.rank && a.axes == b.axes; }

// The tile that a block pointer points to; another type as it is.
Type asTile(Type t) {
  if (t.form == Form::BlockPtr) t.form = Form::Tile;
  return t;
}
// The type of the elements accessed through this pointer.
Type accessed(const Type& pointer) { return pointer.form == Form::BlockPtr ? asTile(pointer) : pointer.pointee(); }

constexpr std::string_view kForms[] = {"", "a scalar", "a tile", "a block pointer", "a descriptor", "a vector"};  // by Form
constexpr std::string_view kElements[] = {"i1", "integers", "floats", "pointers"};  // by bit of Slot::elements
constexpr std::string_view kElement[] = {"i1", "an integer", "a float", "a pointer"};

// "a scalar, a tile or a vector": the names of the bits.
std::string anyOf(uint8_t bits, std::span<const std::string_view> names) {
  std::string out;
  size_t last = 0;  // where the last separator is
  for (size_t i = 0; i < names.size(); ++i) {
    if (!(bits >> i & 1) || names[i].empty()) continue;
    if (!out.empty()) last = out.size();
    appendAll(out, out.empty() ? "" : ", ", names[i]);
  }
  return last ? out.replace(last, 2, " or ") : out;
}

class OpVerifier {
 public:
  OpVerifier(const Module& m, const Inst& i, Diags& diags) : module_(m), i_(i), row_(signatureOf(i.op)), diags_(diags) {}

  bool run() {
    if (counts() && slots() && attributes() && regions() && rest()) return true;
    if (!said_) says("operand and result types do not match: %", {list()});
    return false;
  }

 private:
  // An argument of a message.
  struct Arg {
    Arg(std::string_view t) : value(reinterpret_cast<uintptr_t>(t.data())), size(static_cast<uint32_t>(t.size())), kind(Kind::Text) {}
    Arg(const std::string& t) : Arg(std::string_view(t)) {}
    Arg(const Type& t) : value(std::bit_cast<uint64_t>(t)), kind(Kind::Type) {}
    Arg(std::integral auto n) : value(static_cast<uint64_t>(n)) {}
    uint64_t value;
    uint32_t size = 0;
    enum class Kind : uint8_t { Number, Text, Type } kind = Kind::Number;
  };
  using Args = std::initializer_list<Arg>;

  // A message with its arguments in the places of %. Not templates: there are many messages.
  bool fail(Err err, std::string_view format, Args args) {
    said_ = true;
    std::string out;
    auto arg = args.begin();
    for (char c : format) {
      if (c != '%')
        append(out, c);
      else if (arg->kind == Arg::Kind::Text)
        append(out, std::string_view(reinterpret_cast<const char*>(static_cast<uintptr_t>(arg->value)), arg->size)), ++arg;
      else if (arg->kind == Arg::Kind::Type)
        append(out, std::bit_cast<Type>(arg->value)), ++arg;
      else
        append(out, static_cast<int64_t>(arg->value)), ++arg;
    }
    diags_.error(err, i_.loc).says("`", info(i_.op).spelling, "`: ", out);
    return false;
  }
  bool says(const char* format, Args args = {}) { return fail(Err::Type, format, args); }
  bool shape(const char* format, Args args = {}) { return fail(Err::Shape, format, args); }
  bool attribute(const char* format, Args args = {}) { return fail(Err::Verify, format, args); }

  std::string list() const {
    std::string out = "(";
    for (size_t k = 0; k < i_.operands.size(); ++k) appendAll(out, k ? ", " : "", i_.operands[k]->type);
    out += ") -> (";
    for (size_t k = 0; k < i_.results.size(); ++k) appendAll(out, k ? ", " : "", i_.results[k]->type);
    return out + ")";
  }

  const Type& in(size_t k) const { return i_.operands[k]->type; }
  const Type& out(size_t k = 0) const { return i_.results[k]->type; }
  // The first operand or result of a slot.
  const Type& at(size_t slot) const { return slot < row_.operands ? in(first_[slot]) : out(first_[slot]); }

  // ---- by the row

  // Finds the operands of each slot, and the results.
  bool place(size_t values, size_t begin, size_t end, bool hasGroups) {
    size_t next = 0;
    for (size_t s = begin; s < end; ++s) {
      const Slot::Many many = row_.slot(s).many;
      const size_t left = values - next;
      const bool isList = many == Slot::Any || many == Slot::Some || many == Slot::PerAxis;
      const size_t n = hasGroups ? static_cast<size_t>(i_.segments[s]) : isList ? left : std::min<size_t>(left, 1);
      if (n > left || (!isList && n > 1) || (n == 0 && (many == Slot::One || many == Slot::Some))) return false;
      first_[s] = next;
      size_[s] = n;
      next += n;
    }
    return next == values;
  }

  std::string expected(size_t begin, size_t end) const {
    size_t least = 0, most = 0;
    bool isOpen = false;
    for (size_t s = begin; s < end; ++s) {
      const Slot::Many many = row_.slot(s).many;
      least += many == Slot::One || many == Slot::Some;
      most += many == Slot::One || many == Slot::Optional;
      isOpen |= many == Slot::Any || many == Slot::Some || many == Slot::PerAxis;
    }
    return isOpen ? cat("at least ", least) : least == most ? cat(least) : cat(least, " to ", most);
  }

  bool counts() {
    const bool fits = row_.hasGroups ? i_.segments.size() == row_.operands : true;
    if (fits && place(i_.operands.size(), 0, row_.operands, row_.hasGroups) && place(i_.results.size(), row_.operands, row_.count, false))
      return true;
    if (row_.hasGroups) return attribute("wrong number of operands in an operand group");
    return attribute("% operands and % results, but % and % expected",
                     {i_.operands.size(), i_.results.size(), expected(0, row_.operands), expected(row_.operands, row_.count)});
  }

  bool slots() {
    for (size_t s = 0; s < row_.count; ++s) {
      const Slot& slot = row_.slot(s);
      for (size_t k = 0; k < size_[s]; ++k) {
        const Type& t = s < row_.operands ? in(first_[s] + k) : out(first_[s] + k);
        if (!value(slot, s, t)) return false;
      }
    }
    for (size_t s = 0; s < row_.operands; ++s)
      if (row_.slot(s).many == Slot::PerAxis && size_[s] != at(row_.slot(s).axesOf).rank)
        return shape("% values of `%`, but the rank of % is %",
                     {size_[s], row_.slot(s).name(), at(row_.slot(s).axesOf), int64_t{at(row_.slot(s).axesOf).rank}});
    return true;
  }

  // A name of one letter only serves the row.
  std::string nameOf(size_t s) const {
    if (s >= row_.operands) return "the result";
    if (row_.slot(s).nameSize > 0) return cat("`", row_.slot(s).name(), "`");
    return row_.operands == 1 ? std::string("the operand") : cat("operand ", first_[s] + 1);
  }

  // The type of an operand or result.
  bool value(const Slot& slot, size_t s, const Type& t) {
    auto must = [&](std::string_view what, std::string_view more = {}) { return says("% is %, but must %%", {nameOf(s), t, what, more}); };
    if (!(slot.forms >> static_cast<int>(t.form) & 1)) return must("be ", anyOf(slot.forms, kForms));
    for (size_t k = 0; k < 2 && slot.relation[k] != Slot::None; ++k) {
      const Type& x = at(slot.of[k]);
      Type wanted = x;
      bool ok = true;
      std::string_view what;
      switch (slot.relation[k]) {
        case Slot::None: break;
        case Slot::Pointee: wanted = accessed(x); [[fallthrough]];
        case Slot::Same: ok = t == wanted; break;
        case Slot::ScalarOrShape:
        case Slot::Shape:
          ok = sameShape(t, asTile(x)) || (slot.relation[k] == Slot::ScalarOrShape && t.isScalar());
          if (slot.elements == Slot::kBool)
            wanted = asTile(x).withElement(Elem::I1);
          else
            what = "have the shape of ";
          break;
        case Slot::Element: ok = t.element() == x.element(), what = "have the element type of "; break;
        case Slot::PointeeElement: ok = t.elem == x.elem && t.pointerDepth + 1 == x.pointerDepth, what = "have the pointee type of "; break;
        case Slot::Count: ok = t.numel() == x.numel(), what = "have as many elements as "; break;
        case Slot::Width: ok = bitWidth(t) == bitWidth(x), what = "have elements as wide as "; break;
      }
      if (ok) continue;
      const bool isShape = slot.relation[k] == Slot::Count || (slot.relation[k] < Slot::Element && !sameShape(t, asTile(wanted)));
      const Err err = isShape ? Err::Shape : Err::Type;
      if (!what.empty()) return fail(err, "% is %, but must %%, %", {nameOf(s), t, what, nameOf(slot.of[k]), x});
      if (wanted == x) return fail(err, "% is %, but must be % like %", {nameOf(s), t, wanted, nameOf(slot.of[k])});
      return fail(err, "% is %, but must be %: % is %", {nameOf(s), t, wanted, nameOf(slot.of[k]), x});
    }
    const uint8_t element = t.isPointer() ? Slot::kPointer : t.isFloat() ? Slot::kFloat : t.isBool() ? Slot::kBool : Slot::kNumber;
    if (slot.elements && !(slot.elements & element) && t.form != Form::BlockPtr) {
      const auto wanted = static_cast<uint8_t>(slot.elements & Slot::kNumber ? slot.elements & ~Slot::kBool : slot.elements);
      return t.isScalar() ? must("be ", anyOf(wanted, kElement))
                          : says("% is %, but its elements must be %", {nameOf(s), t, anyOf(wanted, kElements)});
    }
    if (slot.bits && bitWidth(t) != slot.bits) return says("% is %, but must have % bits", {nameOf(s), t, int64_t{slot.bits}});
    if (slot.rank && t.rank != slot.rank) return shape("% is %, but must have rank %", {nameOf(s), t, int64_t{slot.rank}});
    return true;
  }

  bool attributes() {
    for (const auto& [attr, v] : i_.attrs)
      if (auto* number = std::get_if<int64_t>(&v); number && attr != Attr::Axis && isEnum(attr) && enumKeyword(attr, *number).empty())
        return attribute("unknown value % of the attribute `%`", {*number, attrName(attr)});
    for (const AttrRule& rule : row_.rules) {
      if (rule.kind == AttrRule::None) break;
      const AttrValue* v = i_.find(rule.attr);
      if (!v || *v == AttrValue(std::string())) {
        if (rule.kind == AttrRule::BelowNumber || rule.kind == AttrRule::BelowCount) continue;  // 0
        return attribute("the attribute `%` is missing", {attrName(rule.attr)});
      }
      const int64_t number = i_.integer(rule.attr);
      if (rule.kind == AttrRule::Positive && number <= 0) return attribute("`%` must be positive (got %)", {attrName(rule.attr), number});
      if (rule.kind < AttrRule::BelowNumber) continue;
      const int64_t limit = rule.kind == AttrRule::BelowNumber  ? rule.of
                            : rule.kind == AttrRule::BelowCount ? at(rule.of).numel()
                                                                : at(rule.of).rank;
      if (number < 0 || number >= limit) return attribute("`%` must be from 0 to % (got %)", {attrName(rule.attr), limit - 1, number});
    }
    return true;
  }

  bool regions() {
    if (i_.successors.size() != row_.successors)
      return attribute("% successors, but % expected", {i_.successors.size(), int64_t{row_.successors}});
    if (row_.regions == Signature::kAnyRegions) return true;
    if (i_.regions.size() != row_.regions) return attribute("% regions, but % expected", {i_.regions.size(), int64_t{row_.regions}});
    for (size_t r = 0; r < i_.regions.size() && row_.hasOneBlock; ++r)
      if (!oneBlock(r)) return false;
    return true;
  }

  // ---- what a row cannot express

  bool rest() {
    switch (i_.op) {
      case Op::CmpI: return !cmpIKeyword(i_.integer(Attr::Predicate, -1)).empty() || attribute("unknown predicate");
      case Op::CmpF: return !cmpFKeyword(i_.integer(Attr::Predicate, -1)).empty() || attribute("unknown predicate");
      case Op::IndexCast:
      case Op::IndexCastUI: return (in(0).elem == Elem::Index) != (out().elem == Elem::Index) || in(0).elem == out().elem;
      case Op::TruncI:
      case Op::TruncF: return bitWidth(out()) < bitWidth(in(0)) || says("the result must be narrower than the operand: %", {list()});
      case Op::ExtSI:
      case Op::ExtUI:
      case Op::ExtF: return bitWidth(out()) > bitWidth(in(0)) || says("the result must be wider than the operand: %", {list()});
      case Op::Constant: return constant();
      case Op::ExpandDims: return expandDims();
      case Op::Broadcast: return broadcast();
      case Op::Cat: return in(0).rank >= 1 && out().numel() == 2 * in(0).numel();
      case Op::Join: return joined(in(0), out());
      case Op::Split: return joined(out().isTile() ? out() : Type::tile(out(), {}), in(0));
      case Op::Trans: return trans();
      case Op::MakeRange: return makeRange();
      case Op::Gather: return gather();
      case Op::Dot: return dot();
      case Op::DotScaled: return dotScaled();
      case Op::Reduce:
      case Op::Scan: return combine();
      case Op::MapElementwise: return mapElementwise();
      case Op::AtomicRMW: return atomic();
      case Op::DescGather:
      case Op::DescScatter: return rows();
      case Op::Call: return call();
      case Op::For: return forLoop();
      case Op::If: return branches();
      case Op::While: return entryTypes(0, typesOf(i_.operands)) && entryTypes(1, typesOf(i_.results));
      case Op::LoAlloc: return alloc();
      case Op::LoShuffle: return shuffle();
      case Op::LoDotAdd: {
        const Elem to = in(0).elem, of = in(2).elem;
        return (of == Elem::BF16 ? to == Elem::F32 : to == Elem::I32 && (of == Elem::I16 || of == Elem::I8)) &&
               in(2).numel() * bitWidth(in(2)) == in(0).numel() * 32;
      }
      case Op::LoPrivate:
        return (i_.integer(Attr::Offset) >= 0 && i_.integer(Attr::Offset) < i_.integer(Attr::Private)) ||
               attribute("`offset` (%) must be less than `private` (%)", {i_.integer(Attr::Offset), i_.integer(Attr::Private)});
      case Op::LoMatrixDot: return matrixDot();
      case Op::LoMatrixZero: return hasShape(2) && isAccumulator(in(0));
      case Op::LoMatrixGet:
      case Op::LoMatrixPut: return isAccumulator(in(0));
      case Op::LoBarrier:
        return i_.text(Attr::Space) == "workgroup" || i_.text(Attr::Space) == "storage" ||
               attribute("`space` must be \"workgroup\" or \"storage\"");
      case Op::LoPrint: return i_.list(Attr::Shape).empty() ? i_.operands.size() < 3 : i_.operands.size() == 3 && in(2).elem == Elem::I32;
      default: return true;
    }
  }

  template <class Values>
  static std::vector<Type> typesOf(const Values& values) {
    std::vector<Type> out;
    for (const Value* v : values) out.push_back(v->type);
    return out;
  }

  bool oneBlock(size_t region) {
    return i_.regions[region]->blocks.size() == 1 ||
           attribute("its region has % blocks, but must have one", {i_.regions[region]->blocks.size()});
  }
  // The entry of a region must have exactly these arguments.
  bool entryTypes(size_t region, const std::vector<Type>& types) {
    if (i_.regions[region]->empty()) return attribute("its region is empty");
    auto& args = i_.regions[region]->entry().args;
    if (args.size() != types.size()) return attribute("its region takes % arguments, but % are passed", {args.size(), types.size()});
    for (size_t k = 0; k < types.size(); ++k)
      if (args[k]->type != types[k]) return says("its region takes %, but % is passed", {args[k]->type, types[k]});
    return true;
  }

  bool constant() {
    auto* dense = std::get_if<Dense>(i_.find(Attr::Value));
    if (!dense || dense->bits.empty()) return attribute("the attribute `value` is missing");
    if (dense->type != out()) return says("the value is %, but the result is %", {dense->type, out()});
    size_t n = dense->bits.size();
    return n == 1 || n == static_cast<size_t>(out().numel()) || shape("% elements, but the result is %", {n, out()});
  }

  bool expandDims() {
    auto dims = in(0).shape();
    if (i_.integer(Attr::Axis) > in(0).rank) return false;
    dims.insert(dims.begin() + i_.integer(Attr::Axis), 1);
    return out() == Type::tile(in(0).element(), dims);
  }

  bool broadcast() {
    bool fits = in(0).rank == out().rank;
    for (int d = 0; fits && d < out().rank; ++d) fits = in(0).dim(d) == out().dim(d) || in(0).dim(d) == 1;
    return fits || shape("% cannot be broadcast to %", {in(0), out()});
  }

  // `both` is two tiles like `one` along a last axis.
  static bool joined(const Type& one, const Type& both) {
    auto dims = one.shape();
    dims.push_back(2);
    return both == Type::tile(one.element(), dims);
  }

  bool trans() {
    auto& order = i_.list(Attr::Order);
    if (order.size() != in(0).rank) return attribute("order has % axes, but the tile has %", {order.size(), int64_t{in(0).rank}});
    std::vector<bool> seen(order.size());
    std::vector<int64_t> dims;
    for (int64_t axis : order) {
      if (axis < 0 || axis >= in(0).rank || seen[static_cast<size_t>(axis)]) return attribute("order is not a permutation of the axes");
      seen[static_cast<size_t>(axis)] = true;
      dims.push_back(in(0).dim(static_cast<int>(axis)));
    }
    return out() == Type::tile(in(0).element(), dims) || shape("transposing % does not give %", {in(0), out()});
  }

  bool makeRange() {
    int64_t start = i_.integer(Attr::Start), end = i_.integer(Attr::End);
    return end - start == out().numel() || attribute("the range from % to % does not have the size of %", {start, end, out()});
  }

  bool gather() {
    bool fits = in(0).rank == in(1).rank;
    for (int d = 0; fits && d < in(0).rank; ++d) fits = d == i_.integer(Attr::Axis) || in(0).dim(d) == in(1).dim(d);
    return fits || shape("indices are %, but the tile is %: other axes must be equal", {in(1), in(0)});
  }

  bool isProduct(const Type& a, const Type& b, const Type& c, int64_t m, int64_t k, int64_t k2, int64_t n) {
    const int r = c.rank;
    return (k == k2 && m == c.dim(r - 2) && n == c.dim(r - 1)) || shape("the product of % and % does not have the shape of %", {a, b, c});
  }

  bool ranksOfDot() {
    const Type &a = in(0), &b = in(1), &c = in(2);
    return ((a.rank == 2 || a.rank == 3) && b.rank == a.rank && c.rank == a.rank) ||
           shape("ranks %, % and %, but all three must be 2, or all 3", {int64_t{a.rank}, int64_t{b.rank}, int64_t{c.rank}});
  }

  bool dot() {
    if (!ranksOfDot()) return false;
    const Type &a = in(0), &b = in(1), &c = in(2);
    const int r = a.rank;
    const bool isBatched = r == 2 || (a.dim(0) == b.dim(0) && a.dim(0) == c.dim(0));
    return isProduct(a, b, c, a.dim(r - 2), a.dim(r - 1), isBatched ? b.dim(r - 2) : -1, b.dim(r - 1)) && a.isInt() == b.isInt() &&
           a.isInt() == c.isInt();
  }

  bool dotScaled() {
    if (!ranksOfDot()) return false;
    const Type &a = in(0), &b = in(1), &c = in(2);
    const int r = a.rank;
    auto fits = [](ScaleElem kind, const Type& t) {
      return kind == ScaleElem::BF16 ? t.elem == Elem::BF16 : kind == ScaleElem::FP16 ? t.elem == Elem::F16 : bitWidth(t) == 8;
    };
    auto isSix = [](ScaleElem kind) { return kind == ScaleElem::E2M3 || kind == ScaleElem::E3M2; };
    const auto kindA = static_cast<ScaleElem>(i_.integer(Attr::LhsElem)), kindB = static_cast<ScaleElem>(i_.integer(Attr::RhsElem));
    if (!fits(kindA, a) || !fits(kindB, b)) return false;
    if (isSix(kindA) || isSix(kindB)) return attribute("e2m3 and e3m2 are not supported");
    // Two elements of 4 bits are in a byte, along K or along the other axis.
    auto packed = [&](ScaleElem kind, Attr alongK, bool isK) {
      return kind == ScaleElem::E2M1 && isK == (i_.integer(alongK, 1) != 0) ? 2 : 1;
    };
    const int64_t m = a.dim(r - 2) * packed(kindA, Attr::LhsKPack, false), k = a.dim(r - 1) * packed(kindA, Attr::LhsKPack, true);
    const int64_t k2 = b.dim(r - 2) * packed(kindB, Attr::RhsKPack, true), n = b.dim(r - 1) * packed(kindB, Attr::RhsKPack, false);
    if (!isProduct(a, b, c, m, k, k2, n)) return false;
    auto scale = [&](const Value* s, int64_t rows) {
      return !s || (s->type.rank == r && s->type.dim(r - 2) == rows && k % s->type.dim(r - 1) == 0 && bitWidth(s->type) == 8) ||
             shape("scales are %, which does not match % rows of % elements", {s->type, rows, k});
    };
    return scale(i_.optional(3), m) && scale(i_.optional(4), n);
  }

  bool combine() {
    const size_t n = i_.operands.size();
    if (i_.results.size() != n) return attribute("must have one result per operand");
    const int64_t axis = i_.integer(Attr::Axis);
    std::vector<Type> types;
    for (size_t k = 0; k < n; ++k) {
      Type wanted = in(k);
      if (i_.op == Op::Reduce) {
        auto dims = in(k).shape();
        dims.erase(dims.begin() + axis);
        wanted = dims.empty() ? in(k).element() : Type::tile(in(k).element(), dims);
      }
      if (out(k) != wanted && !(out(k).isTile() && out(k).rank == 0 && out(k).element() == wanted))
        return shape("along axis % of % the result must be %, not %", {axis, in(k), wanted, out(k)});
    }
    for (int twice = 0; twice < 2; ++twice)
      for (size_t k = 0; k < n; ++k) types.push_back(in(k).element());
    return entryTypes(0, types);
  }

  bool mapElementwise() {
    int64_t pack = i_.integer(Attr::Pack, 1);
    if (pack < 1 || pack > 1024 || in(0).numel() % pack)
      return attribute("pack = % must divide the number of elements, and be at most 1024", {pack});
    std::vector<Type> types;
    for (const Value* v : i_.operands) types.insert(types.end(), static_cast<size_t>(pack), v->type.element());
    return entryTypes(0, types);
  }

  // Sums have a kind for floats; `max` and `min` of floats come from reductions of descriptors.
  bool atomic() {
    const auto kind = static_cast<Rmw>(i_.integer(Attr::RmwOp));
    const bool fits = in(1).isFloat() ? kind == Rmw::FAdd || kind == Rmw::Xchg || kind == Rmw::Max || kind == Rmw::Min : kind != Rmw::FAdd;
    return fits || says("`%` does not support %", {enumKeyword(Attr::RmwOp, i_.integer(Attr::RmwOp)), in(1)});
  }

  // A descriptor of rows, and a tile of as many rows as there are indices.
  bool rows() {
    const Type& tile = i_.op == Op::DescGather ? out() : in(3);
    return in(0).dim(0) == 1 && tile.dim(0) == in(1).dim(0) && tile.dim(1) == in(0).dim(1);
  }

  bool call() {
    const Func* callee = module_.find(i_.text(Attr::Callee));
    if (!callee) return attribute("there is no function @%", {i_.text(Attr::Callee)});
    return (!callee->body.empty() && typesOf(callee->args()) == typesOf(i_.operands) && callee->results == typesOf(i_.results)) ||
           says("the arguments or results do not have the types of @%: %", {callee->name, list()});
  }

  bool forLoop() {
    if (i_.results.size() != i_.operands.size() - 3) return attribute("the numbers of carried values and results differ");
    std::vector<Type> types{in(0)};
    for (size_t k = 3; k < i_.operands.size(); ++k) {
      if (in(k) != out(k - 3)) return says("the carried value is %, but the result is %", {in(k), out(k - 3)});
      types.push_back(in(k));
    }
    return entryTypes(0, types);
  }

  bool branches() {
    if (i_.regions.empty() || i_.regions.size() > 2 || (i_.regions.size() == 1 && !i_.results.empty()))
      return attribute("must have one or two regions, and two if it has results");
    for (size_t k = 0; k < i_.regions.size(); ++k)
      if (!oneBlock(k) || !entryTypes(k, {})) return false;
    return true;
  }

  bool alloc() {
    const int64_t align = i_.integer(Attr::Align, 1);
    return (i_.integer(Attr::Bytes) >= 0 && align >= 1 && !(align & (align - 1))) ||
           attribute("`bytes` must not be negative, and `align` must be a power of two");
  }

  bool shuffle() {
    auto& lanes = i_.list(Attr::Lanes);
    if (static_cast<int64_t>(lanes.size()) != out().numel()) return attribute("% lanes, but the result is %", {lanes.size(), out()});
    const int64_t limit = in(0).numel() * static_cast<int64_t>(i_.operands.size());
    return std::all_of(lanes.begin(), lanes.end(), [&](int64_t l) { return l >= -1 && l < limit; }) || attribute("lane index out of range");
  }

  bool hasShape(size_t size) { return i_.list(Attr::Shape).size() == size || attribute("the attribute `shape` has the wrong size"); }
  static bool isAccumulator(const Type& t) { return t.pointee().elem == Elem::F32 || t.pointee().elem == Elem::I32; }
  bool matrixDot() {
    if (!hasShape(3)) return false;
    if (i_.list(Attr::Transposed).size() != 2) return attribute("the attribute `transposed` must have two items");
    return isAccumulator(in(0)) && in(1).pointee().elem == (in(0).pointee().isInt() ? Elem::I8 : Elem::F16);
  }

  const Module& module_;
  const Inst& i_;
  const Signature& row_;
  Diags& diags_;
  bool said_ = false;
  std::array<size_t, Signature::kMaxSlots> first_{}, size_{};  // of each slot, among the operands or the results
};

}  // namespace

bool verifyOp(const Module& m, const Inst& inst, Diags& diags) { return OpVerifier(m, inst, diags).run(); }

}  // namespace nereid
