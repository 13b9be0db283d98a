// SPDX-License-Identifier: MIT
// Arrays: texts, formats, and .npy files good and bad.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "arrays.h"

using namespace nereid::tool;

namespace {

std::string temporary(const char* name) { return (std::filesystem::temp_directory_path() / name).string(); }

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string out = "\x93NUMPY";
  out += version;
  out += '\0';
  out += static_cast<char>(header.size() & 0xFF);
  out += static_cast<char>(header.size() >> 8);
  if (version > 1) out += std::string(2, '\0');
  return out + header + data;
}

std::string readBytes(const std::string& bytes, Array& out) {
  std::string path = temporary("nereid_unit.npy");
  std::ofstream(path, std::ios::binary) << bytes;
  return readNpy(path, out);
}

}  // namespace

TEST(Arrays, Texts) {
  Array a;
  EXPECT_EQ(parseArray("zeros:f32[4,1000]", a), "");
  EXPECT_EQ(a.size(), 4000u);
  EXPECT_EQ(parseArray("full:f16[8],1.5", a), "");
  EXPECT_EQ(a.bits(7), 0x3E00u);
  EXPECT_EQ(parseArray("i32[1, -2, 3]", a), "");
  EXPECT_EQ(show(a, 10), "[1, -2, 3]");
  EXPECT_EQ(parseArray("f32[1, 2, 3, 4; 2, 2]", a), "");
  EXPECT_EQ(a.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(parseArray("bf16[1; 3]", a), "");
  EXPECT_EQ(a.bits(2), 0x3F80u);
  EXPECT_NE(parseArray("f32[1, 2; 3]", a), "");
  EXPECT_NE(parseArray("i8[200]", a), "");
  EXPECT_NE(parseArray("zeros:f33[2]", a), "");
  EXPECT_NE(parseArray("zeros:f32[-2]", a), "");
}

TEST(Arrays, EveryFormatReadsBackItsOwnNumbers) {
  for (const char* name : {"fp16", "bf16", "fp8e5", "fp8e4nv", "fp8e4b8", "fp8e5b16"}) {
    const DType& t = *findType(name);
    for (uint64_t bits = 0; bits < (uint64_t{1} << (8 * t.bytes)); ++bits) {
      double value = decode(t, bits);
      if (value == value) EXPECT_EQ(encode(t, value), bits) << name;
    }
  }
}

TEST(Npy, WritesAndReads) {
  Array a, b;
  ASSERT_EQ(parseArray("f32[1, 2, 3, 4, 5, 6; 2, 3]", a), "");
  std::string path = temporary("nereid_unit_out.npy");
  ASSERT_EQ(writeNpy(path, a), "");
  ASSERT_EQ(readNpy(path, b), "");
  EXPECT_EQ(b.shape, a.shape);
  EXPECT_EQ(std::memcmp(a.data.get(), b.data.get(), a.bytes), 0);
  ASSERT_EQ(parseArray("bf16[1, 2]", a), "");
  ASSERT_EQ(writeNpy(path, a), "");
  ASSERT_EQ(parseArray("@" + path + ":bf16", b), "");
  EXPECT_EQ(b.number(1), 2);
  EXPECT_NE(parseArray("@" + path + ":fp32", b), "");
}

TEST(Npy, RefusesWhatItCannotRead) {
  Array a;
  std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_EQ(readBytes(npy(good, std::string(8, 0)), a), "");
  EXPECT_EQ(readBytes(npy(good, std::string(8, 0), 2), a), "");
  EXPECT_NE(readBytes(npy(good, std::string(7, 0)), a).find("fewer bytes"), std::string::npos);
  EXPECT_NE(readBytes(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", std::string(8, 0)), a).find("big-endian"),
            std::string::npos);
  EXPECT_NE(readBytes(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", std::string(16, 0)), a).find("Fortran"),
            std::string::npos);
  EXPECT_NE(readBytes(npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", std::string(16, 0)), a).find("objects"),
            std::string::npos);
  EXPECT_NE(readBytes(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", ""), a), "");
  EXPECT_NE(readBytes("junk", a), "");
  EXPECT_NE(readBytes(npy("{", ""), a), "");
  EXPECT_NE(readNpy("/nonexistent/file.npy", a), "");
}
