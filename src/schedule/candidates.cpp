// SPDX-License-Identifier: MIT
#include "schedule/candidates.h"

#include <algorithm>

#include "schedule/dots.h"
#include "schedule/nests.h"
#include "schedule/text.h"
#include "support/sort.h"
#include "support/text.h"

namespace nereid {

namespace {

struct Asked {
  Decision::Field field;
  int index;
  std::vector<int> legal;
  int taken, usual;
  std::string_view reason;
};

// Answers the first decisions with given values, and others as a line says where that is legal. Records what it is asked.
class Follower {
 public:
  explicit Follower(const LineDecisions& line) : line_(line) {}
  std::vector<int> first;
  std::vector<Asked> asked;

  int operator()(const Decision& d) {
    const size_t at = asked.size();
    int taken = d.usual;
    if (at < first.size())
      taken = first[at];
    else
      for (const auto& [field, values] : line_.fields)
        if (const auto index = static_cast<size_t>(d.index); field == d.field && index < values.size() && d.whyNot(values[index]).empty())
          taken = values[index];
    asked.push_back({d.field, d.index, d.legal(), taken, d.usual, d.reason});
    return taken;
  }

 private:
  const LineDecisions& line_;
};

int64_t costWith(const Schedule& schedule, const Nest& nest, Follower& follower) {
  follower.asked.clear();
  const Choose choose(follower);
  if (nest.anchors[0].kind == Anchor::Dot) {
    const Inst& dot = *nest.anchors[0].inst;
    return schedule.dots->cost(dot, schedule.dots->schedule(dot, &choose));
  }
  const NestScheduler::Request request{.choose = &choose, .mayTranspose = true};
  return schedule.scheduler->cost(nest, schedule.scheduler->schedule(nest, request));
}

void addCandidates(const Schedule& schedule, const Nest& nest, std::vector<Candidates>& out) {
  std::string why;
  const auto sections = parseSchedule(cat(kernelText(schedule.kernel), "\n", nestText(nest)), why);
  const LineDecisions& line = sections->front().nests.at(nest.number);
  Follower follower(line);
  const int64_t current = costWith(schedule, nest, follower);
  const std::vector<Asked> asked = follower.asked;
  std::string before = cat(line.isDot ? "dot " : "nest ", nest.number, line.isDot ? "" : " axes ", line.axes);
  for (const Asked& a : asked) {
    append(before, a.index ? "," : cat(" ", nameOf(a.field), " "));
    Candidates c{nest.number, before, a.field, {}, a.taken, a.usual, a.reason};
    for (int value : a.legal) {
      int64_t cost = current;
      if (value != a.taken) {
        follower.first.push_back(value);
        cost = costWith(schedule, nest, follower);
        follower.first.pop_back();
      }
      c.values.push_back({value, cost});
    }
    sortStably(c.values, [](const Candidates::Value& x, const Candidates::Value& y) { return x.cost < y.cost; });
    const bool isOmitted = (a.field == Decision::Transposed && a.taken < 0) || (a.field == Decision::Rest && a.taken == 0);
    if (isOmitted)
      before.resize(before.size() - nameOf(a.field).size() - 2);
    else
      append(before, valueText(a.field, a.taken));
    follower.first.push_back(a.taken);
    if (c.values.size() > 1) out.push_back(std::move(c));
  }
}

}  // namespace

std::vector<Candidates> Schedule::candidates() const {
  std::vector<const Nest*> nests;
  for (const auto& [block, steps] : blocks)
    for (const Step& step : steps.steps)
      if (step.nest && !nestText(*step.nest).empty()) nests.push_back(step.nest.get());
  sortStably(nests, [](const Nest* a, const Nest* b) { return a->number < b->number; });
  std::vector<Candidates> out;
  for (const Nest* nest : nests) addCandidates(*this, *nest, out);
  return out;
}

std::string describeCandidates(const Func& f, const Schedule& schedule) {
  std::string out = cat("# candidates of ", f.name, ": the legal values of each decision, the cheapest first, and their estimated costs\n",
                        kernelText(schedule.kernel), "\n");
  for (const Candidates& c : schedule.candidates()) {
    std::string values, costs;
    for (const Candidates::Value& v : c.values) {
      appendAll(values, values.empty() ? "" : " ", valueText(c.field, v.value));
      appendAll(costs, " ", v.cost / 100);
    }
    appendAll(out, c.before, "{", values, "}  # cost", costs, "; now ", valueText(c.field, c.taken), ", by default ",
              valueText(c.field, c.usual), ": ", c.reason, "\n");
  }
  return out;
}

}  // namespace nereid
