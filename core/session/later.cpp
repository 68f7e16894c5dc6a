// Later: one queue a keeper, driven by a timer of no duration, which libuv runs before it waits
// again.
#include "session/later.hpp"

#include <algorithm>

namespace peerhold {

Later::Item::~Item() {
  if (queued_in_ == nullptr) return;
  std::ranges::replace(queued_in_->queue_, this, nullptr);
  std::ranges::replace(queued_in_->running_, this, nullptr);
}

Later::Later(Loop& loop) : timer_(loop, [this] { run(); }) {}

Later::~Later() {
  for (const auto* items : {&queue_, &running_}) {
    for (Item* item : *items) {
      if (item != nullptr) item->queued_in_ = nullptr;
    }
  }
}

void Later::add(Item& item) {
  if (item.queued_in_ != nullptr) return;
  item.queued_in_ = this;
  queue_.push_back(&item);
  if (!timer_.running()) timer_.start(Milliseconds(0));
}

void Later::run() {
  running_.swap(queue_);
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Item* item = running_[i];
    if (item == nullptr) continue;
    running_[i] = nullptr;
    item->queued_in_ = nullptr;
    item->run_later();
  }
  running_.clear();
}

}  // namespace peerhold
