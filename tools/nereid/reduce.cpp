// SPDX-License-Identifier: MIT
#include "reduce.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <vector>

namespace {

using Lines = std::vector<std::string>;

Lines linesOf(const std::string& text) {
  Lines out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string textOf(const Lines& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

bool isBlank(const std::string& line) { return line.find_first_not_of(" \t") == std::string::npos; }
size_t indentOf(const std::string& line) { return std::min(line.find_first_not_of(" \t"), line.size()); }

int depthOf(const std::string& line, std::string_view open, std::string_view close) {
  int depth = 0;
  char quote = 0;
  for (char c : line) {
    if (quote)
      quote = c == quote ? 0 : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '#' || open.empty())
      break;
    else
      depth += (open.find(c) != std::string_view::npos) - (close.find(c) != std::string_view::npos);
  }
  return depth;
}

struct Range {
  size_t begin, end;
};

// The end of the statement at `at`, with its continuation lines and its block.
size_t endOf(const Lines& lines, size_t at, bool isPython) {
  size_t end = at;
  int depth = 0;
  if (!isPython) {
    do depth += depthOf(lines[end], "{", "}");
    while (++end < lines.size() && depth > 0);
    return end;
  }
  do depth += depthOf(lines[end], "([{", ")]}");
  while (++end < lines.size() && depth > 0);
  while (end < lines.size() && (isBlank(lines[end]) || indentOf(lines[end]) > indentOf(lines[at]))) ++end;
  return end;
}

class Reducer {
 public:
  Reducer(std::string text, bool isPython, const std::function<bool(const std::string&)>& keeps,
          const std::function<void(const std::string&)>& says)
      : text_(std::move(text)), isPython_(isPython), keeps_(keeps), says_(says) {}

  std::string run() {
    for (size_t before = 0; before != text_.size();) {
      before = text_.size();
      deleteLines();
      openBlocks();
      simplify();
    }
    return text_;
  }

 private:
  bool accept(std::string candidate) {
    if (candidate == text_ || !keeps_(candidate)) return false;
    text_ = std::move(candidate);
    says_(std::to_string(linesOf(text_).size()) + " lines, " + std::to_string(text_.size()) + " bytes");
    return true;
  }

  // Deletes runs of statements, the longest first.
  void deleteLines() {
    for (size_t count = linesOf(text_).size(); count > 0; count /= 2)
      for (size_t at = linesOf(text_).size(); at-- > 0;) {
        Lines lines = linesOf(text_);
        if (at >= lines.size()) continue;
        size_t end = at;
        for (size_t k = 0; k < count && end < lines.size(); ++k) end = endOf(lines, end, isPython_);
        lines.erase(lines.begin() + static_cast<ptrdiff_t>(at), lines.begin() + static_cast<ptrdiff_t>(end));
        accept(textOf(lines));
      }
  }

  // Replaces `if c:` and similar statements by their bodies.
  void openBlocks() {
    for (size_t at = linesOf(text_).size(); at-- > 0;) {
      Lines lines = linesOf(text_);
      if (at + 1 >= lines.size()) continue;
      size_t end = endOf(lines, at, isPython_), indent = indentOf(lines[at]);
      if (end < at + 2) continue;
      Lines opened(lines.begin(), lines.begin() + static_cast<ptrdiff_t>(at));
      size_t inner = indentOf(lines[at + 1]);
      for (size_t k = at + 1; k < end - (isPython_ ? 0 : 1); ++k)
        opened.push_back(lines[k].size() >= inner && inner > indent ? lines[k].substr(0, indent) + lines[k].substr(inner) : lines[k]);
      opened.insert(opened.end(), lines.begin() + static_cast<ptrdiff_t>(end), lines.end());
      accept(textOf(opened));
    }
  }

  // The end of the brackets that open at `at`.
  size_t closing(size_t at) const {
    int depth = 0;
    for (size_t k = at; k < text_.size(); ++k) {
      depth += std::string_view("([{").find(text_[k]) != std::string_view::npos;
      depth -= std::string_view(")]}").find(text_[k]) != std::string_view::npos;
      if (depth == 0) return k + 1;
    }
    return std::string::npos;
  }

  // Splits the contents of brackets at commas, or at operators.
  std::vector<Range> parts(Range r, std::string_view separators) const {
    std::vector<Range> out;
    size_t begin = r.begin;
    int depth = 0;
    for (size_t k = r.begin; k < r.end; ++k) {
      depth += std::string_view("([{").find(text_[k]) != std::string_view::npos;
      depth -= std::string_view(")]}").find(text_[k]) != std::string_view::npos;
      if (depth != 0 || separators.find(text_[k]) == std::string_view::npos) continue;
      if (k > begin) out.push_back({begin, k});
      begin = k + 1;
    }
    if (r.end > begin) out.push_back({begin, r.end});
    return out;
  }

  bool replace(Range r, const std::string& by) {
    if (text_.compare(r.begin, r.end - r.begin, by) == 0 || by.size() >= r.end - r.begin) return false;
    return accept(text_.substr(0, r.begin) + by + text_.substr(r.end));
  }

  std::string trimmed(Range r) const {
    std::string s = text_.substr(r.begin, r.end - r.begin);
    size_t first = s.find_first_not_of(" \t\n"), last = s.find_last_not_of(" \t\n");
    return first == std::string::npos ? "" : s.substr(first, last - first + 1);
  }

  // Replaces one expression by something smaller; returns true if that helped.
  bool shrink(Range r) {
    for (const char* by : {"0", "1"})
      if (replace(r, by)) return true;
    for (std::string_view separators : {",", "+-*/%<>=!&|^"})
      for (const Range& part : parts(r, separators))
        if (std::string by = trimmed(part); !by.empty() && replace(r, by)) return true;
    return false;
  }

  void simplify() {
    // The right side of an assignment, or the argument of a statement.
    for (size_t k = text_.size(); k-- > 0;) {
      if (k >= text_.size()) continue;
      if (text_[k] == '=' && k + 1 < text_.size() && text_[k + 1] == ' ') {
        size_t end = text_.find('\n', k);
        while (end != std::string::npos && shrink({k + 2, end})) end = text_.find('\n', k);
      }
      if (text_[k] != '(' && text_[k] != '[') continue;
      size_t end = closing(k);
      if (end == std::string::npos) continue;
      // Replaces the whole call by one of its arguments.
      size_t name = k;
      while (name > 0 && (std::isalnum(static_cast<unsigned char>(text_[name - 1])) || text_[name - 1] == '_' || text_[name - 1] == '.'))
        --name;
      bool gone = false;
      for (const Range& part : parts({k + 1, end - 1}, ","))
        if (std::string by = trimmed(part); !by.empty() && (gone = replace({name, end}, by))) break;
      // Removes an argument, or simplifies it.
      for (bool more = !gone; more;) {
        more = false;
        end = closing(k);
        if (end == std::string::npos) break;
        std::vector<Range> arguments = parts({k + 1, end - 1}, ",");
        for (size_t i = arguments.size(); i-- > 0 && !more;) {
          Range with = arguments[i];
          if (i > 0)
            with.begin = arguments[i - 1].end;
          else if (i + 1 < arguments.size())
            with.end = arguments[i + 1].begin;
          more = replace(with, "") || shrink(arguments[i]);
        }
      }
    }
  }

  std::string text_;
  bool isPython_;
  const std::function<bool(const std::string&)>& keeps_;
  const std::function<void(const std::string&)>& says_;
};

}  // namespace

std::string reduceProgram(std::string text, bool isPython, const std::function<bool(const std::string&)>& keeps,
                          const std::function<void(const std::string&)>& says) {
  return Reducer(std::move(text), isPython, keeps, says).run();
}
