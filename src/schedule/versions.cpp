// SPDX-License-Identifier: MIT
// Which versions of a nest there are: accesses that may meet, run-time strides, and indices that wrap.
#include <algorithm>

#include "schedule/nests.h"

namespace nereid {

namespace {

// Whether a remainder is part of how this address is computed.
bool mayWrap(const Value* v) {
  if (!v->type.isTile() || !v->def) return false;
  return followTiles(v, [](const Value* x) {
    if (!x->def || x->def->op == Op::Load) return Follow::Nothing;
    if (x->def->op == Op::RemSI) return Follow::Found;
    return isInlinable(*x->def) ? Follow::Operands : Follow::Nothing;
  });
}

// The argument that a pointer comes from, or null. A loop's pointer comes from where all that it takes comes from.
const Value* argumentOf(const Value* v, std::set<const Value*>& open) {
  if (!v->def) {
    const Inst* loop = v->block && v->block->parent ? v->block->parent->parent : nullptr;
    if (!loop) return v;
    if (loop->op != Op::For || v->index == 0 || !open.insert(v).second) return nullptr;
    const Value* first = argumentOf(loop->operand(2 + static_cast<size_t>(v->index)), open);
    const Value* next = loop->regions[0]->entry().terminator()->operand(static_cast<size_t>(v->index) - 1);
    // The way back leads to the loop's own value, or to the same argument.
    while (next != v && next->def && next->def->op == Op::AddPtr) next = next->def->operand(0);
    if (next == v) return first;
    return first && argumentOf(next, open) == first ? first : nullptr;
  }
  switch (v->def->op) {
    case Op::AddPtr:
    case Op::Splat:
    case Op::Broadcast:
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Trans:
    case Op::Bitcast: return argumentOf(v->def->operand(0), open);
    default: return nullptr;
  }
}

struct Access {
  const Inst* inst;
  Value* ptr;
  IndexMap map;
  bool writes;
  std::optional<Affine> form{};
  std::optional<AffineForms::Interval> ends{};
  int64_t bytes() const { return byteSize(ptr->type.pointee()); }
};

int64_t reachOf(const NestSchedule& s, const Affine::Term& t) { return t.factor * (s.axes[static_cast<size_t>(t.axis)].size() - 1); }

// Whether two accesses to one array are known to touch different elements.
bool areApart(const NestSchedule& s, const Access& x, const Access& y) {
  if (!x.form || !y.form || !x.form->base || x.form->base != y.form->base || x.bytes() != y.bytes()) return false;
  int64_t ends[2][2];
  for (int k = 0; k < 2; ++k) {
    const Affine& a = k ? *y.form : *x.form;
    ends[k][0] = a.constant;
    ends[k][1] = a.constant + 1;
    for (const Affine::Term& t : a.terms) {
      if (t.scale) return false;
      const int64_t reach = reachOf(s, t);
      ends[k][reach < 0 ? 0 : 1] += reach;
    }
  }
  return ends[0][1] <= ends[1][0] || ends[1][1] <= ends[0][0];
}

// Returns true if no two elements of the nest share an address, assuming that run-time strides keep rows apart.
bool areDistinct(const NestSchedule& s, const Access& x) {
  if (!x.form) return false;
  std::vector<std::pair<int64_t, int64_t>> steps;  // factor and count, the smallest first
  for (size_t a = 0; a < s.axes.size(); ++a) {
    if (s.axes[a].bits == 0) continue;
    const Affine::Term* term = x.form->of(static_cast<int>(a));
    if (!term) return false;
    if (term->scale) continue;
    const std::pair<int64_t, int64_t> step{std::abs(term->factor), s.axes[a].size()};
    steps.insert(std::upper_bound(steps.begin(), steps.end(), step), step);
  }
  int64_t reach = 0;  // of the smaller steps
  for (auto [factor, count] : steps) {
    if (factor <= reach) return false;
    reach += factor * (count - 1);
  }
  return true;
}

// Whether the second of two stores to equal addresses leaves nothing of the first, element by element: elements that share an address then
// hold a value of the second, as if the stores ran one after the other.
bool isOverwritten(const Access& x, const Access& y) {
  if (!x.writes || !y.writes || x.inst->op != Op::Store || y.inst->op != Op::Store) return false;
  const Value *first = x.inst->optional(2), *second = y.inst->optional(2);
  return !second || second == first;
}

// Whether both go through memory in the same steps. A stride of 0 or overlapping rows could hide behind a run-time stride.
bool haveSameSteps(const Access& x, const Access& y) {
  if (!x.form || !y.form || !x.form->base || !y.form->base) return false;
  if (x.form->terms.size() != y.form->terms.size() || x.bytes() != y.bytes()) return false;
  return std::all_of(x.form->terms.begin(), x.form->terms.end(), [&](const Affine::Term& t) {
    const Affine::Term* u = y.form->of(t.axis);
    return u && u->factor == t.factor && !u->scale && !t.scale;
  });
}

}  // namespace

void NestScheduler::findVersions(const Nest& nest, NestSchedule& s) {
  if (request_->isFallback || request_->like) return;
  findMeetings(nest, s);
  s.versions.testsStrides = hasUnknownStrides(nest, s);
}

// Reads and writes that may meet.
void NestScheduler::findMeetings(const Nest& nest, NestSchedule& s) {
  std::vector<Access> accesses;
  bool writes = false;
  auto memory = [&](const Value* v) { return inMemory(v); };
  std::set<std::pair<const Inst*, IndexMap>> seen;
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Effect && info(anchor.inst->op).effects != Effects::Other) {
      accesses.push_back({anchor.inst, anchor.inst->operand(0), s.identity(), true});
      writes = true;
    }
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
      if (!v->def || v->def->op != Op::Load || isStored(v)) return;
      if (seen.emplace(v->def, map).second) accesses.push_back({v->def, v->def->operand(0), s.remap(map), false});
    });
  }
  if (!writes || accesses.size() == 1) return;
  // Forms before the loops over the axes.
  auto isBase = [&](const Value* v, const IndexMap& map) {
    if (!v->type.isTile()) return true;
    return std::all_of(map.begin(), map.end(), [](IndexBit b) { return b.isConstant(); }) && !readsRegisters(v);
  };
  auto sizeOf = [&](int axis) { return s.axes[static_cast<size_t>(axis)].size(); };
  const AffineForms::Context context{memory, isBase, sizeOf};
  for (Access& access : accesses) {
    access.ends = forms_.interval(access.ptr, access.map, context);
    if (access.ends && !access.ends->first->type.isPointer()) access.ends.reset();
    if (access.ends) access.form = forms_.of(access.ptr, access.map, context);
  }
  NestSchedule::Versions& versions = s.versions;
  auto buffer = [&](const Access& access) {
    if (!access.writes && std::find(versions.loads.begin(), versions.loads.end(), access.inst) == versions.loads.end())
      versions.loads.push_back(access.inst);
  };
  // Loads that need no buffer while loads and stores alternate element by element, but do if the stores run one after another.
  std::vector<const Access*> alike;
  for (size_t i = 0; i < accesses.size(); ++i)
    for (size_t j = i + 1; j < accesses.size(); ++j) {
      const Access &x = accesses[i], &y = accesses[j];
      if (!x.writes && !y.writes) continue;
      // The same pointers at the same index: each element is read before it is written. Not so when the source reads after it writes.
      bool readsLater = false;
      for (auto [read, write] : {std::pair(&x, &y), std::pair(&y, &x)})
        readsLater |= !read->writes && write->writes && number_.at(read->inst) > number_.at(write->inst);
      if (x.ptr == y.ptr && x.map == y.map && !readsLater && (areDistinct(s, x) || isOverwritten(x, y))) {
        alike.insert(alike.end(), {&x, &y});
        continue;
      }
      if (schedule_.kernel.disjoint) {
        std::set<const Value*> open;
        const Value *a = argumentOf(x.ptr, open), *b = argumentOf(y.ptr, open);
        if (a && b && a != b) {
          versions.needsDistinct = true;
          continue;
        }
      }
      if (areApart(s, x, y)) continue;
      versions.mayMeet = true;
      buffer(x);
      buffer(y);
      if (!x.ends || !y.ends) {
        versions.onlyBuffered = true;
        continue;
      }
      versions.tests.push_back(
          {{x.inst, *x.ends, x.bytes()}, {y.inst, *y.ends, y.bytes()}, !readsLater && haveSameSteps(x, y) && areDistinct(s, x)});
    }
  if (versions.mayMeet)
    for (const Access* access : alike) buffer(*access);
  if (versions.onlyBuffered) versions.tests.clear();
}

// A run-time stride matters along the lanes, an index that may wrap (its value is resident) along any axis.
bool NestScheduler::hasUnknownStrides(const Nest& nest, const NestSchedule& s) {
  bool found = false;
  auto check = [&](const Value* ptr, const IndexMap& map) {
    for (size_t a = 0; a < s.axes.size(); ++a) {
      const int axis = static_cast<int>(a);
      if (strideOf(ptr, map, axis, s.axes[a].bits).kind != Stride::Runtime) continue;
      const bool isVector = axis == s.vectorAxis;
      if (isVector && strideOf(ptr, map, axis, s.axes[a].laneBits, &divisibility_).kind == Stride::Constant &&
          (s.versions.mayMeet || !machine_.wrapVersions))
        continue;
      found |= isVector || (machine_.wrapVersions && mayWrap(ptr));
    }
  };
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Effect) check(anchor.inst->operand(0), s.identity());
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
      if (v->def && v->def->op == Op::Load && !isStored(v)) check(v->def->operand(0), s.remap(map));
    });
  }
  return found;
}

// Returns true if computing `v` reads a value that is private to a thread.
bool NestScheduler::readsRegisters(const Value* v) const {
  return followTiles(v, [&](const Value* x) {
    if (isStored(x)) return layoutOf(x) ? Follow::Found : Follow::Nothing;
    return x->def && x->def->regions.empty() ? Follow::Operands : Follow::Nothing;
  });
}

}  // namespace nereid
