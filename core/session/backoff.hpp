// Backoff: how long to wait before the next attempt; exponential with jitter, and by what failed.
// A value: no clock, no randomness of its own.
#pragma once

#include "base/units.hpp"
#include "config/config.hpp"

namespace peerhold {

// How an attempt ended, as far as waiting is concerned.
enum class RetryClass : std::uint8_t {
  normal,  // by the table: min, then times factor, up to max
  slow,    // a retry cannot cure it: starts at max / 4
};

class Backoff {
 public:
  // The delay before the next attempt after one more failure. `u` in [0, 1) places it within the
  // jitter: a thousand keepers draw different ones.
  Milliseconds next(const RetryConfig&, RetryClass, double u);
  // An establishment that lasted `reset_after` forgets earlier failures; a shorter one does not, so
  // that accept-then-close does not loop fast.
  void established_for(const RetryConfig&, Milliseconds lasted);
  void forget() { failures_ = 0; }
  unsigned failures() const { return failures_; }
  bool operator==(const Backoff&) const = default;

 private:
  unsigned failures_ = 0;
};

}  // namespace peerhold
