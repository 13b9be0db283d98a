// SPDX-License-Identifier: MIT
#pragma once

namespace nereid::tool {

// Runs the command line `nereid`, and returns its exit status. Used by the program and by the command of the Python package.
int runTool(int argc, char** argv);

}  // namespace nereid::tool
