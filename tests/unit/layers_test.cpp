// SPDX-License-Identifier: MIT
// Checks the layer table of ARCHITECTURE.md: a file includes only its layer and those that the table allows; and every error of the user
// has a file in tests/errors.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/diag.h"

namespace fs = std::filesystem;

namespace {

std::string readAll(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// | `layer` | `a`, `b` | ...
std::map<std::string, std::set<std::string>> table() {
  std::map<std::string, std::set<std::string>> out;
  std::stringstream text(readAll(NEREID_ROOT "/ARCHITECTURE.md"));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("| `")) continue;
    size_t bar = line.find('|', 1), end = line.find('|', bar + 1);
    auto names = [](const std::string& cell) {
      std::vector<std::string> found;
      for (size_t at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
        size_t close = cell.find('`', at + 1);
        found.push_back(cell.substr(at + 1, close - at - 1));
        at = close;
      }
      return found;
    };
    auto layer = names(line.substr(0, bar));
    for (auto& name : names(line.substr(bar, end - bar))) out[layer[0]].insert(name);
    out[layer[0]].insert(layer[0]);
  }
  return out;
}

std::string layerOf(const std::map<std::string, std::set<std::string>>& layers, const std::string& path) {
  for (auto& [layer, below] : layers)
    if (path.starts_with(layer + "/")) return layer;
  return "";
}

}  // namespace

TEST(Layers, IncludesFollowTheTable) {
  auto layers = table();
  ASSERT_FALSE(layers.empty()) << "ARCHITECTURE.md has no table";
  for (auto& entry : fs::recursive_directory_iterator(NEREID_ROOT "/src")) {
    if (!entry.is_regular_file()) continue;
    std::string path = fs::relative(entry.path(), NEREID_ROOT "/src").string();
    std::string layer = layerOf(layers, path);
    EXPECT_FALSE(layer.empty()) << path << " is in no layer of the table";
    std::stringstream text(readAll(entry.path()));
    for (std::string line; std::getline(text, line);) {
      if (!line.starts_with("#include \"")) continue;
      std::string included = line.substr(10, line.find('"', 10) - 10);
      std::string other = layerOf(layers, included);
      if (other.empty()) continue;  // its own folder, or the C interface
      EXPECT_TRUE(layers[layer].contains(other)) << path << " includes " << included;
    }
  }
}

TEST(Layers, ToolsSeeTheCInterfaceAlone) {
  for (auto& entry : fs::recursive_directory_iterator(NEREID_ROOT "/tools")) {
    std::stringstream text(readAll(entry.path()));
    for (std::string line; std::getline(text, line);)
      for (const char* layer : {"support/", "ir/", "driver/", "interp/", "frontends/", "backends/", "lower/", "schedule/", "passes/"})
        EXPECT_FALSE(line.starts_with(std::string("#include \"") + layer)) << entry.path() << ": " << line;
  }
}

TEST(Errors, EveryIdHasAFile) {
  std::string all;
  for (auto& entry : fs::directory_iterator(NEREID_ROOT "/tests/errors")) all += readAll(entry.path());
  struct {
    const char *id, *doc;
  } const rows[] = {
#define ERR(name, id, doc) {id, doc},
#include "support/errors.def"
#undef ERR
  };
  // Errors of the environment cannot be shown by a file.
  for (auto& row : rows)
    if (std::string_view(row.id) != "environment")
      EXPECT_NE(all.find(std::string("[") + row.id + "]"), std::string::npos)
          << "no file in tests/errors shows [" << row.id << "]: " << row.doc;
}
