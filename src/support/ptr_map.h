// SPDX-License-Identifier: MIT
// A map from pointers, with what is used of std::unordered_map's interface. It goes over its entries in the order in which they came, which is the same
// wherever the things lie, and a map of another type adds little code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace nereid {

// Numbers of pointers.
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
  std::vector<Slot> slots_;  // a power of two of them, at most half of them taken
  size_t used_ = 0;
};

template <class K, class V>
class PtrMap {
  using Entry = std::pair<const K, V>;

 public:
  template <class E>
  class Iterator {
   public:
    explicit Iterator(const std::unique_ptr<Entry>* at) : at_(at) {}
    E& operator*() const { return **at_; }
    E* operator->() const { return at_->get(); }
    Iterator& operator++() { return ++at_, *this; }
    bool operator==(const Iterator&) const = default;

   private:
    const std::unique_ptr<Entry>* at_;
  };
  using iterator = Iterator<Entry>;
  using const_iterator = Iterator<const Entry>;

  PtrMap() = default;
  PtrMap(PtrMap&&) = default;
  PtrMap& operator=(PtrMap&&) = default;
  PtrMap(const PtrMap& other) {
    for (auto& [key, value] : other) (*this)[key] = value;
  }

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
      entries_.push_back(std::make_unique<Entry>(key, V()));
    }
    return entries_[number]->second;
  }
  // Keeps what is there.
  std::pair<iterator, bool> emplace(K key, V value) {
    bool isNew = !contains(key);
    if (isNew) (*this)[key] = std::move(value);
    return {find(key), isNew};
  }
  // Takes as long as there are entries.
  void erase(K key) {
    uint32_t number = index_.find(key);
    if (number == PtrIndex::kNone) return;
    entries_.erase(entries_.begin() + number);
    index_.clear();
    for (uint32_t i = 0; i < entries_.size(); ++i) index_.add(entries_[i]->first, i);
  }
  void clear() {
    index_.clear();
    entries_.clear();
  }

 private:
  const std::unique_ptr<Entry>* at(uint32_t number) const { return entries_.data() + (number == PtrIndex::kNone ? entries_.size() : number); }

  PtrIndex index_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace nereid
