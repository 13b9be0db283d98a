// SPDX-License-Identifier: MIT
// From a request to something that runs or a text to look at: front-end, passes, schedule, back-end. Only this layer names back-ends.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "interp/interp.h"
#include "ir/ir.h"
#include "support/listener.h"

namespace nereid {

// Reads a file, or nothing when it is not there.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

struct Request {
  std::string path;    // .py or .ttir
  std::string kernel;  // empty: the only one
  std::vector<std::string> signature;
  std::map<std::string, std::string> constants;
  bool debug = false;  // Python source keeps its assertions and checks integers for overflow
  ReadFile read;
  std::function<void(const std::string&)> print;                                   // the text of tl.static_print
  std::function<bool(const std::string& expression, std::string& answer)> python;  // as the front-end's
};

struct ParameterInfo {
  std::string name, type;  // type: "*fp32" as in signatures; of Python source its annotation, or empty
  // Of a tensor descriptor the shape of its blocks: the argument is a pointer, and the next are the array's sizes (i32) and strides (i64).
  std::vector<int64_t> block;
  bool isConstexpr = false, hasDefault = false, doNotSpecialize = false, doNotAlign = false;
  std::string_view writes{};  // of a compiled kernel's array: "true", "false", or empty where it is not known
};
struct KernelInfo {
  std::string name;
  bool typed = false;  // whether the types are known: of TTIR, and of compiled kernels
  std::vector<ParameterInfo> parameters;
};

struct Launch {
  std::span<const uint64_t> args;  // addresses of memory, or the bits of scalars
  std::array<uint32_t, 3> grid{1, 1, 1};
  int threads = 0;
  bool checkBounds = false, checkRaces = false;
  std::vector<interp::Allocation> allocations;
  std::function<void(std::string_view)> print;
  std::function<void(std::string_view)> unwritten;  // as the interpreter's
  std::function<bool()> interrupted;                // if any, asked now and then in the calling thread; the launch fails where it says yes
  std::span<double> times;  // if any: after a few for warm-up so many more runs, and the microseconds that each took
};

// Native code and what launching it takes: what a cache keeps.
struct SavedCpu {
  KernelInfo info;
  std::string symbol, code;
  int64_t scratchBytes = 0;
  std::vector<unsigned char> isPointer;  // as the C interface gives it
};

// Runs programs begin, ..., end - 1 of a grid in the calling thread: backends/cpu/cpu.h has it in full.
using Programs = void (*)(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);

// A kernel that can be launched from this process.
class Executable {
 public:
  virtual ~Executable() = default;
  virtual Result<void> launch(const Launch& launch, Diags& diags) = 0;
  // Whether launch() minds `times`; else the caller measures.
  virtual bool canTime() const { return false; }
  // What can be kept of it, or null.
  virtual const SavedCpu* saved() const { return nullptr; }
  // Of native code, for callers with threads of their own; or null.
  virtual Programs programs() const { return nullptr; }
};

struct Artefact {
  std::string name, bytes;
};

struct Artefacts {
  std::vector<Artefact> files;
  std::string details;  // of the target, for the manifest: JSON, or empty
};

struct Target {
  std::string_view name, doc;
  Result<std::unique_ptr<Executable>> (*load)(Module m, Diags& diags);  // null: it does not run in this process
  // Null: there is nothing to write. For one device, `device` says what it has: names of features and limits NAME=NUMBER with spaces
  // between, as variants of a manifest ask for them; empty, the artefacts are for all devices.
  Result<Artefacts> (*write)(Module m, std::string_view device, Diags& diags);
  std::string (*missing)();  // what the environment lacks to run it, or empty; null: nothing can
  std::string (*found)();    // what it has that matters; null: nothing does
  bool runs() const { return load && (!missing || missing().empty()); }
};
std::span<const Target> targets();
const Target* findTarget(std::string_view name);

// What parameters a kernel has, before anything is compiled.
Result<KernelInfo> describe(Sources& sources, const Request& request, Diags& diags);
// The request's kernel as TTIR, verified.
Result<Module> frontEnd(Sources& sources, const Request& request, Diags& diags);
// Gives each assertion the name of its source file, for back-ends, which do not see the sources.
void nameFiles(Module& m, const Sources& sources);
KernelInfo infoOf(const Func& kernel);
// Whether files may be called as the kernel; in TTIR its name may be anything, also one that leads out of their folder.
bool canNameFiles(const Func& kernel, Diags& diags);
// tokens | ast | ttir | passes | schedule | lower | threads | llvm | asm | wat | wgsl; with `+lines` behind it, the lines of ttir, passes,
// lower, threads, wat and wgsl end with a comment `line N` where they come from a line of the kernel's source.
Result<std::string> emit(Sources& sources, const Request& request, std::string_view stage, Diags& diags);

Result<std::unique_ptr<Executable>> loadSavedCpu(SavedCpu saved, Diags& diags);
// The processor that native code is for; how many threads a launch takes that does not say.
std::string processor();
int numThreads();
void setNumThreads(int threads);
// Who hears what native code says in this thread; returns the former.
const Listener* listen(const Listener* listener);

// The type as signatures spell it: *fp32, i64, fp8e5.
std::string signatureType(Type type);

}  // namespace nereid
