// SPDX-License-Identifier: MIT
// Loads, stores and atomics, through addresses of host memory.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "interp/element.h"
#include "interp/machine.h"
#include "ir/bits.h"

namespace nereid::interp {

const Allocation* Machine::find(uint64_t address, uint64_t size) const {
  for (const Allocation& a : options_.allocations)
    if (address >= a.base && size <= a.size && address - a.base <= a.size - size) return &a;
  return nullptr;
}

namespace {

// When bounds are checked, each allocation has its own range of addresses: its number is in the high bits, far from the limits of the
// address, so that a pointer past the end of one array never reaches another. The low bits are the host's, for alignment.
constexpr int kRangeBits = 48;
constexpr uint64_t kMaxRanges = 0x7FFE;

uint64_t rangeBase(const Allocation& a, size_t k) {
  return ((uint64_t{k} + 1) << kRangeBits) + (uint64_t{1} << (kRangeBits - 1)) + (a.base & 0xFFFF);
}

}  // namespace

uint64_t Machine::checkedAddress(uint64_t address, std::string_view name) const {
  if (!options_.checkBounds) return address;
  // An array that is passed twice has two names. Otherwise an array that starts at the address is preferred to one that contains it.
  size_t best = 0;
  int rank = 0;
  for (size_t k = 0; k < std::min<size_t>(options_.allocations.size(), kMaxRanges); ++k) {
    const Allocation& a = options_.allocations[k];
    int fits = address < a.base || address - a.base >= a.size ? 0 : address != a.base ? 1 : a.name != name ? 2 : 3;
    if (fits > rank) {
      rank = fits;
      best = k;
    }
  }
  return rank ? rangeBase(options_.allocations[best], best) + (address - options_.allocations[best].base) : address;
}

const Allocation* Machine::range(uint64_t address, int64_t& offset) const {
  uint64_t k = address >> kRangeBits;
  if (!options_.checkBounds || k == 0 || k > std::min<uint64_t>(options_.allocations.size(), kMaxRanges)) return nullptr;
  const Allocation& a = options_.allocations[k - 1];
  offset = static_cast<int64_t>(address - rangeBase(a, k - 1));
  return &a;
}

uint64_t Machine::hostAddress(uint64_t address) const {
  int64_t offset = 0;
  const Allocation* a = range(address, offset);
  return a ? a->base + static_cast<uint64_t>(offset) : address;
}

std::string Machine::elementAt(const Allocation& a, int64_t offset, uint64_t size) {
  if (!a.elementBytes || a.elementBytes != size || a.shape.empty()) return "";
  int64_t bytes = a.elementBytes, rest = offset - static_cast<int64_t>(a.first - a.base);
  if (rest % bytes) return "";
  rest /= bytes;
  // Start with the axis of the longest stride: out-of-bounds offsets are attributed to it.
  std::vector<size_t> axes;
  for (size_t d = 0; d < a.shape.size(); ++d) {
    if (a.strides[d] < 0) return "";
    axes.push_back(d);
  }
  std::sort(axes.begin(), axes.end(),
            [&](size_t x, size_t y) { return a.strides[x] != a.strides[y] ? a.strides[x] > a.strides[y] : x < y; });
  std::vector<int64_t> index(a.shape.size());
  for (size_t d : axes) {
    if (a.strides[d] == 0) continue;
    index[d] = rest / a.strides[d] - (rest % a.strides[d] < 0);
    rest -= index[d] * a.strides[d];
  }
  if (rest) return "";
  std::string out = a.name + "[";
  for (size_t d = 0; d < index.size(); ++d) out += (d ? ", " : "") + std::to_string(index[d]);
  return out + "]";
}

namespace {

std::string shapeOf(const Allocation& a) {
  std::string out = "(";
  for (size_t d = 0; d < a.shape.size(); ++d) out += (d ? ", " : "") + std::to_string(a.shape[d]);
  return out + (a.shape.size() == 1 ? ",)" : ")");
}

}  // namespace

void Machine::reportUnwritten() {
  for (const Allocation& a : options_.allocations) {
    if (!a.elementBytes || !(a.written || storedTo_.contains(a.name))) continue;
    uint64_t all = 1, left = 0;
    for (int64_t n : a.shape) all *= static_cast<uint64_t>(n);
    std::string first;
    for (uint64_t e = 0; e < all; ++e) {
      uint64_t rest = e;
      int64_t offset = 0;
      for (size_t d = a.shape.size(); d-- > 0; rest /= static_cast<uint64_t>(a.shape[d]))
        offset += static_cast<int64_t>(rest % static_cast<uint64_t>(a.shape[d])) * a.strides[d];
      uint64_t address = a.first + static_cast<uint64_t>(offset * a.elementBytes);
      if (touched_.contains(address)) continue;
      if (left++ == 0) first = elementAt(a, static_cast<int64_t>(address - a.base), a.elementBytes);
    }
    if (left)
      options_.unwritten(cat("`", a.name, "` of shape ", shapeOf(a), ": ", left, " of ", all, " elements are left unwritten",
                             first.empty() ? "" : cat(", the first is ", first)));
  }
}

bool Machine::isScratch(uint64_t address) const {
  for (auto& [inst, s] : scratch_)
    if (address >= s.base && address - s.base < s.size) return true;
  return false;
}

bool Machine::check(const Inst& i, uint64_t& address, Type element, const char* verb) {
  if (info(i.op).effects == Effects::Atomic) verb = "updates";
  auto size = static_cast<uint64_t>(byteSize(element));
  if (address < 4096) return fail(Err::Bounds, i, program(), " ", verb, " at a null pointer");
  if (!options_.checkBounds) return true;
  auto outside = [&](const Allocation& a, int64_t offset) {
    if (std::string element = elementAt(a, offset, size); !element.empty())
      return fail(Err::Bounds, i, program(), " ", verb, " `", element, "`, but the shape of `", a.name, "` is ", shapeOf(a));
    return fail(Err::Bounds, i, program(), " ", verb, " ", size, " bytes at byte ", offset, " of `", a.name, "`, which has ", a.size,
                " bytes");
  };
  int64_t offset = 0;
  if (const Allocation* a = range(address, offset)) {
    if (offset < 0 || size > a->size || static_cast<uint64_t>(offset) > a->size - size) return outside(*a, offset);
    address = a->base + static_cast<uint64_t>(offset);
    if (options_.unwritten) {
      for (uint64_t k = 0; k < size; ++k) touched_.insert(address + k);
      if (*verb != 'l') storedTo_.insert(a->name);
    }
    return true;
  }
  // Scratch memory, or an integer converted to a pointer.
  if (find(address, size)) return true;
  for (auto& [inst, s] : scratch_)
    if (address >= s.base && address - s.base + size <= s.size) return true;
  // Report it relative to the array that the access most likely meant: the nearest one.
  const Allocation* nearest = nullptr;
  uint64_t distance = ~uint64_t{0};
  for (const Allocation& a : options_.allocations) {
    uint64_t d = address < a.base ? a.base - address : address - a.base;
    if (address >= a.base && d >= a.size) d -= a.size;
    if (d < distance) {
      distance = d;
      nearest = &a;
    }
  }
  if (!nearest) return fail(Err::Bounds, i, program(), " ", verb, " ", size, " bytes at ", hex(address, 16), ", outside every array");
  return outside(*nearest, static_cast<int64_t>(address - nearest->base));
}

bool Machine::checkRace(const Inst& i, uint64_t address, uint64_t size, Races::Kind kind) {
  if (!options_.checkRaces || isScratch(address)) return true;
  bool atomic = info(i.op).effects == Effects::Atomic;
  auto other = races_.touch(i, address, size, atomic ? Races::Atomic : kind);
  if (other) {
    const Allocation* a = find(address, size);
    auto verb = [](Races::Kind k) { return k == Races::Load ? "loads" : k == Races::Store ? "stores" : "updates"; };
    uint64_t p = other->program, x = p % grid_[0], y = p / grid_[0] % grid_[1], z = p / grid_[0] / grid_[1];
    std::string element = a ? elementAt(*a, static_cast<int64_t>(address - a->base), size) : "";
    std::string what = !element.empty() ? cat("`", element, "`")
                       : a              ? cat("byte ", address - a->base, " of `", a->name, "`")
                                        : hex(address, 16);
    diags_.error(Err::Race, i.loc)
        .says(program(), " ", verb(atomic ? Races::Atomic : kind), " ", what, ", which program (", x, ", ", y, ", ", z, ") ",
              verb(other->kind), ": no atomic operation orders the two")
        .label(other->inst == &i ? Loc{} : other->inst->loc, "the other access")
        .hint("programs run at the same time: let each access its own elements, or use an atomic operation");
    return false;
  }
  if (atomic && kind == Races::Store && i.integer(Attr::Sem, static_cast<int64_t>(MemSem::AcqRel)) != static_cast<int64_t>(MemSem::Relaxed))
    races_.synchronise(address);
  return true;
}

bool Machine::checkThreads(const Inst& i, uint64_t address, uint64_t size, bool writes) {
  const Scratch* scratch = nullptr;
  for (auto& [inst, s] : scratch_)
    if (address >= s.base && address - s.base < s.size) scratch = &s;
  if (scratch && scratch->isPrivate) return true;
  const bool inStorage = !scratch || scratch->inStorage, isAtomic = info(i.op).effects == Effects::Atomic;
  // In code that all threads run, one thread executes the stores.
  const bool isStore = i.op == Op::LoStore || i.op == Op::LoScatter || isAtomic;
  const int32_t thread = thread_ == Workgroup::kAll && isStore ? 0 : thread_;
  for (uint64_t k = 0; k < size; ++k) {
    auto other = workgroup_.touch(i, address + k, inStorage, writes, isAtomic, thread);
    if (!other.inst) continue;
    auto name = [](int32_t t) { return t < 0 ? std::string("another") : cat("thread ", t); };
    const Allocation* a = scratch ? nullptr : find(address, size);
    diags_.error(Err::Race, i.loc)
        .says(program(), ": ", thread < 0 ? std::string("all threads") : cat("thread ", thread), writes ? " store" : " load",
              thread < 0 ? " " : "s ", a ? cat("byte ", address + k - a->base, " of `", a->name, "`") : "scratch memory", ", which ",
              name(other.thread), " accesses too, with no barrier between")
        .label(other.inst == &i ? Loc{} : other.inst->loc, "the other access");
    return false;
  }
  return true;
}

bool Machine::load(const Inst& i, uint64_t address, Type element, uint64_t& bits) {
  if (!check(i, address, element, "loads") || !checkRace(i, address, static_cast<uint64_t>(byteSize(element)), Races::Load)) return false;
  if (isWorkgroup_ && !checkThreads(i, address, static_cast<uint64_t>(byteSize(element)), false)) return false;
  bits = 0;
  std::memcpy(&bits, reinterpret_cast<const void*>(static_cast<uintptr_t>(address)), static_cast<size_t>(byteSize(element)));
  if (element.isBool()) bits = bits != 0;
  if (Counters* c = options_.counters) {
    if (isScratch(address)) {
      ++c->scratchLoads;
    } else {
      ++c->loads;
      c->loadBytes += static_cast<uint64_t>(byteSize(element));
    }
  }
  return true;
}

bool Machine::store(const Inst& i, uint64_t address, Type element, uint64_t bits) {
  if (!check(i, address, element, "stores") || !checkRace(i, address, static_cast<uint64_t>(byteSize(element)), Races::Store)) return false;
  if (isWorkgroup_ && !checkThreads(i, address, static_cast<uint64_t>(byteSize(element)), true)) return false;
  if (element.isPointer() && !isScratch(address)) bits = hostAddress(bits);
  std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), &bits, static_cast<size_t>(byteSize(element)));
  if (Counters* c = options_.counters) {
    if (isScratch(address)) {
      ++c->scratchStores;
    } else {
      ++c->stores;
      c->storeBytes += static_cast<uint64_t>(byteSize(element));
    }
  }
  return true;
}

// ---- pointers and descriptors

bool Machine::makeTensor(const Inst& i) {
  std::vector<uint64_t> out{scalar(i.operand(0))};
  // In descriptors sizes are in effect unsigned; strides and offsets are signed.
  for (size_t k = 1; k < i.operands.size(); ++k) out.push_back(static_cast<uint64_t>(integer(i.operand(k))));
  if (i.op == Op::MakeTensorDesc) out.push_back(static_cast<uint64_t>(i.integer(Attr::Padding, 1)));
  return set(i, std::move(out));
}

bool Machine::advance(const Inst& i) {
  std::vector<uint64_t> out = in(i, 0).bits;
  size_t rank = i.result()->type.rank;
  for (size_t d = 0; d < rank; ++d)
    out[1 + 2 * rank + d] = static_cast<uint64_t>(static_cast<int64_t>(out[1 + 2 * rank + d]) + integer(i.operand(1 + d)));
  return set(i, std::move(out));
}

bool Machine::loadTile(const Inst& i) {
  const Tile& pointers = in(i, 0);
  const Value *mask = i.optional(1), *other = i.optional(2);
  std::vector<uint64_t> out(pointers.bits.size());
  for (size_t e = 0; e < out.size(); ++e) {
    if (mask && !(value(mask).bits[e] & 1))
      out[e] = other ? value(other).bits[e] : 0;
    else if (!load(i, pointers.bits[e], i.result()->type.element(), out[e]))
      return false;
  }
  set(i.result(), std::move(out));
  return true;
}

bool Machine::storeTile(const Inst& i) {
  const Tile &pointers = in(i, 0), &values = in(i, 1);
  const Value* mask = i.optional(2);
  for (size_t e = 0; e < pointers.bits.size(); ++e)
    if (!mask || (value(mask).bits[e] & 1))
      if (!store(i, pointers.bits[e], values.type.element(), values.bits[e])) return false;
  return true;
}

// The address of each element of a block, and whether it lies inside the tensor. Checks every axis if `all` is set, else the axes in the
// access's boundaryCheck.
bool Machine::blockAddresses(const Inst& i, const Tile& block, const std::vector<int64_t>& offsets, bool all,
                             std::vector<uint64_t>& addresses, std::vector<bool>& inside) {
  size_t rank = block.type.rank;
  auto& checked = i.list(Attr::BoundaryCheck);
  auto count = static_cast<size_t>(block.type.numel());
  int64_t size = byteSize(block.type);
  addresses.resize(count);
  inside.assign(count, true);
  for (size_t e = 0; e < count; ++e) {
    size_t rest = e;
    uint64_t address = block.bits[0];
    for (size_t d = rank; d-- > 0;) {
      auto dim = static_cast<size_t>(block.type.dim(static_cast<int>(d)));
      int64_t index = offsets[d] + static_cast<int64_t>(rest % dim);
      rest /= dim;
      auto extent = static_cast<int64_t>(block.bits[1 + d]);
      bool check = all;
      for (int64_t axis : checked) check = check || axis == static_cast<int64_t>(d);
      if (check && (index < 0 || index >= extent)) inside[e] = false;
      address += static_cast<uint64_t>(index) * block.bits[1 + rank + d] * static_cast<uint64_t>(size);
    }
    addresses[e] = address;
  }
  return true;
}

namespace {

// The value that a load returns outside the tensor.
uint64_t paddingBits(int64_t padding, Type element) {
  return padding == static_cast<int64_t>(Padding::Nan) && element.isFloat()
             ? encodeFloat(element.elem, std::numeric_limits<double>::quiet_NaN())
             : 0;
}

std::vector<int64_t> blockOffsets(const Tile& block) {
  size_t rank = block.type.rank;
  std::vector<int64_t> out;
  for (size_t d = 0; d < rank; ++d) out.push_back(static_cast<int64_t>(block.bits[1 + 2 * rank + d]));
  return out;
}

}  // namespace

bool Machine::loadBlock(const Inst& i) {
  const Tile& block = in(i, 0);
  const Value *mask = i.optional(1), *other = i.optional(2);
  std::vector<uint64_t> addresses;
  std::vector<bool> inside;
  blockAddresses(i, block, blockOffsets(block), false, addresses, inside);
  std::vector<uint64_t> out(addresses.size(), paddingBits(i.integer(Attr::Padding), i.result()->type.element()));
  for (size_t e = 0; e < out.size(); ++e) {
    if (mask && !(value(mask).bits[e] & 1))
      out[e] = other ? value(other).bits[e] : 0;
    else if (inside[e] && !load(i, addresses[e], i.result()->type.element(), out[e]))
      return false;
  }
  set(i.result(), std::move(out));
  return true;
}

bool Machine::storeBlock(const Inst& i) {
  const Tile &block = in(i, 0), &values = in(i, 1);
  const Value* mask = i.optional(2);
  std::vector<uint64_t> addresses;
  std::vector<bool> inside;
  blockAddresses(i, block, blockOffsets(block), false, addresses, inside);
  for (size_t e = 0; e < addresses.size(); ++e)
    if (inside[e] && (!mask || (value(mask).bits[e] & 1)))
      if (!store(i, addresses[e], values.type.element(), values.bits[e])) return false;
  return true;
}

bool Machine::atomic(const Inst& i) {
  const Tile& pointers = in(i, 0);
  Type element = i.result()->type.element();
  bool swap = i.op == Op::AtomicCAS || i.op == Op::LoAtomicCAS;
  const Tile* mask = i.op == Op::AtomicRMW && i.operands.size() > 2 ? &in(i, 2) : nullptr;
  std::vector<uint64_t> out(pointers.bits.size(), 0);
  for (size_t e = 0; e < out.size(); ++e) {
    if (mask && !(mask->bits[e] & 1)) continue;
    if (!load(i, pointers.bits[e], element, out[e])) return false;
    uint64_t next = out[e];
    if (!swap)
      next = combineAtomic(static_cast<Rmw>(i.integer(Attr::RmwOp, 4)), element, out[e], in(i, 1).bits[e]);
    else if (out[e] == in(i, 1).bits[e])
      next = in(i, 2).bits[e];
    if (!store(i, pointers.bits[e], element, next)) return false;
  }
  set(i.result(), std::move(out));
  return true;
}

namespace {

uint64_t combineDescriptor(DescReduceKind kind, Type type, bool isUnsigned, uint64_t old, uint64_t v) {
  auto atomic = [&](Rmw op) { return combineAtomic(op, type, old, v); };
  if (type.isFloat()) return atomic(kind == DescReduceKind::Min ? Rmw::Min : kind == DescReduceKind::Max ? Rmw::Max : Rmw::FAdd);
  switch (kind) {
    case DescReduceKind::Add: return atomic(Rmw::Add);
    case DescReduceKind::Min: return atomic(isUnsigned ? Rmw::UMin : Rmw::Min);
    case DescReduceKind::Max: return atomic(isUnsigned ? Rmw::UMax : Rmw::Max);
    case DescReduceKind::Inc: return old >= v ? 0 : old + 1;
    case DescReduceKind::Dec: return old == 0 || old > v ? v : old - 1;
    case DescReduceKind::And: return atomic(Rmw::And);
    case DescReduceKind::Or: return atomic(Rmw::Or);
    case DescReduceKind::Xor: return atomic(Rmw::Xor);
  }
  return v;
}

}  // namespace

bool Machine::descriptor(const Inst& i) {
  const Tile& desc = in(i, 0);
  Type element = desc.type.element();
  auto indices = i.op == Op::DescLoad ? std::span<Value* const>(i.operands).subspan(1) : i.group(2);
  std::vector<int64_t> offsets;
  for (const Value* v : indices) offsets.push_back(integer(v));
  std::vector<uint64_t> addresses;
  std::vector<bool> inside;
  blockAddresses(i, desc, offsets, true, addresses, inside);
  if (i.op == Op::DescLoad) {
    std::vector<uint64_t> out(addresses.size(), paddingBits(static_cast<int64_t>(desc.bits.back()), element));
    for (size_t e = 0; e < out.size(); ++e)
      if (inside[e] && !load(i, addresses[e], element, out[e])) return false;
    set(i.result(), std::move(out));
    return true;
  }
  const Tile& values = in(i, 1);
  for (size_t e = 0; e < addresses.size(); ++e) {
    if (!inside[e]) continue;
    uint64_t next = values.bits[e];
    if (i.op == Op::DescReduce) {
      uint64_t old = 0;
      if (!load(i, addresses[e], element, old)) return false;
      next = combineDescriptor(static_cast<DescReduceKind>(i.integer(Attr::Kind)), element, desc.type.sign == Sign::Unsigned, old, next);
    }
    if (!store(i, addresses[e], element, next)) return false;
  }
  return true;
}

// Rows of a matrix selected by indices, from column y on.
bool Machine::descriptorRows(const Inst& i) {
  const Tile &desc = in(i, 0), &rows = in(i, 1);
  int64_t y = integer(i.operand(2));
  bool gather = i.op == Op::DescGather;
  Type tile = gather ? i.result()->type : in(i, 3).type, element = desc.type.element();
  auto width = static_cast<size_t>(tile.dim(1));
  std::vector<uint64_t> out(static_cast<size_t>(tile.numel()), paddingBits(static_cast<int64_t>(desc.bits.back()), element));
  for (size_t e = 0; e < out.size(); ++e) {
    int64_t row = signExtend(rows.bits[e / width], bitWidth(rows.type)), col = y + static_cast<int64_t>(e % width);
    if (row < 0 || row >= static_cast<int64_t>(desc.bits[1]) || col < 0 || col >= static_cast<int64_t>(desc.bits[2])) continue;
    uint64_t address = desc.bits[0] + (static_cast<uint64_t>(row) * desc.bits[3] + static_cast<uint64_t>(col) * desc.bits[4]) *
                                          static_cast<uint64_t>(byteSize(element));
    if (gather ? !load(i, address, element, out[e]) : !store(i, address, element, in(i, 3).bits[e])) return false;
  }
  if (gather) set(i.result(), std::move(out));
  return true;
}

// ---- the lower form

std::string Machine::poolOf(const Inst& alloc) const {
  if (alloc.has(Attr::Array) && !hoisted_.contains(alloc.result())) return cat("array ", alloc.integer(Attr::Array));
  const std::string_view space = alloc.text(Attr::Space);
  return space == "scratch" || space == "vectors" || space == "storage" ? std::string(space) : "";
}

bool Machine::alloc(const Inst& i) {
  Scratch& s = scratch_[&i];
  auto bytes = static_cast<uint64_t>(i.integer(Attr::Bytes)), align = static_cast<uint64_t>(i.integer(Attr::Align, 1));
  if (!s.isPlaced) {
    if (bytes > uint64_t{1} << 32 || align > 1 << 20) return fail(Err::Runtime, i, "scratch memory of ", bytes, " bytes");
    const std::string pool = poolOf(i);
    std::vector<uint64_t>& words = pool.empty() ? s.words : pools_[pool];
    uint64_t size = bytes;
    for (const Inst* other : i.parent->insts)
      if (!pool.empty() && other->op == Op::LoAlloc && poolOf(*other) == pool)
        size = std::max(size, static_cast<uint64_t>(other->integer(Attr::Offset) + other->integer(Attr::Bytes)));
    // Not zeroed, so that reads before the first write are noticed.
    if (words.empty()) words.assign((size + align) / 8 + 1, 0xFFF7A5A5FFF7A5A5);
    auto base = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(words.data()));
    s.base = (base + align - 1) / align * align + (pool.empty() ? 0 : static_cast<uint64_t>(i.integer(Attr::Offset)));
    s.size = bytes;
    s.isPlaced = true;
    s.isPrivate = i.has(Attr::Private);
    s.inStorage = pool == "storage";
  }
  return set(i, {s.base});
}

bool Machine::privateAddress(const Inst& i) {
  const int64_t element = integer(i.operand(1)) * i.integer(Attr::Private) + i.integer(Attr::Offset);
  return set(i, {scalar(i.operand(0)) + static_cast<uint64_t>(element * byteSize(i.result()->type.pointee()))});
}

// Lanes are neighbours behind one pointer, or have one each.
uint64_t Machine::laneAddress(const Inst& i, size_t lane, const Type& element) const {
  const bool isEach = i.op == Op::LoGather || i.op == Op::LoScatter;
  return isEach ? in(i, 0).bits[lane] : scalar(i.operand(0)) + static_cast<uint64_t>(byteSize(element)) * lane;
}

bool Machine::loadLanes(const Inst& i) {
  Type element = i.result()->type.element();
  std::vector<uint64_t> out(static_cast<size_t>(i.result()->type.numel()));
  for (size_t lane = 0; lane < out.size(); ++lane) {
    if (i.operands.size() > 1 && !(in(i, 1).bits[lane] & 1))
      out[lane] = i.operands.size() > 2 ? in(i, 2).bits[lane] : i.has(Attr::Unspecified) ? zeroExtend(~uint64_t{0}, bitWidth(element)) : 0;
    else if (!load(i, laneAddress(i, lane, element), element, out[lane]))
      return false;
  }
  return set(i, std::move(out));
}

bool Machine::storeLanes(const Inst& i) {
  const Tile& values = in(i, 1);
  Type element = values.type.element();
  for (size_t lane = 0; lane < values.bits.size(); ++lane)
    if (i.operands.size() < 3 || (in(i, 2).bits[lane] & 1))
      if (!store(i, laneAddress(i, lane, element), element, values.bits[lane])) return false;
  return true;
}

// ---- subgroups

bool Machine::matrixDot(const Inst& i) {
  const auto &shape = i.list(Attr::Shape), &transposed = i.list(Attr::Transposed);
  const Type kSum = i.operand(0)->type.pointee(), kPart = i.operand(1)->type.pointee();
  auto element = [&](size_t operand, const Type& type, int64_t at) {
    return scalar(i.operand(operand)) + static_cast<uint64_t>(byteSize(type) * at);
  };
  for (int64_t row = 0; row < shape[0]; ++row)
    for (int64_t column = 0; column < shape[1]; ++column) {
      uint64_t sum = 0, a, b, to = element(0, kSum, row * shape[1] + column);
      if (!load(i, to, kSum, sum)) return false;
      auto total = static_cast<float>(decodeFloat(Elem::F32, sum));
      auto count = static_cast<uint32_t>(sum);
      for (int64_t k = 0; k < shape[2]; ++k) {
        int64_t left = transposed[0] ? k * shape[0] + row : row * shape[2] + k,
                right = transposed[1] ? column * shape[2] + k : k * shape[1] + column;
        if (!load(i, element(1, kPart, left), kPart, a) || !load(i, element(2, kPart, right), kPart, b)) return false;
        if (kSum.isInt())
          count += static_cast<uint32_t>(static_cast<int8_t>(a) * static_cast<int8_t>(b));
        else
          total = std::fma(static_cast<float>(decodeFloat(Elem::F16, a)), static_cast<float>(decodeFloat(Elem::F16, b)), total);
      }
      if (!store(i, to, kSum, kSum.isInt() ? count : encodeFloat(Elem::F32, static_cast<double>(total)))) return false;
    }
  return true;
}

bool Machine::matrixZero(const Inst& i) {
  const auto& shape = i.list(Attr::Shape);
  for (int64_t k = 0; k < shape[0] * shape[1]; ++k)
    if (!store(i, scalar(i.operand(0)) + static_cast<uint64_t>(4 * k), i.operand(0)->type.pointee(), 0)) return false;
  return true;
}

// Between sums in fragments and memory: an element's place in the sums has the bits of its number in memory, at `lanes`.
bool Machine::matrixMove(const Inst& i) {
  const auto& bits = i.list(Attr::Lanes);
  const Type kSum = i.operand(0)->type.pointee();
  const bool isGet = i.op == Op::LoMatrixGet;
  for (int64_t k = 0; k < int64_t{1} << bits.size(); ++k) {
    int64_t inSums = i.integer(Attr::Offset);
    for (size_t bit = 0; bit < bits.size(); ++bit)
      if (k >> bit & 1) inSums += int64_t{1} << bits[bit];
    uint64_t v, to = scalar(i.operand(0)), from = scalar(i.operand(1));
    (isGet ? to : from) += static_cast<uint64_t>(4 * k);
    (isGet ? from : to) += static_cast<uint64_t>(4 * inSums);
    if (!load(i, from, kSum, v) || !store(i, to, kSum, v)) return false;
  }
  return true;
}

bool Machine::subgroupShuffle(const Inst& i) {
  const Type element = i.operand(0)->type.pointee();
  const int64_t own = i.integer(Attr::Private), other = int64_t{1} << i.integer(Attr::Bit);
  for (int64_t k = 0; k < i.integer(Attr::Threads) * own; ++k) {
    uint64_t v, from = static_cast<uint64_t>((k / own ^ other) * own + k % own), size = static_cast<uint64_t>(byteSize(element));
    if (!load(i, scalar(i.operand(1)) + size * from, element, v) ||
        !store(i, scalar(i.operand(0)) + size * static_cast<uint64_t>(k), element, v))
      return false;
  }
  return true;
}

}  // namespace nereid::interp
