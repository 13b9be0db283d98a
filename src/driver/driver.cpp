// SPDX-License-Identifier: MIT
#include "driver/driver.h"

#include "driver/targets.h"
#include "frontends/ttir/ttir.h"
#if NEREID_HAS_TL
#include "frontends/tl/tl.h"
#endif

namespace nereid {

namespace {

// The WebAssembly module writes kernels and cannot run them; src/wasm/entry.cpp runs the interpreter for Python.
#if defined(__wasm__)
#define NEREID_RUNS(function) nullptr
#else
#define NEREID_RUNS(function) function
#endif

constexpr Target kTargets[] = {
#define TARGET(name, doc, load, write, missing, found) {name, doc, load, write, missing, found},
#include "driver/targets.def"
#undef TARGET
};

bool isTtir(const std::string& path) { return path.ends_with(".ttir") || path.ends_with(".mlir"); }

Result<Module> parseTtir(Sources& sources, const Request& request, Diags& diags) {
  auto text = request.read ? request.read(request.path) : std::nullopt;
  if (!text) return diags.error(Err::NoFile, {}).says("cannot read ", request.path);
  uint32_t file = sources.add(request.path, std::move(*text));
  auto m = ttir::parse(sources, file, diags);
  if (!m) return m;
  if (request.kernel.empty()) return m;
  Func* kernel = m->find(request.kernel);
  if (!kernel) {
    std::vector<std::string> names;
    for (auto& f : m->funcs) names.push_back(f->name);
    auto& diag = diags.error(Err::UnknownName, {file, 1, 1, 0}).says("there is no function @", request.kernel);
    std::string near = nearest(request.kernel, names);
    diag.hint("the functions are: ", [&] {
      std::string all;
      for (auto& n : names) appendAll(all, all.empty() ? "" : ", ", "@", n);
      return all;
    }());
    return std::unexpected(Failed{});
  }
  for (auto& f : m->funcs) f->isPublic = f.get() == kernel;
  return m;
}

#if NEREID_HAS_TL
tl::Request toTl(const Request& request) {
  tl::Request out;
  out.path = request.path;
  out.kernel = request.kernel;
  out.signature = request.signature;
  out.constants = request.constants;
  out.print = request.print;
  out.python = request.python;
  out.debug = request.debug;
  return out;
}
#else
// Refuses Python source if the `tl` front-end was not built.
Diag& noPython(Diags& diags) {
  return diags.error(Err::Unsupported, {}).says("this build cannot compile Python source").hint("compile a TTIR file, FILE.ttir");
}
#endif

}  // namespace

std::span<const Target> targets() { return kTargets; }

const Target* findTarget(std::string_view name) {
  for (const Target& t : kTargets)
    if (t.name == name) return &t;
  return nullptr;
}

std::string signatureType(Type type) {
  std::string out(type.pointerDepth, '*');
  if (!type.isScalar()) return cat(type);
  switch (type.elem) {
    case Elem::F16: return out + "fp16";
    case Elem::BF16: return out + "bf16";
    case Elem::F32: return out + "fp32";
    case Elem::F64: return out + "fp64";
    case Elem::F8E4M3FN: return out + "fp8e4nv";
    case Elem::F8E4M3FNUZ: return out + "fp8e4b8";
    case Elem::F8E5M2: return out + "fp8e5";
    case Elem::F8E5M2FNUZ: return out + "fp8e5b16";
    default: return out + std::string(elemName(type.elem));
  }
}

KernelInfo infoOf(const Func& kernel) {
  KernelInfo out;
  out.name = kernel.name;
  out.typed = true;
  for (size_t k = 0; k < kernel.args().size(); ++k) {
    ParameterInfo& p = out.parameters.emplace_back();
    p.name = k < kernel.params.size() ? kernel.params[k].name : cat("arg", k);
    Type type = kernel.args()[k]->type;
    if (type.form == Form::Desc) {
      p.block = type.shape();
      type = type.element().pointerTo();
    }
    p.type = signatureType(type);
  }
  return out;
}

Result<KernelInfo> describe(Sources& sources, const Request& request, Diags& diags) {
  if (isTtir(request.path)) {
    auto m = parseTtir(sources, request, diags);
    if (!m) return std::unexpected(Failed{});
    return infoOf(*m->kernel());
  }
#if NEREID_HAS_TL
  auto signature = tl::signature(sources, request.path, request.kernel, request.read, diags);
  if (!signature) return std::unexpected(Failed{});
  KernelInfo out;
  out.name = signature->kernel;
  for (auto& p : signature->parameters)
    out.parameters.push_back({p.name, p.annotation, {}, p.isConstexpr, p.hasDefault, p.doNotSpecialize, p.doNotSpecializeOnAlignment});
  return out;
#else
  return noPython(diags);
#endif
}

Result<Module> frontEnd(Sources& sources, const Request& request, Diags& diags) {
  auto read = [&]() -> Result<Module> {
    if (isTtir(request.path)) return parseTtir(sources, request, diags);
#if NEREID_HAS_TL
    return tl::compile(sources, toTl(request), request.read, diags);
#else
    return noPython(diags);
#endif
  };
  auto m = read();
  if (m) m->schedule = request.schedule;
  return m;
}

void nameFiles(Module& m, const Sources& sources) {
  for (auto& f : m.funcs)
    walk(f->body, [&](Inst& i) {
      if (i.op == Op::Assert && i.loc.file()) i.set(Attr::File, AttrValue(sources.path(i.loc.file())));
    });
}

Result<std::string> emit(Sources& sources, const Request& request, std::string_view stage, Diags& diags) {
  constexpr std::string_view kLines = "+lines";
  bool lines = stage.ends_with(kLines);
  if (lines) stage.remove_suffix(kLines.size());
  if (stage == "tokens" || stage == "ast") {
    if (isTtir(request.path))
      return diags.error(Err::Unsupported, {}).says("a TTIR file has no stage `", stage, "`").hint("its first stage is `ttir`");
#if NEREID_HAS_TL
    return stage == "tokens" ? tl::dumpTokens(sources, request.path, request.read, diags)
                             : tl::dumpAst(sources, request.path, request.read, diags);
#else
    return noPython(diags);
#endif
  }
  auto m = frontEnd(sources, request, diags);
  if (!m) return std::unexpected(Failed{});
  NEREID_CHECK(stage != "fault", "a fault that was asked for");  // for tests: raises an internal fault on request
  if (stage == "ttir") return print(*m, lines);
  nameFiles(*m, sources);
  return emitStage(std::move(*m), stage, lines, diags);
}

}  // namespace nereid
