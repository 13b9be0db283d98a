// SPDX-License-Identifier: MIT
// Splits a large function along its dominator tree.
#include "backends/cpu/split.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Transforms/Utils/CodeExtractor.h>

#include <map>
#include <vector>

namespace nereid::cpu {

namespace {

// A subtree of the dominator tree, without what has already been outlined.
struct Part {
  std::vector<llvm::BasicBlock*> blocks;
  std::vector<llvm::BasicBlock*> calls;  // blocks that call outlined parts of the subtree
  size_t size = 0;                       // instructions in `blocks`
};

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Arithmetic that is as cheap as passing its result as an argument.
bool isCheap(const llvm::Value* v) {
  return llvm::isa<llvm::GetElementPtrInst, llvm::CastInst, llvm::ICmpInst, llvm::BinaryOperator>(v) && !v->getType()->isVectorTy();
}

// Recomputes addresses from outside the region at its start, so that fewer values must be passed to it.
class Rematerializer {
 public:
  explicit Rematerializer(llvm::ArrayRef<llvm::BasicBlock*> region)
      : region_(region.begin(), region.end()), at_(&*region[0]->getFirstInsertionPt()) {}
  void run(llvm::ArrayRef<llvm::BasicBlock*> region) {
    std::vector<llvm::Use*> uses;
    for (llvm::BasicBlock* b : region)
      for (llvm::Instruction& i : *b) {
        if (llvm::isa<llvm::PHINode>(i) && b == region[0]) continue;  // its values come from outside
        for (llvm::Use& use : i.operands()) uses.push_back(&use);
      }
    for (llvm::Use* use : uses) use->set(here(use->get(), 0));
  }

 private:
  llvm::Value* here(llvm::Value* v, int depth) {
    constexpr int kDeepest = 8;
    auto* i = llvm::dyn_cast<llvm::Instruction>(v);
    if (!i || region_.contains(i->getParent()) || !isCheap(i) || depth > kDeepest) return v;
    llvm::Instruction*& copy = copies_[i];
    if (copy) return copy;
    llvm::Instruction* made = i->clone();
    for (llvm::Use& use : made->operands()) use.set(here(use.get(), depth + 1));
    made->insertBefore(at_->getIterator());
    return copies_[i] = made;
  }

  llvm::SmallPtrSet<llvm::BasicBlock*, 32> region_;
  llvm::Instruction* at_;
  std::map<llvm::Instruction*, llvm::Instruction*> copies_;
};

// Moves the region below `root` into a function. Returns the block that calls it, or null if it cannot be moved.
llvm::BasicBlock* extract(llvm::BasicBlock* root, const Part& part) {
  // Control may enter at the root only, so a call that returns into the region is part of it.
  llvm::SmallPtrSet<llvm::BasicBlock*, 32> inside(part.blocks.begin(), part.blocks.end());
  std::vector<llvm::BasicBlock*> region{root};
  for (llvm::BasicBlock* b : part.blocks)
    if (b != root) region.push_back(b);
  for (bool more = true; more;) {
    more = false;
    for (llvm::BasicBlock* call : part.calls) {
      if (inside.contains(call)) continue;
      for (llvm::BasicBlock* next : llvm::successors(call))
        if (next != root && inside.contains(next)) more = true;
      if (!more) continue;
      inside.insert(call);
      region.push_back(call);
      break;
    }
  }
  llvm::Function& f = *root->getParent();
  Rematerializer(region).run(region);
  llvm::CodeExtractor extractor(region, nullptr, /*AggregateArgs=*/true);
  if (!extractor.isEligible()) return nullptr;
  llvm::Function* moved = extractor.extractCodeRegion(llvm::CodeExtractorAnalysisCache(f));
  if (!moved) return nullptr;
  moved->addFnAttr(llvm::Attribute::NoInline);
  return llvm::cast<llvm::Instruction>(*moved->user_begin())->getParent();
}

}  // namespace

void splitLargeFunction(llvm::Function& f, unsigned limit) {
  if (f.getInstructionCount() <= limit) return;
  llvm::DominatorTree tree(f);
  std::vector<llvm::DomTreeNode*> order(llvm::po_begin(tree.getRootNode()), llvm::po_end(tree.getRootNode()));
  std::map<llvm::DomTreeNode*, Part> parts;
  for (llvm::DomTreeNode* node : order) {
    llvm::BasicBlock* b = node->getBlock();
    Part part;
    for (llvm::DomTreeNode* child : node->children()) {
      Part& below = parts[child];
      append(part.blocks, below.blocks);
      append(part.calls, below.calls);
      part.size += below.size;
      parts.erase(child);
    }
    part.blocks.push_back(b);
    part.size += b->size();
    if (part.size * 2 >= limit && node != tree.getRootNode())
      if (llvm::BasicBlock* call = extract(b, part)) {
        // Calls inside the region were moved with it.
        std::erase_if(part.calls, [&](llvm::BasicBlock* c) { return c->getParent() != &f; });
        part.calls.push_back(call);
        part.blocks.clear();
        part.size = 0;
      }
    parts[node] = std::move(part);
  }
}

}  // namespace nereid::cpu
