// SPDX-License-Identifier: MIT
// The runner (web/src/node-run.ts) reads paths of jobs, one per line, and answers each with these lines:
//
//   print TEXT          a line of tl.device_print
//   ok T1 T2 ...        done; the microseconds of the timed runs. Arrays were written back to their files.
//   error TEXT          the kernel failed
//
// A job is a JSON file next to manifest.json, the modules and the arrays as raw bytes:
//   {"target": "wasm", "kernel": "axpy", "grid": [4, 1, 1], "threads": 2, "runs": 0, "args": [{"type": "*fp32", "file": "0.bin", "offset":
//   0}, {"type": "i32", "bits": "1000"}]}
#include "driver/node.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "support/text.h"

extern char** environ;

namespace nereid {

namespace fs = std::filesystem;

namespace {

std::string json(std::string_view text) { return jsonQuoted(text); }

constexpr uint64_t kMostBytes = (uint64_t{1} << 32) - (uint64_t{1} << 22);

// Folders that may contain the runner: next to this library or program, built or installed.
std::vector<fs::path> homes() {
  Dl_info where;
  if (!dladdr(reinterpret_cast<const void*>(&whyNoNode), &where) || !where.dli_fname) return {};
  std::error_code ec;
  fs::path file = fs::canonical(where.dli_fname, ec);
  if (ec) file = fs::canonical("/proc/self/exe", ec);
  fs::path root = file.parent_path().parent_path();
  return {root.parent_path() / "web", root / "share" / "nereid"};
}

std::string findRunner() {
  if (const char* given = std::getenv("NEREID_NODE_RUNNER")) return given;
  std::error_code ec;
  for (const fs::path& home : homes())
    for (const char* name : {"dist/node-run.js", "node-run.js"})
      if (fs::exists(home / name, ec)) return (home / name).string();
  return "";
}

std::string findNode() {
  if (const char* given = std::getenv("NEREID_NODE")) return given;
  std::error_code ec;
  for (const fs::path& home : homes())
    if (fs::path node = home / "node_modules" / "node" / "bin" / "node"; fs::exists(node, ec)) return node.string();
  const char* path = std::getenv("PATH");
  for (std::string rest = path ? path : ""; !rest.empty();) {
    size_t colon = rest.find(':');
    fs::path node = fs::path(rest.substr(0, colon)) / "node";
    if (access(node.c_str(), X_OK) == 0) return node.string();
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return "";
}

class Node {
 public:
  static Node& get() {
    static Node node;
    return node;
  }
  ~Node() { stop(); }

  std::mutex mutex;

  // Sends a line, and calls `line` for each line of the answer until it returns true. Returns false if the process has ended.
  template <class F>
  bool ask(const std::string& request, const std::function<bool()>& interrupted, F&& line) {
    if (pid_ <= 0 && !start()) return false;
    std::string text = request + "\n";
    for (size_t sent = 0; sent < text.size();) {
      ssize_t n = write(to_, text.data() + sent, text.size() - sent);
      if (n <= 0) return stop();
      sent += static_cast<size_t>(n);
    }
    for (;;) {
      for (size_t end; (end = read_.find('\n')) != std::string::npos;) {
        std::string one = read_.substr(0, end);
        read_.erase(0, end + 1);
        if (line(one)) return true;
      }
      pollfd waiting{from_, POLLIN, 0};
      constexpr int kMilliseconds = 50;
      if (poll(&waiting, 1, interrupted ? kMilliseconds : -1) <= 0) {
        if (!interrupted || !interrupted()) continue;
        kill(pid_, SIGKILL);  // it may be in a kernel that never returns
        return stop();
      }
      char part[4096];
      ssize_t n = read(from_, part, sizeof part);
      if (n > 0)
        read_.append(part, static_cast<size_t>(n));
      else if (n == 0 || errno != EINTR)
        return stop();
    }
  }

 private:
  bool start() {
    signal(SIGPIPE, SIG_IGN);
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string node = findNode(), runner = findRunner();
    const char* argv[] = {node.c_str(), "--no-warnings", runner.c_str(), "--serve", nullptr};
    int error = posix_spawn(&pid_, node.c_str(), &actions, nullptr, const_cast<char**>(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    to_ = in[1];
    from_ = out[0];
    if (error) pid_ = -1;
    return error == 0;
  }
  bool stop() {
    if (pid_ <= 0) return false;
    close(to_);
    close(from_);
    read_.clear();
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    return false;
  }

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string read_;  // received bytes that do not form a line yet
};

class NodeExecutable : public Executable {
 public:
  explicit NodeExecutable(NodeKernel kernel) : kernel_(std::move(kernel)) {
    std::string path = (fs::temp_directory_path() / "nereid-XXXXXX").string();
    if (mkdtemp(path.data())) folder_ = path;
    for (const Artefact& file : kernel_.files) put(file.name, file.bytes.data(), file.bytes.size());
    std::string parameters;
    for (const ParameterInfo& p : kernel_.info.parameters)
      parameters += cat(parameters.empty() ? "" : ", ", "{\"name\": ", json(p.name), ", \"type\": ", json(p.type), "}");
    std::string manifest =
        cat("{\"nereid\": \"\", \"artefacts\": [{\"target\": ", json(kernel_.target), ", \"kernel\": {\"name\": ", json(kernel_.info.name),
            ", \"parameters\": [", parameters, "]}, ", json(kernel_.target), ": ", kernel_.details, "}]}");
    put("manifest.json", manifest.data(), manifest.size());
  }
  ~NodeExecutable() override {
    std::error_code ec;
    if (!folder_.empty()) fs::remove_all(folder_, ec);
  }

  bool canTime() const override { return true; }
  Result<void> launch(const Launch& launch, Diags& diags) override {
    Node& node = Node::get();
    std::vector<Memory> memory = blocks(launch);
    std::lock_guard lock(node.mutex);
    if (std::string why = kernel_.target == "webgpu" ? whyNoGpu() : whyNoNode(); !why.empty())
      return diags.error(Err::Environment, {}).says(why);
    // A WebAssembly memory has at most 4 GiB.
    uint64_t total = 0;
    for (const Memory& m : memory) total += m.size;
    if (kernel_.target == "wasm" && total > kMostBytes)
      return diags.error(Err::Runtime, {})
          .says("the arrays need ", total, " bytes, but a WebAssembly kernel can use at most 4 GiB of memory");
    for (size_t b = 0; b < memory.size(); ++b)
      if (!put(cat(b, ".bin"), reinterpret_cast<const char*>(static_cast<uintptr_t>(memory[b].base)), memory[b].size))
        return diags.error(Err::Environment, {}).says("cannot write arrays to ", std::string_view(folder_.native()));
    std::string args;
    for (size_t k = 0; k < launch.args.size(); ++k) {
      std::string value;
      if (kernel_.info.parameters[k].type.starts_with('*')) {
        // An address at or past the end of an array also counts as part of it: the kernel may never access it.
        for (size_t b = 0; b < memory.size(); ++b)
          if (launch.args[k] >= memory[b].base) value = cat("\"file\": \"", b, ".bin\", \"offset\": ", launch.args[k] - memory[b].base);
        if (value.empty())
          return diags.error(Err::Runtime, {})
              .says("argument `", kernel_.info.parameters[k].name, "` does not point into an array of this launch");
      } else {
        value = cat("\"bits\": \"", launch.args[k], "\"");
      }
      args += cat(k ? ", " : "", "{\"type\": ", json(kernel_.info.parameters[k].type), ", ", value, "}");
    }
    std::string job = cat("{\"target\": ", json(kernel_.target), ", \"kernel\": ", json(kernel_.info.name), ", \"grid\": [", launch.grid[0],
                          ", ", launch.grid[1], ", ", launch.grid[2], "], \"threads\": ", launch.threads,
                          ", \"runs\": ", launch.times.size(), ", \"args\": [", args, "]}");
    put("job.json", job.data(), job.size());
    std::string error;
    size_t timed = 0;
    bool alive = node.ask((folder_ / "job.json").string(), launch.interrupted, [&](std::string_view line) {
      if (line.starts_with("print ")) {
        if (launch.print) launch.print(line.substr(6));
        return false;
      }
      if (line.starts_with("error ")) error = line.substr(6);
      if (line.starts_with("ok"))
        for (size_t at = 2; at < line.size() && timed < launch.times.size();) {
          size_t end = std::min(line.find(' ', at + 1), line.size());
          launch.times[timed++] = std::atof(std::string(line.substr(at + 1, end - at - 1)).c_str());
          at = end;
        }
      return true;
    });
    if (!alive && launch.interrupted) {
      std::this_thread::sleep_for(
          std::chrono::milliseconds(50));  // Ctrl-C in a terminal ends Node as well, perhaps before our caller learns about it
      if (launch.interrupted()) return diags.error(Err::Runtime, {}).says("interrupted");
    }
    if (!alive) return diags.error(Err::Environment, {}).says("Node exited before the kernel finished: Node 20.16 or later is needed");
    for (size_t b = 0; b < memory.size() && error.empty(); ++b) {
      std::ifstream in(folder_ / cat(b, ".bin"), std::ios::binary);
      in.read(reinterpret_cast<char*>(static_cast<uintptr_t>(memory[b].base)), static_cast<std::streamsize>(memory[b].size));
    }
    if (error.empty()) return {};
    return diags.error(error.find("assertion failed in program") != std::string::npos ? Err::Assertion : Err::Runtime, {}).says(error);
  }

 private:
  struct Memory {
    uint64_t base, size;
  };
  // The memory behind the arguments; overlapping arrays are merged.
  static std::vector<Memory> blocks(const Launch& launch) {
    std::vector<Memory> out;
    for (const interp::Allocation& a : launch.allocations) out.push_back({a.base, a.size});
    std::sort(out.begin(), out.end(), [](const Memory& x, const Memory& y) { return x.base < y.base; });
    size_t last = 0;
    for (size_t k = 1; k < out.size(); ++k) {
      if (out[k].base < out[last].base + out[last].size)
        out[last].size = std::max(out[last].base + out[last].size, out[k].base + out[k].size) - out[last].base;
      else
        out[++last] = out[k];
    }
    if (!out.empty()) out.resize(last + 1);
    return out;
  }
  bool put(const std::string& name, const char* data, size_t size) {
    std::ofstream out(folder_ / name, std::ios::binary);
    out.write(data, static_cast<std::streamsize>(size));
    return static_cast<bool>(out);
  }

  NodeKernel kernel_;
  fs::path folder_;
};

}  // namespace

std::string whyNoNode() {
  if (findRunner().empty()) return "web/dist/node-run.js, which runs kernels in Node, is missing: build it with `make web`";
  if (const char* given = std::getenv("NEREID_NODE"); given && access(given, X_OK) != 0)
    return cat("NEREID_NODE is ", given, ", which cannot be run");
  if (findNode().empty()) return "Node is missing: install it with `make web`, or set NEREID_NODE to a Node program";
  return "";
}

namespace {

// The first line that the runner prints for this option.
std::string askRunner(std::string_view option) {
  if (!whyNoNode().empty()) return "";
  auto quote = [](const std::string& path) {
    std::string out = "'";
    for (char c : path) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
  };
  FILE* pipe = popen(cat(quote(findNode()), " --no-warnings ", quote(findRunner()), " ", option, " 2>/dev/null").c_str(), "r");
  if (!pipe) return "";
  char line[512] = "";
  if (!fgets(line, sizeof line, pipe)) line[0] = 0;
  pclose(pipe);
  std::string out = line;
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

// Queried once: starting Node takes time.
const std::string& gpu() {
  static const std::string text = askRunner("--gpu");
  return text;
}

constexpr std::string_view kError = "error ";

}  // namespace

std::string whyNoGpu() {
  if (std::string why = whyNoNode(); !why.empty()) return why;
  if (gpu().empty()) return "Node exited when asked for a GPU: Node 20.16 or later is needed";
  return gpu().starts_with(kError) ? gpu().substr(kError.size()) : "";
}

std::string nodeFeatures() {
  static const std::string text = askRunner("--features");
  return text;
}

std::string gpuFeatures() { return whyNoGpu().empty() ? gpu() : ""; }

std::unique_ptr<Executable> inNode(NodeKernel kernel) { return std::make_unique<NodeExecutable>(std::move(kernel)); }

}  // namespace nereid
