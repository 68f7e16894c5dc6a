// Turns a loop until a condition holds; false after ten seconds, which only a failing test sees.
#pragma once

#include <chrono>
#include <thread>

#include "loop/loop.hpp"

namespace peerhold {

template <class Condition>
bool turn_until(Loop& loop, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    loop.turn();
    std::this_thread::yield();
  }
  return true;
}

}  // namespace peerhold
