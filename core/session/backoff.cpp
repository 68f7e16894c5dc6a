// Backoff: owned by a session's peer side and app side; pure arithmetic.
#include "session/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace peerhold {

Milliseconds Backoff::next(const RetryConfig& retry, RetryClass what, double u) {
  const auto min = static_cast<double>(retry.min.count());
  const auto max = static_cast<double>(retry.max.count());
  const double start = what == RetryClass::slow ? std::max(min, max / 4) : min;
  // pow() of a long row of failures overflows to infinity, which min() takes as max.
  const double base = std::min(max, start * std::pow(retry.factor, failures_));
  if (failures_ < 1000000) ++failures_;
  const double delay = base * (1.0 + retry.jitter * (2.0 * u - 1.0));
  return Milliseconds(static_cast<Milliseconds::rep>(std::max(1.0, delay)));
}

void Backoff::established_for(const RetryConfig& retry, Milliseconds lasted) {
  if (lasted >= retry.reset_after) failures_ = 0;
}

}  // namespace peerhold
