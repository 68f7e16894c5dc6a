// Deadlines: the many small deadlines of one session in its one timer.
#include "loop/deadlines.hpp"

#include <algorithm>
#include <utility>

namespace peerhold {

namespace {

// Far beyond any deadline that is meant; keeps the sum below from overflowing.
constexpr Milliseconds century = std::chrono::hours(24 * 36500);

}  // namespace

Deadlines::Deadlines(Loop& loop, std::function<void(std::uint32_t)> due)
    : timer_(loop, [this] { fire(); }), due_(std::move(due)) {}

Deadlines::~Deadlines() {
  if (gone_ != nullptr) *gone_ = true;
}

void Deadlines::set(std::uint32_t id, Milliseconds after) {
  const SteadyTime at =
      std::chrono::steady_clock::now() + std::clamp(after, Milliseconds(0), century);
  const auto old =
      std::find_if(set_.begin(), set_.end(), [&](const One& one) { return one.id == id; });
  if (old != set_.end())
    old->at = at;
  else
    set_.push_back({at, id});
  if (gone_ == nullptr && (!timer_.running() || at < armed_for_))
    arm();  // else fire() arms at its end
}

void Deadlines::clear(std::uint32_t id) {
  std::erase_if(set_, [&](const One& one) { return one.id == id; });
  if (set_.empty()) timer_.stop();  // an idle owner must not keep the loop running
}

bool Deadlines::is_set(std::uint32_t id) const {
  return std::any_of(set_.begin(), set_.end(), [&](const One& one) { return one.id == id; });
}

Milliseconds Deadlines::left(std::uint32_t id) const {
  const auto one = std::find_if(set_.begin(), set_.end(), [&](const One& o) { return o.id == id; });
  if (one == set_.end()) return Milliseconds(0);
  return std::max(Milliseconds(0),
                  std::chrono::ceil<Milliseconds>(one->at - std::chrono::steady_clock::now()));
}

void Deadlines::fire() {
  bool gone = false;
  gone_ = &gone;
  auto due = std::move(due_);  // outlives us if it destroys us
  const SteadyTime now = std::chrono::steady_clock::now();
  for (;;) {
    const auto first = std::min_element(set_.begin(), set_.end(),
                                        [](const One& a, const One& b) { return a.at < b.at; });
    if (first == set_.end() || first->at > now) break;
    const std::uint32_t id = first->id;
    set_.erase(first);
    due(id);
    if (gone) return;
  }
  due_ = std::move(due);
  gone_ = nullptr;
  arm();
}

void Deadlines::arm() {
  const auto first = std::min_element(set_.begin(), set_.end(),
                                      [](const One& a, const One& b) { return a.at < b.at; });
  if (first == set_.end()) return timer_.stop();
  armed_for_ = first->at;
  timer_.start(std::chrono::ceil<Milliseconds>(armed_for_ - std::chrono::steady_clock::now()));
}

}  // namespace peerhold
