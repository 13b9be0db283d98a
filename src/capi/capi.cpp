// SPDX-License-Identifier: MIT
// The C interface on top of the driver: texts, JSON, files.
#include <algorithm>
#include <bit>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "driver/driver.h"
#include "driver/json.h"
#include "driver/saved.h"
#include "nereid/nereid.h"

using namespace nereid;

namespace {

// The parts of a request that a command needs, owned for as long as its kernel exists.
struct KeptRequest {
  struct File {
    std::string path, text;
  };
  std::string path, kernel;
  std::vector<std::string> signature;
  std::vector<std::pair<std::string, std::string>> constants;
  std::vector<File> files;
  bool debug = false;

  void keep(const nereid_request& r) {
    path = r.path ? r.path : "";
    kernel = r.kernel ? r.kernel : "";
    for (size_t i = 0; i < r.signature_size; ++i) signature.emplace_back(r.signature[i]);
    for (size_t i = 0; i < r.constants_size; ++i) constants.emplace_back(r.constant_names[i], r.constant_values[i]);
    for (size_t i = 0; i < r.files_size; ++i) files.push_back({r.files[i].path, r.files[i].text});
    if (r.source) files.push_back({path, r.source});
    debug = r.debug;
  }
};

}  // namespace

struct nereid_kernel {
  Sources sources;
  KeptRequest request;  // empty for a kernel loaded from bytes
  std::string target;
  KernelInfo info;
  std::unique_ptr<Executable> executable;
};

namespace {

constexpr int kWarmUps = 3;

nereid_text toText(std::string_view s) {
  auto* data = static_cast<char*>(std::malloc(s.size() + 1));
  if (!s.empty()) std::memcpy(data, s.data(), s.size());
  data[s.size()] = 0;
  return {data, s.size()};
}

void give(nereid_text* out, std::string_view s) {
  if (out) *out = toText(s);
}

std::string json(std::string_view s) { return jsonQuoted(s); }

std::optional<std::string> readFile(const std::string& path) {
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::stringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

// `sources` receives the names under which the request's files are shown.
Request toRequest(const nereid_request& r, Sources& sources) {
  Request out;
  out.path = r.path ? r.path : "";
  out.kernel = r.kernel ? r.kernel : "";
  for (size_t i = 0; i < r.signature_size; ++i) out.signature.emplace_back(r.signature[i]);
  for (size_t i = 0; i < r.constants_size; ++i) out.constants.emplace(r.constant_names[i], r.constant_values[i]);
  out.debug = r.debug;
  if (r.schedule) out.schedule = r.schedule;
  std::map<std::string, std::string> given;
  for (size_t i = 0; i < r.files_size; ++i) {
    given[r.files[i].path] = r.files[i].text;
    if (r.files[i].shown) sources.showAs(r.files[i].path, r.files[i].shown);
  }
  if (r.source) given[out.path] = r.source;
  out.read = [given = std::move(given)](const std::string& wanted) {
    auto found = given.find(wanted);
    return found != given.end() ? std::optional(found->second) : readFile(wanted);
  };
  if (r.print)
    out.print = [print = r.print, user = r.user](const std::string& text) { print(user, text.data(), text.size()); };
  else
    out.print = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  if (r.python)
    out.python = [python = r.python, user = r.user](const std::string& expression, std::string& answer) {
      return python(
                 user, expression.data(), expression.size(),
                 [](void* to, const char* text, size_t size) { static_cast<std::string*>(to)->assign(text, size); }, &answer) != 0;
    };
  return out;
}

nereid_status fail(const Diags& diags, const Sources& sources, nereid_text* error, const nereid_request* request = nullptr) {
  give(error, diags.render(sources));
  if (request) give(request->diagnostics, json(diags, sources));
  for (size_t i = 0; i < diags.size(); ++i)
    if (diags[i].err == Err::Environment) return NEREID_UNAVAILABLE;
  return NEREID_ERROR;
}

// Calls the caller's interruption check, but not more often than is worth it.
struct Asking {
  using Clock = std::chrono::steady_clock;
  const nereid_launch_options* options;
  Clock::time_point last{};
  bool answer = false;
  bool now() {
    Clock::time_point time = Clock::now();
    if (time - last < std::chrono::milliseconds(20)) return answer;
    last = time;
    return answer = answer || options->interrupted(options->user) != 0;
  }
};

// Writes the request's files to disk, and returns a command that reproduces the fault with them.
std::string reproduction(const KeptRequest& r, const std::string& command) {
  namespace fs = std::filesystem;
  auto quote = [](std::string_view text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
  };
  fs::path path = r.path;
  if (!r.files.empty()) {
    std::error_code ec;
    std::string folder = (fs::temp_directory_path(ec) / "nereid-fault-XXXXXX").string();
    if (ec || !mkdtemp(folder.data())) return "";
    for (auto& f : r.files) std::ofstream(fs::path(folder) / fs::path(f.path).filename(), std::ios::binary) << f.text;
    path = fs::path(folder) / path.filename();
  }
  std::string out = cat("nereid ", command, " ", quote(cat(path.string(), r.kernel.empty() ? "" : ":", r.kernel)));
  std::string signature;
  for (size_t i = 0; i < r.signature.size(); ++i) appendAll(signature, i ? "," : "", r.signature[i]);
  if (!r.signature.empty()) appendAll(out, " --signature ", quote(signature));
  for (auto& [name, value] : r.constants) appendAll(out, " -D ", quote(cat(name, "=", value)));
  return out + (r.debug ? " --debug" : "");
}

// Calls f. Internal faults become errors, since they must not end the caller's process. `reproduce` returns a command, or an empty text.
template <class Reproduce, class F>
nereid_status guarded(nereid_text* error, Reproduce&& reproduce, F&& f) {
  std::string what;
  try {
    return f();
  } catch (const std::bad_alloc&) {
    give(error, "error: out of memory\n");
    return NEREID_UNAVAILABLE;
  } catch (const std::exception& e) {
    what = e.what();
  }
  std::string how;
  try {
    how = reproduce();
  } catch (const std::exception&) {  // a full disk must not hide the fault
  }
  give(error, cat("error: ", what, "\nThis is a fault of Nereid, not of your kernel. Please report it with ",
                  how.empty() ? "the kernel." : cat("what this command reads and prints:\n  ", how), "\n"));
  return NEREID_INTERNAL;
}

template <class F>
nereid_status guarded(nereid_text* error, const nereid_request* request, const std::string& command, F&& f) {
  auto reproduce = [&] {
    KeptRequest kept;
    kept.keep(*request);
    return reproduction(kept, command);
  };
  return guarded(error, reproduce, f);
}

// A launch with arrays of zeros.
std::string launchReproduction(const nereid_kernel& kernel, const nereid_arg* args, size_t count, const nereid_launch_options& options) {
  if (kernel.request.path.empty()) return "";
  std::string out = reproduction(
      kernel.request, cat("run --target ", kernel.target, " --grid ", options.grid[0], ",", options.grid[1], ",", options.grid[2]));
  if (options.check_bounds) out += " --check-bounds";
  if (options.check_races) out += " --check-races";
  for (size_t i = 0; i < count && i < kernel.info.parameters.size(); ++i) {
    const ParameterInfo& p = kernel.info.parameters[i];
    std::string_view type = p.type;
    if (type.starts_with('*')) {
      type.remove_prefix(1);
      uint64_t bytes = options.arrays && options.arrays[i].bytes ? options.arrays[i].bytes : args[i].bytes,
               each = type.ends_with("64")   ? 8
                      : type.ends_with("32") ? 4
                      : type.ends_with("16") ? 2
                                             : 1;
      appendAll(out, " --arg '", p.name, "=zeros:", type, "[", bytes > 1 ? bytes / each : 1 << 16, "]'");
    } else if (type == "fp64") {
      appendAll(out, " --arg ", p.name, "=", shortest(std::bit_cast<double>(args[i].bits)), ":fp64");
    } else if (type == "fp32") {
      appendAll(out, " --arg ", p.name, "=", shortest(std::bit_cast<float>(static_cast<uint32_t>(args[i].bits))));
    } else {
      appendAll(out, " --arg ", p.name, "=",
                type == "i32" ? static_cast<int64_t>(static_cast<int32_t>(args[i].bits)) : static_cast<int64_t>(args[i].bits));
    }
  }
  return out;
}

// A kernel compiled for a target, with the texts that can be printed of it.
std::string commandFor(const char* target) {
  std::string_view name = target ? target : "interp";
  return cat("emit --stage ", name == "cpu"                          ? "asm"
                              : name == "wasm"                       ? "wat"
                              : name == "webgpu"                     ? "wgsl"
                              : name == "lower" || name == "threads" ? name
                                                                     : "passes");
}

nereid_status misuse(nereid_text* error, std::string_view text) {
  give(error, cat("error: ", text, "\n"));
  return NEREID_MISUSE;
}

template <class F>
std::string targetNames(F&& which) {
  std::string out;
  for (const Target& t : targets())
    if (which(t)) appendAll(out, out.empty() ? "" : ", ", t.name);
  return out;
}

}  // namespace

const char* nereid_version(void) { return NEREID_VERSION; }

void nereid_free(nereid_text text) { std::free(text.data); }

const char* nereid_processor(void) {
  static const std::string kProcessor = processor();
  return kProcessor.c_str();
}

int nereid_num_threads(void) { return numThreads(); }
void nereid_set_num_threads(int threads) { setNumThreads(threads); }

nereid_text nereid_targets(void) {
  std::string out = "[";
  for (const Target& t : targets())
    appendAll(out, out.size() > 1 ? ", " : "", "{\"name\": ", json(t.name), ", \"doc\": ", json(t.doc), ", \"runs\": ", t.runs(),
              ", \"missing\": ", json(t.missing ? t.missing() : ""), ", \"found\": ", json(t.found ? t.found() : ""),
              ", \"writes\": ", t.write != nullptr, "}");
  return toText(out + "]");
}

nereid_text nereid_ops(void) {
  std::string out = "[";
  for (size_t i = 0; i < kOpCount; ++i) {
    const OpInfo& o = info(static_cast<Op>(i));
    static constexpr std::string_view kForms[] = {"", "tile", "lower", "both"};
    appendAll(out, i ? ", " : "", "{\"name\": ", json(o.spelling), ", \"elementwise\": ", isElementwise(static_cast<Op>(i)),
              ", \"form\": ", json(kForms[static_cast<size_t>(o.forms)]), ", \"ulp\": ", o.ulp,
              ", \"meaning\": ", json(o.meaning == "by hand" ? "" : o.meaning), ", \"doc\": ", json(o.doc), "}");
  }
  return toText(out + "]");
}

nereid_status nereid_describe(const nereid_request* request, nereid_text* out, nereid_text* error) {
  return guarded(error, request, "emit --stage ttir", [&]() -> nereid_status {
    Sources sources;
    Diags diags;
    auto info = describe(sources, toRequest(*request, sources), diags);
    if (!info) return fail(diags, sources, error, request);
    give(out, json(*info));
    return NEREID_OK;
  });
}

nereid_status nereid_emit(const nereid_request* request, const char* stage, nereid_text* text, nereid_text* error) {
  return guarded(error, request, cat("emit --stage ", stage), [&]() -> nereid_status {
    Sources sources;
    Diags diags;
    auto out = emit(sources, toRequest(*request, sources), stage, diags);
    if (!out) return fail(diags, sources, error, request);
    give(text, *out);
    return NEREID_OK;
  });
}

nereid_status nereid_compile(const nereid_request* request, nereid_kernel** kernel, nereid_text* error) {
  return guarded(error, request, commandFor(request->target), [&]() -> nereid_status {
    std::string_view name = request->target ? request->target : "interp";
    const Target* target = findTarget(name);
    if (!target || !target->load)
      return misuse(error, cat("target `", name, target ? "` cannot run kernels" : "` is unknown",
                               "; use one of: ", targetNames([](const Target& t) { return t.load != nullptr; })));
    auto out = std::make_unique<nereid_kernel>();
    Diags diags;
    auto m = frontEnd(out->sources, toRequest(*request, out->sources), diags);
    if (!m) return fail(diags, out->sources, error, request);
    nameFiles(*m, out->sources);
    out->target = name;
    out->info = infoOf(*m->kernel());
    auto executable = target->load(std::move(*m), diags);
    if (!executable) return fail(diags, out->sources, error, request);
    out->executable = std::move(*executable);
    if (const SavedCpu* saved = out->executable->saved()) out->info = saved->info;
    out->request.keep(*request);
    *kernel = out.release();
    return NEREID_OK;
  });
}

nereid_status nereid_artefacts(const nereid_request* request, const char* directory, nereid_text* out, nereid_text* error) {
  return guarded(error, request, commandFor(request->target), [&]() -> nereid_status {
    std::string_view name = request->target ? request->target : "cpu";
    const Target* target = findTarget(name);
    if (!target || !target->write)
      return misuse(error, cat("target `", name, target ? "` does not write files" : "` is unknown",
                               "; use one of: ", targetNames([](const Target& t) { return t.write != nullptr; })));
    Sources sources;
    Diags diags;
    auto m = frontEnd(sources, toRequest(*request, sources), diags);
    if (!m || !canNameFiles(*m->kernel(), diags)) return fail(diags, sources, error, request);
    nameFiles(*m, sources);
    KernelInfo info = infoOf(*m->kernel());
    auto files = target->write(std::move(*m), "", diags);
    if (!files) return fail(diags, sources, error, request);
    std::error_code ec;
    std::filesystem::create_directories(directory, ec);
    for (const Artefact& f : files->files) {
      std::ofstream stream(std::filesystem::path(directory) / f.name, std::ios::binary);
      stream.write(f.bytes.data(), static_cast<std::streamsize>(f.bytes.size()));
      stream.close();
      if (!stream) return misuse(error, cat("cannot write ", f.name, " in ", directory));
    }
    give(out, json(name, info, *files));
    return NEREID_OK;
  });
}

nereid_status nereid_kernel_save(const nereid_kernel* kernel, nereid_text* bytes, nereid_text* error) {
  const SavedCpu* saved = kernel->executable->saved();
  if (!saved)
    return misuse(error,
                  cat("a kernel for `", kernel->target, "` cannot be saved: only `cpu` kernels can; write files with nereid_artefacts"));
  give(bytes, toBytes(*saved, NEREID_VERSION));
  return NEREID_OK;
}

nereid_status nereid_kernel_load(const char* bytes, size_t size, nereid_kernel** kernel, nereid_text* error) {
  return guarded(
      error, [] { return std::string(); },
      [&]() -> nereid_status {
        std::string why;
        auto saved = fromBytes({bytes, size}, NEREID_VERSION, why);
        if (!saved) return misuse(error, why);
        auto out = std::make_unique<nereid_kernel>();
        out->target = "cpu";
        out->info = saved->info;
        Diags diags;
        auto executable = loadSavedCpu(std::move(*saved), diags);
        if (!executable) return fail(diags, out->sources, error);
        out->executable = std::move(*executable);
        *kernel = out.release();
        return NEREID_OK;
      });
}

nereid_text nereid_kernel_describe(const nereid_kernel* kernel) { return toText(json(kernel->info)); }

nereid_status nereid_launch(nereid_kernel* kernel, const nereid_arg* args, size_t count, const nereid_launch_options* options,
                            nereid_text* error) {
  return guarded(
      error, [&] { return launchReproduction(*kernel, args, count, *options); },
      [&]() -> nereid_status {
        NEREID_CHECK(options->threads != INT_MIN, "a fault that was asked for");  // for tests: raises an internal fault on request
        if (count != kernel->info.parameters.size())
          return misuse(error, cat("kernel ", kernel->info.name, " takes ", kernel->info.parameters.size(), " arguments, but got ", count));
        for (uint32_t n : options->grid)
          if (n == 0)
            return misuse(error, cat("each axis of the grid must be at least 1 (got ", options->grid[0], ", ", options->grid[1], ", ",
                                     options->grid[2], ")"));
        bool interpreted = kernel->target == "interp" || kernel->target == "lower" || kernel->target == "threads";
        if (options->check_bounds && !interpreted) return misuse(error, "check_bounds works with the target `interp` only");
        if (options->check_races && kernel->target != "interp") return misuse(error, "check_races works with the target `interp` only");
        constexpr size_t kFew = 32;
        uint64_t few[kFew];
        std::vector<uint64_t> many(count > kFew ? count : 0);
        uint64_t* bits = many.empty() ? few : many.data();
        Launch launch;
        bool native = kernel->executable->saved();  // saved native code does not know its arrays, and must launch without delay
        for (size_t i = 0; i < count; ++i) {
          bits[i] = args[i].bits;
          if (native) continue;
          if (const nereid_array* a = options->arrays ? options->arrays + i : nullptr; a && a->bytes) {
            launch.allocations.push_back({.base = a->base,
                                          .size = a->bytes,
                                          .name = kernel->info.parameters[i].name,
                                          .elementBytes = a->element_bytes,
                                          .first = args[i].bits,
                                          .shape = {a->shape, a->shape + a->rank},
                                          .strides = {a->strides, a->strides + a->rank},
                                          .written = a->written != 0});
          } else if (args[i].bytes) {
            launch.allocations.push_back({.base = args[i].bits, .size = args[i].bytes, .name = kernel->info.parameters[i].name});
          }
        }
        launch.args = {bits, count};
        launch.checkRaces = options->check_races != 0;
        launch.grid = {options->grid[0], options->grid[1], options->grid[2]};
        launch.threads = options->threads;
        launch.checkBounds = options->check_bounds != 0;
        Asking asking{options};
        if (options->interrupted) launch.interrupted = [&asking] { return asking.now(); };
        auto failed = [&](const Diags& found) {
          if (!asking.answer) return fail(found, kernel->sources, error);
          give(error, cat("error: the launch of ", kernel->info.name, " was interrupted\n"));
          return NEREID_INTERRUPTED;
        };
        if (options->print) launch.print = [options](std::string_view line) { options->print(options->user, line.data(), line.size()); };
        if (options->unwritten)
          launch.unwritten = [options](std::string_view line) { options->unwritten(options->user, line.data(), line.size()); };
        Diags diags;
        if (options->microseconds && kernel->executable->canTime())
          launch.times = {options->microseconds, static_cast<size_t>(std::max(options->runs, 0))};
        if (!kernel->executable->launch(launch, diags)) return failed(diags);
        if (!options->microseconds || kernel->executable->canTime()) return NEREID_OK;
        launch.print = nullptr;
        for (int run = -kWarmUps; run < options->runs; ++run) {
          auto start = std::chrono::steady_clock::now();
          if (!kernel->executable->launch(launch, diags)) return failed(diags);
          if (run >= 0)
            options->microseconds[run] = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
        }
        return NEREID_OK;
      });
}

void nereid_kernel_free(nereid_kernel* kernel) { delete kernel; }

nereid_status nereid_kernel_entry(const nereid_kernel* kernel, nereid_entry* entry, nereid_text* error) {
  Programs run = kernel->executable->programs();
  const SavedCpu* saved = kernel->executable->saved();
  if (!run || !saved) return misuse(error, cat("a kernel for `", kernel->target, "` has no native code: compile it for `cpu`"));
  *entry = {run, static_cast<size_t>(std::max<int64_t>(saved->scratchBytes, 0)), saved->isPointer.size(), saved->isPointer.data()};
  return NEREID_OK;
}

const nereid_listener* nereid_listen(const nereid_listener* next) {
  thread_local const nereid_listener* current = nullptr;
  thread_local Listener bridge;
  bridge = {[](void* user, bool isFailure, std::string_view text) {
              const auto& to = **static_cast<const nereid_listener**>(user);
              to.hear(to.user, isFailure, text.data(), text.size());
            },
            &current};
  listen(next ? &bridge : nullptr);
  return std::exchange(current, next);
}
