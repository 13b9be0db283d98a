// SPDX-License-Identifier: MIT
// For each target, the steps from TTIR to something that runs.
#include "driver/targets.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

#if NEREID_HAS_LOWER
#include "lower/jam_loops.h"
#include "lower/legalize.h"
#include "lower/lower.h"
#include "lower/lowering.h"
#include "lower/math.h"
#include "lower/narrow_integers.h"
#include "passes/passes.h"
#include "schedule/advance_reductions.h"
#include "schedule/candidates.h"
#include "schedule/defer_reductions.h"
#include "schedule/reload_operands.h"
#include "schedule/schedule.h"
#include "schedule/split_dots.h"
#include "schedule/text.h"
#include "schedule/widen_operands.h"
#include "workgroup/passes.h"
#endif
#if NEREID_HAS_CPU
#include "analysis/writes.h"
#include "backends/cpu/cpu.h"
#include "backends/cpu/pool.h"
#endif
#if NEREID_HAS_WASM
#include "backends/wasm/wasm.h"
#endif
#if NEREID_HAS_WGSL
#include "backends/wgsl/wgsl.h"
#endif

namespace nereid {

namespace {

class Interpreted : public Executable {
 public:
  explicit Interpreted(Module m) : module_(std::move(m)) {}
  Result<void> launch(const Launch& launch, Diags& diags) override {
    interp::Options options{.checkBounds = launch.checkBounds,
                            .checkRaces = launch.checkRaces,
                            .allocations = launch.allocations,
                            .print = launch.print,
                            .interrupted = launch.interrupted,
                            .unwritten = launch.unwritten};
    return interp::run(module_, *module_.kernel(), launch.args, launch.grid, options, diags);
  }

 private:
  Module module_;
};

}  // namespace

bool canNameFiles(const Func& kernel, Diags& diags) {
  auto fits = [](unsigned char c) {
    return c >= 0x80 || (c | 32) - 'a' < 26u || c - '0' < 10u || c == '_' || c == '.' || c == '$' || c == '-';
  };
  if (!kernel.name.starts_with('.') && !kernel.name.starts_with('-') && std::all_of(kernel.name.begin(), kernel.name.end(), fits))
    return true;
  diags.error(Err::Unsupported, kernel.loc)
      .says("kernel name ", jsonQuoted(kernel.name), " cannot be used as a file name")
      .hint("use letters, digits and `_`");
  return false;
}

Result<std::unique_ptr<Executable>> loadInterp(Module m, Diags& diags) {
  // The interpreter cannot run inline assembly: expand it first.
  if (!expandInlineAsm(m, diags)) return std::unexpected(Failed{});
  return std::make_unique<Interpreted>(std::move(m));
}

#if NEREID_HAS_LOWER

namespace {

struct Scheduled {
  Module module;  // TTIR after the passes
  std::unique_ptr<Schedule> schedule;
  Lowered lowered;
};

// The schedule of a kernel, with decisions as text if there are any.
std::unique_ptr<Schedule> scheduleOf(const Func& kernel, const std::string& decisions, const Machine& machine, KernelSchedule shape,
                                     Diags& diags) {
  if (decisions.empty()) return makeSchedule(kernel, machine, shape);
  std::string why;
  std::unique_ptr<Schedule> out;
  if (auto sections = parseSchedule(decisions, why)) {
    if (const Decisions* section = sectionFor(*sections, machine, shape, why))
      out = makeSchedule(kernel, machine, shape, section, &why);
    else if (why.empty())
      why = cat("no section is for this target: it needs a line `", kernelText(shape), "`");
  }
  if (!out)
    diags.error(Err::Unsupported, {})
        .says("the schedule is not legal: ", why)
        .hint("start from what `nereid emit --stage schedule` prints");
  return out;
}

Result<Scheduled> toLower(Module m, const Machine& machine, const KernelSchedule& shape, Diags& diags) {
  if (!pipeline(m, diags)) return std::unexpected(Failed{});
  if (machine.hasWorkgroups()) {
    widenOperands(*m.kernel(), m);
    if (shape.reloads) reloadOperands(*m.kernel(), m);
    splitDots(*m.kernel(), m, machine);
    deferReductions(*m.kernel(), m, machine);
  } else {
    advanceReductions(*m.kernel(), m, machine);
  }
  const Func& kernel = *m.kernel();
  auto schedule = scheduleOf(kernel, m.schedule, machine, shape, diags);
  if (!schedule) return std::unexpected(Failed{});
  auto lowered = lower(kernel, *schedule, diags);
  if (!lowered) return std::unexpected(Failed{});
  if (machine.hasWorkgroups()) prepareWorkgroup(lowered->module, *schedule);
  return Scheduled{std::move(m), std::move(schedule), std::move(*lowered)};
}

}  // namespace

namespace {

// A workgroup of 64 threads, or as many as NEREID_WORKGROUP says (a power of two up to 256). NEREID_RELOADS=1: dots
// load operands again.
KernelSchedule workgroup() {
  int threads = kReferenceWorkgroup.minThreads;
  bool reloads = false;
#if !defined(__wasm__)
  if (const char* set = std::getenv("NEREID_RELOADS")) reloads = *set == '1';
  if (const char* set = std::getenv("NEREID_WORKGROUP"); set && *set)
    threads = std::clamp(static_cast<int>(std::bit_floor(static_cast<unsigned>(std::atoi(set)))), 1, kReferenceWorkgroup.maxThreads);
#endif
  const bool hasSubgroups = threads >= kReferenceWorkgroup.subgroupThreads;
  return {.threads = threads, .subgroups = hasSubgroups, .matrices = hasSubgroups, .reloads = reloads};
}

Result<std::unique_ptr<Executable>> interpretLowered(Module m, const Machine& machine, const KernelSchedule& shape, Diags& diags) {
  auto scheduled = toLower(std::move(m), machine, shape, diags);
  // These targets are for tests: they check the assumptions that other back-ends make.
  if (!scheduled || !verify(scheduled->lowered.module, diags)) return std::unexpected(Failed{});
  return std::make_unique<Interpreted>(std::move(scheduled->lowered.module));
}

}  // namespace

Result<std::unique_ptr<Executable>> loadLower(Module m, Diags& diags) { return interpretLowered(std::move(m), kReference, {}, diags); }

Result<std::unique_ptr<Executable>> loadThreads(Module m, Diags& diags) {
  return interpretLowered(std::move(m), kReferenceWorkgroup, workgroup(), diags);
}

#endif

#if NEREID_HAS_CPU

namespace {

class Native : public Executable {
 public:
  Native(SavedCpu saved, std::unique_ptr<cpu::Kernel> kernel)
      : saved_(std::move(saved)), kernel_(std::move(kernel)), entry_(kernel_->entry()) {}
  Result<void> launch(const Launch& launch, Diags& diags) override {
    constexpr size_t kFew = 32;
    const void* few[kFew];
    std::vector<const void*> many(launch.args.size() > kFew ? launch.args.size() : 0);
    const void** args = many.empty() ? few : many.data();
    for (size_t k = 0; k < launch.args.size(); ++k)
      args[k] = saved_.isPointer[k] ? reinterpret_cast<const void*>(static_cast<uintptr_t>(launch.args[k]))
                                    : static_cast<const void*>(&launch.args[k]);
    std::string printed;
    std::string failed = cpu::launch(entry_, saved_.scratchBytes, static_cast<cpu::Atomics>(saved_.atomics), args, launch.grid.data(),
                                     launch.threads, launch.interrupted, printed);
    if (!printed.empty()) {
      if (!launch.print) std::fwrite(printed.data(), 1, printed.size(), stdout);
      for (std::string_view rest = printed; launch.print && !rest.empty();) {
        size_t end = rest.find('\n');
        launch.print(rest.substr(0, end));
        rest.remove_prefix(std::min(rest.size(), end == std::string_view::npos ? rest.size() : end + 1));
      }
    }
    if (failed.empty()) return {};
    return diags.error(failed.find("assertion failed in program") != std::string::npos ? Err::Assertion : Err::Runtime, {}).says(failed);
  }
  const SavedCpu* saved() const override { return &saved_; }
  Programs programs() const override { return entry_; }

 private:
  SavedCpu saved_;
  std::unique_ptr<cpu::Kernel> kernel_;
  cpu::Entry entry_;
};

}  // namespace

Result<std::unique_ptr<Executable>> loadCpu(Module m, Diags& diags) {
  KernelInfo kernelInfo = infoOf(*m.kernel());
  auto scheduled = toLower(std::move(m), cpu::machineOf(cpu::host()), {}, diags);
  if (!scheduled) return std::unexpected(Failed{});
  const Func& lowered = *scheduled->lowered.module.kernel();
  SavedCpu saved{std::move(kernelInfo), lowered.name, {}, scheduled->lowered.scratchBytes, {}};
  if (scheduled->lowered.mayBeExclusive)
    saved.atomics = static_cast<uint8_t>(scheduled->lowered.isSerial ? cpu::Atomics::Serial : cpu::Atomics::Exclusive);
  for (const Value* v : lowered.args()) saved.isPointer.push_back(v->type.isPointer());
  std::vector<Writes> writes = writesOf(*scheduled->module.kernel());
  for (size_t k = 0; k < writes.size() && k < saved.info.parameters.size(); ++k)
    if (saved.isPointer[k]) saved.info.parameters[k].writes = writes[k] == Writes::Yes ? "true" : writes[k] == Writes::No ? "false" : "";
  auto code = cpu::code(scheduled->lowered, diags);
  if (!code) return std::unexpected(Failed{});
  saved.code = std::move(*code);
  return loadSavedCpu(std::move(saved), diags);
}

Result<std::unique_ptr<Executable>> loadSavedCpu(SavedCpu saved, Diags& diags) {
  auto kernel = cpu::load(saved.code, saved.symbol, diags);
  if (!kernel) return std::unexpected(Failed{});
  return std::make_unique<Native>(std::move(saved), std::move(*kernel));
}

std::string processor() {
  cpu::Processor p = cpu::host();
  return cat(p.name, " ", p.features);
}
int numThreads() { return cpu::defaultThreads(); }
void setNumThreads(int threads) { cpu::setDefaultThreads(threads); }
const Listener* listen(const Listener* listener) { return cpu::listen(listener); }

namespace {

std::string cpuHeader(const Lowered& lowered) {
  const Func& kernel = *lowered.module.kernel();
  const std::string& name = kernel.name;
  std::string params;
  for (size_t i = 0; i < kernel.params.size(); ++i) {
    const Param& p = kernel.params[i];
    Type t = kernel.args()[i]->type;
    appendAll(params, "     args[", i, "]  ", p.name, ": ", t.isPointer() ? "array of " : "address of ", p.isUnsigned ? "unsigned " : "",
              t.isPointer() ? t.pointee() : t,
              p.divisibility > 1 ? cat(t.isPointer() ? ", aligned to " : ", divisible by ", p.divisibility) : "", "\n");
  }
  return cat("/* Kernel ", name, ". Runs programs begin, begin + 1, ..., end - 1 of the grid, x fastest.\n", params, "     scratch  ", name,
             "_scratch_bytes, aligned to 64 */\n#ifndef NEREID_KERNEL_", name, "_H\n#define NEREID_KERNEL_", name,
             "_H\n#include <stdint.h>\n#ifdef __cplusplus\nextern \"C\" {\n#endif\nenum { ", name,
             "_scratch_bytes = ", lowered.scratchBytes, " };\nvoid ", name,
             "(const void* const* args, const uint32_t grid[3], uint64_t begin, uint64_t end, void* scratch);\n#ifdef "
             "__cplusplus\n}\n#endif\n#endif\n");
}

}  // namespace

Result<Artefacts> writeCpu(Module m, std::string_view, Diags& diags) {
  std::string name = m.kernel()->name;
  auto scheduled = toLower(std::move(m), cpu::machineOf(cpu::host()), {}, diags);
  if (!scheduled) return std::unexpected(Failed{});
  auto object = cpu::object(scheduled->lowered, cpu::host(), diags);
  if (!object) return std::unexpected(Failed{});
  Artefacts out;
  out.files.push_back({name + ".o", std::move(*object)});
  out.files.push_back({name + ".h", cpuHeader(scheduled->lowered)});
  return out;
}

#else

Result<std::unique_ptr<Executable>> loadSavedCpu(SavedCpu, Diags& diags) {
  return diags.error(Err::Environment, {}).says("this build has no target `cpu`");
}
std::string processor() { return ""; }
int numThreads() { return 1; }
void setNumThreads(int) {}
const Listener* listen(const Listener*) { return nullptr; }

#endif

#if NEREID_HAS_WASM || NEREID_HAS_WGSL

namespace {

// Joins f(item) of all items with commas.
template <class List, class F>
std::string listed(const List& list, F&& f) {
  std::string out;
  for (const auto& item : list) appendAll(out, out.empty() ? "" : ", ", f(item));
  return out;
}

std::string sitesJson(const std::vector<Site>& sites) {
  return cat("[",
             listed(sites,
                    [](const Site& site) {
                      if (site.isAssert)
                        return cat("{\"kind\": \"assert\", \"text\": ", jsonQuoted(site.text), ", \"file\": ", jsonQuoted(site.file),
                                   ", \"line\": ", site.line, "}");
                      std::string value = site.value.empty() ? ""
                                                             : cat(", \"value\": ", jsonQuoted(site.value), ", \"shape\": [",
                                                                   listed(site.shape, [](int64_t n) { return cat(n); }), "]");
                      return cat("{\"kind\": \"print\", \"text\": ", jsonQuoted(site.text), value, "}");
                    }),
             "]");
}

}  // namespace

#endif

#if NEREID_HAS_WASM

Result<Artefacts> writeWasm(Module m, std::string_view only, Diags& diags) {
  std::string name = m.kernel()->name;
  Artefacts out;
  if (!pipeline(m, diags)) return std::unexpected(Failed{});
  advanceReductions(*m.kernel(), m, wasm::machineOf(wasm::Variant::Relaxed));
  for (auto variant : {wasm::Variant::Strict, wasm::Variant::Relaxed}) {
    bool strict = variant == wasm::Variant::Strict;
    if (!only.empty() && only != (strict ? "strict" : "relaxed")) continue;
    auto schedule = scheduleOf(*m.kernel(), m.schedule, wasm::machineOf(variant), {}, diags);
    if (!schedule) return std::unexpected(Failed{});
    auto lowered = lower(*m.kernel(), *schedule, diags);
    if (!lowered) return std::unexpected(Failed{});
    auto binary = wasm::write(std::move(*lowered), variant, wasm::Text::None, diags);
    if (!binary) return std::unexpected(Failed{});
    std::string file = name + (strict ? ".wasm" : ".relaxed.wasm");
    appendAll(out.details, out.details.empty() ? "{" : ", ", strict ? "\"strict\": " : "\"relaxed\": ", jsonQuoted(file));
    out.files.push_back({file, std::move(binary->bytes)});
    if (strict && only.empty()) continue;
    appendAll(out.details, ", \"memoryFlagAt\": ", binary->memoryFlagAt, ", \"scratch\": ", binary->scratchBytes,
              ", \"sites\": ", sitesJson(binary->sites), "}");
  }
  return out;
}

#endif

#if NEREID_HAS_WGSL

namespace {

std::unique_ptr<Func> copyOf(const Func& kernel, Module& m) {
  auto out = std::make_unique<Func>();
  out->name = kernel.name;
  out->loc = kernel.loc;
  out->params = kernel.params;
  ValueMap map;
  cloneInto(m, kernel.body, out->body, map);
  return out;
}

Result<wgsl::Shader> toShader(Module& m, std::unique_ptr<Func>& reloading, const wgsl::Device* device, const wgsl::TextOptions& options,
                              Diags& diags) {
  if (!pipeline(m, diags, {.hasF64 = false, .hasPointers = false})) return std::unexpected(Failed{});
  Func& kernel = *m.kernel();
  widenOperands(kernel, m);
  reloading = copyOf(kernel, m);
  if (!reloadOperands(*reloading, m)) reloading.reset();
  for (Func* f : {&kernel, reloading.get()}) {
    if (!f) continue;
    splitDots(*f, m, kWebGpu);
    deferReductions(*f, m, kWebGpu);
  }
  return wgsl::write({&kernel, reloading.get()}, device, options, diags);
}

// The decisions about the kernel as a whole that a variant has.
KernelSchedule shapeOf(const wgsl::Variant& v) {
  return {.threads = v.threads / v.programs,
          .programs = v.programs,
          .disjoint = !v.aliases,
          .subgroups = v.subgroups,
          .matrices = v.matrices,
          .reloads = v.reloads,
          .sharedBytes = v.limits.empty() ? 0 : v.limits[0].second};
}

wgsl::Device deviceOf(std::string_view text) {
  constexpr std::string_view kStorage = "maxComputeWorkgroupStorageSize=";
  wgsl::Device out;
  while (!text.empty()) {
    std::string word(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.starts_with(kStorage))
      out.workgroupBytes = std::atoi(word.c_str() + kStorage.size());
    else
      out.features.insert(std::move(word));
  }
  return out;
}

}  // namespace

Result<Artefacts> writeWebgpu(Module m, std::string_view device, Diags& diags) {
  wgsl::Device known = deviceOf(device);
  std::unique_ptr<Func> reloading;
  auto shader = toShader(m, reloading, device.empty() ? nullptr : &known, {.schedule = m.schedule}, diags);
  if (!shader) return std::unexpected(Failed{});
  std::string arrays = listed(shader->arrays, [](const wgsl::Array& a) {
    return cat("{\"parameter\": ", a.parameter, ", \"name\": ", jsonQuoted(a.name), ", \"writes\": ", a.isWritten ? "true" : "false", "}");
  });
  Artefacts out;
  std::string variants;
  for (wgsl::Variant& v : shader->variants) {
    std::string file = cat(m.kernel()->name, v.suffix, ".wgsl");
    std::string limits =
        listed(v.limits, [](const std::pair<std::string, int64_t>& l) { return cat(jsonQuoted(l.first), ": ", l.second); });
    appendAll(variants, variants.empty() ? "" : ", ", "{\"file\": ", jsonQuoted(file), ", \"features\": [", listed(v.features, jsonQuoted),
              "], \"limits\": {", limits, "}, \"threads\": ", v.threads, v.programs > 1 ? cat(", \"programs\": ", v.programs) : "",
              ", \"scratch\": ", v.scratchBytes, ", \"report\": ", v.reports ? "true" : "false",
              ", \"aliases\": ", v.aliases ? "true" : "false", ", \"arrays\": [", arrays, "]}");
    out.files.push_back({file, std::move(v.text)});
  }
  // Checks the promises of the signature, such as alignment: generated code relies on them for 16-byte accesses.
  std::string divisors = listed(m.kernel()->params, [](const Param& p) { return cat(std::max<int64_t>(p.divisibility, 1)); });
  out.details = cat("{\"variants\": [", variants, "], \"divisors\": [", divisors, "], \"sites\": ", sitesJson(shader->sites), "}");
  return out;
}

#endif

#if NEREID_HAS_NODE

namespace {

[[maybe_unused]] Result<std::unique_ptr<Executable>> loadInNode(std::string_view target, std::string why,
                                                                Result<Artefacts> (*write)(Module, std::string_view, Diags&), Module m,
                                                                Diags& diags) {
  if (!why.empty()) return diags.error(Err::Environment, {}).says(why);
  if (!canNameFiles(*m.kernel(), diags)) return std::unexpected(Failed{});
  NodeKernel kernel{.target = std::string(target), .info = infoOf(*m.kernel()), .files = {}, .details = {}};
  auto written = write(std::move(m), "", diags);
  if (!written) return std::unexpected(Failed{});
  kernel.files = std::move(written->files);
  kernel.details = std::move(written->details);
  return inNode(std::move(kernel));
}

}  // namespace

#if NEREID_HAS_WASM
Result<std::unique_ptr<Executable>> loadWasm(Module m, Diags& diags) {
  return loadInNode("wasm", whyNoNode(), writeWasm, std::move(m), diags);
}
#endif
#if NEREID_HAS_WGSL
Result<std::unique_ptr<Executable>> loadWebgpu(Module m, Diags& diags) {
  return loadInNode("webgpu", whyNoGpu(), writeWebgpu, std::move(m), diags);
}
#endif

#endif

namespace {

#if NEREID_HAS_LOWER

// The machine of a target, and decisions about the kernel as a whole; without a target, the machine that would run the kernel here. Null if
// the target has none.
const Machine* machineOf(std::string_view target, KernelSchedule& shape) {
#if NEREID_HAS_CPU
  if (target.empty() || target == "cpu") return &cpu::machineOf(cpu::host());
#endif
#if NEREID_HAS_WASM
  if (target == "wasm") return &wasm::machineOf(wasm::Variant::Relaxed);
#endif
  if (target == "threads") {
    shape = workgroup();
    return &kReferenceWorkgroup;
  }
  return target.empty() || target == "lower" ? &kReference : nullptr;
}

enum class Middle : uint8_t { Schedule, Candidates, Lower };

#if NEREID_HAS_WGSL
// All variants of a kernel.
Result<std::string> emitMiddleOfWebgpu(Module m, Middle kind, bool lines, Diags& diags) {
  std::unique_ptr<Func> reloading;
  auto shader = toShader(m, reloading, nullptr, {.lines = lines, .explains = true, .schedule = m.schedule}, diags);
  if (!shader) return std::unexpected(Failed{});
  std::string text;
  for (const wgsl::Variant& v : shader->variants) {
    appendAll(text, kind == Middle::Lower ? "" : "# ", "variant wgsl", v.suffix, "\n");
    if (kind == Middle::Candidates) {
      const Func& kernel = v.reloads ? *reloading : *m.kernel();
      auto schedule = scheduleOf(kernel, m.schedule, kWebGpu, shapeOf(v), diags);
      if (!schedule) return std::unexpected(Failed{});
      append(text, describeCandidates(kernel, *schedule));
    } else {
      append(text, kind == Middle::Schedule ? v.schedule : v.lowered);
    }
  }
  return text;
}
#endif

// The stages schedule.TARGET, candidates.TARGET and lower.TARGET.
Result<std::string> emitMiddle(Module m, Middle kind, std::string_view name, std::string_view target, bool lines, Diags& diags) {
#if NEREID_HAS_WGSL
  if (target == "webgpu") return emitMiddleOfWebgpu(std::move(m), kind, lines, diags);
#endif
  KernelSchedule shape;
  const Machine* machine = machineOf(target, shape);
  if (!machine)
    return diags.error(Err::Unsupported, {})
        .says("the target `", target, "` has no stage `", name, "`")
        .hint("cpu, wasm, webgpu, lower and threads have one");
  auto scheduled = toLower(std::move(m), *machine, shape, diags);
  if (!scheduled) return std::unexpected(Failed{});
  const Lowered& lowered = scheduled->lowered;
  const Func& kernel = *scheduled->module.kernel();
  switch (kind) {
    case Middle::Lower: return print(lowered.module, lines);
    case Middle::Candidates: return describeCandidates(kernel, *scheduled->schedule);
    case Middle::Schedule:
      return describe(kernel, *scheduled->schedule) + cat("# scratch of a program: ", lowered.scratchBytes, " bytes\n");
  }
}

Schedule disjointWorkgroup() { return {.machine = kWebGpu, .kernel = {.threads = kWebGpu.minThreads, .disjoint = true}}; }

// Passes that are not in the list of pipeline.cpp, as for webgpu, which needs the most.
constexpr struct {
  std::string_view name;
  void (*run)(Func& f, Module& m);
} kPasses[] = {
    {"expand_math", [](Func& f, Module& m) { expandMath(f, m, kReferenceWorkgroup); }},
    {"legalize", [](Func& f, Module& m) { legalize(f, m, kWebGpu); }},
    {"narrow_integers", [](Func& f, Module& m) { narrowIntegers(f, m); }},
    {"legalize_wasm", [](Func& f, Module& m) { legalize(f, m, kWasm); }},
    {"jam_loops", [](Func& f, Module& m) { jamLoops(f, m); }},
    {"merge_loads", [](Func& f, Module&) { mergeLoads(f); }},
    {"widen_operands", [](Func& f, Module& m) { widenOperands(f, m); }},
    {"reload_operands", [](Func& f, Module& m) { reloadOperands(f, m); }},
    {"split_dots", [](Func& f, Module& m) { splitDots(f, m, kWebGpu); }},
    {"defer_reductions", [](Func& f, Module& m) { deferReductions(f, m, kWebGpu); }},
    {"advance_reductions", [](Func& f, Module& m) { advanceReductions(f, m, kReference); }},
    {"prefetch",
     [](Func& f, Module& m) {
       std::vector<Inst*> own;
       prefetch(f, m, kWebGpu, own);
     }},
    {"keep_invariants",
     [](Func& f, Module& m) {
       std::vector<Inst*> own;
       keepInvariants(f, m, kWebGpu, own);
     }},
    {"hoist_fragments", [](Func& f, Module&) { hoistFragments(f, disjointWorkgroup()); }},
    {"place_memory", [](Func& f, Module&) { placeMemory(f, disjointWorkgroup()); }},
    {"insert_barriers", [](Func& f, Module& m) { insertBarriers(f, m, disjointWorkgroup()); }},
};

Result<std::string> emitPass(Module m, std::string_view name, bool lines, Diags& diags) {
  const auto* pass = std::find_if(std::begin(kPasses), std::end(kPasses), [&](const auto& p) { return p.name == name; });
  if (pass != std::end(kPasses))
    pass->run(*m.kernel(), m);
  else if (!runPass(m, name, diags, {.hasF64 = false, .hasPointers = false}))
    return std::unexpected(Failed{});
  return print(m, lines);
}

#endif

#if NEREID_HAS_WGSL
// The variant that runs on every device is `wgsl`; `wgsl.f16` is the one with that suffix.
Result<std::string> emitShader(Module m, std::string_view stage, bool lines, Diags& diags) {
  std::unique_ptr<Func> reloading;
  auto shader = toShader(m, reloading, nullptr, {.lines = lines, .schedule = m.schedule}, diags);
  if (!shader) return std::unexpected(Failed{});
  std::string suffixes;
  for (wgsl::Variant& v : shader->variants) {
    std::string name = cat("wgsl", v.suffix);
    if (stage == name) return std::move(v.text);
    appendAll(suffixes, suffixes.empty() ? "" : ", ", name);
  }
  return diags.error(Err::Unsupported, {}).says("the kernel has no variant `", stage, "`").hint(cat("its variants are ", suffixes));
}
#endif

}  // namespace

Result<std::string> emitStage([[maybe_unused]] Module m, std::string_view stage, [[maybe_unused]] bool lines, Diags& diags) {
  const size_t dot = std::min(stage.find('.'), stage.size());
  [[maybe_unused]] const std::string_view kind = stage.substr(0, dot), of = stage.substr(std::min(dot + 1, stage.size()));
#if NEREID_HAS_LOWER
  if (kind == "schedule") return emitMiddle(std::move(m), Middle::Schedule, kind, of, lines, diags);
  if (kind == "candidates") return emitMiddle(std::move(m), Middle::Candidates, kind, of, lines, diags);
  if (kind == "lower") return emitMiddle(std::move(m), Middle::Lower, kind, of, lines, diags);
  if (kind == "pass") return emitPass(std::move(m), of, lines, diags);
  if (stage == "passes") {
    if (!pipeline(m, diags)) return std::unexpected(Failed{});
    return print(m, lines);
  }
  // As it runs, or for launches whose arguments do not overlap.
  if (stage == "threads" || stage == "threads.disjoint") {
    KernelSchedule shape = workgroup();
    shape.disjoint = stage != "threads";
    auto scheduled = toLower(std::move(m), kReferenceWorkgroup, shape, diags);
    if (!scheduled) return std::unexpected(Failed{});
    return print(scheduled->lowered.module, lines);
  }
#endif
#if NEREID_HAS_CPU
  if (stage == "llvm" || stage == "asm") {
    auto scheduled = toLower(std::move(m), cpu::machineOf(cpu::host()), {}, diags);
    if (!scheduled) return std::unexpected(Failed{});
    return stage == "llvm" ? cpu::llvmText(scheduled->lowered, cpu::host(), diags) : cpu::assembly(scheduled->lowered, cpu::host(), diags);
  }
#endif
#if NEREID_HAS_WASM
  if (stage == "wat") {
    auto variant = wasm::Variant::Relaxed;
    auto scheduled = toLower(std::move(m), wasm::machineOf(variant), {}, diags);
    if (!scheduled) return std::unexpected(Failed{});
    auto binary = wasm::write(std::move(scheduled->lowered), variant, lines ? wasm::Text::WithLines : wasm::Text::Plain, diags);
    if (!binary) return std::unexpected(Failed{});
    return std::move(binary->text);
  }
#endif
#if NEREID_HAS_WGSL
  if (kind == "wgsl") return emitShader(std::move(m), stage, lines, diags);
#endif
  return diags.error(Err::Unsupported, {})
      .says("this build has no stage `", stage, "`")
      .hint("use tokens, ast, ttir, passes, pass.NAME, schedule, candidates, lower, threads, llvm, asm, wat or wgsl");
}

}  // namespace nereid
