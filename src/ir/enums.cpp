// SPDX-License-Identifier: MIT
#include "ir/enums.h"

namespace nereid {

namespace {

struct Row {
  Attr attr;
  int64_t value;
  std::string_view keyword;
};

constexpr Row kRows[] = {
    {Attr::Cache, 1, "none"},
    {Attr::Cache, 2, "ca"},
    {Attr::Cache, 3, "cg"},
    {Attr::Cache, 4, "wb"},
    {Attr::Cache, 5, "cs"},
    {Attr::Cache, 6, "wt"},
    {Attr::Cache, 7, "cv"},
    {Attr::Evict, 1, "evict_normal"},
    {Attr::Evict, 2, "evict_first"},
    {Attr::Evict, 3, "evict_last"},
    {Attr::Padding, 0, "none"},
    {Attr::Padding, 1, "zero"},
    {Attr::Padding, 2, "nan"},
    {Attr::RmwOp, 1, "and"},
    {Attr::RmwOp, 2, "or"},
    {Attr::RmwOp, 3, "xor"},
    {Attr::RmwOp, 4, "add"},
    {Attr::RmwOp, 5, "fadd"},
    {Attr::RmwOp, 6, "max"},
    {Attr::RmwOp, 7, "min"},
    {Attr::RmwOp, 8, "umax"},
    {Attr::RmwOp, 9, "umin"},
    {Attr::RmwOp, 10, "exch"},
    {Attr::Sem, 1, "relaxed"},
    {Attr::Sem, 2, "acquire"},
    {Attr::Sem, 3, "release"},
    {Attr::Sem, 4, "acq_rel"},
    {Attr::Scope, 1, "gpu"},
    {Attr::Scope, 2, "cta"},
    {Attr::Scope, 3, "sys"},
    {Attr::Axis, 0, "x"},
    {Attr::Axis, 1, "y"},
    {Attr::Axis, 2, "z"},
    {Attr::Rounding, 0, "rtz"},
    {Attr::Rounding, 1, "rtne"},
    {Attr::PropagateNan, 0, "none"},
    {Attr::PropagateNan, 65535, "all"},
    {Attr::InputPrecision, 0, "tf32"},
    {Attr::InputPrecision, 1, "tf32x3"},
    {Attr::InputPrecision, 2, "ieee"},
    {Attr::InputPrecision, 3, "bf16x3"},
    {Attr::InputPrecision, 4, "bf16x6"},
    {Attr::LhsElem, 0, "e4m3"},
    {Attr::LhsElem, 1, "e5m2"},
    {Attr::LhsElem, 2, "e2m3"},
    {Attr::LhsElem, 3, "e3m2"},
    {Attr::LhsElem, 4, "e2m1"},
    {Attr::LhsElem, 5, "bf16"},
    {Attr::LhsElem, 6, "fp16"},
    {Attr::Kind, 1, "add"},
    {Attr::Kind, 2, "min"},
    {Attr::Kind, 3, "max"},
    {Attr::Kind, 4, "inc"},
    {Attr::Kind, 5, "dec"},
    {Attr::Kind, 6, "and"},
    {Attr::Kind, 7, "or"},
    {Attr::Kind, 8, "xor"},
};

constexpr std::string_view kCmpI[] = {"eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
constexpr std::string_view kCmpF[] = {"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
                                      "ueq",   "ugt", "uge", "ult", "ule", "une", "uno", "true"};

Attr table(Attr attr) { return attr == Attr::RhsElem ? Attr::LhsElem : attr; }

template <size_t N>
std::string_view keywordIn(const std::string_view (&names)[N], int64_t value) {
  return value >= 0 && static_cast<size_t>(value) < N ? names[value] : std::string_view();
}

template <size_t N>
std::optional<int64_t> numberIn(const std::string_view (&names)[N], std::string_view keyword) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == keyword) return static_cast<int64_t>(i);
  return std::nullopt;
}

}  // namespace

std::string_view enumKeyword(Attr attr, int64_t value) {
  for (const Row& row : kRows)
    if (row.attr == table(attr) && row.value == value) return row.keyword;
  return {};
}

std::optional<int64_t> enumFromKeyword(Attr attr, std::string_view keyword) {
  for (const Row& row : kRows)
    if (row.attr == table(attr) && row.keyword == keyword) return row.value;
  return std::nullopt;
}

bool isEnum(Attr attr) {
  for (const Row& row : kRows)
    if (row.attr == table(attr)) return true;
  return false;
}

std::string_view cmpIKeyword(int64_t predicate) { return keywordIn(kCmpI, predicate); }
std::optional<int64_t> cmpIFromKeyword(std::string_view keyword) { return numberIn(kCmpI, keyword); }
std::string_view cmpFKeyword(int64_t predicate) { return keywordIn(kCmpF, predicate); }
std::optional<int64_t> cmpFFromKeyword(std::string_view keyword) { return numberIn(kCmpF, keyword); }

}  // namespace nereid
