// SPDX-License-Identifier: MIT
// Elementary functions of what is known at compile time, with the same bits on every host: C libraries differ in the last place, and a
// kernel must not. They work with pairs of doubles, some 100 bits, so that a result is the correctly rounded one but for a chance of one in
// 10^12.
#pragma once

namespace nereid {

double hostExp(double x);
double hostLog(double x);            // of x > 0
double hostLog2(double x);           // of x > 0
double hostPow(double x, double y);  // as C's pow
// Of a magnitude up to 2^30.
double hostSin(double x);
double hostCos(double x);

}  // namespace nereid
