// SPDX-License-Identifier: MIT
// Decides how each dot is computed.
#pragma once

#include <string>

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
  // The default; or `decision`, if it is legal; or one drawn at random.
  DotSchedule schedule(const Inst& dot, const DotSchedule* decision, Random* random);
  // Why the decision of the last call is not legal; empty if it is.
  std::string illegal;

 private:
  DotSchedule::Kind kindOf(const Inst& dot) const;
  int mostOf(const Inst& dot) const;
  DotSchedule usual(const Inst& dot) const;
  DotSchedule draw(const Inst& dot, Random& random) const;
  std::string check(const Inst& dot, const DotSchedule& d) const;
  bool storesInit(const Inst& dot, const DotSchedule& d) const;

  const Machine& machine_;
  const int threads_;
  Layouts& layouts_;
  NestScheduler& nests_;
};

}  // namespace nereid
