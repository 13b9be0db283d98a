// SPDX-License-Identifier: MIT
// Schedules as text that can be edited: `emit --stage schedule` prints it, `--schedule FILE` reads it.
//
//   kernel threads 64 programs 1 subgroups no matrices no
//   nest 0 axes 1024 vector 0 lanes 16 threads 0 order 0 unrolled no     # tt.store at line 9
//   dot 1 rows 6 rest 4 columns 16 group 1                               # one thread: tiles of accumulators in registers
//   dot 2 depth 4 unrolled no                                            # threads: elements along K that each loads together
//
// A line may omit decisions, which are then the compiler's. A section begins with `kernel`; a target with several variants of a kernel has
// several sections. `axes` has the size of each axis, the innermost of the tile's index first; an axis that a reduction or scan combines
// ends in `r`. The other fields are decisions: the vector axis (or `none`) and its lanes, the threads along each axis, the axes as loops
// (the outermost first), and whether the loops over a thread's elements are unrolled. A reduction inside a loop over rows also says how
// many rows run together (`jammed`), and a nest whose accesses may meet whether a run-time test chooses a version (`tested`). After `#`
// come comments.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/decision.h"
#include "schedule/schedule.h"

namespace nereid {

// One section.
struct Decisions {
  KernelSchedule kernel;
  std::map<int, LineDecisions> nests;  // by number; dots too
  // Instead of a section: legal decisions are drawn with this seed. 0: they are not.
  uint64_t seed = 0;
};

// Null if the text is wrong: `why` says so. "random SEED" draws decisions.
std::unique_ptr<std::vector<Decisions>> parseSchedule(std::string_view text, std::string& why);
// Returns the section for a variant of a kernel, and sets the variant's threads to those of the section. Returns null if no section
// matches, or if the section is not legal: then `why` says so.
const Decisions* sectionFor(const std::vector<Decisions>& sections, const Machine& machine, KernelSchedule& kernel, std::string& why);

std::string kernelText(const KernelSchedule& kernel);
// The line of a nest with decisions; empty for one without.
std::string nestText(const Nest& nest);
std::string axesText(const NestSchedule& s);

}  // namespace nereid
