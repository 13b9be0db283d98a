// SPDX-License-Identifier: MIT
// The functions named in targets.def.
#pragma once

#include "driver/driver.h"
#include "driver/node.h"

namespace nereid {

Result<std::unique_ptr<Executable>> loadInterp(Module m, Diags& diags);
Result<std::unique_ptr<Executable>> loadLower(Module m, Diags& diags);
Result<std::unique_ptr<Executable>> loadThreads(Module m, Diags& diags);
Result<std::unique_ptr<Executable>> loadCpu(Module m, Diags& diags);
Result<Artefacts> writeCpu(Module m, std::string_view, Diags& diags);
Result<std::unique_ptr<Executable>> loadWasm(Module m, Diags& diags);
Result<Artefacts> writeWasm(Module m, std::string_view, Diags& diags);
Result<std::unique_ptr<Executable>> loadWebgpu(Module m, Diags& diags);
Result<Artefacts> writeWebgpu(Module m, std::string_view device, Diags& diags);

// The stages after `ttir`.
Result<std::string> emitStage(Module m, std::string_view stage, bool lines, Diags& diags);

}  // namespace nereid
