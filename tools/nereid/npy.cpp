// SPDX-License-Identifier: MIT
// NumPy's .npy files: versions 1 to 3, C order, little-endian. Other formats are refused by name.
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "arrays.h"

namespace nereid::tool {

namespace {

// The text of `key` in the header's dictionary: a quoted string, a word, or a tuple in parentheses.
bool field(std::string_view header, std::string_view key, std::string_view& out) {
  for (char quote : {'\'', '"'}) {
    std::string quotedKey = quote + std::string(key) + quote;
    size_t at = header.find(quotedKey);
    if (at == std::string_view::npos) continue;
    at += quotedKey.size();
    while (at < header.size() && (header[at] == ' ' || header[at] == ':')) ++at;
    if (at >= header.size()) return false;
    char c = header[at];
    size_t end;
    if (c == '\'' || c == '"') {
      end = header.find(c, at + 1);
      if (end == std::string_view::npos) return false;
      out = header.substr(at + 1, end - at - 1);
      return true;
    }
    if (c == '(' || c == '[') {
      end = header.find(c == '(' ? ')' : ']', at);
      if (end == std::string_view::npos) return false;
      out = header.substr(at, end - at + 1);
      return true;
    }
    end = header.find_first_of(",}", at);
    if (end == std::string_view::npos) return false;
    out = header.substr(at, end - at);
    while (!out.empty() && out.back() == ' ') out.remove_suffix(1);
    return true;
  }
  return false;
}

}  // namespace

std::string readNpy(const std::string& path, Array& out) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "cannot read " + path;
  auto bad = [&](const char* why) { return path + " cannot be read as a .npy file: " + why; };
  unsigned char magic[12] = {};
  if (!in.read(reinterpret_cast<char*>(magic), 8) || std::memcmp(magic, "\x93NUMPY", 6) != 0)
    return bad("it does not start with the magic bytes of one");
  int version = magic[6];
  if (version < 1 || version > 3) return bad("its version is unknown");
  int lengthBytes = version == 1 ? 2 : 4;
  if (!in.read(reinterpret_cast<char*>(magic) + 8, lengthBytes)) return bad("its header is incomplete");
  size_t length = 0;
  for (int i = lengthBytes; i-- > 0;) length = length << 8 | magic[8 + i];
  if (length > 1 << 20) return bad("its header is too long");
  std::string header(length, ' ');
  if (!in.read(header.data(), static_cast<std::streamsize>(length))) return bad("its header is incomplete");
  std::string_view descr, order, shapeText;
  if (!field(header, "descr", descr) || !field(header, "fortran_order", order) || !field(header, "shape", shapeText))
    return bad("a field is missing in its header");
  if (order != "False" && order != "True") return bad("its header is malformed");
  if (descr.starts_with('[')) return path + " contains records: save an array of plain numbers";
  if (descr.size() < 2) return bad("its type is malformed");
  char endian = descr[0];
  if (descr[1] == 'O') return path + " contains Python objects: save an array of plain numbers";
  std::string_view name;
  std::string_view rest = descr.substr(1);
  if (rest == "f4") name = "fp32";
  if (rest == "f8") name = "fp64";
  if (rest == "f2") name = "fp16";
  if (rest == "b1") name = "i1";
  if (rest == "i1") name = "i8";
  if (rest == "i2") name = "i16";
  if (rest == "i4") name = "i32";
  if (rest == "i8") name = "i64";
  if (rest == "u1") name = "u8";
  if (rest == "u2") name = "u16";
  if (rest == "u4") name = "u32";
  if (rest == "u8") name = "u64";
  if (name.empty()) return path + " contains elements of type `" + std::string(descr) + "`: save booleans, integers or floats";
  if (endian == '>' && descr[2] != '1') return path + " is big-endian: save it with .astype('" + "<" + std::string(rest) + "')";
  std::vector<int64_t> shape;
  const char* p = shapeText.data();
  const char* end = p + shapeText.size();
  while (p < end) {
    if (std::isdigit(static_cast<unsigned char>(*p))) {
      int64_t n = 0;
      auto [next, ec] = std::from_chars(p, end, n);
      if (ec != std::errc()) return bad("its shape is malformed");
      shape.push_back(n);
      p = next;
    } else if (*p == '-') {
      return bad("its shape is negative");
    } else {
      ++p;
    }
  }
  int long1 = 0;
  for (int64_t n : shape) long1 += n > 1;
  if (order == "True" && long1 > 1) return path + " is in Fortran order: save it with np.ascontiguousarray";
  // Compare the sizes before allocating memory.
  auto begin = in.tellg();
  in.seekg(0, std::ios::end);
  auto available = static_cast<uint64_t>(in.tellg() - begin);
  in.seekg(begin);
  const DType* type = findType(name);
  uint64_t count = 1;
  for (int64_t n : shape) {
    if (n != 0 && count > available / static_cast<uint64_t>(n) + 1) return bad("it has fewer bytes than its shape needs");
    count *= static_cast<uint64_t>(n);
  }
  if (count * static_cast<uint64_t>(type->bytes) > available) return bad("it has fewer bytes than its shape needs");
  if (std::string error = allocate(out, *type, std::move(shape)); !error.empty()) return error;
  in.read(reinterpret_cast<char*>(out.data.get()), static_cast<std::streamsize>(out.bytes));
  return in || out.bytes == 0 ? "" : bad("it has fewer bytes than its shape needs");
}

std::string writeNpy(const std::string& path, const Array& a) {
  // Types that NumPy lacks are stored as unsigned integers of their size.
  std::string descr = a.bytes && a.type->bytes == 1 ? "|" : "<";
  if (a.type->bytes == 1) descr = "|";
  switch (a.type->kind) {
    case Kind::Bool: descr += "b1"; break;
    case Kind::Int: descr += "i" + std::to_string(a.type->bytes); break;
    case Kind::UInt: descr += "u" + std::to_string(a.type->bytes); break;
    case Kind::Float: descr += (a.type->name == "fp16" || a.type->bytes >= 4 ? "f" : "u") + std::to_string(a.type->bytes); break;
  }
  std::string shape = "(";
  for (int64_t n : a.shape) shape += std::to_string(n) + ", ";
  if (a.shape.size() > 1) shape.resize(shape.size() - 2);
  if (a.shape.size() == 1) shape.resize(shape.size() - 1);
  shape += ")";
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64) header += ' ';
  header += '\n';
  std::ofstream out(path, std::ios::binary);
  out.write("\x93NUMPY\x01\x00", 8);
  char length[2] = {static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  out.write(length, 2);
  out.write(header.data(), static_cast<std::streamsize>(header.size()));
  out.write(reinterpret_cast<const char*>(a.data.get()), static_cast<std::streamsize>(a.bytes));
  out.close();
  return out ? "" : "cannot write " + path;
}

}  // namespace nereid::tool
