// Bytes in network order: a bounds-checked reader and the few writers that BGP needs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace bgp {

using Bytes = std::span<const std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

// Takes from the front. What is not there is not taken: every answer is optional, and once one is
// empty so are all that follow.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  std::size_t left() const { return rest_.size(); }
  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }
  Bytes rest() const { return rest_; }
  std::optional<Bytes> take(std::size_t n) {
    if (failed_ || n > rest_.size()) {
      failed_ = true;
      return std::nullopt;
    }
    const Bytes head = rest_.first(n);
    rest_ = rest_.subspan(n);
    return head;
  }
  std::optional<std::uint8_t> u8() {
    const auto b = take(1);
    if (!b) return std::nullopt;
    return (*b)[0];
  }
  std::optional<std::uint16_t> u16() {
    const auto b = take(2);
    if (!b) return std::nullopt;
    return static_cast<std::uint16_t>((*b)[0] << 8 | (*b)[1]);
  }
  std::optional<std::uint32_t> u32() {
    const auto b = take(4);
    if (!b) return std::nullopt;
    return std::uint32_t{(*b)[0]} << 24 | std::uint32_t{(*b)[1]} << 16 |
           std::uint32_t{(*b)[2]} << 8 | (*b)[3];
  }

 private:
  Bytes rest_;
  bool failed_ = false;
};

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
// Overwrites two bytes that were left for a length.
inline void set16(Buffer& in, std::size_t at, std::size_t v) {
  in[at] = static_cast<std::uint8_t>(v >> 8);
  in[at + 1] = static_cast<std::uint8_t>(v);
}

}  // namespace bgp
