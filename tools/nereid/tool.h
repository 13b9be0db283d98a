// SPDX-License-Identifier: MIT
#pragma once

namespace nereid::tool {

// Runs the command line `nereid`, and returns its exit status. The program and the command of the Python package call it.
int runTool(int argc, char** argv);

}  // namespace nereid::tool
