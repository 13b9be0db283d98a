// SPDX-License-Identifier: MIT
// Local search: each step replaces a decision, or all decisions about one nest or dot, and keeps the change if the kernel becomes faster.
//
// First come the candidates that the compiler enumerates for the best schedule so far, in the order of their estimated costs; if none of
// them is faster, the decisions about one nest at random. All are legal. A candidate must be faster by more than the noise of its
// measurements: the fastest of several launches counts, and an apparent improvement is measured again.
#include "tune.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
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

// A change of one decision.
struct Candidate {
  size_t section = 0;  // by number: each begins with a line `kernel`
  std::string line;    // of a nest or dot, up to that decision
  long gain = 0;       // by the compiler's estimate
};

// The candidates in a text with lines like
//
//   nest 0 axes 1024 vector 0 lanes {16 8 4}  # cost 70 82 120; now 8, by default 8: ...
//
// where those that should gain most come first.
std::vector<Candidate> candidatesOf(const std::string& text) {
  std::vector<Candidate> out;
  size_t section = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    section += line.starts_with("kernel ");
    const size_t open = line.find('{'), close = line.find('}', open), costs = line.find("# cost ", close);
    if (line[0] == '#' || costs == std::string::npos) continue;
    std::istringstream values(line.substr(open + 1, close - open - 1)), numbers(line.substr(costs + 7));
    std::string now, value;
    now = line.substr(line.find("; now ", costs) + 6);
    now.resize(now.find(','));
    long cost = 0, taken = 0;
    const size_t first = out.size();
    while (values >> value && numbers >> cost) {
      out.push_back({section, line.substr(0, open) + value, -cost});
      if (value == now) taken = cost;
    }
    for (size_t k = first; k < out.size(); ++k) out[k].gain += taken;
  }
  std::sort(out.begin(), out.end(),
            [](const Candidate& a, const Candidate& b) { return a.gain != b.gain ? a.gain > b.gain : a.line < b.line; });
  return out;
}

// The decisions with the candidate's line instead of the one about the same nest or dot.
std::vector<std::string> changedBy(const Candidate& candidate, std::vector<std::string> decisions) {
  const std::string name = candidate.line.substr(0, candidate.line.find(' ', candidate.line.find(' ') + 1) + 1);  // `nest 0 `
  size_t section = 0;
  for (std::string& line : decisions) {
    section += line.starts_with("kernel ");
    if (section == candidate.section && line.starts_with(name)) line = candidate.line;
  }
  return decisions;
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

  // The decisions of a schedule with the given ones; none if those are not legal together.
  auto decisions = [&](const std::string& given) {
    std::string text;
    return session.emit("schedule", file, o.target, signature, given, text) ? std::vector<std::string>() : decisionsOf(text);
  };
  std::vector<std::string> best = decisions("");
  std::set<std::vector<std::string>> seen = {best};
  double first = 0;
  if (Problem p = measure("", first)) return p;
  double fastest = first;
  int tried = 0, kept = 0;
  std::fprintf(stderr, "default schedule: %.1f us\n", first);
  // Measures a schedule that was not measured before, and keeps it if it is the fastest.
  auto attempt = [&](const std::vector<std::string>& candidate, bool& wins) -> Problem {
    wins = false;
    double time = 0, again = 0;
    if (measure(joined(candidate), time)) return {};  // decisions that are legal alone but not together
    // Other programs slow the machine down or stop doing so.
    if (++tried % kRefresh == 0)
      if (Problem p = measure(joined(best), fastest)) return p;
    if (time > kNoise * fastest) return {};
    // Measured alternately: it must win each time, since other programs may run in between.
    wins = true;
    for (int turn = 0; turn < kTurns && wins; ++turn) {
      if (Problem p = measure(joined(best), again)) return p;
      if (Problem p = measure(joined(candidate), time)) return p;
      wins = time <= kNoise * again;
    }
    fastest = wins ? time : again;
    if (!wins) return {};
    for (size_t k = 0; k < best.size() && k < candidate.size(); ++k)
      if (candidate[k] != best[k]) std::fprintf(stderr, "%.1f us: %s\n", fastest, candidate[k].c_str());
    best = candidate;
    ++kept;
    return {};
  };
  for (bool improves = true; improves && Clock::now() < end;) {
    improves = false;
    std::string text;
    if (Problem p = session.emit("candidates", file, o.target, signature, joined(best), text)) return p;
    for (const Candidate& c : candidatesOf(text)) {
      if (improves || Clock::now() >= end) break;
      const std::vector<std::string> changed = decisions(joined(changedBy(c, best)));
      if (changed.size() != best.size() || !seen.insert(changed).second) continue;
      if (Problem p = attempt(changed, improves)) return p;
    }
  }
  std::vector<size_t> nests;
  for (size_t k = 0; k < best.size(); ++k)
    if (!best[k].starts_with("kernel ")) nests.push_back(k);
  for (int seed = 1, equal = 0; !nests.empty() && equal < kMostEqual && Clock::now() < end; ++seed) {
    const std::vector<std::string> drawn = decisions("random " + std::to_string(seed));
    const size_t k = nests[static_cast<size_t>(seed) % nests.size()];
    std::vector<std::string> changed = best;
    if (drawn.size() == best.size()) changed[k] = drawn[k];
    if (!seen.insert(changed).second) {
      ++equal;
      continue;
    }
    equal = 0;
    bool wins = false;
    if (Problem p = attempt(changed, wins)) return p;
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
