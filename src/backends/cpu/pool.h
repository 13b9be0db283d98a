// SPDX-License-Identifier: MIT
// Threads that wait for work: several launches may share them, from several callers.
//
// Not OpenMP: its library may be in a process only once, and in a Python process another package often has brought one.
#pragma once

#include <functional>

namespace nereid::cpu {

// How many threads a launch takes if it does not say: set_num_threads, NEREID_NUM_THREADS, OMP_NUM_THREADS, or what the machine has.
int defaultThreads();
// 0: as the environment says.
void setDefaultThreads(int threads);

// Calls `work` in the caller and in up to `helpers` threads at the same time; returns when all of these calls have. A helper that is
// busy elsewhere until the caller is done is not waited for: `work` must be complete when any number of calls returned.
// While the caller waits for helpers it calls `waiting` now and then.
void inParallel(int helpers, const std::function<void()>& work, const std::function<void()>& waiting = [] {});

}  // namespace nereid::cpu
