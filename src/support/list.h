// SPDX-License-Identifier: MIT
// A view of a few items passed to a function: braces, a vector or a span. A vector parameter would allocate in each call.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

namespace nereid {

template <class T>
class List {
 public:
  List() = default;
  // Braces live until the call returns, and so does a List.
  List(std::initializer_list<T> items) : data_(std::data(items)), size_(items.size()) {}
  List(const std::vector<T>& items) : data_(items.data()), size_(items.size()) {}
  List(std::span<const T> items) : data_(items.data()), size_(items.size()) {}

  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  const T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace nereid
