// SPDX-License-Identifier: MIT
// Drives a fuzz harness without libFuzzer: mutates the given files for about a second (or NEREID_FUZZ_SECONDS), always in the same way.
// NEREID_FUZZ_KEEP names a file that keeps the input in case of a crash.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

uint64_t state = 42;
uint64_t next(uint64_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (state >> 33) % limit;
}

std::string mutate(std::string text, const std::vector<std::string>& seeds) {
  static const char* const kWords[] = {"%0",
                                       "(",
                                       ")",
                                       "{",
                                       "}",
                                       "<",
                                       ">",
                                       "tensor<",
                                       "8xi32",
                                       ": i32",
                                       "->",
                                       "dense<",
                                       "0x7F",
                                       "-1",
                                       "^bb1",
                                       "#loc",
                                       "loc(",
                                       "tt.",
                                       "scf.for",
                                       "\"",
                                       "99999999999999999999",
                                       "1e999",
                                       "def ",
                                       "    ",
                                       "\n",
                                       "[",
                                       "]",
                                       ":",
                                       "=",
                                       "lambda",
                                       "for i in range("};
  for (uint64_t n = next(4) + 1; n-- > 0 && !text.empty();) {
    size_t at = next(text.size()), length = next(12) + 1;
    switch (next(6)) {
      case 0: text.erase(at, length); break;
      case 1: text[at] = static_cast<char>(next(256)); break;
      case 2: text.insert(at, kWords[next(std::size(kWords))]); break;
      case 3: text.insert(at, text.substr(next(text.size()), length)); break;
      case 4: text.resize(at); break;
      case 5: {
        const std::string& other = seeds[next(seeds.size())];
        if (!other.empty()) text.insert(at, other.substr(next(other.size()), length * 8));
        break;
      }
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> seeds;
  auto read = [&](const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    seeds.push_back(text.str());
  };
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      read(argv[i]);
      continue;
    }
    std::vector<std::filesystem::path> paths;
    for (auto& entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (auto& path : paths) read(path);
  }
  seeds.emplace_back("tt.func public @k() { tt.return }\n");
  seeds.emplace_back(
      "import triton\nimport triton.language as tl\n\n@triton.jit\ndef k(x, n, B: tl.constexpr):\n    i = tl.arange(0, B)\n    tl.store(x "
      "+ i, tl.load(x + i) + n, mask=i < n)\n");
  const char* seconds = std::getenv("NEREID_FUZZ_SECONDS");
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 1);
  if (const char* seed = std::getenv("NEREID_FUZZ_SEED")) state += static_cast<uint64_t>(std::atoi(seed));
  size_t runs = 0;
  auto run = [&](const std::string& text) {
    // Keeps an input that crashes.
    if (const char* keep = std::getenv("NEREID_FUZZ_KEEP")) std::ofstream(keep, std::ios::binary) << text;
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    ++runs;
  };
  for (auto& s : seeds) run(s);
  while (std::chrono::steady_clock::now() < end) run(mutate(seeds[next(seeds.size())], seeds));
  std::printf("%zu inputs\n", runs);
}
