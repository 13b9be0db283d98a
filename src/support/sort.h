// SPDX-License-Identifier: MIT
// A stable sort, so that the result does not depend on the library; each instantiation of the standard one takes 3 kB of WebAssembly.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace nereid {

// Merges runs of 1, 2, 4, ... items. Equal items keep their order.
template <class T, class Less = std::less<>>
void sortStably(std::vector<T>& items, Less less = {}) {
  std::vector<T> merged;
  for (size_t width = 1; width < items.size(); width *= 2) {
    merged.clear();
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      size_t middle = std::min(begin + width, items.size()), end = std::min(middle + width, items.size());
      for (size_t a = begin, b = middle; a < middle || b < end;) {
        bool second = a == middle || (b < end && less(items[b], items[a]));
        merged.push_back(std::move(items[second ? b++ : a++]));
      }
    }
    items.swap(merged);
  }
}

}  // namespace nereid
