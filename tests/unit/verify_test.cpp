// SPDX-License-Identifier: MIT
// The verifier names the operand, attribute or region that is wrong, and what it must be.
#include <gtest/gtest.h>

#include "frontends/ttir/ttir.h"

using namespace nereid;

namespace {

// The message about one operation, which may use %i: i32, %f: f32, %x: tensor<8xi32>, %y: tensor<8xf32>, %m: tensor<4xi1>,
// %p: tensor<8x!tt.ptr<f32>>, %q: !tt.ptr<f32>, %d: a descriptor of 8 x 8 f32, %v: vector<4xf32>.
std::string messageOf(const std::string& op) {
  Sources sources;
  Diags diags;
  uint32_t file = sources.add("k",
                              "tt.func public @k(%i: i32, %f: f32, %x: tensor<8xi32>, %y: tensor<8xf32>, %m: tensor<4xi1>, "
                              "%p: tensor<8x!tt.ptr<f32>>, %q: !tt.ptr<f32>, %d: !tt.tensordesc<tensor<8x8xf32>>, %v: vector<4xf32>, "
                              "%a: tensor<8x4xf32>) {\n" +
                                  op + "\n  tt.return\n}\n");
  auto m = ttir::parse(sources, file, diags);
  if (m || diags.empty()) return "no error";
  const std::string text = diags.render(sources);
  const size_t begin = text.find("error: ") + 7;
  return text.substr(begin, text.find('\n') - begin);
}

struct Case {
  const char* op;
  const char* message;
};

}  // namespace

TEST(Verify, NamesWhatIsWrong) {
  const Case cases[] = {
      // forms and elements
      {"%r = \"tt.splat\"(%x) : (tensor<8xi32>) -> tensor<8xi32>", "`tt.splat`: the operand is tensor<8xi32>, but must be a scalar [type]"},
      {"%r = \"lo.iota\"() : () -> f32", "`lo.iota`: the result is f32, but must be a vector [type]"},
      {"%r = \"arith.addi\"(%f, %f) : (f32, f32) -> f32", "`arith.addi`: operand 1 is f32, but must be an integer [type]"},
      {"%r = \"math.fpowi\"(%y, %y) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>",
       "`math.fpowi`: `power` is tensor<8xf32>, but its elements must be integers [type]"},
      {"%r = \"tt.int_to_ptr\"(%i) : (i32) -> !tt.ptr<f32>", "`tt.int_to_ptr`: the operand is i32, but must have 64 bits [type]"},
      {"%r = \"tt.histogram\"(%x) : (tensor<8xi32>) -> tensor<4x2xi32>",
       "`tt.histogram`: the result is tensor<4x2xi32>, but must have rank 1 [shape]"},
      // relations
      {"%r = \"arith.addf\"(%y, %f) : (tensor<8xf32>, f32) -> tensor<8xf32>",
       "`arith.addf`: operand 2 is f32, but must be tensor<8xf32> like operand 1 [shape]"},
      {"%r = \"arith.addf\"(%f, %f) : (f32, f32) -> f64", "`arith.addf`: the result is f64, but must be f32 like operand 1 [type]"},
      {"%r = \"tt.addptr\"(%p, %i) : (tensor<8x!tt.ptr<f32>>, i32) -> tensor<8x!tt.ptr<f32>>",
       "`tt.addptr`: `offset` is i32, but must have the shape of `pointer`, tensor<8x!tt.ptr<f32>> [shape]"},
      {"%r = \"tt.load\"(%p, %m) : (tensor<8x!tt.ptr<f32>>, tensor<4xi1>) -> tensor<8xf32>",
       "`tt.load`: `mask` is tensor<4xi1>, but must be tensor<8xi1>: `pointer` is tensor<8x!tt.ptr<f32>> [shape]"},
      {"\"tt.store\"(%p, %x) : (tensor<8x!tt.ptr<f32>>, tensor<8xi32>) -> ()",
       "`tt.store`: `value` is tensor<8xi32>, but must be tensor<8xf32>: `pointer` is tensor<8x!tt.ptr<f32>> [type]"},
      {"%r = \"tt.reshape\"(%y) : (tensor<8xf32>) -> tensor<4x4xf32>",
       "`tt.reshape`: the result is tensor<4x4xf32>, but must have as many elements as the operand, tensor<8xf32> [shape]"},
      {"%r = \"arith.bitcast\"(%f) : (f32) -> i64",
       "`arith.bitcast`: the result is i64, but must have elements as wide as the operand, f32 [type]"},
      {"%r = \"lo.extract\"(%v) <{offset = 0 : i32}> : (vector<4xf32>) -> i32",
       "`lo.extract`: the result is i32, but must have the element type of the operand, vector<4xf32> [type]"},
      {"%r = \"lo.load\"(%q) : (!tt.ptr<f32>) -> i32",
       "`lo.load`: the result is i32, but must have the pointee type of `pointer`, !tt.ptr<f32> [type]"},
      {"%r = \"tt.descriptor_load\"(%d, %i) : (!tt.tensordesc<tensor<8x8xf32>>, i32) -> tensor<8x8xf32>",
       "`tt.descriptor_load`: 1 values of `offsets`, but the rank of !tt.tensordesc<tensor<8x8xf32>> is 2 [shape]"},
      // counts
      {"%r = \"arith.addi\"(%i) : (i32) -> i32", "`arith.addi`: 1 operands and 1 results, but 2 and 1 expected [verify]"},
      {"\"lo.scatter\"(%p) : (tensor<8x!tt.ptr<f32>>) -> ()", "`lo.scatter`: 1 operands and 0 results, but 2 to 3 and 0 expected [verify]"},
      {"\"llvm.intr.assume\"() : () -> ()", "`llvm.intr.assume`: 0 operands and 0 results, but at least 1 and 0 expected [verify]"},
      // attributes
      {"%r = \"tt.get_program_id\"() <{axis = 3 : i32}> : () -> i32", "`tt.get_program_id`: `axis` must be from 0 to 2 (got 3) [verify]"},
      {"%r = \"tt.expand_dims\"(%x) <{axis = 2 : i32}> : (tensor<8xi32>) -> tensor<8x1xi32>",
       "`tt.expand_dims`: `axis` must be from 0 to 1 (got 2) [verify]"},
      {"%r = \"tt.expand_dims\"(%x) : (tensor<8xi32>) -> tensor<8x1xi32>", "`tt.expand_dims`: the attribute `axis` is missing [verify]"},
      {"%r = \"lo.extract\"(%v) <{offset = 4 : i32}> : (vector<4xf32>) -> f32",
       "`lo.extract`: `offset` must be from 0 to 3 (got 4) [verify]"},
      {"%o = \"lo.private\"(%q, %i) <{offset = 4 : i64, private = 4 : i32}> : (!tt.ptr<f32>, i32) -> !tt.ptr<f32>",
       "`lo.private`: `offset` (4) must be less than `private` (4) [verify]"},
      {"\"lo.subgroup_shuffle\"(%q, %q) <{threads = 0 : i32, private = 1 : i32}> : (!tt.ptr<f32>, !tt.ptr<f32>) -> ()",
       "`lo.subgroup_shuffle`: `threads` must be positive (got 0) [verify]"},
      {"%r = \"tt.fp_to_fp\"(%f) <{rounding = 7 : i32}> : (f32) -> f16",
       "`tt.fp_to_fp`: unknown value 7 of the attribute `rounding` [verify]"},
      {"%r = \"tt.atomic_rmw\"(%q, %f) : (!tt.ptr<f32>, f32) -> f32", "`tt.atomic_rmw`: the attribute `atomic_rmw_op` is missing [verify]"},
      // regions
      {"%r = \"tt.reduce\"(%y) <{axis = 0 : i32}> : (tensor<8xf32>) -> f32", "`tt.reduce`: 0 regions, but 1 expected [verify]"},
      // what a row cannot express
      {"%r = arith.extsi %i : i32 to i16", "`arith.extsi`: the result must be wider than the operand: (i32) -> (i16) [type]"},
      {"%r = tt.broadcast %a : tensor<8x4xf32> -> tensor<8x8xf32>",
       "`tt.broadcast`: tensor<8x4xf32> cannot be broadcast to tensor<8x8xf32> [shape]"},
      {"%r = tt.dot %a, %a, %a : tensor<8x4xf32> * tensor<8x4xf32> -> tensor<8x4xf32>",
       "`tt.dot`: the product of tensor<8x4xf32> and tensor<8x4xf32> does not have the shape of tensor<8x4xf32> [shape]"},
      {"%r = tt.atomic_rmw add, acq_rel, gpu, %q, %f : (!tt.ptr<f32>, f32) -> f32", "`tt.atomic_rmw`: `add` does not support f32 [type]"},
      {"\"lo.barrier\"() <{space = \"moon\"}> : () -> ()", "`lo.barrier`: `space` must be \"workgroup\" or \"storage\" [verify]"},
  };
  for (const Case& c : cases) EXPECT_EQ(messageOf(c.op), c.message) << c.op;
}

// Operand groups whose sizes are not written get them from the row.
TEST(Verify, SizesOfOperandGroups) {
  EXPECT_EQ(messageOf("%r = \"tt.load\"(%q) : (!tt.ptr<f32>) -> f32"), "no error");
  EXPECT_EQ(messageOf("\"tt.descriptor_store\"(%d, %a, %i, %i) : (!tt.tensordesc<tensor<8x8xf32>>, tensor<8x4xf32>, i32, i32) -> ()"),
            "`tt.descriptor_store`: `value` is tensor<8x4xf32>, but must have as many elements as `descriptor`, "
            "!tt.tensordesc<tensor<8x8xf32>> [shape]");
  EXPECT_EQ(messageOf("%r = \"tt.load\"(%q, %q, %q, %q) : (!tt.ptr<f32>, !tt.ptr<f32>, !tt.ptr<f32>, !tt.ptr<f32>) -> f32"),
            "`tt.load` does not take 4 operands [syntax]");
}
