// SPDX-License-Identifier: MIT
#include "schedule/text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>

#include "support/text.h"

namespace nereid {

namespace {

std::string listed(const std::vector<int>& numbers) {
  std::string out;
  for (int n : numbers) appendAll(out, out.empty() ? "" : ",", n);
  return out.empty() ? "none" : out;
}

// The words of one line.
class Words {
 public:
  Words(std::string_view line, int number, std::string& why) : number_(number), why_(why) {
    line = line.substr(0, line.find('#'));
    for (size_t i = 0; i < line.size();) {
      size_t end = std::min(line.find(' ', i), line.size());
      if (end > i) words_.push_back(line.substr(i, end - i));
      i = end + 1;
    }
  }
  bool empty() const { return at_ >= words_.size(); }
  std::string_view next() { return empty() ? std::string_view() : words_[at_++]; }
  bool failed() const { return !why_.empty(); }
  bool fail(std::string text) {
    if (why_.empty()) why_ = cat("line ", number_, ": ", text);
    return false;
  }
  bool number(int& out) {
    std::string_view w = next();
    auto [end, error] = std::from_chars(w.data(), w.data() + w.size(), out);
    return (error == std::errc() && end == w.data() + w.size()) || fail(cat("expected a number, but got `", w, "`"));
  }
  bool isYes(bool& out) {
    std::string_view w = next();
    out = w == "yes";
    return out || w == "no" || fail(cat("expected yes or no, but got `", w, "`"));
  }
  bool list(std::vector<int>& out) {
    std::string_view w = next();
    if (w == "none") return true;
    while (true) {
      size_t end = std::min(w.find(','), w.size());
      int n = 0;
      auto [stop, error] = std::from_chars(w.data(), w.data() + end, n);
      if (error != std::errc() || stop != w.data() + end) return fail(cat("expected numbers separated by commas, but got `", w, "`"));
      out.push_back(n);
      if (end == w.size()) return true;
      w.remove_prefix(end + 1);
    }
  }

 private:
  std::vector<std::string_view> words_;
  size_t at_ = 0;
  int number_;
  std::string& why_;
};

bool readKernel(Words& words, KernelSchedule& kernel) {
  while (!words.empty()) {
    std::string_view key = words.next();
    bool ok = key == "threads"     ? words.number(kernel.threads)
              : key == "programs"  ? words.number(kernel.programs)
              : key == "subgroups" ? words.isYes(kernel.subgroups)
              : key == "matrices"  ? words.isYes(kernel.matrices)
              : key == "reloads"
                  ? words.isYes(kernel.reloads)
                  : words.fail(cat("a kernel has no `", key, "`: it has threads, programs, subgroups, matrices and reloads"));
    if (!ok) return false;
  }
  return (kernel.threads > 0 && std::has_single_bit(static_cast<unsigned>(kernel.threads))) ||
         words.fail(cat("threads must be a power of two, but they are ", kernel.threads));
}

bool readValues(Words& words, Decision::Field field, std::vector<int>& out) {
  switch (field) {
    case Decision::Threads:
    case Decision::Order: return words.list(out);
    case Decision::Unrolled:
    case Decision::Tested: {
      bool isYes = false;
      if (!words.isYes(isYes)) return false;
      out = {isYes};
      return true;
    }
    case Decision::Vector:
    case Decision::Transposed:
      if (words.list(out) && out.empty()) out = {-1};
      return !words.failed();
    default: return words.number(out.emplace_back());
  }
}

// The line of a nest or a dot.
bool readLine(Words& words, std::map<int, LineDecisions>& nests, int line, bool isDot) {
  using D = Decision;
  static constexpr D::Field kNest[] = {D::Vector, D::Lanes,    D::Transposed, D::Threads, D::Spread,
                                       D::Order,  D::Unrolled, D::Jammed,     D::Tested},
                            kDot[] = {D::Rows, D::Rest, D::Columns, D::Group, D::Depth, D::Unrolled};
  const std::span<const D::Field> fields = isDot ? std::span<const D::Field>(kDot) : kNest;
  int number = 0;
  if (!words.number(number)) return false;
  LineDecisions& d = nests[number];
  if (d.line) return words.fail(cat("nest ", number, " has a line already: ", d.line));
  d.line = line;
  d.isDot = isDot;
  while (!words.empty()) {
    std::string_view key = words.next();
    if (key == "axes" && !isDot) {
      d.axes = words.next();
      continue;
    }
    const auto* field = std::find_if(fields.data(), fields.data() + fields.size(), [&](D::Field f) { return nameOf(f) == key; });
    if (field == fields.data() + fields.size()) {
      std::string names = isDot ? "" : "axes";
      for (D::Field f : fields) appendAll(names, names.empty() ? "" : f == fields.back() ? " and " : ", ", nameOf(f));
      return words.fail(cat("a ", isDot ? "dot" : "nest", " has no `", key, "`: it has ", names));
    }
    if (!readValues(words, *field, d.fields.emplace_back(*field, std::vector<int>()).second)) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<std::vector<Decisions>> parseSchedule(std::string_view text, std::string& why) {
  auto out = std::make_unique<std::vector<Decisions>>();
  int number = 0;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    Words words(text.substr(0, end), ++number, why);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.empty()) continue;
    std::string_view key = words.next();
    bool ok = true;
    if (key == "random") {
      int seed = 0;
      ok = words.number(seed);
      out->push_back({.seed = static_cast<uint64_t>(seed) + 1});
    } else if (key == "kernel") {
      out->emplace_back();
      ok = readKernel(words, out->back().kernel);
    } else if (key == "nest" || key == "dot") {
      ok = out->empty() ? words.fail("a section begins with `kernel`") : readLine(words, out->back().nests, number, key == "dot");
    } else {
      ok = words.fail(cat("expected `kernel`, `nest`, `dot` or a comment, but got `", key, "`"));
    }
    if (!ok) return nullptr;
  }
  if (out->empty()) {
    why = "it has no line `kernel ...`";
    return nullptr;
  }
  return out;
}

const Decisions* sectionFor(const std::vector<Decisions>& sections, const Machine& machine, KernelSchedule& kernel, std::string& why) {
  for (const Decisions& d : sections) {
    if (d.seed) return &d;
    if (d.kernel.subgroups != kernel.subgroups || d.kernel.matrices != kernel.matrices || (d.kernel.programs > 1) != (kernel.programs > 1))
      continue;
    if (d.kernel.threads > machine.maxThreads) {
      why = cat("a program has at most ", machine.maxThreads, machine.maxThreads == 1 ? " thread" : " threads", " on this machine");
      return nullptr;
    }
    if (kernel.programs > 1) kernel.programs = std::max(2, machine.smallWorkgroup / d.kernel.threads);
    kernel.threads = d.kernel.threads;
    kernel.reloads = d.kernel.reloads;
    return &d;
  }
  return nullptr;
}

std::string kernelText(const KernelSchedule& k) {
  auto yes = [](bool b) { return b ? "yes" : "no"; };
  return cat("kernel threads ", k.threads, " programs ", k.programs, " subgroups ", yes(k.subgroups), " matrices ", yes(k.matrices),
             k.matrices ? cat(" reloads ", yes(k.reloads)) : "");
}

std::string axesText(const NestSchedule& s) {
  std::string out;
  for (const NestSchedule::Axis& a : s.axes) appendAll(out, out.empty() ? "" : ",", a.size(), a.isReduced ? "r" : "");
  return out.empty() ? "none" : out;
}

std::string nestText(const Nest& nest) {
  if (nest.anchors[0].kind == Anchor::Dot) {
    const DotSchedule& d = nest.dot;
    switch (d.kind) {
      case DotSchedule::Tiles:
        return cat("dot ", nest.number, " rows ", d.rows, d.restRows ? cat(" rest ", d.restRows) : "", " columns ", d.columns, " group ",
                   d.group);
      case DotSchedule::Threads: return cat("dot ", nest.number, " depth ", d.depth, " unrolled ", d.unrolled ? "yes" : "no");
      case DotSchedule::Matrices: return {};
    }
  }
  if (!hasLoops(nest)) return {};
  const NestSchedule& s = nest.loops;
  std::vector<int> threads;
  for (const NestSchedule::Axis& a : s.axes) threads.push_back(1 << a.threadBits);
  const bool hasLanes = s.vectorAxis >= 0;
  return cat("nest ", nest.number, " axes ", axesText(s), " vector ", hasLanes ? cat(s.vectorAxis) : "none", " lanes ",
             hasLanes ? s.axes[static_cast<size_t>(s.vectorAxis)].step() : 1,
             s.transposedAxis >= 0 ? cat(" transposed ", s.transposedAxis) : "", " threads ", listed(threads),
             s.spreadAxis >= 0 ? cat(" spread ", s.spread) : "", " order ", listed(s.order), " unrolled ", s.unrolled ? "yes" : "no",
             s.jammed > 0 ? cat(" jammed ", s.jammed) : "",
             s.versions.tests.empty()  ? ""
             : s.versions.onlyBuffered ? " tested no"
                                       : " tested yes");
}

}  // namespace nereid
