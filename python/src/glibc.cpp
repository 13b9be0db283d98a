// SPDX-License-Identifier: MIT
// libstdc++ asks for random numbers by a function that glibc has from 2.36 on; without it the package would not load on Ubuntu 22.04.
#if defined(__linux__)
#include <unistd.h>

extern "C" __attribute__((visibility("hidden"))) unsigned arc4random() noexcept {
  unsigned n = 0;
  if (getentropy(&n, sizeof n) != 0) n = static_cast<unsigned>(getpid());
  return n;
}
#endif
