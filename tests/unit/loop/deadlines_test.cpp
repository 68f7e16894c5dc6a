// Many deadlines in one timer: order, replacement, and what a callback may do.
#include "loop/deadlines.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "turning.hpp"

namespace peerhold {
namespace {

using namespace std::chrono_literals;

TEST_CASE("deadlines pass in the order of time, each once, and leave the loop idle") {
  Loop loop;
  std::vector<std::uint32_t> passed;
  Deadlines deadlines(loop, [&](std::uint32_t id) { passed.push_back(id); });
  deadlines.set(1, 300ms);
  deadlines.set(2, 100ms);
  deadlines.set(3, 200ms);
  deadlines.set(4, 0ms);
  CHECK(deadlines.is_set(1));
  CHECK_FALSE(deadlines.is_set(5));
  loop.run();
  CHECK(passed == std::vector<std::uint32_t>{4, 2, 3, 1});
  CHECK_FALSE(deadlines.is_set(1));
}

TEST_CASE("setting replaces, clearing forgets") {
  Loop loop;
  std::vector<std::uint32_t> passed;
  Deadlines deadlines(loop, [&](std::uint32_t id) { passed.push_back(id); });
  deadlines.set(1, 1ms);
  deadlines.set(2, 2ms);
  deadlines.set(3, 1ms);
  deadlines.set(1, 300ms);  // later than the timer stands: re-armed when it fires
  deadlines.clear(3);
  deadlines.clear(9);
  loop.run();
  CHECK(passed == std::vector<std::uint32_t>{2, 1});
  deadlines.set(4, 1h);
  CHECK(deadlines.left(4) > 59min);
  CHECK(deadlines.left(4) <= 1h);
  CHECK(deadlines.left(1) == 0ms);
  deadlines.set(4, 0ms);  // sooner than the timer stands: at once
  loop.run();
  CHECK(passed.back() == 4);
}

TEST_CASE("an hour that is cleared does not keep the loop") {
  Loop loop;
  Deadlines deadlines(loop, [](std::uint32_t) {});
  deadlines.set(1, 1h);
  CHECK(loop.turn());  // negative control
  deadlines.clear(1);
  CHECK_FALSE(loop.turn());
}

TEST_CASE("a callback sets and clears") {
  Loop loop;
  std::vector<std::uint32_t> passed;
  Deadlines* self = nullptr;
  Deadlines deadlines(loop, [&](std::uint32_t id) {
    passed.push_back(id);
    CHECK_FALSE(self->is_set(id));
    if (id == 1 && passed.size() < 4) self->set(1, 0ms);
    if (id == 1) self->clear(2);
    if (passed.size() == 4) self->set(3, 1ms);
  });
  self = &deadlines;
  deadlines.set(1, 0ms);
  deadlines.set(2, 0ms);
  loop.run();
  CHECK(passed == std::vector<std::uint32_t>{1, 1, 1, 1, 3});
}

TEST_CASE("times out of range are taken as soon, and as never") {
  Loop loop;
  int passed = 0;
  Deadlines deadlines(loop, [&](std::uint32_t) { ++passed; });
  deadlines.set(1, Milliseconds::max());
  deadlines.set(2, Milliseconds::min());
  CHECK(turn_until(loop, [&] { return passed == 1; }));
  CHECK(deadlines.left(1) > 24h);
  CHECK_FALSE(deadlines.is_set(2));
}

TEST_CASE("a callback may destroy the Deadlines, and what it captured lives until it returns") {
  Loop loop;
  int passed = 0, after = 0;
  std::unique_ptr<Deadlines> deadlines;
  const auto alive = std::make_shared<int>(7);
  deadlines =
      std::make_unique<Deadlines>(loop, [&passed, &after, &deadlines, alive](std::uint32_t) {
        ++passed;
        deadlines.reset();
        after = *alive;
      });
  deadlines->set(1, 0ms);
  deadlines->set(2, 0ms);
  loop.run();
  CHECK(passed == 1);
  CHECK(after == 7);
}

}  // namespace
}  // namespace peerhold
