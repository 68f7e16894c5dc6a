// Repeated: something that happens again and again, of which the log hears the 1st, 2nd, 4th, 8th …
// time, and one an hour: whoever can make it happen must not be able to fill the disk.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>

#include "base/units.hpp"

namespace peerhold {

struct Repeated {
  std::uint64_t count = 0;
  SteadyTime last_told{};

  // Whether this time, the `count`th, is told.
  bool tell(SteadyTime now) {
    if (!std::has_single_bit(count) && now - last_told < std::chrono::hours(1)) return false;
    last_told = now;
    return true;
  }
};

}  // namespace peerhold
