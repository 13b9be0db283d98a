// SPDX-License-Identifier: MIT
// The interpreter reports races between the threads of a workgroup, and only those.
#include "interp/workgroup.h"

#include <gtest/gtest.h>

namespace {

using namespace nereid;
using interp::Workgroup;

struct Accesses {
  Workgroup workgroup;
  Inst first, second;
  bool races(const Inst& inst, int thread, bool writes, bool inStorage = false, bool isAtomic = false) {
    return workgroup.touch(inst, 64, inStorage, writes, isAtomic, thread).inst != nullptr;
  }
};

TEST(Workgroup, AThreadMustWaitForWhatAnotherWrote) {
  Accesses a;
  EXPECT_FALSE(a.races(a.first, 3, true));
  EXPECT_FALSE(a.races(a.second, 3, false));
  EXPECT_TRUE(a.races(a.second, 4, false));
}

TEST(Workgroup, AWriteMustWaitForReadersAndWriters) {
  Accesses a;
  EXPECT_FALSE(a.races(a.first, 1, false));
  EXPECT_FALSE(a.races(a.first, 2, false));
  EXPECT_TRUE(a.races(a.second, 1, true));
  EXPECT_TRUE(a.races(a.second, 2, true));
}

TEST(Workgroup, ABarrierOrdersItsOwnMemory) {
  Accesses a;
  EXPECT_FALSE(a.races(a.first, 1, true));
  a.workgroup.barrier(true);
  EXPECT_TRUE(a.races(a.second, 2, false));
  a.workgroup.barrier(false);
  EXPECT_FALSE(a.races(a.first, Workgroup::kAll, true));
  a.workgroup.barrier(false);
  EXPECT_FALSE(a.races(a.second, 2, false));
}

TEST(Workgroup, AtomicsDoNotRaceWithEachOther) {
  Accesses a;
  EXPECT_FALSE(a.races(a.first, 1, true, true, true));
  EXPECT_FALSE(a.races(a.first, 2, true, true, true));
  EXPECT_TRUE(a.races(a.second, 3, false, true));
}

// It is not defined which element of a tile stays if several are stored to one address.
TEST(Workgroup, ElementsOfOneStoreMayMeetInAnArray) {
  Accesses a;
  EXPECT_FALSE(a.races(a.first, 1, true, true));
  EXPECT_FALSE(a.races(a.first, 2, true, true));
  a.workgroup.next();
  EXPECT_TRUE(a.races(a.second, 1, true, true));
}

}  // namespace
