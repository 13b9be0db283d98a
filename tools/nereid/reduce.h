// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

// Shrinks a program while `keeps` returns true for the candidate; `says` receives progress. `isPython`: blocks are by indentation, else by
// braces. Returns the smallest text found.
//
// Statements are deleted in ever smaller runs (Zeller and Hildebrandt 2002, "Simplifying and Isolating Failure-Inducing Input"), blocks are
// replaced by their bodies, and expressions by their operands, arguments, 0 or 1, until nothing helps.
std::string reduceProgram(std::string text, bool isPython, const std::function<bool(const std::string&)>& keeps,
                          const std::function<void(const std::string&)>& says);
