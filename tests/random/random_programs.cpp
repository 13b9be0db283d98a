// SPDX-License-Identifier: MIT
// Generates random well-typed programs over tiles: every target must give the interpreter's results.
//
//   random_programs [seed [count [TARGET,...]]]
//
// NEREID_FUZZ_KEEP names a file that keeps the program in case of a crash. The seed is printed; a failing program is shrunk by dropping
// lines while it still fails, and printed. generator.h generates the programs.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "driver/driver.h"
#include "frontends/ttir/ttir.h"
#include "generator.h"
#include "ir/bits.h"

using namespace nereid;

namespace {

// Inaccessible pages before and after the array, so that an access outside ends the process: masked-off elements must not be accessed,
// either. The array ends at the end of the pages, or starts at their beginning.
class Guarded {
 public:
  Guarded(size_t size, bool atEnd) : size_(size), pages_((size + kPage - 1) / kPage * kPage) {
    base_ = static_cast<uint8_t*>(mmap(nullptr, pages_ + 2 * kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + kGuard, pages_, PROT_READ | PROT_WRITE)) std::abort();
    data_ = base_ + kGuard + (atEnd ? pages_ - size : 0);
  }
  Guarded(Guarded&& other) noexcept
      : size_(other.size_), pages_(other.pages_), base_(std::exchange(other.base_, nullptr)), data_(other.data_) {}
  ~Guarded() {
    if (base_) munmap(base_, pages_ + 2 * kGuard);
  }
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kPage = 4096, kGuard = 16 * kPage;
  size_t size_, pages_;
  uint8_t *base_, *data_;
};

struct Memory {
  std::vector<Guarded> arrays;
};

Memory inputs(const Program& p) {
  Memory out;
  for (const ArrayInfo& a : kArrays) {
    auto bytes = static_cast<size_t>(element(a.type).bytes);
    Guarded data(bytes * p.room, p.n % 2 == 0);
    for (size_t k = 0; k < p.room && !a.output; ++k) {
      uint64_t bits = 0;
      auto i = static_cast<int>(k);
      if (element(a.type).isFloat)
        bits = encodeFloat(a.type[1] == '3' ? Elem::F32 : Elem::F16, (i * 31) % 17 - 8);
      else
        bits = static_cast<uint64_t>(static_cast<int64_t>(i % 5 == 4 && a.type[1] == '3' ? INT32_MIN + i : (i * 7919) % 101 - 50));
      std::memcpy(data.data() + k * bytes, &bits, bytes);
    }
    out.arrays.push_back(std::move(data));
  }
  return out;
}

// The results of one target; false if the program does not compile there.
// `schedule`: decisions as text (schedule/text.h), or empty for the defaults.
bool execute(const Program& p, const std::string& text, const Target& target, Memory& memory, std::string& error,
             const std::string& schedule = {}) {
  Sources sources;
  Diags diags;
  uint32_t file = sources.add("random.ttir", text);
  auto m = ttir::parse(sources, file, diags);
  if (m) m->schedule = schedule;
  if (m)
    if (auto e = target.load(std::move(*m), diags)) {
      std::vector<uint64_t> args;
      Launch launch;
      for (auto& a : memory.arrays) {
        args.push_back(reinterpret_cast<uintptr_t>(a.data()));
        launch.allocations.push_back({args.back(), a.size(), "array"});
      }
      if (p.overlap >= 0) {
        static constexpr size_t kPairs[][2] = {{4, 0}, {5, 1}, {6, 2}};
        for (auto& [output, input] : kPairs)
          args[output] = args[input] + static_cast<uint64_t>(p.overlap * element(kArrays[output].type).bytes);
      }
      args.push_back(static_cast<uint64_t>(p.n));
      args.push_back(static_cast<uint64_t>(p.stride));
      launch.args = args;
      launch.grid = {static_cast<uint32_t>(p.grid), 1, 1};
      launch.threads = 1;
      launch.checkBounds = target.name != "cpu";
      if ((*e)->launch(launch, diags)) return true;
    }
  error = diags.render(sources);
  return false;
}

std::string shown(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

std::string difference(const Program& p, const Memory& got, const Memory& wanted) {
  for (size_t a = 0; a < std::size(kArrays); ++a) {
    auto bytes = static_cast<size_t>(element(kArrays[a].type).bytes);
    std::string type = kArrays[a].type;
    for (size_t k = 0; k < p.room; ++k) {
      uint64_t x = 0, y = 0;
      std::memcpy(&x, got.arrays[a].data() + k * bytes, bytes);
      std::memcpy(&y, wanted.arrays[a].data() + k * bytes, bytes);
      if (x == y) continue;
      if (!element(type).isFloat)
        return cat(kArrays[a].name, "[", k, "] is ", signExtend(x, static_cast<int>(bytes) * 8), ", wanted ",
                   signExtend(y, static_cast<int>(bytes) * 8));
      Elem elem = type == "f32" ? Elem::F32 : Elem::F16;
      double u = decodeFloat(elem, x), v = decodeFloat(elem, y);
      bool finite = std::isfinite(u) && std::isfinite(v);
      if (!(u == v || (std::isnan(u) && std::isnan(v)) || (finite && std::fabs(u - v) <= 3e-6 * std::fabs(v) + 4 * 0x1p-149)))
        return cat(kArrays[a].name, "[", k, "] is ", shown(u), ", wanted ", shown(v));
    }
  }
  return "";
}

char running[1 << 16];  // printed after a crash

void crashed(int) {
  (void)!write(STDOUT_FILENO, running, std::strlen(running));
  _exit(1);
}

int without = 0;     // programs that `webgpu` refused for f64
std::string chosen;  // comma-separated targets; empty: all but `webgpu`, which is slow on an emulated GPU

bool isChosen(std::string_view target) {
  if (chosen.empty()) return target != "webgpu";
  return cat(",", chosen, ",").find(cat(",", target, ",")) != std::string::npos;
}

// Empty: all targets agree. `refused` is set if the interpreter refuses the program: such a candidate is dropped while shrinking.
std::string disagreement(Program p, bool& refused) {
  std::string text = moduleText(p), error;
  // If a target crashes, the unreduced program is printed, or kept.
  if (const char* keep = std::getenv("NEREID_FUZZ_KEEP")) std::ofstream(keep) << text;
  std::snprintf(running, sizeof running, "FAILED by a crash: seed %llu, n = %d, s = %d, grid = %d, overlap = %d\n%s",
                static_cast<unsigned long long>(p.seed), p.n, p.stride, p.grid, p.overlap, text.c_str());
  Memory wanted = inputs(p);
  refused = !execute(p, text, *findTarget("interp"), wanted, error);
  if (refused) return cat("interp: ", error);
  // With as little extra memory as the program needs.
  for (size_t room : {2048u, 512u, 128u, 64u, 32u}) {
    Program smaller = p;
    smaller.room = room;
    Memory less = inputs(smaller);
    if (!execute(smaller, text, *findTarget("interp"), less, error)) break;
    p.room = room;
    wanted = std::move(less);
  }
  for (const Target& target : targets()) {
    if (target.name == "interp" || !isChosen(target.name) || !target.runs()) continue;
    // The default schedule, and one with legal decisions at random: any legal schedule gives the same values.
    for (const std::string& schedule : {std::string(), cat("random ", p.seed % 1000000)}) {
      Memory got = inputs(p);
      if (!execute(p, text, target, got, error, schedule)) {
        if (target.name != "webgpu" || error.find("webgpu: f64 is not supported [unsupported]") == std::string::npos)
          return cat(target.name, schedule.empty() ? "" : cat(" with the schedule ", schedule), ": ", error);
        ++without;
        break;
      }
      if (std::string d = difference(p, got, wanted); !d.empty())
        return cat(target.name, schedule.empty() ? "" : cat(" with the schedule ", schedule), ": ", d);
    }
  }
  return "";
}

void shrink(Program& p, std::string& why) {
  for (size_t size = p.lines.size(); size > 0;) {
    bool smaller = false;
    for (size_t at = p.lines.size(); at-- > 0;) {
      if (at + size > p.lines.size()) continue;
      Program fewer = p;
      fewer.lines.erase(fewer.lines.begin() + static_cast<ptrdiff_t>(at), fewer.lines.begin() + static_cast<ptrdiff_t>(at + size));
      bool refused = false;
      std::string still = disagreement(fewer, refused);
      if (still.empty() || refused) continue;
      p = std::move(fewer);
      why = still;
      smaller = true;
    }
    if (!smaller) size = size > 8 ? size / 2 : size - 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  int count = argc > 2 ? std::atoi(argv[2]) : 60, failed = 0;
  if (argc > 3) chosen = argv[3];
  std::signal(SIGSEGV, crashed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  for (int k = 0; k < count; ++k) {
    Program p = Generator(seed + static_cast<uint64_t>(k)).program();
    p.seed = seed + static_cast<uint64_t>(k);
    bool refused = false;
    std::string why = disagreement(p, refused);
    if (why.empty()) continue;
    ++failed;
    const int before = without;
    if (!refused) shrink(p, why);
    without = before;
    std::printf("FAILED seed %llu: n = %d, s = %d, grid = %d, overlap = %d: %s\n%s",
                static_cast<unsigned long long>(seed + static_cast<uint64_t>(k)), p.n, p.stride, p.grid, p.overlap, why.c_str(),
                moduleText(p).c_str());
    std::fflush(stdout);
  }
  if (without) std::printf("%d of them have f64, which webgpu refuses\n", without);
  std::printf("%d passed, %d failed\n", count - failed, failed);
  return failed > 0;
}
