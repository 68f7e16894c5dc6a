// Block: the bytes a Link keeps because somebody could not take them yet. Always one contiguous
// span; 8 bytes and no allocation while empty. All stream bytes that peerhold holds pass through
// here, so that they can come from a memfd one day.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace peerhold {

class Block {
 public:
  Block() = default;
  Block(Block&&) noexcept = default;
  Block& operator=(Block&&) noexcept = default;

  bool empty() const { return !head_; }
  std::size_t size() const { return head_ ? head_->end - head_->begin : 0; }
  std::span<const std::uint8_t> bytes() const;
  void append(std::span<const std::uint8_t>);
  void drop(std::size_t n);  // from the front; the last byte frees the memory

 private:
  struct Head {
    std::size_t begin, end, capacity;
    std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  };
  struct Free {
    void operator()(Head*) const;
  };
  void make_room(std::size_t n);
  std::unique_ptr<Head, Free> head_;
};

}  // namespace peerhold
