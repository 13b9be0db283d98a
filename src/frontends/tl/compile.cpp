// SPDX-License-Identifier: MIT
// The entry points of the front-end.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

Result<Signature> signature(Sources& sources, const std::string& path, const std::string& kernel, const FileReader& read, Diags& diags) {
  Loader loader(sources, read, diags);
  SourceModule* module = TRY(loader.open(path));
  const FunctionDef* fn = TRY(findKernel(*module, kernel, diags));
  Node* node = TRY(loader.parse(*fn, true));
  Signature s;
  s.kernel = fn->name;
  s.loc = fn->loc;
  auto names = [](const std::vector<std::string>& list, const std::string& name, size_t index) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& item) { return item == name || item == cat(index); });
  };
  for (size_t i = 0; i < node->kids.size(); ++i) {
    const Node* p = node->kids[i];
    Parameter param;
    param.name = p->text;
    param.hasDefault = p->kid(1) != nullptr;
    param.loc = p->loc;
    if (const Node* a = p->kid(0)) {
      param.annotation = a->kind == Kind::Str ? a->text : unparse(a);
      param.isConstexpr = param.annotation == "constexpr" || param.annotation.ends_with(".constexpr");
    }
    param.doNotSpecialize = names(fn->doNotSpecialize, param.name, i);
    param.doNotSpecializeOnAlignment = names(fn->doNotSpecializeOnAlignment, param.name, i);
    s.parameters.push_back(std::move(param));
  }
  return s;
}

Result<Module> compile(Sources& sources, const Request& request, const FileReader& read, Diags& diags) {
  Loader loader(sources, read, diags);
  SourceModule* source = TRY(loader.open(request.path));
  const FunctionDef* fn = TRY(findKernel(*source, request.kernel, diags));
  Module module;
  Shared shared{.loader = loader, .diags = diags, .module = module, .request = request};
  CodeGen kernel(shared, fn, source, nullptr, {});
  TRY(kernel.kernel());
  if (!verify(module, diags)) return std::unexpected(Failed{});
  return module;
}

Result<std::string> dumpTokens(Sources& sources, const std::string& path, const FileReader& read, Diags& diags) {
  Loader loader(sources, read, diags);
  SourceModule* module = TRY(loader.open(path));
  std::string out;
  for (const Token& t : module->tokens)
    appendAll(out, t.loc.line(), ":", t.loc.col(), " ", tokenKindName(t.kind), t.text.empty() ? "" : " ", quoted(t.text), "\n");
  return out;
}

Result<std::string> dumpAst(Sources& sources, const std::string& path, const FileReader& read, Diags& diags) {
  Loader loader(sources, read, diags);
  SourceModule* module = TRY(loader.open(path));
  std::string out;
  for (const FunctionDef* fn : module->functions)
    if (fn->isJit) dump(out, TRY(loader.parse(*fn)));
  return out;
}

}  // namespace nereid::tl
