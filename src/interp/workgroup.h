// SPDX-License-Identifier: MIT
// Finds races between the threads of a workgroup: two threads access the same bytes, one of them writes, and no lo.barrier stands between.
//
// The interpreter runs the iterations of a loop over threads one after the other, so a missing barrier changes no result there. On a GPU it
// would.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "ir/ir.h"

namespace nereid::interp {

class Workgroup {
 public:
  static constexpr int32_t kAll = -1;  // threads: code outside of loops over threads

  struct Other {
    const Inst* inst;
    int32_t thread;
  };
  // Records an access to a byte. Returns an access of another thread that it races with, or a null instruction.
  Other touch(const Inst& inst, uint64_t address, bool inStorage, bool writes, bool isAtomic, int32_t thread);
  void barrier(bool ofStorage) { ++epoch_[ofStorage]; }
  // A loop over threads begins or has ended.
  void next() { ++section_; }
  // Another program: nothing that was before matters.
  void reset() { cells_.clear(); }

 private:
  static constexpr int32_t kSeveral = -2;  // threads have read
  struct Access {
    uint32_t epoch = 0;
    int32_t thread = 0;
    const Inst* inst = nullptr;
    bool isAtomic = false;
    uint32_t section = 0;
  };
  struct Cell {
    Access read, write;
  };
  uint32_t epoch_[2] = {1, 1}, section_ = 0;
  std::unordered_map<uint64_t, Cell> cells_;
};

}  // namespace nereid::interp
