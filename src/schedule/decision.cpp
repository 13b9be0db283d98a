// SPDX-License-Identifier: MIT
#include "schedule/decision.h"

#include <bit>

#include "support/text.h"

namespace nereid {

bool isPower(int n) { return n > 0 && std::has_single_bit(static_cast<unsigned>(n)); }

std::vector<int> powers(int first, int64_t last) {
  std::vector<int> out;
  for (int64_t n = first; n <= last; n *= 2) out.push_back(static_cast<int>(n));
  return out;
}

std::string_view nameOf(Decision::Field field) {
  static constexpr std::string_view kNames[] = {"vector", "lanes",  "transposed", "threads", "spread",  "order", "unrolled",
                                                "jammed", "tested", "rows",       "rest",    "columns", "group", "depth"};
  return kNames[field];
}

std::string valueText(Decision::Field field, int value) {
  switch (field) {
    case Decision::Unrolled:
    case Decision::Tested: return value ? "yes" : "no";
    case Decision::Vector:
    case Decision::Transposed:
      if (value < 0) return "none";
      [[fallthrough]];
    default: return cat(value);
  }
}

std::vector<int> Decision::legal() const {
  std::vector<int> out;
  for (int value : values)
    if (whyNot(value).empty()) out.push_back(value);
  return out;
}

int ask(Choose choose, Decision decision) {
  if (!decision.whyNot(decision.usual).empty()) decision.usual = decision.legal().at(0);
  return choose(decision);
}

int LineReader::operator()(const Decision& decision) {
  for (size_t k = 0; k < line_.fields.size(); ++k) {
    const auto& [field, values] = line_.fields[k];
    const auto index = static_cast<size_t>(decision.index);
    if (field != decision.field || index >= values.size()) continue;
    asked_[k] = index + 1;
    std::string why = decision.whyNot(values[index]);
    if (why.empty()) return values[index];
    if (fault_.empty()) fault_ = std::move(why);
  }
  return decision.usual;
}

std::string LineReader::fault() const {
  if (!fault_.empty()) return fault_;
  for (size_t k = 0; k < line_.fields.size(); ++k) {
    const auto& [field, values] = line_.fields[k];
    if (asked_[k] == 0 && !values.empty()) return cat("`", nameOf(field), "` is not a decision about it");
    if (asked_[k] < values.size()) return cat("`", nameOf(field), "` has ", asked_[k], asked_[k] == 1 ? " item" : " items");
  }
  return {};
}

}  // namespace nereid
