// SPDX-License-Identifier: MIT
// Shapes of the language's types: a list of powers of two in one number.
#include <gtest/gtest.h>

#include "frontends/tl/types.h"

namespace nereid::tl {
namespace {

using Dims = std::vector<int64_t>;

TEST(Shape, IsWhatWasPutIn) {
  for (const Dims& dims : {Dims{}, Dims{1}, Dims{1048576}, Dims{1, 1, 1}, Dims{2, 1, 64}, Dims(24, 1), Dims(20, 2)}) {
    Shape shape(dims);
    EXPECT_EQ(shape.dims(), dims);
    EXPECT_EQ(shape.size(), dims.size());
    EXPECT_EQ(shape.empty(), dims.empty());
    int64_t numel = 1;
    for (size_t i = 0; i < dims.size(); ++i) {
      EXPECT_EQ(shape[i], dims[i]);
      numel *= dims[i];
    }
    EXPECT_EQ(shape.numel(), numel);
    if (!dims.empty()) EXPECT_EQ(shape.back(), dims.back());
  }
}

TEST(Shape, AxesComeAndGo) {
  for (size_t axis = 0; axis <= 3; ++axis)
    for (int64_t dim : {1, 2, 4096}) {
      Dims dims{8, 1, 32};
      Shape shape(dims);
      shape.insert(axis, dim);
      dims.insert(dims.begin() + static_cast<ptrdiff_t>(axis), dim);
      EXPECT_EQ(shape.dims(), dims);
      shape.erase(axis);
      EXPECT_TRUE(shape == Shape({8, 1, 32}));
    }
  Shape wide{2, 1048576, 1048576};  // exists until the error is reported
  wide.erase(2);
  wide.erase(0);
  EXPECT_EQ(wide.dims(), Dims{1048576});
  wide.erase(0);
  EXPECT_TRUE(wide.empty());
}

}  // namespace
}  // namespace nereid::tl
