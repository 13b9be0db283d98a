// SPDX-License-Identifier: MIT
// Runs test files, in TTIR (`//` comments) or Python (`#` comments). Each tests one thing, and its first line says what must hold.
//
//   // run: @add grid=2 x=i32[1, 2] out=zeros:i32[2]  =>  out=[2, 3] ~1e-6
//       runs on every target, in the order of `nereid targets`, but on webgpu only if --targets names it. Without `=>` all arrays must be
//       as on the first target, the interpreter. Floats must be equal, including the signs of zeros, unless a tolerance is given: ~1e-6 is
//       relative to the expected value, ~1e-6,1e-7 also allows a difference of 1e-7, for sums whose terms cancel; both also allow one unit
//       in the last place. Infinities must be equal, and NaN equals NaN. `only=` names a target that supports it (repeat it for several),
//       `without=` one for which it is meaningless, `lacks=` one that refuses it as unsupported. webgpu~1e-3 is the tolerance of that
//       target, which may not fuse multiply-adds.
//       --debug keeps assertions of Python source.
//   // prints: pid (0, 0, 0) idx (0) x: 1.500000
//       after a `run:`: a line that it prints on every target; several may be in any order.
//   // run: @add ... => error [bounds] text
//   // fails: [verify] text
//       the front-end refuses the file with this id and text. `// signature: *fp32,i32` and `// constant: N=4` are compiler options.
//   // ---- ttir
//       the following lines are the output of `emit --stage ttir`; --bless rewrites them.
// --targets interp,wasm: only these, which must run on this machine.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "session.h"

using namespace nereid::tool;
namespace fs = std::filesystem;

namespace {

int passed = 0, failed = 0;
bool bless = false;
std::vector<std::string> chosen;  // selected targets; empty: all that run here except `webgpu`, which is slow on an emulated GPU

void result(const std::string& test, const std::string& error) {
  if (error.empty()) {
    ++passed;
    return;
  }
  ++failed;
  std::printf("FAILED %s\n  %s\n", test.c_str(), error.c_str());
}

std::string trimmed(std::string s) {
  while (!s.empty() && (s.back() == ' ' || s.back() == '\r')) s.pop_back();
  s.erase(0, std::min(s.find_first_not_of(' '), s.size()));
  return s;
}

// Splits at spaces outside of brackets and quotes.
std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  std::string word;
  int depth = 0;
  char quote = 0;
  for (char c : text) {
    if (quote)
      quote = c == quote ? 0 : quote;
    else if (c == '\'' || c == '"')
      quote = c;
    depth += (c == '[' || c == '(') - (c == ']' || c == ')');
    if (c == ' ' && depth == 0 && !quote) {
      if (!word.empty()) out.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

// The tolerance of a result: relative to the expected value, and absolute, for sums whose terms cancel. If either is not 0, one unit in the
// last place is also allowed.
struct Tolerance {
  double relative = 0, absolute = 0;
};

// RELATIVE or RELATIVE,ABSOLUTE.
Tolerance toleranceOf(const char* text) {
  char* end;
  Tolerance out{std::strtod(text, &end), 0};
  if (*end == ',') out.absolute = std::atof(end + 1);
  return out;
}

std::string digits(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.9g", x);
  return buffer;
}

// `flushes`: a target that may flush subnormal f32 numbers to zero, and lose the signs of zeros.
std::string compare(const Array& got, const Array& wanted, const Tolerance& tolerance, bool flushes) {
  if (got.bytes != wanted.bytes) return "has " + std::to_string(got.size()) + " elements, not " + std::to_string(wanted.size());
  bool exact = tolerance.relative == 0 && tolerance.absolute == 0;
  auto same = [&](size_t i) {
    if (got.type->kind != Kind::Float) return got.bits(i) == wanted.bits(i);
    double a = got.number(i), b = wanted.number(i);
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (flushes && std::fabs(a) <= 0x1p-126 && std::fabs(b) <= 0x1p-126) return true;
    if (exact && a == 0 && b == 0) return flushes || std::signbit(a) == std::signbit(b);
    if (a == b || exact || std::isinf(a) || std::isinf(b)) return a == b;
    const DType& type = *got.type;
    double unit = std::max(std::ldexp(std::fabs(b), -type.mantissaBits), std::ldexp(1.0, 1 - type.bias - type.mantissaBits));
    return std::fabs(a - b) <= tolerance.relative * std::fabs(b) + tolerance.absolute + unit;
  };
  for (size_t i = 0; i < got.size(); ++i) {
    if (same(i)) continue;
    std::string where = "differs at element " + std::to_string(i);
    if (got.type->kind == Kind::Float)
      where += " by " + digits(std::fabs(got.number(i) - wanted.number(i))) + " from " + digits(wanted.number(i));
    return where + ": " + show(got, 32) + ", wanted " + show(wanted, 32);
  }
  return "";
}

struct Run {
  std::string kernel, grid = "1", error;                                             // error: "[id] text" if one is expected
  std::vector<std::string> args, constants, only, without, lacking, wanted, prints;  // lacking: targets that refuse it
  Tolerance tolerance, slack;  // slack: tolerance of WebGPU, which may not fuse operations or keep their order
  bool fails = false, debug = false, races = false;
};

Run parseRun(const std::string& line) {
  Run run;
  std::string left = line, right;
  if (size_t arrow = line.find("=>"); arrow != std::string::npos) {
    left = line.substr(0, arrow);
    right = trimmed(line.substr(arrow + 2));
  }
  for (const std::string& w : words(left)) {
    if (w.starts_with("@"))
      run.kernel = w.substr(1);
    else if (w.starts_with("grid="))
      run.grid = w.substr(5);
    else if (w.starts_with("only="))
      run.only.push_back(w.substr(5));
    else if (w.starts_with("without="))
      run.without.push_back(w.substr(8));
    else if (w.starts_with("lacks="))
      run.lacking.push_back(w.substr(6));
    else if (w == "--debug")
      run.debug = true;
    else if (w == "--check-races")
      run.races = true;
    else if (w.starts_with("webgpu~"))
      run.slack = toleranceOf(w.c_str() + 7);
    else if (w.starts_with("-D"))
      run.constants.push_back(w.substr(2));
    else if (w.starts_with("~"))
      run.tolerance = toleranceOf(w.c_str() + 1);
    else
      run.args.push_back(w);
  }
  if (right.starts_with("error")) {
    run.fails = true;
    run.error = trimmed(right.substr(5));
    return run;
  }
  for (const std::string& w : words(right)) {
    if (w.starts_with("~"))
      run.tolerance = toleranceOf(w.c_str() + 1);
    else
      run.wanted.push_back(w);
  }
  return run;
}

std::string checkError(const Problem& p, const std::string& wanted) {
  if (!p) return "succeeded, but the error " + wanted + " is wanted";
  size_t close = wanted.find(']');
  std::string id = wanted.substr(0, close + 1), text = close == std::string::npos ? wanted : trimmed(wanted.substr(close + 1));
  if (p.text.find(id) != std::string::npos && p.text.find(text) != std::string::npos) return "";
  return "gave another error than " + wanted + ":\n" + p.text;
}

void setGrid(const std::string& text, uint32_t grid[3]) {
  grid[0] = grid[1] = grid[2] = 1;
  std::stringstream in(text);
  std::string part;
  for (int i = 0; i < 3 && std::getline(in, part, ','); ++i) grid[i] = static_cast<uint32_t>(std::atoi(part.c_str()));
}

std::string runOn(const fs::path& path, const Run& run, const std::string& target, std::unique_ptr<Session>& reference) {
  auto session = std::make_unique<Session>();
  std::vector<std::string> arrays;
  for (auto& c : run.constants)
    if (Problem p = session->addConstant(c)) return p.text;
  for (auto& a : run.args) {
    if (Problem p = session->addArgument(a)) return p.text;
    std::string name = a.substr(0, a.find('='));
    if (session->find(name)->isArray) arrays.push_back(name);
  }
  nereid_launch_options options{};
  setGrid(run.grid, options.grid);
  options.check_bounds = target == "interp" || target == "lower" || target == "threads";
  options.check_races = run.races && target == "interp";
  options.threads = 2;
  std::vector<std::string> printed;
  options.user = &printed;
  options.print = [](void* user, const char* line, size_t size) {
    static_cast<std::vector<std::string>*>(user)->push_back(trimmed({line, size}));
  };
  Problem p = session->compile({path.string(), run.kernel}, target, "", run.debug);
  if (!p) p = session->launch(options);
  if (std::find(run.lacking.begin(), run.lacking.end(), target) != run.lacking.end()) return checkError(p, "[unsupported]");
  if (run.fails) return checkError(p, run.error);
  if (p) return p.text;
  std::sort(printed.begin(), printed.end());
  if (printed != run.prints) {
    auto text = [](const std::vector<std::string>& list) {
      std::string out;
      for (const std::string& line : list) out += "\n  " + line;
      return out;
    };
    return "prints" + text(printed) + "\nwanted" + text(run.prints);
  }
  bool onGpu = target == "webgpu";
  Tolerance tolerance = run.tolerance;
  if (onGpu) tolerance = {std::max(tolerance.relative, run.slack.relative), std::max(tolerance.absolute, run.slack.absolute)};
  for (const std::string& w : run.wanted) {
    std::string name = w.substr(0, w.find('='));
    Value* got = session->find(name);
    if (!got || !got->isArray) return "there is no array " + name;
    Array wanted;
    std::string text = w.substr(w.find('=') + 1);
    if (text.starts_with('[')) text = got->array.type->name + text;
    if (std::string error = parseArray(text, wanted); !error.empty()) return error;
    if (std::string error = compare(got->array, wanted, tolerance, onGpu); !error.empty()) return name + " " + error;
  }
  if (reference)
    for (const std::string& name : arrays)
      if (std::string error = compare(session->find(name)->array, reference->find(name)->array, tolerance, onGpu); !error.empty())
        return name + " " + error;
  if (!reference) reference = std::move(session);
  return "";
}

std::vector<std::string> targetNames() {
  std::vector<std::string> out;
  auto all = nlohmann::json::parse(take(nereid_targets()));
  for (const std::string& name : chosen)
    if (std::none_of(all.begin(), all.end(), [&](auto& t) { return t["name"] == name && t["runs"]; })) {
      std::fprintf(stderr, "the target %s does not run here\n", name.c_str());
      std::exit(1);
    }
  for (auto& t : all)
    if (std::string name = t["name"];
        t["runs"] && (chosen.empty() ? name != "webgpu" : std::find(chosen.begin(), chosen.end(), name) != chosen.end()))
      out.push_back(name);
  return out;
}

std::string emitText(RequestHolder& holder, const std::string& stage, std::string& out) {
  nereid_request request = holder.get();
  nereid_text text{}, error{};
  nereid_status status = nereid_emit(&request, stage.c_str(), &text, &error);
  if (status != NEREID_OK) return take(error);
  out = take(text);
  return "";
}

void testFile(const fs::path& path) {
  std::ifstream in(path);
  std::string comment = path.extension() == ".py" ? "#" : "//";
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  RequestHolder holder;
  holder.file = {path.string(), ""};
  bool rewritten = false, tested = false;
  auto body = [&](const std::string& line, const char* key) -> std::optional<std::string> {
    std::string head = comment + " " + key + ":";
    if (!line.starts_with(head)) return std::nullopt;
    return trimmed(line.substr(head.size()));
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string where = path.string() + ":" + std::to_string(i + 1);
    if (auto s = body(lines[i], "signature")) holder.signature = splitSignature(*s);
    if (auto s = body(lines[i], "constant")) holder.constants[s->substr(0, s->find('='))] = s->substr(s->find('=') + 1);
    if (auto s = body(lines[i], "kernel")) holder.file.kernel = *s;
    if (auto s = body(lines[i], "file")) holder.file.path = *s;
    if (auto s = body(lines[i], "fails")) {
      std::string out;
      std::string error = emitText(holder, "ttir", out);
      result(where, checkError(error.empty() ? Problem{} : Problem{1, error}, *s));
      tested = true;
    }
    if (auto s = body(lines[i], "run")) {
      tested = true;
      Run run = parseRun(*s);
      for (size_t k = i + 1; k < lines.size() && lines[k].starts_with(comment + " prints:"); ++k)
        run.prints.push_back(*body(lines[k], "prints"));
      std::sort(run.prints.begin(), run.prints.end());
      std::unique_ptr<Session> reference;
      for (const std::string& target : targetNames()) {
        if (!run.only.empty() && std::find(run.only.begin(), run.only.end(), target) == run.only.end()) continue;
        if (std::find(run.without.begin(), run.without.end(), target) != run.without.end()) continue;
        result(where + " on " + target, runOn(path, run, target, reference));
      }
    }
    if (lines[i].starts_with(comment + " ---- ")) {
      std::string stage = trimmed(lines[i].substr(comment.size() + 6)), out, golden;
      size_t end = i + 1;
      for (; end < lines.size() && lines[end].starts_with(comment) && !lines[end].starts_with(comment + " ---- "); ++end) {
        std::string text = lines[end].substr(comment.size());
        golden += (text.starts_with(' ') ? text.substr(1) : text) + "\n";
      }
      std::string error = emitText(holder, stage.substr(0, stage.find(':')), out);
      tested = true;
      if (error.empty() && out != golden && bless) {
        std::vector<std::string> fresh;
        std::stringstream text(out);
        for (std::string line; std::getline(text, line);) fresh.push_back(line.empty() ? comment : comment + " " + line);
        lines.erase(lines.begin() + static_cast<ptrdiff_t>(i) + 1, lines.begin() + static_cast<ptrdiff_t>(end));
        lines.insert(lines.begin() + static_cast<ptrdiff_t>(i) + 1, fresh.begin(), fresh.end());
        rewritten = true;
      } else {
        result(where, !error.empty() ? error : out != golden ? "the text is not the golden one; it is:\n" + out : "");
      }
    }
  }
  if (!tested) result(path.string(), "has no test in it");
  if (rewritten) {
    std::ofstream out(path);
    for (auto& line : lines) out << line << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--bless")) {
      bless = true;
    } else if (!std::strcmp(argv[i], "--targets") && i + 1 < argc) {
      std::stringstream list(argv[++i]);
      for (std::string name; std::getline(list, name, ',');) chosen.push_back(name);
    } else if (fs::is_directory(argv[i])) {
      for (auto& entry : fs::directory_iterator(argv[i]))
        if (entry.path().extension() == ".ttir" || entry.path().extension() == ".py") files.push_back(entry.path());
    } else {
      files.push_back(argv[i]);
    }
  }
  std::sort(files.begin(), files.end());
  for (auto& f : files) testFile(f);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed;
}
