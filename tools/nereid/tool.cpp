// SPDX-License-Identifier: MIT
// The command line: compile, emit, run, reduce, targets, ops. It uses only the C interface.
#include "tool.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "reduce.h"
#include "session.h"
#include "tune.h"

using namespace nereid::tool;
using nlohmann::json;

namespace {

int report(const Problem& p) {
  std::fwrite(p.text.data(), 1, p.text.size(), stderr);
  return p.status;
}

bool parseGrid(const std::string& text, uint32_t grid[3]) {
  grid[0] = grid[1] = grid[2] = 1;
  size_t at = 0;
  for (int i = 0;; ++i) {
    if (i >= 3) return false;
    size_t comma = text.find(',', at);
    std::string part = text.substr(at, comma == std::string::npos ? comma : comma - at);
    char* end = nullptr;
    long long n = part.empty() ? 0 : std::strtoll(part.c_str(), &end, 10);
    if (!end || *end || n < 1 || n > UINT32_MAX) return false;
    grid[i] = static_cast<uint32_t>(n);
    if (comma == std::string::npos) return true;
    at = comma + 1;
  }
}

struct Common {
  std::string file, signature, schedule;
  std::vector<std::string> constants;
  bool debug = false;
  void add(CLI::App& app) {
    app.add_option("file", file, "the kernel, as FILE.py:KERNEL or FILE.ttir[:NAME]")->required();
    app.add_option(
        "--signature", signature,
        "one type per parameter, as in Triton's AOT tool: \"*fp32:16,*fp32:16,i32,constexpr\" (run finds them from the arguments)");
    app.add_option("-D", constants, "the value of a constexpr parameter as NAME=LITERAL, such as -D BLOCK=128 or -D \"mode='relu'\"")
        ->allow_extra_args(false);
    app.add_option_function<std::string>(
        "--cpu", [](const std::string& name) { setenv("NEREID_CPU", name.c_str(), 1); },
        "the processor of the target cpu, such as x86-64-v3, znver4, aarch64 or aarch64:neoverse-n1 (default: this one, or NEREID_CPU)");
    app.add_option(
        "--schedule", schedule,
        "decisions of the schedule that replace the defaults: a file in the form that --stage schedule prints, or random:SEED for "
        "legal ones at random");
    app.add_flag_callback("--verify-each", [] { setenv("NEREID_VERIFY_EACH", "1", 1); }, "verify the IR after every pass");
    app.add_flag_callback(
        "--print-after-all", [] { setenv("NEREID_PRINT_AFTER_ALL", "1", 1); }, "print the IR to stderr after every pass that changes it");
    app.add_flag("--debug", debug, "keep `assert` and tl.device_assert, and check integers for overflow");
  }
  Problem readSchedule(std::string& text) const {
    if (schedule.empty()) return {};
    if (schedule.starts_with("random:")) {
      text = "random " + schedule.substr(7);
      return {};
    }
    std::ifstream in(schedule);
    if (!in) return misuse("--schedule: cannot read `" + schedule + "`");
    text.assign(std::istreambuf_iterator<char>(in), {});
    return text.empty() ? misuse("--schedule: `" + schedule + "` is empty") : Problem{};
  }
  Problem fill(RequestHolder& holder) const {
    holder.file = splitFile(file);
    holder.signature = splitSignature(signature);
    holder.debug = debug;
    if (Problem p = readSchedule(holder.schedule)) return p;
    for (auto& c : constants) {
      size_t equals = c.find('=');
      if (equals == std::string::npos || equals == 0) return misuse("-D " + c + ": write NAME=LITERAL");
      holder.constants[c.substr(0, equals)] = c.substr(equals + 1);
    }
    return {};
  }
};

int emitCommand(const Common& common, const std::string& stage) {
  RequestHolder holder;
  if (Problem p = common.fill(holder)) return report(p);
  nereid_request request = holder.get();
  nereid_text text{}, error{};
  nereid_status status = nereid_emit(&request, stage.c_str(), &text, &error);
  if (status != NEREID_OK) return report({status, take(error)});
  std::string out = take(text);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

// TypeScript types: docs/reference/wasm.md.
std::string typesOf(const json& manifest) {
  std::string out = "// Written by nereid compile.\nimport type { Arg, Kernel } from \"nereid-lang\";\n\nexport interface Kernels {\n";
  std::set<std::string> seen;  // a kernel may be compiled for several targets
  for (auto& artefact : manifest) {
    auto& kernel = artefact["kernel"];
    if (artefact["target"] == "cpu" || !seen.insert(kernel["name"]).second) continue;
    std::string parameters;
    for (auto& p : kernel["parameters"])
      parameters += "    " + p["name"].get<std::string>() + ": Arg<\"" + p["type"].get<std::string>() + "\">;\n";
    out += "  " + kernel["name"].get<std::string>() + ": Kernel<{" + (parameters.empty() ? "" : "\n" + parameters + "  ") + "}>;\n";
  }
  return out + "}\n";
}

// The artefacts in this directory's manifest.json, if this version wrote it.
json artefactsIn(const std::string& directory) {
  std::ifstream in(directory + "/manifest.json");
  json found = json::parse(in, nullptr, false);
  if (!found.is_object() || found.value("nereid", "") != nereid_version() || !found.contains("artefacts") || !found["artefacts"].is_array())
    return json::array();
  return found["artefacts"];
}

int compileCommand(const Common& common, const std::vector<std::string>& targets, const std::string& directory) {
  json manifest = artefactsIn(directory);
  for (const std::string& target : targets) {
    RequestHolder holder;
    if (Problem p = common.fill(holder)) return report(p);
    holder.target = target;
    nereid_request request = holder.get();
    nereid_text text{}, error{};
    nereid_status status = nereid_artefacts(&request, directory.c_str(), &text, &error);
    if (status != NEREID_OK) return report({status, take(error)});
    json artefact = json::parse(take(text));
    std::erase_if(manifest.get_ref<json::array_t&>(),
                  [&](const json& a) { return a["target"] == artefact["target"] && a["kernel"]["name"] == artefact["kernel"]["name"]; });
    manifest.push_back(std::move(artefact));
  }
  std::ofstream out(directory + "/manifest.json");
  out << json{{"nereid", nereid_version()}, {"artefacts", manifest}}.dump(2) << "\n";
  out.close();
  if (std::any_of(manifest.begin(), manifest.end(), [](auto& a) { return a["target"] != "cpu"; }))
    std::ofstream(directory + "/kernels.d.ts") << typesOf(manifest);
  return out ? 0 : report(misuse("cannot write manifest.json in " + directory));
}

double percentile(const std::vector<double>& sorted, double p) {
  double at = p * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<size_t>(at);
  size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - static_cast<double>(below));
}

struct RunOptions {
  std::string target = "interp", grid;
  std::vector<std::string> args, saves, shows;
  int time = 0, threads = 0;
  bool checkBounds = false, checkRaces = false;
};

int runCommand(const Common& common, const RunOptions& o) {
  using Clock = std::chrono::steady_clock;
  auto micros = [](Clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); };
  nereid_launch_options options{};
  if (!parseGrid(o.grid, options.grid))
    return report(refused("grid", "--grid " + o.grid + ": write one to three integers of at least 1, as X[,Y[,Z]]"));
  if (o.time < 0 || o.threads < 0)
    return report(misuse(o.time < 0 ? "--time must be at least 0 (got " + std::to_string(o.time) + ")"
                                    : "--threads must be at least 0 (got " + std::to_string(o.threads) + ")"));
  Session session;
  for (auto& c : common.constants)
    if (Problem p = session.addConstant(c)) return report(p);
  for (auto& a : o.args)
    if (Problem p = session.addArgument(a)) return report(p);
  std::vector<std::pair<std::string, std::string>> saves;
  auto array = [&](const std::string& name) {
    Value* v = session.find(name);
    return v && v->isArray ? &v->array : nullptr;
  };
  auto noArray = [&](const char* option, const std::string& name) {
    return misuse(std::string(option) + " " + name + ": " +
                  (session.find(name) ? "`" + name + "` is a number, not an array"
                                      : "--arg does not pass an array `" + name + "`: add one, such as --arg " + name + "=zeros:f32[8]"));
  };
  for (auto& s : o.saves) {
    size_t equals = s.find('=');
    if (equals == std::string::npos) return report(misuse("--save " + s + ": write NAME=FILE.npy"));
    saves.emplace_back(s.substr(0, equals), s.substr(equals + 1));
    if (!array(saves.back().first)) return report(noArray("--save", saves.back().first));
  }
  for (auto& s : o.shows)
    if (!array(s)) return report(noArray("--show", s));
  std::string decisions;
  if (Problem p = common.readSchedule(decisions)) return report(p);
  if (!decisions.empty() && o.target == "interp")
    return report(misuse("--schedule: the target interp has no schedule; add --target cpu, wasm, webgpu, lower or threads"));
  auto before = Clock::now();
  if (Problem p = session.compile(splitFile(common.file), o.target, common.signature, common.debug, decisions)) return report(p);
  double compileTime = micros(Clock::now() - before);
  options.threads = o.threads;
  options.check_bounds = o.checkBounds;
  options.check_races = o.checkRaces;
  options.print = [](void*, const char* line, size_t size) { std::fprintf(stdout, "%.*s\n", static_cast<int>(size), line); };
  if (Problem p = session.launch(options)) return report(p);
  for (auto& name : o.shows) std::printf("%s = %s\n", name.c_str(), show(*array(name), 64).c_str());
  for (auto& [name, file] : saves)
    if (std::string error = writeNpy(file, *array(name)); !error.empty()) return report(misuse(error));
  if (o.time > 0) {
    options.print = nullptr;
    std::vector<double> times(static_cast<size_t>(o.time));
    options.microseconds = times.data();
    options.runs = o.time;
    if (Problem p = session.launch(options)) return report(p);
    // Compile again for the median: the first compilation loads the code generator.
    std::vector<double> compileTimes{compileTime};
    for (int i = 0; i < 5; ++i) {
      before = Clock::now();
      if (Problem p = session.compile(splitFile(common.file), o.target, common.signature, common.debug, decisions)) return report(p);
      compileTimes.push_back(micros(Clock::now() - before));
    }
    std::sort(compileTimes.begin(), compileTimes.end());
    compileTime = percentile(compileTimes, 0.5);
    std::sort(times.begin(), times.end());
    std::printf("{\"target\": \"%s\", \"median_us\": %.3f, \"p10_us\": %.3f, \"p90_us\": %.3f, \"runs\": %d, \"compile_us\": %.3f}\n",
                o.target.c_str(), percentile(times, 0.5), percentile(times, 0.1), percentile(times, 0.9), o.time, compileTime);
  }
  return 0;
}

int tuneCommand(const Common& common, const RunOptions& run, TuneOptions o) {
  uint32_t grid[3];
  if (!parseGrid(run.grid, grid))
    return report(refused("grid", "--grid " + run.grid + ": write one to three integers of at least 1, as X[,Y[,Z]]"));
  if (o.seconds <= 0) return report(misuse("--seconds must be above 0"));
  Session session;
  for (auto& c : common.constants)
    if (Problem p = session.addConstant(c)) return report(p);
  for (auto& a : run.args)
    if (Problem p = session.addArgument(a)) return report(p);
  File file = splitFile(common.file);
  if (o.out.empty()) o.out = (file.kernel.empty() ? "kernel" : file.kernel) + "." + o.target + ".schedule";
  Problem p = tune(session, file, common.signature, grid, o);
  return p ? report(p) : 0;
}

// Writes each candidate to FILE_reduced.EXT, next to the original so that its imports work, and runs the command on it.
int reduceCommand(const std::string& file, const std::string& command, int seconds) {
  std::ifstream in(file);
  std::stringstream original;
  original << in.rdbuf();
  if (!in) return report({1, "error: cannot read " + file + "\n"});
  size_t dot = file.rfind('.');
  bool isPython = file.ends_with(".py");
  if (!isPython && !file.ends_with(".ttir") && !file.ends_with(".mlir"))
    return report({1, "error: reduce takes a .py or a .ttir file, not " + file + "\n"});
  if (command.find("{}") == std::string::npos)
    return report(
        {1, "error: --keep needs `{}` where the file's name goes, as in --keep 'nereid emit {} --stage asm 2>&1 | grep -q fault'\n"});
  std::string out = file.substr(0, dot) + "_reduced" + file.substr(dot), quoted = "'";
  for (char c : out) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  quoted += "'";
  std::string script = command;
  for (size_t at = 0; (at = script.find("{}", at)) != std::string::npos; at += quoted.size()) script.replace(at, 2, quoted);
  std::string shell = "'";
  for (char c : script) shell += c == '\'' ? "'\\''" : std::string(1, c);
  shell = "timeout " + std::to_string(seconds) + " sh -c " + shell + "' >/dev/null 2>&1";
  auto write = [&](const std::string& text) { std::ofstream(out) << text; };
  std::set<std::string> tried;
  auto keeps = [&](const std::string& text) {
    if (!tried.insert(text).second) return false;
    write(text);
    return std::system(shell.c_str()) == 0;
  };
  std::string text = original.str();
  if (!keeps(text)) {
    std::remove(out.c_str());
    return report({1, "error: the command of --keep does not succeed on " + file + " itself\n"});
  }
  text = reduceProgram(text, isPython, keeps,
                       [&](const std::string& size) { std::fprintf(stderr, "%s after %zu candidates\n", size.c_str(), tried.size()); });
  write(text);
  std::printf("%s\n", out.c_str());
  return 0;
}

}  // namespace

int nereid::tool::runTool(int argc, char** argv) {
  CLI::App app{"Nereid: Triton kernels on CPUs, in WebAssembly and on WebGPU"};
  app.set_version_flag("--version", std::string("nereid ") + nereid_version());
  app.require_subcommand(1);
  int status = 0;

  Common common;
  auto* compile = app.add_subcommand("compile", "compile a kernel to files: objects, WebAssembly or shaders, and manifest.json");
  common.add(*compile);
  std::vector<std::string> targets{"cpu"};
  std::string directory = ".";
  compile->add_option("--target", targets, "targets, separated by commas; `nereid targets` lists them (default: cpu)")->delimiter(',');
  compile->add_option("-o", directory, "directory for the files (default: the current directory)");
  compile->callback([&] { status = compileCommand(common, targets, directory); });

  auto* emit = app.add_subcommand("emit", "print the text of one stage of the compiler");
  common.add(*emit);
  std::string stage = "ttir";
  emit->add_option(
      "--stage", stage,
      "tokens, ast, ttir, passes, pass.NAME, schedule, candidates, lower, threads, llvm, asm, wat or wgsl (default: ttir); with +lines, "
      "as in wat+lines, "
      "source lines are added");
  std::string emitTarget;
  emit->add_option("--target", emitTarget, "the target of schedule and lower: cpu, wasm, webgpu, lower or threads (default: this machine)");
  emit->callback([&] {
    size_t plus = stage.find('+');
    if (!emitTarget.empty()) stage.insert(plus == std::string::npos ? stage.size() : plus, "." + emitTarget);
    status = emitCommand(common, stage);
  });

  auto* tuning = app.add_subcommand("tune", "search for a fast schedule and write it to a file that --schedule takes");
  common.add(*tuning);
  RunOptions tuned;
  TuneOptions tuneOptions;
  tuning->add_option("--target", tuneOptions.target, "cpu, wasm or webgpu (default: cpu)")->check(CLI::IsMember({"cpu", "wasm", "webgpu"}));
  tuning->add_option("--grid", tuned.grid, "number of programs along each axis: X[,Y[,Z]]")->required();
  tuning->add_option("--arg", tuned.args, "an argument as in run, once per argument: NAME=SPEC")->allow_extra_args(false);
  tuning->add_option("--seconds", tuneOptions.seconds, "time of the search (default: 30)");
  tuning->add_option("--threads", tuneOptions.threads, "number of threads (default: NEREID_NUM_THREADS, or the number of cores)");
  tuning->add_option("-o", tuneOptions.out, "file to write (default: KERNEL.TARGET.schedule)");
  tuning->callback([&] { status = tuneCommand(common, tuned, tuneOptions); });

  auto* run = app.add_subcommand("run", "run a kernel on arrays");
  common.add(*run);
  RunOptions o;
  auto* target = run->add_option("--target", o.target, "a target of `nereid targets` (default: interp, the slow reference interpreter)");
  run->add_option("--grid", o.grid, "number of programs along each axis: X[,Y[,Z]]")->required();
  run->add_option("--arg", o.args,
                  "an argument as NAME=VALUE; values: 1000, 2.5:fp64, True, zeros:f32[4,8], full:f32[8],1.5, range:i32[8], rand:f32[8], "
                  "f32[1, 2], @x.npy[:type]")
      ->allow_extra_args(false);
  run->add_option("--save", o.saves, "write an array to a file after the run: NAME=FILE.npy")->allow_extra_args(false);
  run->add_option("--show", o.shows, "print an array after the run: NAME")->allow_extra_args(false);
  run->add_option("--time", o.time, "launch N more times and print the times as one line of JSON");
  run->add_option("--threads", o.threads, "number of threads (default: NEREID_NUM_THREADS, or the number of cores)");
  run->add_flag("--check-bounds", o.checkBounds, "report the first access outside the arrays (target interp only)");
  run->add_flag("--check-races", o.checkRaces, "report the first data race between programs (target interp only)");
  run->callback([&] {
    if (target->empty() && !o.checkBounds && !o.checkRaces)
      std::fprintf(stderr, "note: no --target is given, so the kernel is interpreted, which is slow; --target cpu compiles it\n");
    status = runCommand(common, o);
  });

  auto* reduce = app.add_subcommand("reduce", "shrink a program that reproduces a fault, and write it to FILE_reduced.EXT");
  std::string reduceFile, keep;
  int seconds = 20;
  reduce->add_option("file", reduceFile, "FILE.py or FILE.ttir")->required();
  reduce->add_option("--keep", keep, "shell command that succeeds if the fault still occurs; {} is the candidate file")->required();
  reduce->add_option("--timeout", seconds, "seconds after which the command counts as failed")->check(CLI::Range(1, 3600));
  reduce->callback([&] { status = reduceCommand(reduceFile, keep, seconds); });

  bool asJson = false;
  auto* list = app.add_subcommand("targets", "list the targets of this build and whether they run here");
  list->add_flag("--json", asJson, "print JSON");
  list->callback([&] {
    std::string text = take(nereid_targets());
    if (asJson) {
      std::printf("%s\n", text.c_str());
      return;
    }
    for (auto& t : json::parse(text)) {
      std::printf("%-8s %s\n", t["name"].get<std::string>().c_str(), t["doc"].get<std::string>().c_str());
      if (std::string found = t["found"]; !found.empty()) std::printf("         runs here in %s\n", found.c_str());
      if (std::string missing = t["missing"]; !missing.empty()) std::printf("         does not run here: %s\n", missing.c_str());
    }
  });
  auto* ops = app.add_subcommand("ops", "list the operations of the IR");
  ops->add_flag("--json", asJson, "print JSON");
  ops->callback([&] {
    std::string text = take(nereid_ops());
    if (asJson) {
      std::printf("%s\n", text.c_str());
      return;
    }
    for (auto& op : json::parse(text))
      std::printf("%-40s %s\n", op["name"].get<std::string>().c_str(), op["doc"].get<std::string>().c_str());
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return status;
}
