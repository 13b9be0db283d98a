// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "support/text.h"

using namespace nereid;

TEST(Text, NearestIsALikelySlip) {
  EXPECT_EQ(nearest("arrange", {"range", "arange", "args"}), "arange");
  EXPECT_EQ(nearest("laod", {"store", "load"}), "load");
  EXPECT_EQ(nearest("dto", {"div", "dot"}), "dot");  // short names: one edit, so that a swap must be one
  EXPECT_EQ(nearest("mz", {"B", "m"}), "");
  EXPECT_EQ(nearest("z", {"B", "x", "zz"}), "");  // as many edits as the shorter has letters
  EXPECT_EQ(nearest("", {"B"}), "");
  EXPECT_EQ(nearest("stride", {"load", "B"}), "");
}
