// SPDX-License-Identifier: MIT
#include "support/ptr_map.h"

#include <algorithm>

namespace nereid {

namespace {

size_t place(const void* key, size_t slots) { return ((reinterpret_cast<uintptr_t>(key) >> 3) * 0x9e3779b97f4a7c15) >> 32 & (slots - 1); }

}  // namespace

uint32_t PtrIndex::find(const void* key) const {
  if (slots_.empty()) return kNone;
  for (size_t i = place(key, slots_.size());; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].number == kNone) return kNone;
    if (slots_[i].key == key) return slots_[i].number;
  }
}

void PtrIndex::put(const void* key, uint32_t number) {
  size_t i = place(key, slots_.size());
  while (slots_[i].number != kNone) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {key, number};
}

void PtrIndex::add(const void* key, uint32_t number) {
  if (2 * (used_ + 1) > slots_.size()) {
    std::vector<Slot> old(slots_.empty() ? 8 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& s : old)
      if (s.number != kNone) put(s.key, s.number);
  }
  put(key, number);
  ++used_;
}

void PtrIndex::clear() {
  slots_.clear();
  used_ = 0;
}

void* EntryBlocks::take(size_t bytes) {
  if (left_ < bytes) {
    constexpr size_t kLeast = 8, kMost = 256;
    size_ = size_ == 0 ? kLeast * bytes : std::min(2 * size_, kMost * bytes);
    size_t units = (size_ + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t);
    next_ = reinterpret_cast<char*>(blocks_.emplace_back(new std::max_align_t[units]).get());
    left_ = size_;
  }
  void* taken = next_;
  next_ += bytes;
  left_ -= bytes;
  return taken;
}

void EntryBlocks::clear() {
  blocks_.clear();
  left_ = size_ = 0;
}

}  // namespace nereid
