// SPDX-License-Identifier: MIT
// Finds programs that touch the same memory without order: one stores where another stores or loads, and no atomic operation stands
// between.
//
// Programs run one after the other here, so this asks what would be ordered if they ran at once. An atomic operation that is not relaxed
// hands on what its program did before, to the programs that later touch the same address atomically (a lock, a counter); nothing else
// orders programs.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "ir/ir.h"

namespace nereid::interp {

class Races {
 public:
  enum Kind : uint8_t { Load, Store, Atomic };
  // An access of an earlier program.
  struct Access {
    uint64_t program = 0, time = 0;
    const Inst* inst = nullptr;
    Kind kind = Load;
  };

  void begin(uint64_t program) {
    program_ = program;
    known_.clear();
  }
  // Notes an access of this program; gives the one that it races with.
  std::optional<Access> touch(const Inst& i, uint64_t address, uint64_t size, Kind kind);
  // This program does an atomic operation that orders.
  void synchronise(uint64_t address);

 private:
  using Times = std::unordered_map<uint64_t, uint64_t>;  // of programs: what they did until then is known
  struct Byte {
    Access write, read;  // the last of each
  };
  bool unordered(const Access& a) const {
    if (!a.inst || a.program == program_) return false;
    auto it = known_.find(a.program);
    return it == known_.end() || it->second < a.time;
  }
  static void merge(Times& into, const Times& from) {
    for (auto& [program, time] : from) into[program] = std::max(into[program], time);
  }

  uint64_t program_ = 0, now_ = 0;
  Times known_;
  std::unordered_map<uint64_t, Byte> bytes_;
  std::unordered_map<uint64_t, Times> released_;  // by address
};

}  // namespace nereid::interp
