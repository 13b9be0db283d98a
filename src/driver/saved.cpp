// SPDX-License-Identifier: MIT
// The bytes are `magic, checksum of the rest, version, processor, kernel`; numbers have 64 bits, and each text follows its size.
#include "driver/saved.h"

#include <cstring>

namespace nereid {

namespace {

constexpr std::string_view kMagic = "nereid-kernel-1\n";

// FNV-1a, eight bytes at a time: detects damage, not malice.
uint64_t sumOf(std::string_view bytes) {
  uint64_t sum = 0xcbf29ce484222325;
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t word = bytes.size();
    std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
    sum = (sum ^ word) * 0x100000001b3;
    sum ^= sum >> 29;
  }
  return sum;
}

struct Writer {
  std::string out;
  void number(uint64_t n) { out.append(reinterpret_cast<const char*>(&n), sizeof n); }
  void text(std::string_view s) {
    number(s.size());
    out.append(s);
  }
};

struct Reader {
  std::string_view in;
  bool ok = true;
  std::string_view take(size_t size) {
    ok = ok && size <= in.size();
    if (!ok) return {};
    std::string_view out = in.substr(0, size);
    in.remove_prefix(size);
    return out;
  }
  uint64_t number() {
    uint64_t n = 0;
    std::string_view bytes = take(sizeof n);
    if (ok) std::memcpy(&n, bytes.data(), sizeof n);
    return n;
  }
  std::string text() { return std::string(take(number())); }
  // The count of items that take at least one byte each.
  size_t count() {
    uint64_t n = number();
    ok = ok && n <= in.size();
    return ok ? n : 0;
  }
};

}  // namespace

std::string toBytes(const SavedCpu& kernel, std::string_view version) {
  Writer w;
  w.text(version);
  w.text(processor());
  w.text(kernel.symbol);
  w.number(static_cast<uint64_t>(kernel.scratchBytes));
  w.number(kernel.atomics);
  w.number(kernel.isPointer.size());
  for (unsigned char b : kernel.isPointer) w.number(b);
  w.text(kernel.info.name);
  w.number(kernel.info.parameters.size());
  for (const ParameterInfo& p : kernel.info.parameters) {
    w.text(p.name);
    w.text(p.type);
    w.number(p.block.size());
    for (int64_t n : p.block) w.number(static_cast<uint64_t>(n));
    w.text(p.writes);
  }
  w.text(kernel.code);
  Writer head;
  head.out = kMagic;
  head.number(sumOf(w.out));
  return head.out + w.out;
}

std::optional<SavedCpu> fromBytes(std::string_view bytes, std::string_view version, std::string& why) {
  Reader r{bytes};
  if (r.take(kMagic.size()) != kMagic) return why = "these bytes are not a saved kernel", std::nullopt;
  uint64_t sum = r.number();
  if (!r.ok || sum != sumOf(r.in)) return why = "the kernel is damaged", std::nullopt;
  if (r.text() != version) return why = "the kernel is of another version", std::nullopt;
  if (r.text() != processor()) return why = "the kernel is for another processor", std::nullopt;
  SavedCpu out;
  out.symbol = r.text();
  out.scratchBytes = static_cast<int64_t>(r.number());
  out.atomics = static_cast<uint8_t>(r.number());
  for (size_t n = r.count(); n-- > 0;) out.isPointer.push_back(r.number() != 0);
  out.info.typed = true;
  out.info.name = r.text();
  for (size_t n = r.count(); n-- > 0;) {
    ParameterInfo& p = out.info.parameters.emplace_back();
    p.name = r.text();
    p.type = r.text();
    for (size_t d = r.count(); d-- > 0;) p.block.push_back(static_cast<int64_t>(r.number()));
    std::string writes = r.text();
    p.writes = writes == "true" ? "true" : writes == "false" ? "false" : "";
  }
  out.code = r.text();
  if (!r.ok || !r.in.empty() || out.isPointer.size() != out.info.parameters.size()) return why = "the kernel is damaged", std::nullopt;
  return out;
}

}  // namespace nereid
