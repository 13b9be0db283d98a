// SPDX-License-Identifier: MIT
#include "support/diag.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace nereid {

uint32_t Sources::add(std::string path, std::string text) {
  if (auto other = shown_.find(path); other != shown_.end()) path = other->second;
  files_.push_back({std::move(path), std::move(text)});
  return static_cast<uint32_t>(files_.size());
}

uint32_t Sources::find(std::string_view path) {
  for (size_t i = 0; i < files_.size(); ++i)
    if (files_[i].path == path) return static_cast<uint32_t>(i + 1);
  return add(std::string(path), "");
}

std::string_view Sources::line(uint32_t file, uint32_t line) const {
  std::string_view text = files_[file - 1].text;
  for (uint32_t i = 1; i < line; ++i) {
    size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string_view found = text.substr(0, text.find('\n'));
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

std::string Sources::describe(Loc loc) const {
  if (!loc) return "";
  return cat(path(loc.file()), ":", loc.line(), ":", loc.col());
}

std::string_view errorId(Err err) {
  static constexpr std::string_view kIds[] = {
#define ERR(name, id, doc) id,
#include "support/errors.def"
#undef ERR
  };
  return kIds[static_cast<size_t>(err)];
}

std::string& Diag::emptied(std::string& text) {
  text.clear();
  return text;
}

Diag& Diag::meant(std::string_view near) { return near.empty() ? *this : hint("did you mean `", near, "`?"); }

Diag& Diags::error(Err err, Loc loc) { return diags_.emplace_back(err, loc); }

namespace {

// Bytes of `text` with one column each; control bytes and tabs become a space, so that carets stay below their text.
std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

// The number of columns of the first `bytes` of a UTF-8 line.
size_t columns(std::string_view line, size_t bytes) {
  size_t count = 0;
  for (char c : line.substr(0, std::min(bytes, line.size()))) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count + (bytes > line.size() ? bytes - line.size() : 0);
}

void renderLine(std::string& out, const Sources& sources, uint32_t file, uint32_t line, const Diag& diag) {
  std::string_view source = sources.line(file, line);
  if (source.size() > 400) return;  // generated text: a caret would not help
  std::string number = cat(line);
  number.insert(0, number.size() < 5 ? 5 - number.size() : 0, ' ');
  append(out, cat(number, " | ", printable(source), "\n"));
  std::string gutter = std::string(number.size(), ' ') + " | ";
  std::string marks;
  auto mark = [&](Loc loc, char with) {
    if (loc.file() != file || loc.line() != line) return;
    size_t begin = columns(source, loc.col() ? loc.col() - 1u : 0u);
    size_t end = columns(source, (loc.col() ? loc.col() - 1u : 0u) + std::max<size_t>(loc.length(), 1));
    if (marks.size() < end) marks.resize(end, ' ');
    for (size_t i = begin; i < end; ++i)
      if (marks[i] == ' ' || with == '^') marks[i] = with;
  };
  for (const Label& label : diag.labels) mark(label.loc, '-');
  mark(diag.loc, '^');
  if (!marks.empty()) append(out, cat(gutter, marks, "\n"));
  for (const Label& label : diag.labels)
    if (label.loc.file() == file && label.loc.line() == line && !label.text.empty())
      append(out, cat(gutter, std::string(columns(source, label.loc.col() - 1u), ' '), label.text, "\n"));
}

}  // namespace

std::string Diags::render(const Sources& sources) const {
  std::string out;
  for (const Diag& diag : diags_) {
    if (diag.loc) append(out, cat(sources.describe(diag.loc), ": "));
    append(out, cat("error: ", diag.text, " [", errorId(diag.err), "]\n"));
    std::vector<std::pair<uint32_t, uint32_t>> lines;
    auto want = [&](Loc loc) {
      if (!loc || sources.text(loc.file()).empty()) return;
      std::pair<uint32_t, uint32_t> at{loc.file(), loc.line()};
      if (std::find(lines.begin(), lines.end(), at) == lines.end()) lines.push_back(at);
    };
    want(diag.loc);
    for (const Label& label : diag.labels) want(label.loc);
    for (auto [file, line] : lines) {
      if (file != diag.loc.file()) append(out, cat("  in ", sources.path(file), ":\n"));
      renderLine(out, sources, file, line, diag);
    }
    if (!diag.hintText.empty()) append(out, cat("hint: ", diag.hintText, "\n"));
  }
  return out;
}

#if !defined(__wasm__)  // in WebAssembly the host reports it: src/wasm/runtime.cpp
void internalError(const char* file, int line, std::string_view text) {
  throw InternalFault(cat("internal error at ", file, ":", line, ": ", text));
}
#endif

}  // namespace nereid
