// SPDX-License-Identifier: MIT
#include "ir/after_pass.h"
#include "workgroup/passes.h"

namespace nereid {

bool prepareWorkgroup(Module& m, const Schedule& schedule) {
  Func& f = *m.kernel();
  hoistFragments(f, schedule);
  afterPass("hoist_fragments", m);
  bool fits = placeMemory(f, schedule);
  afterPass("place_memory", m);
  insertBarriers(f, m, schedule);
  afterPass("insert_barriers", m);
  return fits;
}

}  // namespace nereid
