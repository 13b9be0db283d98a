// SPDX-License-Identifier: MIT
// The shader's variants: which there are, from the best to the one that every device can run.
//
// Variants differ in threads and programs of a workgroup, in what they ask of the device (f16, subgroups, subgroup matrices, more shared
// memory), and in whether arguments may overlap.
#include <algorithm>

#include "backends/wgsl/emit.h"
#include "lower/legalize.h"
#include "lower/narrow_integers.h"
#include "schedule/text.h"
#include "schedule/workgroups.h"
#include "workgroup/passes.h"

namespace nereid::wgsl {

namespace {

int64_t workgroupBytes(const Variant& v) { return v.limits.empty() ? 0 : v.limits[0].second; }

class ShaderWriter {
 public:
  ShaderWriter(const Forms& forms, const Device* device, const TextOptions& options, Diags& diags)
      : forms_(forms), kernel_(*forms.plain), device_(device), options_(options), diags_(diags) {}

  bool run() {
    if (!options_.schedule.empty()) {
      sections_ = parseSchedule(options_.schedule, why_);
      if (!sections_) return illegal();
    }
    if (!writeMatrices()) return false;
    // Devices with subgroups but no subgroup matrices for such a product take the plain variant.
    bool reduces = false;
    if (shader_.variants.empty() && has("subgroups-32"))
      walk(kernel_.body, [&](const Inst& i) { reduces |= i.op == Op::Reduce || i.op == Op::Scan; });
    if ((reduces && !writePlain(true)) || !writePlain(false)) return false;
    if (!sections_ || isUsed_) return true;
    why_ = "no section is for a variant of this kernel";
    return illegal();
  }
  Shader take() { return std::move(shader_); }

 private:
  bool has(std::string_view feature) const { return !device_ || device_->has(feature); }
  // Shared memory that a workgroup may have.
  int64_t room() const { return device_ ? std::min(device_->workgroupBytes, machine_.maxSharedBytes) : machine_.maxSharedBytes; }
  bool illegal() {
    diags_.error(Err::Unsupported, {})
        .says("webgpu: the schedule is not legal: ", why_)
        .hint("start from what `nereid emit --target webgpu --stage schedule` prints");
    return false;
  }

  // Whether the kernel has products for subgroup matrices, and the device has all of these.
  bool canUseMatrices() const {
    bool products = false, lacks = !has("subgroups-32");
    walk(kernel_.body, [&](const Inst& i) {
      if (i.op != Op::Dot || (i.operand(0)->type.elem != Elem::F16 && i.operand(0)->type.elem != Elem::I8)) return;
      products = true;
      lacks |= i.operand(0)->type.elem == Elem::I8 ? !has("subgroup-matrix-i8") : !has("subgroup-matrix") || !has("shader-f16");
    });
    return products && !lacks;
  }

  bool writeMatrices() {
    if (!canUseMatrices()) return true;
    // Fewer threads need less shared memory.
    for (int threads = threadsOf(kernel_, machine_, true); threads >= machine_.subgroupThreads; threads /= 2) {
      // Operands that do not fit in shared memory side by side are loaded again for each dot.
      bool any = false;
      for (bool reloads : {false, true}) {
        if (reloads && (!forms_.reloading || sections_)) continue;
        shader_.variants.clear();
        if (!write({.threads = threads, .subgroups = true, .matrices = true, .reloads = reloads})) return false;
        any |= !shader_.variants.empty();
        int64_t most = 0;
        for (const Variant& v : shader_.variants) most = std::max(most, workgroupBytes(v));
        if (most > room()) shader_.variants.clear();
        if (!shader_.variants.empty()) return true;
      }
      if (!any) return true;
    }
    return true;
  }

  bool writePlain(bool subgroups) {
    const std::vector<Variant>& variants = shader_.variants;
    const int threads = threadsOf(kernel_, machine_, false), few = sharedThreadsOf(kernel_, machine_);
    if (few > 0 && !write({.threads = few, .programs = machine_.smallWorkgroup / few, .subgroups = subgroups})) return false;
    // A program that can share a workgroup only if arguments are disjoint is alone if they are not.
    const Variant* last = variants.empty() ? nullptr : &variants.back();
    if (last && last->programs > 1 && last->subgroups == subgroups && (subgroups || last->aliases)) return true;
    // A kernel that needs more shared memory than every device has keeps all of it in storage on such a device.
    const size_t before = variants.size();
    if (!write({.threads = threads, .subgroups = subgroups, .sharedBytes = room()})) return false;
    const bool isLarge = variants.size() > before && workgroupBytes(variants.back()) > 0;
    return !isLarge || device_ || write({.threads = threads, .subgroups = subgroups});
  }

  // The variants of one shape, which a section of the schedule may change.
  bool write(KernelSchedule shape) {
    const Decisions* section = sections_ ? sectionFor(*sections_, machine_, shape, why_) : nullptr;
    if (!why_.empty()) return illegal();
    isUsed_ |= section != nullptr;
    const Func* source = forms_.of(shape);
    if (!source) {
      why_ = "no operand can be loaded again: `reloads` must be `no`";
      return illegal();
    }
    const size_t before = shader_.variants.size();
    const bool ok = writeTexts(*source, shape, section) || (!why_.empty() && illegal());
    for (size_t k = before; k < shader_.variants.size(); ++k) shader_.variants[k].reloads = shape.reloads;
    return ok;
  }

  struct Prepared {
    std::unique_ptr<Schedule> schedule;
    std::optional<Lowered> lowered;
    std::string described, text;
  };
  struct Texts {
    std::vector<Variant> plain, f16;
  };

  // For disjoint arguments and for any, with and without f16. Variants with subgroups or subgroup matrices are for disjoint arguments
  // only: compiling costs time, and others have the plain text.
  bool writeTexts(const Func& kernel, const KernelSchedule& shape, const Decisions* section) {
    Prepared prepared;
    Texts texts;
    for (bool distinct : {true, false}) {
      if (distinct ? hasBetter(shape) : shape.subgroups) continue;
      if (!lowerFor(kernel, shape, section, distinct, prepared)) return false;
      if (!prepareWorkgroup(prepared.lowered->module, *prepared.schedule)) return true;
      if (options_.explains) prepared.text = print(prepared.lowered->module, options_.lines);
      bool fits = true;
      if (!emit(prepared, shape, distinct, texts, fits)) return false;
      if (!fits) return true;
    }
    for (std::vector<Variant>* variants : {&texts.f16, &texts.plain}) {
      // If the text for distinct arguments is the same as the general one, one variant is enough.
      if (variants->size() == 2 && (*variants)[0].text == (*variants)[1].text) variants->erase(variants->begin());
      for (Variant& v : *variants) {
        if (shape.matrices)
          v.suffix = ".matrix";
        else
          appendAll(v.suffix, shape.subgroups ? ".subgroups" : "", variants == &texts.f16 ? ".f16" : "",
                    workgroupBytes(v) > 0 ? ".shared" : "");
        if (!v.aliases) v.suffix += ".distinct";
        shader_.variants.push_back(std::move(v));
      }
    }
    return true;
  }

  // Whether disjoint arguments have a better variant already: of the device, or with several programs in a workgroup.
  bool hasBetter(const KernelSchedule& shape) const {
    if (shader_.variants.empty()) return false;
    const Variant& last = shader_.variants.back();
    return device_ || (shape.programs == 1 && last.programs > 1 && !last.subgroups);
  }

  bool lowerFor(const Func& kernel, KernelSchedule shape, const Decisions* section, bool distinct, Prepared& out) {
    if (!out.lowered || out.lowered->needsDistinct) {
      shape.disjoint = distinct;
      out.schedule = makeSchedule(kernel, machine_, shape, section, &why_);
      if (!out.schedule) return false;
      auto lowered = lower(kernel, *out.schedule, diags_);
      if (!lowered) return false;
      out.lowered = std::move(*lowered);
      legalize(*out.lowered->module.kernel(), out.lowered->module, machine_);
      narrowIntegers(*out.lowered->module.kernel(), out.lowered->module);
      if (options_.explains) {
        out.described = describe(kernel, *out.schedule);
        appendAll(out.described, "# threads of a program: ", out.schedule->kernel.threads, "; programs of a workgroup: ", shape.programs,
                  "; scratch of a program: ", out.lowered->scratchBytes, " bytes\n");
      }
    }
    out.schedule->kernel.disjoint = distinct;
    return true;
  }

  // `fits`: whether the text uses what the shape asks for.
  bool emit(Prepared& prepared, const KernelSchedule& shape, bool distinct, Texts& texts, bool& fits) {
    for (bool halves : {true, false}) {
      if (halves ? !has("shader-f16") : shape.matrices && has("shader-f16")) continue;
      Emitter emitter(*prepared.lowered->module.kernel(), *prepared.schedule, halves, options_.lines, diags_);
      auto variant = emitter.run();
      if (!variant) return false;
      variant->schedule = prepared.described;
      variant->lowered = prepared.text;
      fits = (!shape.matrices || variant->matrices) && (!shape.subgroups || variant->subgroups);
      if (!fits || (shape.programs > 1 && emitter.isAlone())) return true;
      shader_.arrays = emitter.arrays();
      shader_.sites = emitter.sites();
      variant->aliases = !distinct;
      const std::vector<std::string>& features = variant->features;
      const bool asks = std::find(features.begin(), features.end(), "shader-f16") != features.end();
      (asks ? texts.f16 : texts.plain).push_back(std::move(*variant));
      if (!asks || device_) return true;  // it would be the same without f16, or the device has it
    }
    return true;
  }

  const Forms& forms_;
  const Func& kernel_;
  const Device* device_;
  const TextOptions& options_;
  Diags& diags_;
  const Machine& machine_ = kWebGpu;
  Shader shader_;
  std::unique_ptr<std::vector<Decisions>> sections_;  // of the user's schedule
  bool isUsed_ = false;                               // some section
  std::string why_;                                   // the schedule is not legal
};

}  // namespace

Result<Shader> write(const Forms& forms, const Device* device, const TextOptions& options, Diags& diags) {
  ShaderWriter writer(forms, device, options, diags);
  if (!writer.run()) return std::unexpected(Failed{});
  return writer.take();
}

}  // namespace nereid::wgsl
