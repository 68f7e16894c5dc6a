// Bytes in network order: the reader of the plugin headers and the few writers that BGP needs.
#pragma once

#include <peerhold/reader.hpp>

#include <cstdint>
#include <vector>

namespace bgp {

using ph::Bytes;
using ph::Reader;
using Buffer = std::vector<std::uint8_t>;

inline void put8(Buffer& to, std::uint32_t v) {
  to.push_back(static_cast<std::uint8_t>(v));
}
inline void put16(Buffer& to, std::uint32_t v) {
  put8(to, v >> 8);
  put8(to, v);
}
inline void put32(Buffer& to, std::uint32_t v) {
  put16(to, v >> 16);
  put16(to, v);
}
inline void put(Buffer& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}
// A byte within a UTF-8 character.
inline bool is_continuation(std::uint8_t b) {
  return (b & 0xc0) == 0x80;
}
// Overwrites two bytes that were left for a length.
inline void set16(Buffer& in, std::size_t at, std::size_t v) {
  in[at] = static_cast<std::uint8_t>(v >> 8);
  in[at + 1] = static_cast<std::uint8_t>(v);
}

}  // namespace bgp
