// SPDX-License-Identifier: MIT
// Elementary functions for constants, with the same bits on every host: C libraries differ in the last place, and a kernel must not depend
// on the host. They compute with pairs of doubles (about 100 bits), so that a result is correctly rounded except with probability 10^-12.
#pragma once

namespace nereid {

double hostExp(double x);
double hostLog(double x);            // of x > 0
double hostLog2(double x);           // of x > 0
double hostPow(double x, double y);  // as C's pow
// For magnitudes up to 2^30.
double hostSin(double x);
double hostCos(double x);

}  // namespace nereid
