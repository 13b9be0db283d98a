// SPDX-License-Identifier: MIT
// A map from pointers with the used part of std::unordered_map's interface. It iterates in insertion order, which does not depend on
// addresses, and another instantiation adds little code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace nereid {

// Maps pointers to indices.
class PtrIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t find(const void* key) const;
  void add(const void* key, uint32_t number);
  void clear();

 private:
  struct Slot {
    const void* key = nullptr;
    uint32_t number = kNone;
  };
  void put(const void* key, uint32_t number);
  std::vector<Slot> slots_;  // a power of two of them, at most half of them in use
  size_t used_ = 0;
};

// Memory for entries, which never move: in blocks of growing size, so that a large map has few.
class EntryBlocks {
 public:
  void* take(size_t bytes);
  void clear();

 private:
  std::vector<std::unique_ptr<std::max_align_t[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0, size_ = 0;
};

template <class K, class V>
class PtrMap {
  using Entry = std::pair<const K, V>;

 public:
  template <class E>
  class Iterator {
   public:
    explicit Iterator(Entry* const* at) : at_(at) {}
    E& operator*() const { return **at_; }
    E* operator->() const { return *at_; }
    Iterator& operator++() { return ++at_, *this; }
    bool operator==(const Iterator&) const = default;

   private:
    Entry* const* at_;
  };
  using iterator = Iterator<Entry>;
  using const_iterator = Iterator<const Entry>;

  PtrMap() = default;
  PtrMap(PtrMap&& other) noexcept { swap(other); }
  PtrMap& operator=(PtrMap&& other) noexcept {
    swap(other);
    return *this;
  }
  PtrMap(const PtrMap& other) {
    for (auto& [key, value] : other) (*this)[key] = value;
  }
  ~PtrMap() { destroy(); }

  iterator begin() { return iterator(entries_.data()); }
  iterator end() { return iterator(entries_.data() + entries_.size()); }
  const_iterator begin() const { return const_iterator(entries_.data()); }
  const_iterator end() const { return const_iterator(entries_.data() + entries_.size()); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  iterator find(K key) { return iterator(at(index_.find(key))); }
  const_iterator find(K key) const { return const_iterator(at(index_.find(key))); }
  bool contains(K key) const { return index_.find(key) != PtrIndex::kNone; }
  size_t count(K key) const { return contains(key); }
  V& at(K key) { return entries_[index_.find(key)]->second; }
  const V& at(K key) const { return entries_[index_.find(key)]->second; }

  V& operator[](K key) {
    uint32_t number = index_.find(key);
    if (number == PtrIndex::kNone) {
      number = static_cast<uint32_t>(entries_.size());
      index_.add(key, number);
      entries_.push_back(new (blocks_.take(sizeof(Entry))) Entry(key, V()));
    }
    return entries_[number]->second;
  }
  // Keeps an existing entry.
  std::pair<iterator, bool> emplace(K key, V value) {
    bool isNew = !contains(key);
    if (isNew) (*this)[key] = std::move(value);
    return {find(key), isNew};
  }
  // Linear in the number of entries.
  void erase(K key) {
    uint32_t number = index_.find(key);
    if (number == PtrIndex::kNone) return;
    entries_[number]->~Entry();
    entries_.erase(entries_.begin() + number);
    index_.clear();
    for (uint32_t i = 0; i < entries_.size(); ++i) index_.add(entries_[i]->first, i);
  }
  void clear() {
    destroy();
    index_.clear();
    entries_.clear();
    blocks_.clear();
  }

 private:
  Entry* const* at(uint32_t number) const { return entries_.data() + (number == PtrIndex::kNone ? entries_.size() : number); }
  void destroy() {
    for (Entry* e : entries_) e->~Entry();
  }
  void swap(PtrMap& other) {
    std::swap(index_, other.index_);
    std::swap(entries_, other.entries_);
    std::swap(blocks_, other.blocks_);
  }

  PtrIndex index_;
  std::vector<Entry*> entries_;
  EntryBlocks blocks_;
};

}  // namespace nereid
