// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "support/text.h"

namespace nereid {

// The text of an assertion or a print. The compiled kernel reports only the number of its site.
struct Site {
  bool isAssert = false;
  std::string text;
  std::string file;  // of an assertion, may be empty
  uint32_t line = 0;
  std::string value;  // of a print: "i64", "u64", "f64", "ptr", or "hex" and the number of bits; empty where there is only the text
  std::vector<int64_t> shape;  // of the tile that the value is an element of; empty for a scalar
};

// Returns true if the value of a lo.print is a signed integer.
inline bool printsSigned(const Inst& print) {
  const Type& t = print.operand(1)->type;
  const auto& isSigned = print.list(Attr::IsSigned);
  return t.isInt() && !t.isBool() && (isSigned.empty() || isSigned[0] != 0);
}

// The site of a lo.print or lo.assert.
inline Site siteOf(const Inst& inst) {
  if (inst.op == Op::LoAssert) {
    bool named = inst.has(Attr::File);
    return {.isAssert = true,
            .text = std::string(inst.text(Attr::Message)),
            .file = named ? std::string(inst.text(Attr::File)) : "",
            .line = inst.loc.line()};
  }
  Site site{.text = std::string(inst.text(Attr::Prefix)), .shape = inst.list(Attr::Shape)};
  if (inst.operands.size() == 1) return site;
  const Type& t = inst.operand(1)->type;
  site.value = t.isPointer()                  ? "ptr"
               : inst.integer(Attr::Hex) != 0 ? cat("hex", bitWidth(t))
               : t.isFloat()                  ? "f64"
               : printsSigned(inst)           ? "i64"
                                              : "u64";
  return site;
}

}  // namespace nereid
