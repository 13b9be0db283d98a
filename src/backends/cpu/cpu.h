// SPDX-License-Identifier: MIT
// The back-end `cpu`: lower form to LLVM IR, then to an object file or to code in this process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lower/lower.h"
#include "support/listener.h"

namespace nereid::cpu {

// One call runs programs begin, begin + 1, ..., end - 1 of the grid, x fastest. `args[i]` is the buffer for a pointer argument, else the
// address of the value. `scratch` points to the kernel's scratchBytes, aligned to 64.
using Entry = void (*)(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);

// Added to `end`: no other thread accesses memory during the call. Only for kernels that may be exclusive.
constexpr uint64_t kExclusive = uint64_t{1} << 63;

// How launch() runs a kernel if no other launch with atomic operations runs.
enum class Atomics : uint8_t {
  None,
  Exclusive,  // one thread needs no atomic operations: kExclusive
  Serial,     // one thread runs all programs
};

// The processor to compile for: empty for host(), else an LLVM CPU name ("x86-64-v3") and features ("+avx512f").
struct Processor {
  std::string name, features;
};
// The processor of this machine, or the one named by the environment variable NEREID_CPU.
Processor host();
// Its row of machine.h.
const Machine& machineOf(const Processor& processor);

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Entry entry() const = 0;
};

// Object code for load() in a process on the same processor.
Result<std::string> code(const Lowered& lowered, Diags& diags);
// The kernel of that name in an object from compileObject().
Result<std::unique_ptr<Kernel>> load(const std::string& code, const std::string& name, Diags& diags);
// An ELF object that defines the kernel as a global function with the kernel's name.
Result<std::string> object(const Lowered& lowered, const Processor& processor, Diags& diags);
// LLVM IR after optimisation, or assembly, as text.
Result<std::string> llvmText(const Lowered& lowered, const Processor& processor, Diags& diags);
Result<std::string> assembly(const Lowered& lowered, const Processor& processor, Diags& diags);

// Sets the listener for prints and failed assertions of kernels in this thread (null: none), and returns the previous one.
const Listener* listen(const Listener* listener);

// Runs the whole grid, distributing chunks of programs over `threads` threads (0: defaultThreads() of pool.h). Safe to call from several
// threads at once. Returns an error text: a failed assertion, or `interrupted`. `printed` receives the kernel's output. `interrupted`, if
// set, is called in the calling thread about every 50 ms; when it returns true, programs stop where they are.
std::string launch(Entry entry, int64_t scratchBytes, Atomics atomics, const void* const* args, const uint32_t grid[3], int threads,
                   const std::function<bool()>& interrupted, std::string& printed);

}  // namespace nereid::cpu
