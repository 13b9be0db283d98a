// SPDX-License-Identifier: MIT
#include "driver/json.h"

namespace nereid {

namespace {

std::string json(std::string_view s) { return jsonQuoted(s); }

std::string place(Loc loc, const Sources& sources) {
  if (!loc) return "";
  return cat(", \"file\": ", json(sources.path(loc.file())), ", \"line\": ", loc.line(), ", \"column\": ", loc.col(),
             ", \"length\": ", loc.length());
}

}  // namespace

std::string json(const KernelInfo& info) {
  std::string out = cat("{\"name\": ", json(info.name), ", \"typed\": ", info.typed, ", \"parameters\": [");
  for (size_t i = 0; i < info.parameters.size(); ++i) {
    auto& p = info.parameters[i];
    std::string block;
    for (int64_t n : p.block) block += cat(block.empty() ? ", \"block\": [" : ", ", n);
    if (!block.empty()) block += "]";
    appendAll(out, i ? ", " : "", "{\"name\": ", json(p.name), ", \"type\": ", json(p.type), block, ", \"constexpr\": ", p.isConstexpr,
              ", \"default\": ", p.hasDefault, ", \"do_not_specialize\": ", p.doNotSpecialize,
              ", \"do_not_specialize_on_alignment\": ", p.doNotAlign, p.writes.empty() ? "" : ", \"writes\": ", p.writes, "}");
  }
  return out + "]}";
}

std::string json(std::string_view target, const KernelInfo& info, const Artefacts& artefacts) {
  std::string names;
  for (const Artefact& f : artefacts.files) appendAll(names, names.empty() ? "" : ", ", json(f.name));
  return cat("{\"target\": ", json(target), ", \"kernel\": ", json(info), ", \"files\": [", names, "]",
             artefacts.details.empty() ? "" : cat(", ", json(target), ": ", artefacts.details), "}");
}

std::string json(const Diags& diags, const Sources& sources) {
  std::string out = "[";
  for (size_t i = 0; i < diags.size(); ++i) {
    const Diag& d = diags[i];
    std::string labels;
    for (const Label& l : d.labels) appendAll(labels, labels.empty() ? "" : ", ", "{\"text\": ", json(l.text), place(l.loc, sources), "}");
    appendAll(out, i ? ", " : "", "{\"id\": ", json(errorId(d.err)), ", \"text\": ", json(d.text), ", \"hint\": ", json(d.hintText),
              place(d.loc, sources), ", \"labels\": [", labels, "]}");
  }
  return out + "]";
}

}  // namespace nereid
