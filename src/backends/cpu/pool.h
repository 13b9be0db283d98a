// SPDX-License-Identifier: MIT
// A thread pool that several launches, from several callers, may share.
//
// Not OpenMP: only one copy of its library may be in a process, and in Python another package has often loaded one.
#pragma once

#include <functional>

namespace nereid::cpu {

// Default number of threads per launch: set_num_threads, else NEREID_NUM_THREADS, else OMP_NUM_THREADS, else the number of cores.
int defaultThreads();
// 0 restores the default from the environment.
void setDefaultThreads(int threads);

// Calls `work` in the caller and, concurrently, in up to `helpers` threads; returns when all of these calls have returned. Does not wait
// for helpers that stay busy with other jobs: `work` must be complete after any number of calls. While waiting, the caller calls `waiting`
// periodically.
void inParallel(int helpers, const std::function<void()>& work, const std::function<void()>& waiting = [] {});

}  // namespace nereid::cpu
