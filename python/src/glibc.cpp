// SPDX-License-Identifier: MIT
// libstdc++ calls a random number function that glibc has only from 2.36 on; this definition lets the package load on Ubuntu 22.04.
#if defined(__linux__)
#include <unistd.h>

extern "C" __attribute__((visibility("hidden"))) unsigned arc4random() noexcept {
  unsigned n = 0;
  if (getentropy(&n, sizeof n) != 0) n = static_cast<unsigned>(getpid());
  return n;
}
#endif
