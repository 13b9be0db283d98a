// SPDX-License-Identifier: MIT
// Local search: each step replaces the decisions about one nest or dot by random legal ones and keeps them if the kernel becomes faster.
//
// The decisions come from `random:SEED` of the compiler, so every candidate is legal. A candidate must be faster by more than the noise of
// its measurements: the fastest of several launches counts, and an apparent improvement is measured again.
#include "tune.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

namespace nereid::tool {

namespace {

constexpr int kRuns = 15, kRefresh = 20, kTurns = 4;
constexpr int kMostEqual = 100;  // draws in a row without another decision, after which there is nothing to search
constexpr double kNoise = 0.98;  // what a candidate's time may be at most, relative to the best

// The lines with decisions.
std::vector<std::string> decisionsOf(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    if (text[at] != '#' && end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace

Problem tune(Session& session, const File& file, const std::string& signature, const uint32_t grid[3], const TuneOptions& o) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(o.seconds);
  auto measure = [&](const std::string& decisions, double& fastest) -> Problem {
    if (Problem p = session.compile(file, o.target, signature, false, decisions)) return p;
    std::vector<double> times(kRuns);
    nereid_launch_options options{};
    std::copy(grid, grid + 3, options.grid);
    options.threads = o.threads;
    options.microseconds = times.data();
    options.runs = kRuns;
    if (Problem p = session.launch(options)) return p;
    fastest = *std::min_element(times.begin(), times.end());
    return {};
  };

  std::string text;
  if (Problem p = session.schedule(file, o.target, signature, "", text)) return p;
  std::vector<std::string> best = decisionsOf(text);
  std::vector<size_t> nests;
  for (size_t k = 0; k < best.size(); ++k)
    if (best[k].starts_with("nest ") || best[k].starts_with("dot ")) nests.push_back(k);
  double first = 0;
  if (Problem p = measure("", first)) return p;
  double fastest = first;
  int tried = 0, kept = 0, equal = 0;
  std::fprintf(stderr, "default schedule: %.1f us\n", first);
  for (int seed = 1; !nests.empty() && equal < kMostEqual && Clock::now() < end; ++seed) {
    if (Problem p = session.schedule(file, o.target, signature, "random " + std::to_string(seed), text)) return p;
    const std::vector<std::string> drawn = decisionsOf(text);
    const size_t k = nests[static_cast<size_t>(seed) % nests.size()];
    if (drawn.size() != best.size() || drawn[k] == best[k]) {
      ++equal;
      continue;
    }
    equal = 0;
    std::vector<std::string> candidate = best;
    candidate[k] = drawn[k];
    double time = 0, again = 0;
    if (Problem p = measure(joined(candidate), time)) return p;
    // Other programs slow the machine down or stop doing so.
    if (++tried % kRefresh == 0)
      if (Problem p = measure(joined(best), fastest)) return p;
    if (time > kNoise * fastest) continue;
    // Measured alternately: it must win each time, since other programs may run in between.
    bool wins = true;
    for (int turn = 0; turn < kTurns && wins; ++turn) {
      if (Problem p = measure(joined(best), again)) return p;
      if (Problem p = measure(joined(candidate), time)) return p;
      wins = time <= kNoise * again;
    }
    fastest = again;
    if (!wins) continue;
    best = std::move(candidate);
    fastest = time;
    ++kept;
    std::fprintf(stderr, "%.1f us: %s\n", fastest, best[k].c_str());
  }
  const std::string processor = nereid_processor();
  double now = 0, before = 0;
  if (Problem p = measure(joined(best), now)) return p;
  if (Problem p = measure("", before)) return p;
  std::ofstream out(o.out);
  out << "# Tuned by nereid for the target " << o.target << " on " << processor.substr(0, processor.find(' ')) << ".\n# Default: " << before
      << " us; this: " << now << " us.\n"
      << joined(best);
  out.close();
  if (!out) return misuse("cannot write " + o.out);
  std::printf(
      "{\"target\": \"%s\", \"default_us\": %.3f, \"tuned_us\": %.3f, \"ratio\": %.3f, \"tried\": %d, \"kept\": %d, "
      "\"schedule\": \"%s\"}\n",
      o.target.c_str(), before, now, before / now, tried, kept, o.out.c_str());
  return {};
}

}  // namespace nereid::tool
