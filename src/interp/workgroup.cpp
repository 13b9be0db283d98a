// SPDX-License-Identifier: MIT
#include "interp/workgroup.h"

namespace nereid::interp {

Workgroup::Other Workgroup::touch(const Inst& inst, uint64_t address, bool inStorage, bool writes, bool isAtomic, int32_t thread) {
  const uint32_t epoch = epoch_[inStorage];
  Cell& cell = cells_[address];
  auto races = [&](const Access& other) {
    return other.epoch == epoch && (other.thread != thread || (thread == kAll && writes)) && !(isAtomic && other.isAtomic);
  };
  Other found{nullptr, 0};
  // Elements of one tile may be stored to the same address: it is not defined which of them stays.
  if (races(cell.write) && !(writes && inStorage && cell.write.section == section_)) found = {cell.write.inst, cell.write.thread};
  if (writes && races(cell.read)) found = {cell.read.inst, cell.read.thread};
  if (writes) {
    cell.write = {epoch, thread, &inst, isAtomic, section_};
  } else {
    const bool isSeveral = cell.read.epoch == epoch && cell.read.thread != thread;
    cell.read = {epoch, isSeveral ? kSeveral : thread, &inst, isAtomic, section_};
  }
  return found;
}

}  // namespace nereid::interp
