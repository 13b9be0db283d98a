// SPDX-License-Identifier: MIT
// The custom call `nereid_kernel_call` of XLA on the CPU: `instantiate` reads the call once per executable, `execute` runs it.
//
// Programs run on XLA's threads, including the caller. The caller does not wait for helpers that have not started, since no thread may ever
// become free: all threads of the pool may be callers. A grid that would end before a helper wakes runs in the caller alone. Several
// threads may execute the same call concurrently.
//
// XLA's threads flush denormal numbers to zero; kernels compute with them, as everywhere else.
#include "jax.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "job.h"
#include "launcher.h"
#include "plugin.h"
#include "xla/ffi/api/ffi.h"
#include "xla_call.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nb = nanobind;
namespace ffi = xla::ffi;

namespace nereid::python {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kInlineNanoseconds = 8000;  // about the time it takes to wake other threads
constexpr double kChunkNanoseconds = 2000;

double nanosecondsSince(Clock::time_point start) { return std::chrono::duration<double, std::nano>(Clock::now() - start).count(); }

// Enables denormal numbers and default rounding in this thread during its lifetime.
class IeeeNumbers {
 public:
#if defined(__x86_64__)
  IeeeNumbers() : before_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~IeeeNumbers() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  IeeeNumbers() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}));
  }
  ~IeeeNumbers() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  uint64_t before_;
#endif
};

// Scratch memory of this thread, reused by the next call.
void* scratchOf(size_t wanted) {
  struct Scratch {
    void* data = nullptr;
    size_t bytes = 0;
    ~Scratch() { std::free(data); }
  };
  thread_local Scratch scratch;
  if (wanted > scratch.bytes) {
    std::free(scratch.data);
    scratch.bytes = (wanted + 4095) / 4096 * 4096;
    scratch.data = std::aligned_alloc(64, scratch.bytes);
  }
  return scratch.data;
}

// The output of kernels during a call.
struct Said {
  std::mutex mutex;
  bool failed = false;
  std::string failure, printed;
  static void hear(void* user, int failed, const char* text, size_t size) {
    auto* self = static_cast<Said*>(user);
    std::lock_guard lock(self->mutex);
    if (!failed)
      self->printed.append(text, size);
    else if (!std::exchange(self->failed, true)) {
      // The IR lacks the lines of the user's file, and lines of the IR would mislead.
      std::string_view all(text, size);
      size_t at = all.find("assertion failed in program");
      self->failure = all.substr(at == std::string_view::npos ? 0 : at);
    }
  }
};

struct Run {
  const CallConfig& config;
  const void* const* args;
  nereid_listener listener;

  // Runs items begin, ..., end - 1 in this thread.
  void operator()(uint64_t begin, uint64_t end) const {
    IeeeNumbers numbers;
    const nereid_listener* outer = nereid_listen(&listener);
    void* scratch = scratchOf(std::max<size_t>(config.entry.scratch_bytes, 64));
    if (config.serial.empty())
      call(begin, end, scratch);
    else
      for (uint64_t item = begin; item < end; ++item) row(item, scratch);
    nereid_listen(outer);
  }

 private:
  // UBSan reads a signature before a function's first byte, which compiled kernels lack.
  __attribute__((no_sanitize("function"))) void call(uint64_t begin, uint64_t end, void* scratch) const {
    config.entry.run(args, config.grid, begin, end, scratch);
  }

  // Runs the programs of an item, along the serial axes.
  void row(uint64_t item, void* scratch) const {
    uint64_t first = 0, count = 1;
    for (auto [extent, stride] : config.parallel) {
      first += item % extent * stride;
      item /= extent;
    }
    for (auto [extent, stride] : config.serial) count *= extent;
    for (uint64_t k = 0; k < count; ++k) {
      uint64_t program = first, rest = k;
      for (size_t a = config.serial.size(); a-- > 0;) {
        program += rest % config.serial[a].extent * config.serial[a].stride;
        rest /= config.serial[a].extent;
      }
      call(program, program + 1, scratch);
    }
  }
};

struct Buffers {
  std::vector<void*> many;
  void* few[32];
  void** data = few;
  size_t count = 0;

  ffi::Error take(ffi::RemainingArgs args, ffi::RemainingRets rets) {
    count = args.size() + rets.size();
    if (count > std::size(few)) {
      many.resize(count);
      data = many.data();
    }
    size_t k = 0;
    for (size_t i = 0; i < args.size(); ++i) {
      auto buffer = args.get<ffi::AnyBuffer>(i);
      if (buffer.has_error()) return buffer.error();
      data[k++] = buffer->untyped_data();
    }
    for (size_t i = 0; i < rets.size(); ++i) {
      auto buffer = rets.get<ffi::AnyBuffer>(i);
      if (buffer.has_error()) return buffer.error();
      data[k++] = (*buffer)->untyped_data();
    }
    return ffi::Error::Success();
  }
};

// Runs all programs of a configuration.
void launch(const Call& call, const CallConfig& c, void* const* buffers, ffi::ThreadPool& pool, Said& said) {
  const void* few[32];
  std::vector<const void*> many;
  const void** args = few;
  if (c.args.size() > std::size(few)) {
    many.resize(c.args.size());
    args = many.data();
  }
  std::copy(c.args.begin(), c.args.end(), args);
  for (auto [argument, buffer] : c.pointers) args[argument] = buffers[buffer];
  for (auto [buffer, bytes] : c.zeros) std::memset(buffers[buffer], 0, bytes);

  const Run run{c, args, {Said::hear, &said}};
  if (c.items <= 1) {
    if (c.items == 1) run(0, 1);
    return;
  }
  uint64_t begin = 0;
  double each = c.nanoseconds.load(std::memory_order_relaxed);
  auto timed = [&](uint64_t items, Clock::time_point start) { return std::max(nanosecondsSince(start) / static_cast<double>(items), 0.1); };
  auto keep = [&](double time) { c.nanoseconds.store(static_cast<float>(time), std::memory_order_relaxed); };
  auto left = [&] { return static_cast<double>(c.items - begin); };
  // If the cost per item is unknown, runs 1, 2, 4 ... items until the rest seems worth sharing.
  for (uint64_t n = each == 0 ? 1 : c.items; n < c.items && begin < c.items && left() * each < kInlineNanoseconds; n *= 2) {
    uint64_t end = std::min(begin + n, c.items);
    Clock::time_point start = Clock::now();
    run(begin, end);
    each = timed(end - begin, start);
    begin = end;
  }
  if (begin == c.items) return keep(each);
  auto threads = static_cast<int64_t>(nereid_num_threads());
  if (call.threads > 0) threads = call.threads;
  if (threads > 1 && left() * each >= kInlineNanoseconds) threads = std::min(threads, pool.num_threads());
  if (threads <= 1 || left() * each < kInlineNanoseconds) {
    Clock::time_point start = Clock::now();
    run(begin, c.items);
    return keep(timed(c.items - begin, start));
  }
  uint64_t chunk = std::max<uint64_t>(
      {1, (c.items - begin) / (static_cast<uint64_t>(threads) * 8), static_cast<uint64_t>(std::min(kChunkNanoseconds / each, left()))});
  auto job = std::make_shared<Job<Run>>(run, begin, c.items, chunk);
  auto helpers = std::min<int64_t>(threads, static_cast<int64_t>((c.items - begin + chunk - 1) / chunk)) - 1;
  for (int64_t h = 0; h < helpers; ++h) pool.Schedule([job] { job->help(); });
  Clock::time_point start = Clock::now();
  if (uint64_t done = job->work()) keep(timed(done, start));
  job->close();
}

// ---- checks

template <typename Buffer>
nb::tuple arrayOf(const Buffer& buffer) {
  nb::list shape;
  for (int64_t n : buffer.dimensions()) shape.append(n);
  return nb::make_tuple(reinterpret_cast<uintptr_t>(buffer.untyped_data()), buffer.size_bytes(), nb::tuple(shape));
}

// A launch in the interpreter, with the checks of nereid.check. Returns what it found, or "".
std::string checkedLaunch(const Call& call, const CallConfig& c, ffi::RemainingArgs args, ffi::RemainingRets rets, const Buffers& buffers) {
  for (auto [buffer, bytes] : c.zeros) std::memset(buffers.data[buffer], 0, bytes);
  IeeeNumbers numbers;
  nb::gil_scoped_acquire gil;
  try {
    nb::list values;
    for (uint64_t bits : c.bits) values.append(bits);
    for (auto [argument, buffer] : c.pointers)
      values[argument] =
          buffer < args.size() ? arrayOf(*args.get<ffi::AnyBuffer>(buffer)) : arrayOf(**rets.get<ffi::AnyBuffer>(buffer - args.size()));
    // Along serial axes one program follows another.
    return nb::cast<std::string>(
        nb::module_::import_("nereid.jax._call")
            .attr("checked_launch")(c.ir, call.name, nb::make_tuple(c.grid[0], c.grid[1], c.grid[2]), values, c.serial.empty()));
  } catch (nb::python_error& e) {
    return e.what();
  }
}

// ---- choosing a configuration

std::atomic<bool> takesFirst{false};
struct Tuned {
  std::mutex mutex;
  std::string folder;
  std::vector<std::string> log;
};
Tuned& tuned() {
  static auto* t = new Tuned;
  return *t;
}

std::string placeOf(const Call& call) {
  std::string folder;
  {
    std::lock_guard lock(tuned().mutex);
    folder = tuned().folder;
  }
  if (folder.empty()) return "";
  uint64_t hash = call.hash;
  std::string_view about[] = {nereid_processor(), nereid_version()};
  for (std::string_view text : about)
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char name[64];
  std::snprintf(name, sizeof name, "/jax-%016llx-%d", static_cast<unsigned long long>(hash),
                call.threads > 0 ? call.threads : nereid_num_threads());
  return folder + name;
}

int stored(const Call& call, const std::string& place) {
  std::FILE* file = place.empty() ? nullptr : std::fopen(place.c_str(), "rb");
  if (!file) return -1;
  char text[4096];
  size_t size = std::fread(text, 1, sizeof text, file);
  std::fclose(file);
  for (size_t k = 0; k < call.configs.size(); ++k)
    if (std::string_view(text, size) == std::to_string(k) + " " + call.configs[k]->name + "\n") return static_cast<int>(k);
  return -1;
}

// Written to a temporary file and renamed: processes may share the folder.
void store(const Call& call, const std::string& place, int chosen) {
  if (place.empty()) return;
  std::string aside = place + ".new-" +
                      std::to_string(reinterpret_cast<uintptr_t>(&call) ^ static_cast<uintptr_t>(Clock::now().time_since_epoch().count()));
  std::FILE* file = std::fopen(aside.c_str(), "wb");
  if (!file) return;
  std::string text = std::to_string(chosen) + " " + call.configs[static_cast<size_t>(chosen)]->name + "\n";
  bool ok = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  ok = std::fclose(file) == 0 && ok;
  if (!ok || std::rename(aside.c_str(), place.c_str()) != 0) std::remove(aside.c_str());
}

// Runs each configuration once to warm up and once to time it; then repeats while the fastest fits into 10 ms. The smallest mean wins.
// Outputs that start as copies of inputs are restored between launches.
// launches change of outputs that began as copies of inputs is put back.
int tune(const Call& call, void* const* buffers, ffi::ThreadPool& pool) {
  std::vector<std::pair<void*, std::vector<char>>> saved;
  for (auto& alias : call.aliases) {
    auto* data = static_cast<char*>(buffers[alias.output]);
    saved.emplace_back(data, std::vector<char>(data, data + alias.bytes));
  }
  auto timed = [&](const CallConfig& c, int runs) {
    Said quiet;
    launch(call, c, buffers, pool, quiet);
    Clock::time_point start = Clock::now();
    for (int run = 0; run < runs; ++run) launch(call, c, buffers, pool, quiet);
    return nanosecondsSince(start) / runs;
  };
  double best = std::numeric_limits<double>::infinity();
  for (auto& c : call.configs) best = std::min(best, timed(*c, 1));
  int runs = std::clamp(static_cast<int>(10e6 / best), 1, 100);
  int chosen = 0;
  best = std::numeric_limits<double>::infinity();
  std::string line = call.name + ":";
  for (size_t k = 0; k < call.configs.size(); ++k) {
    double time = timed(*call.configs[k], runs);
    char text[64];
    std::snprintf(text, sizeof text, "] %.1f us", time / 1000);
    line += (k ? ", [" : " [") + call.configs[k]->name + text;
    if (time >= best) continue;
    best = time;
    chosen = static_cast<int>(k);
  }
  for (auto& [data, bytes] : saved) std::memcpy(data, bytes.data(), bytes.size());
  std::lock_guard lock(tuned().mutex);
  tuned().log.push_back(line + "; chosen: " + call.configs[static_cast<size_t>(chosen)]->name);
  return chosen;
}

const CallConfig& chosenOf(Call& call, void* const* buffers, ffi::ThreadPool& pool) {
  if (call.configs.size() == 1 || takesFirst || PluginLaunch::checks) return *call.configs[0];
  int chosen = call.chosen.load(std::memory_order_acquire);
  if (chosen < 0) {
    std::lock_guard lock(call.tuning);
    chosen = call.chosen;
    if (chosen < 0) {
      std::string place = placeOf(call);
      chosen = stored(call, place);
      if (chosen < 0) {
        chosen = tune(call, buffers, pool);
        store(call, place, chosen);
      }
      call.chosen.store(chosen, std::memory_order_release);
    }
  }
  return *call.configs[static_cast<size_t>(chosen)];
}

// ---- the handlers

struct State {
  static ffi::TypeId id;
  std::unique_ptr<Call> call;
};
ffi::TypeId State::id = {};

ffi::ErrorOr<std::unique_ptr<State>> instantiate(ffi::Dictionary attributes) {
  auto text = attributes.get<std::string_view>("call");
  if (text.has_error()) return ffi::Unexpected(text.error());
  auto state = std::make_unique<State>();
  std::string why;
  state->call = readCall(*text, why);
  if (!state->call) return ffi::Unexpected(ffi::Error::InvalidArgument("nereid: " + why));
  return state;
}

ffi::Error execute(ffi::ThreadPool pool, State* state, ffi::RemainingArgs args, ffi::RemainingRets rets, ffi::Dictionary) {
  Call& call = *state->call;
  Buffers buffers;
  ffi::Error bad = buffers.take(args, rets);
  if (bad.failure()) return bad;
  if (args.size() != call.inputs || rets.size() != call.outputs)
    return ffi::Error::InvalidArgument("nereid: " + call.name + " was called with another number of arrays than it was made for");
  for (auto& alias : call.aliases)
    if (buffers.data[alias.input] != buffers.data[alias.output])
      std::memcpy(buffers.data[alias.output], buffers.data[alias.input], alias.bytes);
  const CallConfig& chosen = chosenOf(call, buffers.data, pool);
  if (PluginLaunch::checks) {
    std::string found = checkedLaunch(call, chosen, args, rets, buffers);
    return found.empty() ? ffi::Error::Success() : ffi::Error::Internal("nereid: " + call.name + ": " + found);
  }
  Said said;
  launch(call, chosen, buffers.data, pool, said);
  if (!said.printed.empty()) {
    std::fwrite(said.printed.data(), 1, said.printed.size(), stdout);
    std::fflush(stdout);
  }
  if (said.failed) return ffi::Error::Internal("nereid: " + call.name + ": " + said.failure);
  return ffi::Error::Success();
}

// The minimum cost of a custom call, for benchmarks.
ffi::Error nothing(ffi::RemainingArgs, ffi::RemainingRets, ffi::Dictionary) { return ffi::Error::Success(); }

XLA_FFI_DEFINE_HANDLER(instantiateHandler, instantiate, ffi::Ffi::BindInstantiate().Attrs());
XLA_FFI_DEFINE_HANDLER(executeHandler, execute,
                       ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Ctx<ffi::State<State>>().RemainingArgs().RemainingRets().Attrs());
XLA_FFI_DEFINE_HANDLER(nothingHandler, nothing, ffi::Ffi::Bind().RemainingArgs().RemainingRets().Attrs());

// XLA must know the type of the state before it accepts the handlers. If JAX registers both at start, it registers the handlers first.
// Registering a handler calls it, with a frame that contains XLA's functions; use that call to register the type.
XLA_FFI_Error* withType(XLA_FFI_Handler* handler, XLA_FFI_CallFrame* frame) {
  static constexpr XLA_FFI_TypeInfo kTypeInfo = ffi::MakeTypeInfo<State>();
  static std::atomic<bool> registered{false};
  static std::mutex once;
  if (!registered.load(std::memory_order_acquire)) {
    std::lock_guard lock(once);
    if (!registered) {
      if (XLA_FFI_Error* error = ffi::Ffi::RegisterTypeId(frame->api, "nereid_call", &State::id, kTypeInfo)) return error;
      registered.store(true, std::memory_order_release);
    }
  }
  return handler(frame);
}

XLA_FFI_Error* instantiateCall(XLA_FFI_CallFrame* frame) { return withType(instantiateHandler, frame); }
XLA_FFI_Error* executeCall(XLA_FFI_CallFrame* frame) { return withType(executeHandler, frame); }

nb::capsule handler(XLA_FFI_Handler* f) { return nb::capsule(reinterpret_cast<void*>(f), "xla._CUSTOM_CALL_TARGET"); }

}  // namespace

void addJax(nb::module_& m) {
  m.def("xla_handlers", [] {
    nb::dict out;
    out["instantiate"] = handler(instantiateCall);
    out["execute"] = handler(executeCall);
    out["nothing"] = handler(nothingHandler);
    return out;
  });
  m.def(
      "xla_remember",
      [](const std::string& ir, const std::string& schedule, const Kernel& kernel) { rememberKernel(ir, schedule, kernel.shared()); },
      "calls with this IR and schedule take this kernel, while it lives");
  m.def(
      "xla_tuned_folder",
      [](const std::string& folder) {
        std::lock_guard lock(tuned().mutex);
        tuned().folder = folder;
      },
      "where chosen configurations are kept; empty: nowhere");
  m.def("xla_take_first", [](bool on) { takesFirst = on; }, "the first configuration is taken, rather than the fastest");
  m.def(
      "xla_tuned",
      [] {
        std::lock_guard lock(tuned().mutex);
        return nb::cast(tuned().log);
      },
      "a line for each call that was tuned in this process");
}

}  // namespace nereid::python
