// SPDX-License-Identifier: MIT
#include "frontends/tl/source.h"

#include <algorithm>

#include "frontends/tl/library.h"
#include "frontends/tl/try.h"
#include "support/sort.h"

namespace nereid::tl {
namespace {

// Finds the names that a module binds from its tokens alone, so that host code may use any Python.
class Scanner {
 public:
  explicit Scanner(SourceModule& m) : m_(m) {}

  void run() {
    struct Pending {
      bool jit = false, constexprFunction = false, noinline = false, aggregate = false;
      std::vector<std::string> noSpecialize, noAlignment;
    } pending;
    while (at().kind != Tok::End) {
      const Token& t = at();
      if (t.kind == Tok::Indent || t.kind == Tok::Dedent || t.kind == Tok::Newline || t.is(";")) {
        ++pos_;
        continue;
      }
      if (t.is("@")) {
        size_t begin = pos_;
        size_t end = lineEnd(begin);
        std::string name = dotted(begin + 1);
        if (name.ends_with("constexpr_function")) pending.constexprFunction = true;
        if (name.ends_with("aggregate")) pending.aggregate = true;
        if (name == "jit" || name.ends_with(".jit")) {
          pending.jit = true;
          pending.noinline = hasTrueKeyword(begin, end, "noinline");
          pending.noSpecialize = stringList(begin, end, "do_not_specialize");
          pending.noAlignment = stringList(begin, end, "do_not_specialize_on_alignment");
        }
        pos_ = end;
        continue;
      }
      if (t.is("async") && peek(1).is("def")) {
        ++pos_;
        continue;
      }
      if (t.is("def") && peek(1).kind == Tok::Name) {
        Global& g = m_.globals[peek(1).text];
        g = Global{};
        g.kind = Global::Function;
        g.loc = peek(1).loc;
        g.function = std::make_unique<FunctionDef>();
        FunctionDef& fn = *g.function;
        fn.name = peek(1).text;
        fn.module = &m_;
        fn.token = pos_;
        fn.loc = g.loc;
        fn.isJit = pending.jit;
        fn.isConstexprFunction = pending.constexprFunction;
        fn.noinline = pending.noinline;
        fn.doNotSpecialize = std::move(pending.noSpecialize);
        fn.doNotSpecializeOnAlignment = std::move(pending.noAlignment);
        pending = {};
        skipBlock();
        continue;
      }
      if (t.is("class") && peek(1).kind == Tok::Name) {
        Global& g = m_.globals[peek(1).text];
        g = Global{};
        g.kind = Global::Class;
        g.loc = peek(1).loc;
        bool aggregate = pending.aggregate;
        pending = {};
        size_t begin = pos_, colon = pos_;
        skipBlock();
        if (aggregate) {
          g.aggregate = std::make_unique<ClassDef>();
          g.aggregate->name = m_.tokens[begin + 1].text;
          g.aggregate->module = &m_;
          scanClass(*g.aggregate, begin, pos_);
          continue;
        }
        while (colon < pos_ && m_.tokens[colon].kind != Tok::Newline) ++colon;
        bool named = false;
        for (size_t i = begin; i < colon; ++i) named |= m_.tokens[i].is("NamedTuple");
        for (size_t i = colon; named && i + 1 < pos_; ++i)
          if (m_.tokens[i].kind == Tok::Name && m_.tokens[i + 1].is(":") &&
              (m_.tokens[i - 1].kind == Tok::Indent || m_.tokens[i - 1].kind == Tok::Newline))
            g.fields.push_back(m_.tokens[i].text);
        continue;
      }
      pending = {};
      if (t.is("import"))
        importStatement();
      else if (t.is("from"))
        fromStatement();
      else if (t.kind == Tok::Name && !isKeyword(t.text) && peek(1).is("=") && !decorated())
        bind(pos_, pos_ + 2, false);
      else if (t.kind == Tok::Name && !isKeyword(t.text) && peek(1).is(":"))
        annotated();
      // `if`, `try`, `else` and the like: names bound in their blocks are top-level names.
      pos_ = bodyOrLineEnd();
    }
    for (auto& [name, g] : m_.globals)
      if (g.kind == Global::Function) m_.functions.push_back(g.function.get());
    sortStably(m_.functions, [](auto* a, auto* b) { return a->token < b->token; });
  }

 private:
  const Token& at() const { return m_.tokens[pos_]; }
  const Token& peek(size_t n) const { return m_.tokens[std::min(pos_ + n, m_.tokens.size() - 1)]; }

  // Fields and methods of an aggregate: statements at the first level of its body.
  void scanClass(ClassDef& cls, size_t begin, size_t end) {
    int level = 0;
    bool jit = false, constexprFunction = false, lineStart = false;
    for (size_t i = begin; i < end; ++i) {
      const Token& t = m_.tokens[i];
      if (t.kind == Tok::Indent || t.kind == Tok::Dedent) {
        level += t.kind == Tok::Indent ? 1 : -1;
        lineStart = true;
        continue;
      }
      if (level != 1 || !lineStart) {
        lineStart = t.kind == Tok::Newline;
        continue;
      }
      lineStart = t.kind == Tok::Newline;
      if (t.is("@")) {
        std::string name = dotted(i + 1);
        jit |= name == "jit" || name.ends_with(".jit");
        constexprFunction |= name.ends_with("constexpr_function");
      } else if (t.is("def") && m_.tokens[i + 1].kind == Tok::Name) {
        auto fn = std::make_unique<FunctionDef>();
        fn->name = m_.tokens[i + 1].text;
        fn->module = &m_;
        fn->token = i;
        fn->loc = m_.tokens[i + 1].loc;
        fn->isJit = jit;
        fn->isConstexprFunction = constexprFunction;
        cls.methods.push_back(std::move(fn));
        jit = constexprFunction = false;
      } else if (t.kind == Tok::Name && m_.tokens[i + 1].is(":")) {
        cls.fields.push_back(t.text);
      }
    }
  }

  size_t lineEnd(size_t i) const {
    while (i + 1 < m_.tokens.size() && m_.tokens[i].kind != Tok::Newline) ++i;
    return i + 1 < m_.tokens.size() ? i + 1 : i;
  }

  // Skips a statement; if the body of a compound statement is on the same line, only its header up to the colon.
  size_t bodyOrLineEnd() const {
    bool compound = at().is("if") || at().is("try") || at().is("else") || at().is("elif") || at().is("except") || at().is("finally") ||
                    at().is("with") || at().is("for") || at().is("while");
    int depth = 0;
    for (size_t i = pos_; i + 1 < m_.tokens.size(); ++i) {
      const Token& t = m_.tokens[i];
      if (t.kind == Tok::Newline) return i + 1;
      if (t.is("(") || t.is("[") || t.is("{")) ++depth;
      if (t.is(")") || t.is("]") || t.is("}")) --depth;
      if (depth == 0 && (t.is(";") || (compound && t.is(":")))) return i + 1;
    }
    return m_.tokens.size() - 1;
  }

  // Skips a `def` or `class` with its body.
  void skipBlock() {
    int depth = 0;
    while (at().kind != Tok::End) {
      const Token& t = at();
      if (t.is("(") || t.is("[") || t.is("{")) ++depth;
      if (t.is(")") || t.is("]") || t.is("}")) --depth;
      if (t.kind == Tok::Newline && depth <= 0) break;
      ++pos_;
    }
    if (at().kind == Tok::Newline) ++pos_;
    if (at().kind != Tok::Indent) return;
    int level = 0;
    do {
      if (at().kind == Tok::Indent) ++level;
      if (at().kind == Tok::Dedent) --level;
      if (at().kind == Tok::End) return;
      ++pos_;
    } while (level > 0);
  }

  std::string dotted(size_t i) const {
    std::string out;
    while (i < m_.tokens.size() && m_.tokens[i].kind == Tok::Name) {
      out += m_.tokens[i++].text;
      if (i >= m_.tokens.size() || !m_.tokens[i].is(".")) break;
      out += '.';
      ++i;
    }
    return out;
  }

  bool hasTrueKeyword(size_t begin, size_t end, const char* keyword) const {
    for (size_t i = begin; i + 2 < end; ++i)
      if (m_.tokens[i].is(keyword) && m_.tokens[i + 1].is("=") && m_.tokens[i + 2].is("True")) return true;
    return false;
  }

  std::vector<std::string> stringList(size_t begin, size_t end, const char* keyword) const {
    std::vector<std::string> out;
    for (size_t i = begin; i + 2 < end; ++i) {
      if (!m_.tokens[i].is(keyword) || !m_.tokens[i + 1].is("=")) continue;
      for (size_t k = i + 3; k < end && !m_.tokens[k].is("]") && !m_.tokens[k].is(")"); ++k)
        if (m_.tokens[k].kind == Tok::String || m_.tokens[k].kind == Tok::Number) out.push_back(m_.tokens[k].text);
    }
    return out;
  }

  void bind(size_t nameAt, size_t valueAt, bool annotation) {
    Global& g = m_.globals[m_.tokens[nameAt].text];
    g = Global{};
    g.kind = Global::Constant;
    g.loc = m_.tokens[nameAt].loc;
    g.token = valueAt;
    g.annotated = annotation;
  }

  // `f = triton.jit(f)` after `def f`: equivalent to a decorator.
  bool decorated() {
    std::string callee = dotted(pos_ + 2);
    bool onConstants = callee.ends_with("constexpr_function");
    if (!onConstants && callee != "jit" && !callee.ends_with(".jit")) return false;
    size_t open = pos_ + 2;
    while (open + 1 < m_.tokens.size() && !m_.tokens[open].is("(")) ++open;
    auto g = m_.globals.find(m_.tokens[pos_].text);
    if (g == m_.globals.end() || g->second.kind != Global::Function || open + 1 >= m_.tokens.size() ||
        !m_.tokens[open + 1].is(g->first.c_str()))
      return false;
    FunctionDef& fn = *g->second.function;
    if (onConstants) return fn.isConstexprFunction = true;
    size_t end = lineEnd(pos_);
    fn.isJit = true;
    fn.noinline = hasTrueKeyword(open, end, "noinline");
    fn.doNotSpecialize = stringList(open, end, "do_not_specialize");
    fn.doNotSpecializeOnAlignment = stringList(open, end, "do_not_specialize_on_alignment");
    return true;
  }

  void annotated() {
    size_t end = lineEnd(pos_);
    for (size_t i = pos_ + 2; i < end; ++i)
      if (m_.tokens[i].is("=")) return bind(pos_, i + 1, true);
  }

  void importStatement() {
    size_t i = pos_ + 1;
    while (i < m_.tokens.size() && m_.tokens[i].kind == Tok::Name) {
      Loc loc = m_.tokens[i].loc;
      std::string first = m_.tokens[i].text;
      std::string name = dotted(i);
      while (i < m_.tokens.size() && (m_.tokens[i].is(".") || (m_.tokens[i].kind == Tok::Name && !m_.tokens[i].is("as")))) ++i;
      std::string bound = first;
      std::string target = first;  // `import a.b` binds `a`
      if (m_.tokens[i].is("as")) {
        bound = m_.tokens[i + 1].text;
        target = name;
        i += 2;
      }
      addImport(bound, target, "", loc);
      if (i >= m_.tokens.size() || !m_.tokens[i].is(",")) break;
      ++i;
    }
  }

  void fromStatement() {
    size_t i = pos_ + 1;
    std::string from;
    while (m_.tokens[i].is(".") || m_.tokens[i].is("...")) from += m_.tokens[i++].text;
    from += dotted(i);
    while (i + 1 < m_.tokens.size() && !m_.tokens[i].is("import") && m_.tokens[i].kind != Tok::Newline) ++i;
    if (!m_.tokens[i].is("import")) return;
    ++i;
    if (m_.tokens[i].is("*")) return m_.starImports.push_back(from);
    if (m_.tokens[i].is("(")) ++i;
    while (i < m_.tokens.size() && m_.tokens[i].kind == Tok::Name) {
      Loc loc = m_.tokens[i].loc;
      std::string member = m_.tokens[i++].text, bound = member;
      if (m_.tokens[i].is("as")) {
        bound = m_.tokens[i + 1].text;
        i += 2;
      }
      addImport(bound, from, member, loc);
      if (!m_.tokens[i].is(",")) break;
      ++i;
    }
  }

  void addImport(const std::string& bound, std::string from, std::string member, Loc loc) {
    Global& g = m_.globals[bound];
    g = Global{};
    g.kind = Global::Import;
    g.loc = loc;
    g.from = std::move(from);
    g.member = std::move(member);
  }

  SourceModule& m_;
  size_t pos_ = 0;
};

std::string directory(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// The folder that contains a path: "a/" for "a/b/", "../" for "".
std::string above(const std::string& folder) {
  if (folder.empty() || folder == "./") return "../";
  if (folder.ends_with("../")) return folder + "../";
  return directory(folder.substr(0, folder.size() - 1));
}

}  // namespace

std::unique_ptr<SourceModule> scanModule(const std::string& path, std::vector<Token> tokens, uint32_t file) {
  auto m = std::make_unique<SourceModule>();
  m->path = path;
  m->file = file;
  std::string stem = path.substr(directory(path).size());
  if (stem.ends_with(".py")) stem.resize(stem.size() - 3);
  m->name = stem;
  m->tokens = std::move(tokens);
  Scanner(*m).run();
  return m;
}

SourceModule* Loader::tryOpen(const std::string& path) {
  if (auto found = modules_.find(path); found != modules_.end()) return found->second.get();
  if (missing_.contains(path)) return nullptr;
  std::optional<std::string> text = read_ ? read_(path) : std::nullopt;
  if (!text) {
    missing_.insert(path);
    return nullptr;
  }
  uint32_t file = sources_.add(path, std::move(*text));
  return (modules_[path] = scanModule(path, lex(sources_.text(file), file), file)).get();
}

bool Loader::exists(const std::string& path) {
  if (modules_.contains(path)) return true;
  if (missing_.contains(path)) return false;
  if (read_ && read_(path)) return true;
  missing_.insert(path);
  return false;
}

Result<SourceModule*> Loader::open(const std::string& path) {
  if (root_.empty()) root_ = path;
  if (SourceModule* m = tryOpen(path)) return m;
  return diags_.error(Err::NoFile, {}).says("cannot read ", path);
}

// Searches like Python: in the folder of the file that the user named, then in the folder that contains the importer's package, which is
// the first folder above it that is not a package. It never searches elsewhere: a module with the same last name may be a different one.
SourceModule* Loader::import(const SourceModule& importer, std::string_view dotted) {
  std::string base = directory(importer.path);
  size_t dots = 0;
  while (dots < dotted.size() && dotted[dots] == '.') ++dots;
  dotted.remove_prefix(dots);
  std::string file;
  for (char c : dotted) file += c == '.' ? '/' : c;
  auto in = [&](const std::string& folder) -> SourceModule* {
    if (dotted.empty()) return tryOpen(folder + "__init__.py");
    if (SourceModule* m = tryOpen(cat(folder, file, ".py"))) return m;
    return tryOpen(cat(folder, file, "/__init__.py"));
  };
  if (dots > 0) {
    for (size_t i = 1; i < dots; ++i) base = above(base);
    return in(base);
  }
  if (SourceModule* m = in(directory(root_))) return m;
  std::string folder = base;
  for (int levels = 0; levels < 12; ++levels) {
    if (!exists(folder + "__init__.py"))
      if (SourceModule* m = in(folder)) return m;
    if (folder == "/") break;
    folder = above(folder);
  }
  return nullptr;
}

SourceModule& Loader::builtinLibrary() {
  if (!library_) {
    uint32_t file = sources_.add("<nereid>/triton/language.py", std::string(kLibrarySource));
    // Lexed once per process: otherwise a compiler of many kernels would spend a twentieth of its time on it.
    static const std::vector<Token> kTokens = lex(kLibrarySource, 0);
    std::vector<Token> tokens = kTokens;
    for (Token& t : tokens) t.loc = t.loc.withFile(file);
    library_ = scanModule("<nereid>/triton/language.py", std::move(tokens), file);
    library_->isLibrary = true;
  }
  return *library_;
}

Result<Node*> Loader::parse(const FunctionDef& fn, bool signatureOnly) {
  if (fn.node) return fn.node;
  if (fn.parseFailed) return std::unexpected(Failed{});
  Parser parser(fn.module->tokens, fn.token, fn.module->arena, diags_);
  Result<Node*> node = parser.function(signatureOnly);
  if (signatureOnly) return node;
  if (node)
    fn.node = *node;
  else
    fn.parseFailed = true;
  return node;
}

Result<const FunctionDef*> findKernel(SourceModule& module, const std::string& kernel, Diags& diags) {
  std::vector<std::string> names;
  std::vector<const FunctionDef*> jit;
  for (const FunctionDef* fn : module.functions)
    if (fn->isJit) {
      names.push_back(fn->name);
      jit.push_back(fn);
    }
  std::string list;
  for (const std::string& n : names) appendAll(list, list.empty() ? "" : ", ", n);
  if (!kernel.empty()) {
    for (const FunctionDef* fn : module.functions) {
      if (fn->name != kernel) continue;
      if (!fn->isJit) return diags.error(Err::NoKernel, fn->loc).says("`", kernel, "` is not a kernel: it has no @triton.jit decorator");
      return fn;
    }
    std::string near = nearest(kernel, names);
    return diags.error(Err::NoKernel, {})
        .says(module.path, " has no kernel `", kernel, "`")
        .hint(list.empty() ? "no function in it has a @triton.jit decorator" : cat("it has ", list))
        .meant(near);
  }
  if (jit.empty()) return diags.error(Err::NoKernel, {}).says(module.path, " has no @triton.jit function");
  // A function that another kernel of the file refers to is a helper.
  std::set<std::string> called;
  for (const FunctionDef* fn : jit) {
    int level = 0;
    bool opened = false;
    for (size_t i = fn->token + 2; i < module.tokens.size(); ++i) {
      const Token& t = module.tokens[i];
      if (t.kind == Tok::Indent) ++level, opened = true;
      if (t.kind == Tok::Dedent && --level <= 0) break;
      if (!opened && t.kind == Tok::Newline && module.tokens[i + 1].kind != Tok::Indent) break;
      if (t.kind == Tok::Name && t.text != fn->name) called.insert(t.text);
    }
  }
  std::vector<const FunctionDef*> roots;
  for (const FunctionDef* fn : jit)
    if (!called.contains(fn->name)) roots.push_back(fn);
  if (roots.size() == 1) return roots[0];
  if (jit.size() == 1) return jit[0];
  return diags.error(Err::NoKernel, {}).says(module.path, " has several kernels").hint("choose one as FILE:KERNEL; they are ", list);
}

}  // namespace nereid::tl
