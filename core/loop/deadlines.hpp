// Deadlines: many small deadlines in one Timer: a session has one uv_timer.
//
// A deadline is named by a small number of the owner's. Setting one that lies later than the
// timer's present time costs no system call and no libuv call: the timer is re-armed when it fires
// (lazily).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "loop/loop.hpp"

namespace peerhold {

class Deadlines {
 public:
  // `due` hears of each deadline that has passed, once, in the order of time; it may set and clear
  // any, and may destroy the Deadlines.
  Deadlines(Loop&, std::function<void(std::uint32_t id)> due);
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  void set(std::uint32_t id, Milliseconds after);  // from now; replaces the one of that id
  void clear(std::uint32_t id);
  bool is_set(std::uint32_t id) const;
  Milliseconds left(std::uint32_t id) const;  // 0 when due or not set

 private:
  void fire();
  void arm();
  struct One {
    SteadyTime at;
    std::uint32_t id;
  };
  Timer timer_;
  std::function<void(std::uint32_t)> due_;
  std::vector<One> set_;  // few: unsorted
  SteadyTime armed_for_{};
  bool* gone_ = nullptr;  // set while fire() runs: told of our destruction
};

}  // namespace peerhold
