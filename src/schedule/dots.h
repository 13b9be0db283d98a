// SPDX-License-Identifier: MIT
// Decides how each dot is computed.
#pragma once

#include "schedule/dot_schedule.h"
#include "schedule/nests.h"

namespace nereid {

// How many neighbours along K the machine can multiply and add at once (lo.dot_add) for the types of this dot; 1: it has no such
// instruction.
int groupOf(const Inst& dot, const Machine& machine);

class DotScheduler {
 public:
  DotScheduler(const Schedule& schedule, Layouts& layouts, NestScheduler& nests)
      : machine_(schedule.machine), threads_(schedule.kernel.threads), layouts_(layouts), nests_(nests) {}
  // The default; or what `choose` answers, if it is not null.
  DotSchedule schedule(const Inst& dot, const Choose* choose);
  // The estimated cost.
  int64_t cost(const Inst& dot, const DotSchedule& d) const;

 private:
  DotSchedule::Kind kindOf(const Inst& dot) const;
  int mostOf(const Inst& dot) const;
  DotSchedule usual(const Inst& dot) const;
  void decideTiles(const Inst& dot, DotSchedule& d, Choose choose) const;
  void decideThreads(const Inst& dot, DotSchedule& d, Choose choose) const;
  bool storesInit(const Inst& dot, const DotSchedule& d) const;

  const Machine& machine_;
  const int threads_;
  Layouts& layouts_;
  NestScheduler& nests_;
};

}  // namespace nereid
