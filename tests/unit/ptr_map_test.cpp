// SPDX-License-Identifier: MIT
// Maps from pointers: entries never move, and stay in insertion order until they are erased.
#include "support/ptr_map.h"

#include <gtest/gtest.h>

#include <string>

namespace nereid {
namespace {

const int kThings[3000] = {};

TEST(PtrMap, EntriesStay) {
  PtrMap<const int*, std::string> map;
  std::vector<std::string*> at;
  for (const int& thing : kThings) {
    std::string& value = map[&thing];
    value = std::string(40, 'x') + std::to_string(at.size());
    at.push_back(&value);
  }
  PtrMap<const int*, std::string> moved = std::move(map), copy = moved;
  size_t i = 0;
  for (auto& [key, value] : moved) {
    EXPECT_EQ(key, &kThings[i]);
    EXPECT_EQ(&value, at[i++]);
    EXPECT_EQ(copy.at(key), value);
  }
  EXPECT_EQ(i, std::size(kThings));
}

TEST(PtrMap, EntriesGo) {
  PtrMap<const int*, std::string> map;
  for (int i = 0; i < 5; ++i) map[&kThings[i]] = std::string(40, 'y') + std::to_string(i);
  map.erase(&kThings[2]);
  map.erase(&kThings[7]);
  EXPECT_EQ(map.size(), 4u);
  EXPECT_FALSE(map.contains(&kThings[2]));
  EXPECT_EQ(map.at(&kThings[3]).back(), '3');
  EXPECT_FALSE(map.emplace(&kThings[4], "other").second);
  EXPECT_TRUE(map.emplace(&kThings[2], "again").second);
  map = {};
  EXPECT_TRUE(map.empty());
  map[&kThings[0]] = "new";
  map.clear();
  EXPECT_EQ(map.begin(), map.end());
}

}  // namespace
}  // namespace nereid
