// SPDX-License-Identifier: MIT
// Types of the IR have 64 bits, and types that do not fit differ from all others.
#include "ir/type.h"

#include <gtest/gtest.h>

namespace nereid {
namespace {

using Dims = std::vector<int64_t>;

TEST(Type, HasItsDimensions) {
  std::vector<int64_t> most(20, 2);
  most.resize(24, 1);
  for (const Dims& dims : {Dims{}, Dims{1}, Dims{1048576}, Dims{1, 1, 1}, Dims{2, 1, 64}, Dims(24, 1), Dims(20, 2), most}) {
    Type t = Type::tile(Type::pointer(Elem::F8E5M2FNUZ, kMaxPointerDepth), dims);
    EXPECT_EQ(t.shape(), dims);
    EXPECT_EQ(t.rank, dims.size());
    int bits = 0;
    for (int i = 0; i < t.rank; ++i) bits += t.log2(i);
    EXPECT_EQ(t.bits(), bits);
    EXPECT_EQ(t.element(), Type::pointer(Elem::F8E5M2FNUZ, kMaxPointerDepth));
    EXPECT_EQ(t.withElement(Elem::I1), Type::tile(Type::scalar(Elem::I1), dims));
  }
}

TEST(Type, TooLargeIsNoTile) {
  for (const Dims& dims : {Dims(25, 1), Dims(40, 1), Dims(23, 2), Dims{1048576, 1048576, 16}})
    EXPECT_GT(Type::tile(Type::scalar(Elem::I8), dims).bits(), kMaxTileBits);
  EXPECT_EQ(Type::tile(Type::scalar(Elem::I8), Dims{1048576, 2}).bits(), 21);  // exists until the error is reported
}

TEST(Type, VectorsHaveLanes) {
  EXPECT_EQ(Type::vector(Type::scalar(Elem::F32), 4096).numel(), 4096);
  EXPECT_EQ(Type::vector(Type::scalar(Elem::F32), 1).shape(), Dims{1});
}

}  // namespace
}  // namespace nereid
