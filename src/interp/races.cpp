// SPDX-License-Identifier: MIT
#include "interp/races.h"

namespace nereid::interp {

std::optional<Races::Access> Races::touch(const Inst& i, uint64_t address, uint64_t size, Kind kind) {
  ++now_;
  std::optional<Access> found;
  auto conflicts = [&](const Access& a) { return unordered(a) && !(kind == Atomic && a.kind == Atomic); };
  for (uint64_t k = 0; k < size; ++k) {
    Byte& byte = bytes_[address + k];
    if (!found && conflicts(byte.write)) found = byte.write;
    if (!found && kind != Load && conflicts(byte.read)) found = byte.read;
    (kind == Load ? byte.read : byte.write) = {program_, now_, &i, kind};
  }
  return found;
}

void Races::synchronise(uint64_t address) {
  Times& released = released_[address];
  merge(known_, released);
  merge(released, known_);
  released[program_] = now_;
}

}  // namespace nereid::interp
