// The memory behind Block: malloc'ed, grown by half, moved to the front when that makes room.
#include "net/link_blocks.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace peerhold {

void Block::Free::operator()(Head* head) const {
  std::free(head);
}

std::span<const std::uint8_t> Block::bytes() const {
  if (!head_) return {};
  return {head_->data() + head_->begin, head_->end - head_->begin};
}

void Block::append(std::span<const std::uint8_t> more) {
  if (more.empty()) return;
  make_room(more.size());
  std::memcpy(head_->data() + head_->end, more.data(), more.size());
  head_->end += more.size();
}

void Block::make_room(std::size_t n) {
  const std::size_t used = size();
  if (head_ && head_->capacity - head_->end >= n) return;
  // Moving is worth it only when at least half of the block was consumed, or each append would
  // move.
  if (head_ && head_->begin >= head_->capacity / 2 && head_->capacity - used >= n) {
    std::memmove(head_->data(), head_->data() + head_->begin, used);
    head_->begin = 0;
    head_->end = used;
    return;
  }
  const std::size_t capacity = std::max(used + n, head_ ? used + used / 2 : n);
  auto* fresh = static_cast<Head*>(std::malloc(sizeof(Head) + capacity));
  if (fresh == nullptr) throw std::bad_alloc();
  *fresh = {0, used, capacity};
  if (used > 0) std::memcpy(fresh->data(), head_->data() + head_->begin, used);
  head_.reset(fresh);
}

void Block::drop(std::size_t n) {
  if (!head_) return;
  head_->begin += std::min(n, size());
  if (head_->begin == head_->end) head_.reset();
}

}  // namespace peerhold
