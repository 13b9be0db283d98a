// SPDX-License-Identifier: MIT
// Finds data races between programs: one stores to memory that another accesses, and no atomic operation orders them.
//
// The interpreter runs programs one after the other, so this computes the order they would have if they ran concurrently. An atomic
// operation that is not relaxed publishes the earlier accesses of its program to programs that later access the same address atomically (a
// lock, a counter). Nothing else orders programs.
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
  // Records an access of this program; returns the earlier access with which it races.
  std::optional<Access> touch(const Inst& i, uint64_t address, uint64_t size, Kind kind);
  // Records an ordering atomic operation of this program.
  void synchronise(uint64_t address);

 private:
  using Times = std::unordered_map<uint64_t, uint64_t>;  // per program: the time up to which its accesses are ordered before this one
  struct Byte {
    Access write, read;  // the last of each kind
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
