// SPDX-License-Identifier: MIT
// From a request to an executable or a text: front-end, passes, schedule, back-end. This is the only layer that names back-ends.
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

// Returns the text of a file, or nothing if it does not exist.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

struct Request {
  std::string path;    // .py or .ttir
  std::string kernel;  // empty: the only kernel of the file
  std::vector<std::string> signature;
  std::map<std::string, std::string> constants;
  bool debug = false;    // Python source keeps its assertions and checks integers for overflow
  std::string schedule;  // text of decisions; empty: the defaults
  ReadFile read;
  std::function<void(const std::string&)> print;                                   // the text of tl.static_print
  std::function<bool(const std::string& expression, std::string& answer)> python;  // evaluates constexpr functions; see tl.h
};

struct ParameterInfo {
  std::string name, type;  // type: "*fp32" as in signatures; for Python source its annotation, or empty
  // For a tensor descriptor, the shape of its blocks: the argument is a pointer, and the following ones are the array's sizes (i32) and
  // strides (i64).
  std::vector<int64_t> block;
  bool isConstexpr = false, hasDefault = false, doNotSpecialize = false, doNotAlign = false;
  std::string_view writes{};  // for an array of a compiled kernel: "true", "false", or empty if unknown
};
struct KernelInfo {
  std::string name;
  bool typed = false;  // the types are known: for TTIR and compiled kernels
  std::vector<ParameterInfo> parameters;
};

struct Launch {
  std::span<const uint64_t> args;  // addresses of memory, or the bits of scalars
  std::array<uint32_t, 3> grid{1, 1, 1};
  int threads = 0;
  bool checkBounds = false, checkRaces = false;
  std::vector<interp::Allocation> allocations;
  std::function<void(std::string_view)> print;
  std::function<void(std::string_view)> unwritten;  // see interp.h
  std::function<bool()> interrupted;  // if set, called periodically in the calling thread; the launch fails if it returns true
  std::span<double> times;  // if not empty: after a few warm-up runs, runs as often as it has elements and stores the microseconds of each
};

// Native code with the facts that a launch needs: the content of a cache entry.
struct SavedCpu {
  KernelInfo info;
  std::string symbol, code;
  int64_t scratchBytes = 0;
  std::vector<unsigned char> isPointer;  // for the C interface
  uint8_t atomics = 0;                   // cpu::Atomics
};

// Runs programs begin, ..., end - 1 of a grid in the calling thread; backends/cpu/cpu.h documents the arguments.
using Programs = void (*)(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);

// A kernel that this process can launch.
class Executable {
 public:
  virtual ~Executable() = default;
  virtual Result<void> launch(const Launch& launch, Diags& diags) = 0;
  // True if launch() fills `times`; otherwise the caller measures.
  virtual bool canTime() const { return false; }
  // The saved form of the kernel, or null if it has none.
  virtual const SavedCpu* saved() const { return nullptr; }
  // The native function, for callers that bring their own threads; null if there is none.
  virtual Programs programs() const { return nullptr; }
};

struct Artefact {
  std::string name, bytes;
};

struct Artefacts {
  std::vector<Artefact> files;
  std::string details;  // target-specific part of the manifest: JSON, or empty
};

struct Target {
  std::string_view name, doc;
  Result<std::unique_ptr<Executable>> (*load)(Module m, Diags& diags);  // null: the target does not run in this process
  // Null: the target has no artefacts. For `wasm`, `device` is `strict` or `relaxed`, the only variant, or empty. For `webgpu` it lists the
  // features and limits of one device, separated by spaces, as variants in a manifest require them (NAME or NAME=NUMBER); if it is empty,
  // the artefacts are for all devices.
  Result<Artefacts> (*write)(Module m, std::string_view device, Diags& diags);
  std::string (*missing)();  // what the environment lacks to run this target, or empty; null: never lacks anything
  std::string (*found)();    // describes the relevant parts of the environment; null: nothing to describe
  bool runs() const { return load && (!missing || missing().empty()); }
};
std::span<const Target> targets();
const Target* findTarget(std::string_view name);

// The parameters of a kernel, without compiling it.
Result<KernelInfo> describe(Sources& sources, const Request& request, Diags& diags);
// The request's kernel as TTIR, verified.
Result<Module> frontEnd(Sources& sources, const Request& request, Diags& diags);
// Stores the name of the source file in each assertion, since back-ends do not see the sources.
void nameFiles(Module& m, const Sources& sources);
KernelInfo infoOf(const Func& kernel);
// Returns whether the kernel's name can be used as a file name. Names in TTIR are arbitrary, and may contain a path that leaves the folder.
bool canNameFiles(const Func& kernel, Diags& diags);
// tokens | ast | ttir | passes | schedule | candidates | lower | threads | llvm | asm | wat | wgsl. With the suffix `+lines`, each line of
// ttir, passes, lower, threads, wat and wgsl that comes from a line of the kernel's source ends with a comment `line N`.
Result<std::string> emit(Sources& sources, const Request& request, std::string_view stage, Diags& diags);

Result<std::unique_ptr<Executable>> loadSavedCpu(SavedCpu saved, Diags& diags);
// The processor of native code, and the default number of threads per launch.
std::string processor();
int numThreads();
void setNumThreads(int threads);
// Sets the listener for prints and failed assertions in this thread, and returns the previous one.
const Listener* listen(const Listener* listener);

// The type as a signature spells it: *fp32, i64, fp8e5.
std::string signatureType(Type type);

}  // namespace nereid
