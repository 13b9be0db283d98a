// SPDX-License-Identifier: MIT
#include "ir/signatures.h"

#include <algorithm>

namespace nereid {

namespace {

// Not constexpr: a row that gets here does not compile.
void malformed(const char*) {}

constexpr uint8_t bitOf(Form form) { return static_cast<uint8_t>(1 << static_cast<int>(form)); }

struct Word {
  std::string_view text;
  uint8_t forms = 0, elements = 0, bits = 0, rank = 0;
};
constexpr Word kWords[] = {
    {.text = "scalar", .forms = bitOf(Form::Scalar)},
    {.text = "tile", .forms = bitOf(Form::Tile)},
    {.text = "vector", .forms = bitOf(Form::Vector)},
    {.text = "block", .forms = bitOf(Form::BlockPtr)},
    {.text = "descriptor", .forms = bitOf(Form::Desc)},
    {.text = "address", .forms = bitOf(Form::Scalar) | bitOf(Form::Tile) | bitOf(Form::BlockPtr), .elements = Slot::kPointer},
    {.text = "any", .forms = 0xff},
    {.text = "bool", .elements = Slot::kBool},
    {.text = "int", .elements = Slot::kBool | Slot::kNumber},
    {.text = "number", .elements = Slot::kNumber},
    {.text = "float", .elements = Slot::kFloat},
    {.text = "pointer", .elements = Slot::kPointer},
    {.text = "data", .elements = Slot::kBool | Slot::kNumber | Slot::kFloat},
    {.text = "64", .bits = 64},
    {.text = "1d", .rank = 1},
    {.text = "2d", .rank = 2},
};

struct Relation {
  std::string_view prefix;
  Slot::Relation relation;
};
constexpr Relation kRelations[] = {
    // longer prefixes first
    {"~?", Slot::ScalarOrShape}, {"*:", Slot::PointeeElement}, {"=", Slot::Same},  {"*", Slot::Pointee},
    {"~", Slot::Shape},          {":", Slot::Element},         {"#", Slot::Count}, {"|", Slot::Width},
};

constexpr struct {
  std::string_view name;
  Attr attr;
} kAttrs[] = {
#define ATTR(name, spelling) {spelling, Attr::name},
#include "ir/attrs.def"
#undef ATTR
};

consteval Attr attrNamed(std::string_view name) {
  for (const auto& row : kAttrs)
    if (row.name == name) return row.attr;
  malformed("unknown attribute");
  return Attr::Value;
}

// The words of a row; `,` and `;` are words too. Empty at the end.
struct Words {
  std::string_view text;
  size_t at = 0;
  consteval std::string_view next() {
    while (at < text.size() && text[at] == ' ') ++at;
    size_t begin = at;
    if (at < text.size() && (text[at] == ',' || text[at] == ';')) return text.substr(at++, 1);
    while (at < text.size() && text[at] != ' ' && text[at] != ',' && text[at] != ';') ++at;
    return text.substr(begin, at - begin);
  }
};

consteval bool isName(std::string_view word) { return word.size() > 1 && word.back() == ':'; }

// A row as it is written. Only the compiler sees it: the program has `kTable`.
struct Row {
  Op op{};
  std::string_view all;
  Signature signature{};
  std::array<Slot, Signature::kMaxSlots> slots{};
  std::array<std::string_view, Signature::kMaxSlots> names{};

  consteval Row(Op o, std::string_view text) : op(o), all(text) { parse(); }
  consteval Row(Sig, std::string_view text) : all(text) { parse(); }

 private:
  consteval void parse();
  consteval void readNames();
  consteval uint8_t slotNamed(std::string_view name) const;
  // The two kinds of words about a slot: its name, with the number of values, and what values it takes.
  consteval void readName(Slot& s, std::string_view suffix) const;
  consteval void readWord(Slot& s, std::string_view word) const;
  consteval void readRule(AttrRule& rule, std::string_view word) const;
};

consteval void Row::parse() {
  readNames();
  Words words{all};
  size_t slot = 0;
  bool isOpen = false, hasResults = false;
  auto close = [&] {
    if (!isOpen) return;
    Slot& s = slots[slot++];
    if (!s.forms && s.relation[0] != Slot::Same && s.relation[0] != Slot::Pointee)
      s.forms = bitOf(Form::Scalar) | bitOf(Form::Tile) | bitOf(Form::Vector);
    if (!s.forms) s.forms = 0xff;
    isOpen = false;
  };
  std::string_view word = words.next();
  if (word == "groups") {
    signature.hasGroups = true;
    word = words.next();
  }
  for (; !word.empty() && word != ";"; word = words.next()) {
    if (word == ",") {
      close();
    } else if (word == "->") {
      close();
      signature.operands = static_cast<uint8_t>(slot);
      hasResults = true;
    } else if (word == "{}" || word == "{*}") {
      ++signature.regions;
      signature.hasOneBlock = word == "{}";
    } else if (word == "regions") {
      signature.regions = Signature::kAnyRegions;
    } else if (word == ">") {
      ++signature.successors;
    } else {
      isOpen = true;
      if (isName(word))
        readName(slots[slot], word.substr(names[slot].size(), word.size() - 1 - names[slot].size()));
      else
        readWord(slots[slot], word);
    }
  }
  close();
  signature.count = static_cast<uint8_t>(slot);
  if (!hasResults) signature.operands = signature.count;
  for (size_t rule = 0; word == ";"; word = words.next()) readRule(signature.rules[rule++], words.next());
  if (!word.empty()) malformed("more text after the attributes");
}

// A word may use a name that follows.
consteval void Row::readNames() {
  Words words{all};
  size_t slot = 0;
  for (std::string_view word = words.next(); !word.empty() && word != ";"; word = words.next()) {
    if (word == "," || (word == "->" && words.at > 2)) ++slot;
    if (isName(word)) names[slot] = word.substr(0, std::min(word.size() - 1, word.find_first_of("?*+[")));
  }
}

consteval uint8_t Row::slotNamed(std::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i)
    if (!name.empty() && names[i] == name) return static_cast<uint8_t>(i);
  malformed("no operand or result with this name");
  return 0;
}

consteval void Row::readName(Slot& s, std::string_view suffix) const {
  if (suffix == "?") s.many = Slot::Optional;
  if (suffix == "*") s.many = Slot::Any;
  if (suffix == "+") s.many = Slot::Some;
  if (!suffix.starts_with("[")) return;
  s.many = Slot::PerAxis;
  s.axesOf = slotNamed(suffix.substr(1, suffix.size() - 2));
}

consteval void Row::readWord(Slot& s, std::string_view word) const {
  for (const Word& w : kWords)
    if (w.text == word) {
      s.forms |= w.forms;
      s.elements |= w.elements;
      s.bits |= w.bits;
      s.rank |= w.rank;
      return;
    }
  for (const Relation& r : kRelations)
    if (word.starts_with(r.prefix)) {
      const size_t k = s.relation[0] == Slot::None ? 0 : 1;
      s.relation[k] = r.relation;
      s.of[k] = slotNamed(word.substr(r.prefix.size()));
      return;
    }
  malformed("unknown word");
}

consteval void Row::readRule(AttrRule& rule, std::string_view word) const {
  const size_t sign = std::min(word.size(), word.find_first_of("<>"));
  rule = {attrNamed(word.substr(0, sign)), AttrRule::Present, 0};
  if (sign == word.size()) return;
  const std::string_view limit = word.substr(sign + 1);
  if (word[sign] == '>') {
    rule.kind = AttrRule::Positive;
  } else if (limit[0] >= '0' && limit[0] <= '9') {
    rule.kind = AttrRule::BelowNumber;
    rule.of = static_cast<uint8_t>(limit[0] - '0');
  } else {
    rule.kind = limit[0] == '#' ? AttrRule::BelowCount : AttrRule::BelowRank;
    rule.of = slotNamed(limit.substr(limit[0] == '#'));
  }
}

constexpr Row kSigRows[] = {
    // in the order of Sig
    {Sig::Int1, "x: int -> =x"},
    {Sig::Int2, "x: int, =x -> =x"},
    {Sig::Float1, "x: float -> =x"},
    {Sig::Float2, "x: float, =x -> =x"},
    {Sig::Float3, "x: float, =x, =x -> =x"},
    {Sig::FloatTest, "x: float -> bool ~x"},
    {Sig::CmpInt, "x: int pointer, =x -> bool ~x"},
    {Sig::CmpFloat, "x: float, =x -> bool ~x"},
    {Sig::Select, "condition: bool ~?x, x: scalar tile vector, =x -> =x"},
    {Sig::CastInt, "x: int -> int ~x"},
    {Sig::CastFloat, "x: float -> float ~x"},
    {Sig::IntToFloat, "x: int -> float ~x"},
    {Sig::FloatToInt, "x: float -> int ~x"},
    {Sig::Bitcast, "x: scalar tile vector -> ~x |x"},
    {Sig::Terminator, "values*: any"},
};

constexpr Row kOpRows[] = {
    // ---- element-wise
    {Op::Constant, "-> scalar tile vector ; value"},
    {Op::Poison, "-> any"},
    {Op::ClampF, "x: float, =x, =x -> =x"},
    {Op::FPowI, "x: float, power: int ~x -> =x"},
    {Op::MulSIExt, "x: int, =x -> =x, =x"},
    {Op::MulUIExt, "x: int, =x -> =x, =x"},
    {Op::FpToFp, "x: float -> float ~x"},
    {Op::IntToPtr, "x: int 64 -> pointer ~x"},
    {Op::PtrToInt, "x: pointer -> int 64 ~x"},
    {Op::Bitcast, "x: scalar tile vector -> ~x |x"},
    {Op::AddPtr, "pointer: pointer, offset: number ~pointer -> =pointer"},
    {Op::ExternElementwise, "x: scalar tile vector, others*: ~x -> ~x ; symbol"},
    {Op::InlineAsm, "values*: any -> results*: any"},
    // ---- layout
    {Op::Splat, "x: scalar -> tile :x"},
    {Op::Unsplat, "x: tile -> scalar :x #x"},
    {Op::ExpandDims, "x: tile -> y: tile :x ; axis<y"},
    {Op::Reshape, "x: tile -> tile :x #x"},
    {Op::Broadcast, "x: tile -> tile :x"},
    {Op::Cat, "x: tile, =x -> tile :x"},
    {Op::Join, "x: tile, =x -> tile :x"},
    {Op::Split, "x: tile -> y: scalar tile :x, =y"},
    {Op::Trans, "x: tile -> tile :x"},
    {Op::MakeRange, "-> tile 1d int"},
    {Op::Gather, "source: tile, indices: tile int -> tile :source ~indices ; axis<source"},
    // ---- program
    {Op::GetProgramId, "-> scalar int ; axis<3"},
    {Op::GetNumPrograms, "-> scalar int ; axis<3"},
    // ---- combining
    {Op::Dot, "a: tile data, b: tile data, c: tile data -> =c"},
    {Op::DotScaled, "groups a: tile, b: tile, c: tile float, a_scale?: tile data, b_scale?: tile data -> =c"},
    {Op::Reduce, "x: tile, others*: tile ~x -> results+: scalar tile {} ; axis<x"},
    {Op::Scan, "x: tile, others*: tile ~x -> results+: tile {} ; axis<x"},
    {Op::MapElementwise, "x: tile, others*: tile ~x -> results+: tile ~x {*}"},
    {Op::Histogram, "groups x: tile int, mask?: bool ~x -> tile 1d int"},
    // ---- memory
    {Op::Load, "groups pointer: address, mask?: bool ~pointer, other?: *pointer -> *pointer"},
    {Op::Store, "groups pointer: address, value: *pointer, mask?: bool ~pointer"},
    {Op::AtomicRMW, "pointer: scalar tile pointer, value: data *pointer, mask?: bool ~pointer -> *pointer ; atomic_rmw_op"},
    {Op::AtomicCAS, "pointer: scalar tile pointer, expected: *pointer, value: *pointer -> *pointer"},
    {Op::AtomicPoll, "pointer: pointer, value: any, timeout?: any -> any"},
    {Op::MakeTensorPtr,
     "groups base: scalar pointer, shape[y]: scalar int, strides[y]: scalar int, offsets[y]: scalar int"
     " -> y: block *:base"},
    {Op::Advance, "pointer: block, offsets[pointer]: scalar int -> =pointer"},
    {Op::MakeTensorDesc, "groups base: scalar pointer, shape[y]: scalar int, strides[y]: scalar int -> y: descriptor *:base"},
    {Op::DescLoad, "descriptor: descriptor, offsets[descriptor]: scalar int -> tile data #descriptor |descriptor"},
    {Op::DescStore, "groups descriptor: descriptor, value: tile data #descriptor |descriptor, offsets[descriptor]: scalar int"},
    {Op::DescReduce, "groups descriptor: descriptor, value: tile data #descriptor |descriptor, offsets[descriptor]: scalar int ; kind"},
    {Op::DescGather, "descriptor: descriptor 2d, rows: tile 1d int, column: scalar int -> tile 2d data |descriptor"},
    {Op::DescScatter, "descriptor: descriptor 2d, rows: tile 1d int, column: scalar int, value: tile 2d data |descriptor"},
    // ---- debugging and hints
    {Op::Print, "values*: any"},
    {Op::Assert, "condition: int"},
    {Op::Assume, "condition: bool, values*: any"},
    {Op::Barrier, ""},
    {Op::GridWait, ""},
    {Op::GridLaunch, ""},
    // ---- functions and control
    {Op::Call, "arguments*: any -> results*: any ; callee"},
    {Op::For, "begin: scalar int, =begin, =begin, carried*: any -> results*: any {}"},
    {Op::If, "condition: scalar bool -> results*: any regions"},
    {Op::While, "carried*: any -> results*: any {} {}"},
    {Op::Condition, "condition: scalar bool, values*: any"},
    {Op::Br, ">"},
    {Op::CondBr, "condition: scalar bool > >"},
    // ---- lower form
    {Op::LoAlloc, "-> scalar pointer ; bytes"},
    {Op::LoLoad, "groups pointer: scalar pointer, mask?: bool ~y, other?: =y -> y: scalar vector *:pointer"},
    {Op::LoStore, "groups pointer: scalar pointer, value: scalar vector *:pointer, mask?: bool ~value"},
    {Op::LoGather, "pointer: vector pointer, mask?: bool ~pointer, other?: *pointer -> *pointer"},
    {Op::LoScatter, "pointer: vector pointer, value: *pointer, mask?: bool ~pointer"},
    {Op::LoPrefetch, "pointer: scalar pointer"},
    {Op::LoSplat, "x: scalar -> vector :x"},
    {Op::LoIota, "-> vector int"},
    {Op::LoExclusive, "-> scalar bool"},
    {Op::LoDotAdd, "sum: vector, left: vector int ~sum |sum, right: vector -> =sum"},
    {Op::LoExtract, "x: vector -> scalar :x ; offset<#x"},
    {Op::LoInsert, "x: vector, lane: scalar :x -> =x ; offset<#x"},
    {Op::LoShuffle, "x: vector, y?: =x -> vector :x"},
    {Op::LoAtomicRMW, "pointer: scalar pointer, value: scalar *pointer -> *pointer ; atomic_rmw_op"},
    {Op::LoAtomicCAS, "pointer: scalar pointer, expected: scalar *pointer, value: *pointer -> *pointer"},
    {Op::LoPrivate, "x: scalar pointer, thread: scalar number -> =x ; offset ; private>0"},
    {Op::LoMatrixDot, "accumulators: pointer, a: pointer, =a"},
    {Op::LoMatrixZero, "accumulators: pointer"},
    {Op::LoMatrixGet, "x: pointer, =x"},
    {Op::LoMatrixPut, "x: pointer, =x"},
    {Op::LoBarrier, ""},
    {Op::LoSubgroupShuffle, "x: pointer, =x ; threads>0 ; private>0"},
    {Op::LoPrint, "condition: scalar bool, value?: scalar, index?: scalar number"},
    {Op::LoAssert, "condition: scalar bool"},
};

constexpr size_t kRows = std::size(kOpRows) + std::size(kSigRows);
consteval const Row& rowAt(size_t i) { return i < std::size(kOpRows) ? kOpRows[i] : kSigRows[i - std::size(kOpRows)]; }

// The rows without their texts: slots and names are shared.
struct Table {
  std::array<Signature, kRows> rows{};
  std::array<uint8_t, kOpCount> rowOf{};
  std::array<Slot, 256> slots{};
  std::array<char, 512> names{};
  size_t slotCount = 0, nameCount = 0;
};
consteval Table makeTable() {
  Table t;
  for (size_t i = 0; i < kRows; ++i) {
    const Row& row = rowAt(i);
    t.rows[i] = row.signature;
    t.rows[i].first = static_cast<uint16_t>(t.slotCount);
    for (size_t k = 0; k < row.signature.count; ++k) {
      Slot slot = row.slots[k];
      const std::string_view name = row.names[k];
      if (name.size() > 1) {
        const std::string_view known(t.names.data(), t.nameCount);
        const size_t at = std::min(known.find(name), t.nameCount);
        slot.nameAt = static_cast<uint16_t>(at);
        slot.nameSize = static_cast<uint8_t>(name.size());
        if (at == t.nameCount)
          for (char c : name) t.names[t.nameCount++] = c;
      }
      t.slots[t.slotCount++] = slot;
    }
  }
  constexpr Sig sigs[] = {
#define OP(name, spelling, sig, ...) Sig::sig,
#include "ir/ops.def"
#undef OP
  };
  for (size_t op = 0; op < kOpCount; ++op) {
    size_t row = kRows;
    for (size_t i = 0; i < std::size(kOpRows); ++i)
      if (kOpRows[i].op == static_cast<Op>(op)) row = i;
    if (row == kRows && sigs[op] != Sig::ByHand) row = std::size(kOpRows) + static_cast<size_t>(sigs[op]);
    if (row == kRows) malformed("an operation has no row");
    t.rowOf[op] = static_cast<uint8_t>(row);
  }
  return t;
}
constexpr size_t kSlotCount = makeTable().slotCount, kNameCount = makeTable().nameCount;
template <size_t N, class T, size_t Most>
consteval std::array<T, N> firstOf(const std::array<T, Most>& all) {
  std::array<T, N> out{};
  std::copy_n(all.begin(), N, out.begin());
  return out;
}
constexpr auto kSignatures = makeTable().rows;
constexpr auto kRowOf = makeTable().rowOf;
constexpr auto kSlots = firstOf<kSlotCount>(makeTable().slots);
constexpr auto kNames = firstOf<kNameCount>(makeTable().names);

}  // namespace

std::string_view Slot::name() const { return {kNames.data() + nameAt, nameSize}; }
const Slot& Signature::slot(size_t k) const { return kSlots[first + k]; }
const Signature& signatureOf(Op op) { return kSignatures[kRowOf[static_cast<size_t>(op)]]; }

}  // namespace nereid
