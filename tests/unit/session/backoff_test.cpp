// Backoff: exponential, within the jitter, slow where a retry cannot cure, and what it forgets.
#include <doctest/doctest.h>

#include <random>

#include "session/backoff.hpp"

namespace peerhold {
namespace {

constexpr double middle = 0.5;  // of the jitter: none

RetryConfig retry() {
  RetryConfig r;
  r.min = Milliseconds(1000);
  r.max = Milliseconds(120000);
  r.reset_after = Milliseconds(30000);
  return r;
}

Milliseconds nth(unsigned n, RetryClass what = RetryClass::normal) {
  Backoff backoff;
  Milliseconds delay{0};
  for (unsigned i = 0; i <= n; ++i) delay = backoff.next(retry(), what, middle);
  return delay;
}

TEST_CASE("each failure doubles the delay, up to max") {
  const long expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 120000, 120000};
  for (unsigned i = 0; i < std::size(expected); ++i) CHECK(nth(i).count() == expected[i]);
  CHECK(nth(5000).count() == 120000);  // pow() has overflown long before
}

TEST_CASE("the factor is the configured one, and one of 1 never grows") {
  RetryConfig r = retry();
  r.factor = 3;
  Backoff backoff;
  CHECK(backoff.next(r, RetryClass::normal, middle).count() == 1000);
  CHECK(backoff.next(r, RetryClass::normal, middle).count() == 3000);
  r.factor = 1;
  CHECK(backoff.next(r, RetryClass::normal, middle).count() == 1000);
}

TEST_CASE("what a retry cannot cure starts at a quarter of max") {
  CHECK(nth(0, RetryClass::slow).count() == 30000);
  CHECK(nth(1, RetryClass::slow).count() == 60000);
  CHECK(nth(2, RetryClass::slow).count() == 120000);
  CHECK(nth(3, RetryClass::slow).count() == 120000);
  // After ordinary failures it is not sooner.
  Backoff backoff;
  for (int i = 0; i < 3; ++i) backoff.next(retry(), RetryClass::normal, middle);
  CHECK(backoff.next(retry(), RetryClass::slow, middle).count() == 120000);
  // A min above that quarter counts.
  RetryConfig r = retry();
  r.max = Milliseconds(2000);
  CHECK(Backoff{}.next(r, RetryClass::slow, middle).count() == 1000);
}

TEST_CASE("jitter stays within its share, and uses all of it") {
  RetryConfig r = retry();
  std::mt19937 random(1);
  std::uniform_real_distribution<double> u(0.0, 1.0);
  for (const double jitter : {0.0, 0.25, 1.0}) {
    r.jitter = jitter;
    double least = 1e9, most = 0;
    for (int i = 0; i < 2000; ++i) {
      const auto delay = Backoff{}.next(r, RetryClass::normal, u(random)).count();
      CHECK(delay >= 1);  // a delay of none would be a tight loop
      least = std::min(least, static_cast<double>(delay));
      most = std::max(most, static_cast<double>(delay));
    }
    CHECK(least >= 1000 * (1 - jitter) - 1);
    CHECK(most <= 1000 * (1 + jitter) + 1);
    CHECK(least <= 1000 * (1 - jitter * 0.9) + 1);
    CHECK(most >= 1000 * (1 + jitter * 0.9) - 1);
  }
}

TEST_CASE("an establishment of reset_after forgets, a shorter one does not") {
  const auto after = [](Milliseconds lasted) {
    Backoff backoff;
    for (int i = 0; i < 4; ++i) backoff.next(retry(), RetryClass::normal, middle);
    backoff.established_for(retry(), lasted);
    return backoff;
  };
  CHECK(after(Milliseconds(0)).failures() == 4);
  CHECK(after(Milliseconds(29999)).failures() == 4);
  CHECK(after(Milliseconds(30000)).failures() == 0);
  CHECK(after(Milliseconds(30000)).next(retry(), RetryClass::normal, middle).count() == 1000);
  CHECK(after(Milliseconds(29999)).next(retry(), RetryClass::normal, middle).count() == 16000);
  Backoff told = after(Milliseconds(0));
  told.forget();
  CHECK(told == Backoff{});
}

}  // namespace
}  // namespace peerhold
