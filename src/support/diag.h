// SPDX-License-Identifier: MIT
// Source files, locations in them, and diagnostics about the user's program.
//
// A diagnostic is returned, never printed: the caller that owns the Diags renders them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <exception>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/text.h"

namespace nereid {

// A place in a source file: line and column count from 1, `length` is the underlined length. File 0 means "nowhere". It has 64 bits, since
// every value, instruction and token has one; fields that overflow keep their largest value.
class Loc {
 public:
  Loc() = default;
  Loc(uint32_t file, uint64_t line, uint64_t col, uint64_t length)
      : bits_(uint64_t{file} << 48 | std::min<uint64_t>(line, kMaxLine) << 26 | std::min<uint64_t>(col, kMaxCol) << 12 |
              std::min<uint64_t>(length, kMaxLength)) {}
  uint32_t file() const { return static_cast<uint32_t>(bits_ >> 48); }
  uint32_t line() const { return static_cast<uint32_t>(bits_ >> 26 & kMaxLine); }
  uint32_t col() const { return static_cast<uint32_t>(bits_ >> 12 & kMaxCol); }
  uint32_t length() const { return static_cast<uint32_t>(bits_ & kMaxLength); }
  Loc withFile(uint32_t file) const { return {file, line(), col(), length()}; }
  Loc withLength(uint64_t length) const { return {file(), line(), col(), length}; }
  explicit operator bool() const { return bits_ != 0; }
  bool operator==(const Loc&) const = default;

 private:
  static constexpr uint64_t kMaxLine = (1 << 22) - 1, kMaxCol = (1 << 14) - 1, kMaxLength = (1 << 12) - 1;
  uint64_t bits_ = 0;
};

// The files that locations refer to.
class Sources {
 public:
  // Registers a file; `text` may be empty for a file that is only named (in a TTIR location).
  uint32_t add(std::string path, std::string text);
  // The id of a registered file, or of a new one without text.
  uint32_t find(std::string_view path);
  const std::string& path(uint32_t file) const { return files_[file - 1].path; }
  const std::string& text(uint32_t file) const { return files_[file - 1].text; }
  std::string_view line(uint32_t file, uint32_t line) const;
  // Renames the file with this path.
  void showAs(std::string path, std::string shown) { shown_[std::move(path)] = std::move(shown); }
  // "path:line:col", or an empty text for nowhere.
  std::string describe(Loc loc) const;

 private:
  struct File {
    std::string path, text;
  };
  std::deque<File> files_;
  std::map<std::string, std::string> shown_;
};

enum class Err : uint16_t {
#define ERR(name, id, doc) name,
#include "support/errors.def"
#undef ERR
};
std::string_view errorId(Err err);

struct Label {
  Loc loc;
  std::string text;
};

// The error type of Result: the diagnostics themselves are in Diags.
struct Failed {};
template <class T = void>
using Result = std::expected<T, Failed>;

// One diagnostic. It converts to the error of any Result, so that `return diags.error(...).says(...)` works.
struct Diag {
  Diag(Err err, Loc loc) : err(err), loc(loc) {}
  Diag(const Diag&) = delete;  // changes of a copy would be lost

  Err err;
  Loc loc;
  std::string text;
  std::vector<Label> labels;
  std::string hintText;

  template <class... Parts>
  Diag& says(const Parts&... parts) {
    appendAll(emptied(text), parts...);
    return *this;
  }
  template <class... Parts>
  Diag& label(Loc at, const Parts&... parts) {
    if (at) appendAll(labels.emplace_back(at, std::string()).text, parts...);
    return *this;
  }
  template <class... Parts>
  Diag& hint(const Parts&... parts) {
    appendAll(emptied(hintText), parts...);
    return *this;
  }
  // A hint for a likely misspelling; none if `near` is empty.
  Diag& meant(std::string_view near);
  operator std::unexpected<Failed>() const { return std::unexpected(Failed{}); }  // NOLINT: implicit by design
  template <class T>
  operator Result<T>() const {  // NOLINT: implicit by design
    return std::unexpected(Failed{});
  }

 private:
  static std::string& emptied(std::string& text);  // not inline, since there are hundreds of calls
};

class Diags {
 public:
  // A reference to it stays valid until it is removed.
  Diag& error(Err err, Loc loc);
  bool empty() const { return diags_.empty(); }
  size_t size() const { return diags_.size(); }
  const Diag& operator[](size_t i) const { return diags_[i]; }
  void clear() { diags_.clear(); }
  // Removes all diagnostics after the first `count`: for attempts whose failure is not an error.
  void truncate(size_t count) {
    while (diags_.size() > count) diags_.pop_back();
  }
  // All diagnostics as text for the user: position, message, source line, carets, labels, hint.
  std::string render(const Sources& sources) const;

 private:
  std::deque<Diag> diags_;
};

#if !defined(__wasm__)
// An internal fault. The C interface returns it as an error, other programs end.
class InternalFault : public std::exception {
 public:
  explicit InternalFault(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};
#endif

// Reports an internal fault: throws an InternalFault with location and text; in WebAssembly the module ends. Never used for errors of the
// user.
[[noreturn]] void internalError(const char* file, int line, std::string_view text);
#define NEREID_CHECK(condition, ...) \
  ((condition) ? void() : ::nereid::internalError(__FILE__, __LINE__, ::nereid::cat("" __VA_OPT__(, ) __VA_ARGS__)))

}  // namespace nereid
