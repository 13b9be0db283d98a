// SPDX-License-Identifier: MIT
// The back-end `cpu`: lower form to LLVM IR, and that to an object file or to code in this process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lower/lower.h"
#include "support/listener.h"

namespace nereid::cpu {

// One call runs programs begin, begin + 1, ..., end - 1 of the grid, x fastest. `args[i]` is the buffer itself for a pointer argument, else
// the address of the value. `scratch` has the kernel's scratchBytes, aligned to 64.
using Entry = void (*)(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);

// The processor to compile for: empty for host(), else an LLVM CPU name ("x86-64-v3") and features ("+avx512f").
struct Processor {
  std::string name, features;
};
// This one, or the one that the environment variable NEREID_CPU names.
Processor host();
// What lowering must know of it.
const Machine& machineOf(const Processor& processor);

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Entry entry() const = 0;
};

// Object code for load() in a process on this processor.
Result<std::string> code(const Lowered& lowered, Diags& diags);
// The kernel of that name in such code.
Result<std::unique_ptr<Kernel>> load(const std::string& code, const std::string& name, Diags& diags);
// An ELF object with the kernel as a global function of its name.
Result<std::string> object(const Lowered& lowered, const Processor& processor, Diags& diags);
// Text: LLVM IR after optimisation, or assembly.
Result<std::string> llvmText(const Lowered& lowered, const Processor& processor, Diags& diags);
Result<std::string> assembly(const Lowered& lowered, const Processor& processor, Diags& diags);

// Sets who hears what kernels say in this thread, null: nobody; returns the former.
const Listener* listen(const Listener* listener);

// Runs the whole grid, chunks of programs on `threads` threads (0: defaultThreads() of pool.h). It may be called from several threads at
// once. Returns the text of what went wrong: an assertion that failed, or `interrupted`. `printed` becomes what the kernel printed.
// `interrupted`, if any, is asked in the calling thread every 50 ms or so; where it says yes, programs stop where they are.
std::string launch(Entry entry, int64_t scratchBytes, const void* const* args, const uint32_t grid[3], int threads,
                   const std::function<bool()>& interrupted, std::string& printed);

}  // namespace nereid::cpu
