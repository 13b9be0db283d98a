// SPDX-License-Identifier: MIT
#include "support/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/diag.h"
#include "support/ptr_map.h"
#include "support/sort.h"

using namespace nereid;

TEST(Text, NearestIsALikelySlip) {
  EXPECT_EQ(nearest("arrange", {"range", "arange", "args"}), "arange");
  EXPECT_EQ(nearest("laod", {"store", "load"}), "load");
  EXPECT_EQ(nearest("dto", {"div", "dot"}), "dot");  // short names: one edit, so a transposition must count as one
  EXPECT_EQ(nearest("mz", {"B", "m"}), "");
  EXPECT_EQ(nearest("z", {"B", "x", "zz"}), "");  // as many edits as the shorter word has letters
  EXPECT_EQ(nearest("", {"B"}), "");
  EXPECT_EQ(nearest("stride", {"load", "B"}), "");
}

TEST(Text, NumbersAreReadAsDecimals) {
  EXPECT_EQ(parseDouble("12"), 12);
  EXPECT_EQ(parseDouble("1.5e-3"), 0.0015);
  EXPECT_EQ(parseDouble(".5"), 0.5);
  EXPECT_EQ(parseDouble("5."), 5);
  EXPECT_EQ(parseDouble("1E+2"), 100);
  EXPECT_EQ(parseDouble("5e-324"), 5e-324);
  EXPECT_EQ(parseDouble("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parseDouble("0.1e400"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parseDouble("1e-999"), 0);
  for (const char* text : {"", ".", "e5", "1e", "1e+", "-1", "+1", "0x10", "inf", "nan", "1.5f", "1_0", " 1", "1.2.3"})
    EXPECT_FALSE(parseDouble(text)) << text;
}

TEST(Text, NumbersAreWrittenAsPythonDoes) {
  EXPECT_EQ(shortest(100), "100");
  EXPECT_EQ(shortest(-0.0), "-0");
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(-12.25), "-12.25");
  EXPECT_EQ(shortest(0.0001), "0.0001");
  EXPECT_EQ(shortest(0.00001), "1e-05");
  EXPECT_EQ(shortest(123456789012345680.), "1.2345678901234568e+17");
  EXPECT_EQ(shortest(1e15), "1000000000000000");
  EXPECT_EQ(shortest(1e16), "1e+16");
  EXPECT_EQ(shortest(5e-324), "5e-324");
  EXPECT_EQ(scientific(1, false), "1e+00");
  EXPECT_EQ(scientific(0.1f, true), "1e-01");
  EXPECT_EQ(scientific(1.5e300, false), "1.5e+300");
}

TEST(Text, PlacesKeepWhatFits) {
  Loc loc{3, 70000, 12, 5};
  EXPECT_EQ(loc.file(), 3u);
  EXPECT_EQ(loc.line(), 70000u);
  EXPECT_EQ(loc.col(), 12u);
  EXPECT_EQ(loc.length(), 5u);
  EXPECT_EQ(loc.withLength(9), (Loc{3, 70000, 12, 9}));
  EXPECT_EQ(loc.withFile(65535).file(), 65535u);
  EXPECT_EQ((Loc{1, 1u << 30, 1u << 30, 1u << 30}), (Loc{1, (1 << 22) - 1, (1 << 14) - 1, (1 << 12) - 1}));
  EXPECT_FALSE(Loc{});
}

TEST(Text, SortingIsStable) {
  for (size_t size : {0, 1, 2, 3, 7, 8, 100, 1000}) {
    std::vector<std::pair<int, size_t>> items;
    for (size_t i = 0; i < size; ++i) items.emplace_back(static_cast<int>(i * 7919 % 13), i);
    auto wanted = items;
    std::sort(wanted.begin(), wanted.end());  // equal items by index: std::stable_sort does not compile without a warning
    sortStably(items, [](auto& a, auto& b) { return a.first < b.first; });
    EXPECT_EQ(items, wanted) << size;
  }
}

TEST(Text, MapsFromPointersKeepTheOrderOfTheirEntries) {
  std::vector<int> keys(1000);
  PtrMap<const int*, int> map;
  for (int i = 0; i < 1000; ++i) map[&keys[static_cast<size_t>(i * 7 % 1000)]] = i;
  int& first = map[&keys[0]];
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(map.at(&keys[static_cast<size_t>(i * 7 % 1000)]), i);
  EXPECT_EQ(&first, &map[&keys[0]]);  // entries never move
  int next = 0;
  for (auto& [key, value] : map) EXPECT_EQ(value, next++);
  EXPECT_FALSE(map.emplace(&keys[7], 5).second);
  EXPECT_EQ(map.at(&keys[7]), 1);
  map.erase(&keys[7]);
  map.erase(&keys[7]);
  EXPECT_FALSE(map.contains(&keys[7]));
  EXPECT_EQ(map.size(), 999u);
  EXPECT_EQ(map.at(&keys[14]), 2);
  PtrMap<const int*, int> copy = map;
  map.clear();
  EXPECT_TRUE(map.empty() && map.find(&keys[0]) == map.end());
  EXPECT_EQ(copy.find(&keys[14])->second, 2);
  EXPECT_TRUE(map.emplace(&keys[7], 5).second);
}
