// SPDX-License-Identifier: MIT
// The program `nereid`.
#include "tool.h"

int main(int argc, char** argv) { return nereid::tool::runTool(argc, argv); }
