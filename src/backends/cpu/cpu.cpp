// SPDX-License-Identifier: MIT
// Optimises LLVM IR and compiles it to code in this process (ORC) or to an object file.
#include "backends/cpu/cpu.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ThreadSafeModule.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/SubtargetFeature.h>
#include <llvm/Transforms/Scalar.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>

#include "backends/cpu/emit.h"
#include "backends/cpu/interrupt.h"
#include "backends/cpu/launch.h"
#include "backends/cpu/split.h"
#include "ir/after_pass.h"

// Other processors, where the LLVM that is linked has them: the shared library of the command line does, the Python wheel does not.
extern "C" {
[[gnu::weak]] void LLVMInitializeAArch64TargetInfo();
[[gnu::weak]] void LLVMInitializeAArch64Target();
[[gnu::weak]] void LLVMInitializeAArch64TargetMC();
[[gnu::weak]] void LLVMInitializeAArch64AsmPrinter();
}

namespace nereid::cpu {

namespace {

// A processor named `aarch64` or `aarch64:NAME`, such as aarch64:neoverse-n1.
constexpr std::string_view kArm = "aarch64";
bool isArm(const Processor& p) { return p.name == kArm || p.name.starts_with(cat(kArm, ":")); }

void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
#if !defined(__aarch64__)
    if (LLVMInitializeAArch64TargetInfo && LLVMInitializeAArch64AsmPrinter) {
      LLVMInitializeAArch64TargetInfo();
      LLVMInitializeAArch64Target();
      LLVMInitializeAArch64TargetMC();
      LLVMInitializeAArch64AsmPrinter();
    }
#endif
    // Lowering emits loops with simple addresses: these passes would take a fifth of the compile time and improve nothing.
    const char* options[] = {"nereid", "-disable-lsr", "-disable-post-ra"};
    llvm::cl::ParseCommandLineOptions(std::size(options), options);
  });
}

Processor resolve(const Processor& p) { return p.name.empty() ? host() : p; }

bool has(const Processor& p, std::string_view feature) { return p.features.find(cat("+", feature)) != std::string::npos; }

// One per thread and processor: creating one takes as long as a small pass, and threads must not share one.
llvm::TargetMachine* machineFor(const Processor& p, std::string& error) {
  static thread_local std::map<std::pair<std::string, std::string>, std::unique_ptr<llvm::TargetMachine>> made;
  auto& machine = made[{p.name, p.features}];
  if (machine) return machine.get();
  initialise();
  const bool arm = isArm(p);
  llvm::Triple triple(arm ? "aarch64-unknown-linux-gnu" : llvm::sys::getDefaultTargetTriple());
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;  // allows what the `contract` flag allows
  options.LoopAlignment = 64;  // short loops of wide instructions ran up to a third slower when they did not start on a cache line
  std::string features = p.features;
#if defined(__x86_64__)
  // Padding before an aligned loop is executed each time. 15-byte NOPs, nearly all prefixes, cost a row of softmax a sixth of its time.
  if (!arm) features += cat(features.empty() ? "" : ",", "-fast-15bytenop,-fast-11bytenop");
#endif
  std::string name = !arm ? p.name : p.name.size() > kArm.size() ? p.name.substr(kArm.size() + 1) : "generic";
  machine.reset(target->createTargetMachine(triple, name, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Less));
  if (machine->getMCSubtargetInfo()->isCPUStringValid(name)) return machine.get();
  error = cat("it does not know the processor ", name);
  machine.reset();
  return nullptr;
}

// The LLVM IR passes. The schedule and the passes on the lower form have done the rest: more passes here took a fifth of the compile time
// and made no kernel faster.
void addOptimisations(llvm::legacy::PassManager& passes, llvm::TargetMachine& target) {
  passes.add(llvm::createTargetTransformInfoWrapperPass(target.getTargetIRAnalysis()));
  passes.add(llvm::createEarlyCSEPass());
}

// Instructions of a function from which it is split. Tests set it low.
unsigned functionLimit(const Machine& machine) {
  static const char* const kSet = std::getenv("NEREID_FUNCTION_LIMIT");
  return kSet && *kSet ? static_cast<unsigned>(std::strtoul(kSet, nullptr, 10)) : machine.functionInstructions;
}

struct Compiled {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  llvm::TargetMachine* target = nullptr;
};

Result<Compiled> compile(const Lowered& lowered, const Processor& requested, bool standalone, Diags& diags) {
  Processor processor = resolve(requested);
  Compiled out;
  std::string error;
  out.target = machineFor(processor, error);
  if (!out.target) return diags.error(Err::Environment, {}).says("LLVM has no code generator for this machine: ", error);
  out.context = std::make_unique<llvm::LLVMContext>();
  out.module = emit(lowered, *out.context, standalone, machineOf(processor).vectorBytes * 8);
  out.module->setTargetTriple(out.target->getTargetTriple());
  out.module->setDataLayout(out.target->createDataLayout());
  auto verifyLlvm = [&] {
    if (!verifiesEach()) return;
    std::string text;
    llvm::raw_string_ostream stream(text);
    NEREID_CHECK(!llvm::verifyModule(*out.module, &stream), "invalid LLVM IR: ", text);
  };
  verifyLlvm();
  splitLargeFunction(*out.module->getFunction(lowered.module.kernel()->name), functionLimit(machineOf(processor)));
  verifyLlvm();
  return out;
}

Result<std::string> generate(const Lowered& lowered, const Processor& processor, llvm::CodeGenFileType kind, bool standalone,
                             Diags& diags) {
  auto compiled = compile(lowered, processor, standalone, diags);
  if (!compiled) return std::unexpected(Failed{});
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  addOptimisations(passes, *compiled->target);
  if (compiled->target->addPassesToEmitFile(passes, stream, nullptr, kind))
    return diags.error(Err::Environment, {}).says("LLVM cannot write this kind of file here");
  passes.run(*compiled->module);
  return std::string(bytes.data(), bytes.size());
}

// One JIT per process. Each kernel is a library in it, so that names cannot clash and a kernel's memory is freed with it.
Result<llvm::orc::LLJIT*> engine(Diags& diags) {
  static std::mutex mutex;
  static llvm::orc::LLJIT* shared = nullptr;  // never destroyed: kernels may outlive the end of main
  std::lock_guard lock(mutex);
  if (shared) return shared;
  initialise();
  auto made = llvm::orc::LLJITBuilder().create();
  if (!made) return diags.error(Err::Environment, {}).says("the JIT compiler failed: ", llvm::toString(made.takeError()));
  llvm::orc::SymbolMap own;
  own[(*made)->mangleAndIntern("nereid_assertion_failed")] = {llvm::orc::ExecutorAddr::fromPtr(&assertionFailed),
                                                              llvm::JITSymbolFlags::Exported};
  own[(*made)->mangleAndIntern("nereid_ticks")] = {llvm::orc::ExecutorAddr::fromPtr(&ticks), llvm::JITSymbolFlags::Exported};
  own[(*made)->mangleAndIntern("nereid_must_stop")] = {llvm::orc::ExecutorAddr::fromPtr(&mustStop), llvm::JITSymbolFlags::Exported};
  own[(*made)->mangleAndIntern("printf")] = {llvm::orc::ExecutorAddr::fromPtr(&printed), llvm::JITSymbolFlags::Exported};
  if (auto e = (*made)->getProcessSymbolsJITDylib()->define(llvm::orc::absoluteSymbols(std::move(own))))
    return diags.error(Err::Environment, {}).says("the JIT compiler failed: ", llvm::toString(std::move(e)));
  return shared = made->release();
}

class JitKernel : public Kernel {
 public:
  JitKernel(llvm::orc::LLJIT& engine, llvm::orc::JITDylib& library, Entry entry) : engine_(engine), library_(library), entry_(entry) {}
  ~JitKernel() override { llvm::consumeError(engine_.getExecutionSession().removeJITDylib(library_)); }
  Entry entry() const override { return entry_; }

 private:
  llvm::orc::LLJIT& engine_;
  llvm::orc::JITDylib& library_;
  Entry entry_;
};

}  // namespace

Processor host() {
  static const Processor kHost = [] {
    Processor p;
    // A target machine for another processor: for shipping objects and for tests.
    if (const char* name = std::getenv("NEREID_CPU"); name && *name) return Processor{name, {}};
    p.name = llvm::sys::getHostCPUName().str();
    llvm::SubtargetFeatures features;
    for (auto& [name, on] : llvm::sys::getHostCPUFeatures()) features.AddFeature(name, on);
    p.features = features.getString();
    return p;
  }();
  return kHost;
}

const Machine& machineOf(const Processor& requested) {
  Processor p = resolve(requested);
  if (isArm(p)) return kNeon;
#if defined(__x86_64__)
  auto row = [](auto&& hasFeature) -> const Machine& {
    if (hasFeature("avx512f")) return !hasFeature("avx512vnni") ? kAvx512 : hasFeature("avx512bf16") ? kAvx512Bf16 : kAvx512Vnni;
    return hasFeature("avxvnni") ? kAvx2Vnni : hasFeature("avx2") ? kAvx2 : kSse;
  };
  // LLVM knows the features of a processor by its name.
  std::string error;
  if (p.features.empty())
    if (llvm::TargetMachine* machine = machineFor(p, error))
      return row([&](std::string_view feature) { return machine->getMCSubtargetInfo()->checkFeatures(cat("+", feature)); });
  return row([&](std::string_view feature) { return has(p, feature); });
#else
  return kNeon;
#endif
}

Result<std::string> code(const Lowered& lowered, Diags& diags) {
  return generate(lowered, {}, llvm::CodeGenFileType::ObjectFile, false, diags);
}

Result<std::unique_ptr<Kernel>> load(const std::string& code, const std::string& name, Diags& diags) {
  auto shared = engine(diags);
  if (!shared) return std::unexpected(Failed{});
  auto failed = [&](llvm::Error error) -> Diag& {
    return diags.error(Err::Environment, {}).says("the JIT compiler failed: ", llvm::toString(std::move(error)));
  };
  static std::atomic<uint64_t> count{0};
  auto library = (*shared)->createJITDylib(cat("kernel", count++));
  if (!library) return failed(library.takeError());
  if (auto e = (*shared)->addObjectFile(*library, llvm::MemoryBuffer::getMemBufferCopy(code))) return failed(std::move(e));
  auto symbol = (*shared)->lookup(*library, name);
  if (!symbol) return failed(symbol.takeError());
  return std::make_unique<JitKernel>(**shared, *library, symbol->toPtr<Entry>());
}

Result<std::string> object(const Lowered& lowered, const Processor& processor, Diags& diags) {
  return generate(lowered, processor, llvm::CodeGenFileType::ObjectFile, true, diags);
}

Result<std::string> assembly(const Lowered& lowered, const Processor& processor, Diags& diags) {
  return generate(lowered, processor, llvm::CodeGenFileType::AssemblyFile, true, diags);
}

Result<std::string> llvmText(const Lowered& lowered, const Processor& processor, Diags& diags) {
  auto compiled = compile(lowered, processor, true, diags);
  if (!compiled) return std::unexpected(Failed{});
  llvm::legacy::PassManager passes;
  addOptimisations(passes, *compiled->target);
  passes.run(*compiled->module);
  std::string text;
  llvm::raw_string_ostream stream(text);
  compiled->module->print(stream, nullptr);
  return text;
}

}  // namespace nereid::cpu
