// Owners of libuv handles: each may go inside its own callback, and every loop closes cleanly (its
// destructor aborts when a handle was left open).
#include "loop/loop.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <uv.h>

#include <optional>
#include <thread>
#include <vector>

#include "turning.hpp"

namespace peerhold {
namespace {

using namespace std::chrono_literals;

TEST_CASE("timers fire once, in the order of their times") {
  Loop loop;
  std::vector<int> order;
  Timer late(loop, [&] { order.push_back(2); }), soon(loop, [&] { order.push_back(1); });
  CHECK_FALSE(late.running());
  late.start(20ms);
  soon.start(1ms);
  CHECK(late.running());
  loop.run();  // returns when no timer is left
  CHECK(order == std::vector<int>{1, 2});
  CHECK_FALSE(late.running());
}

TEST_CASE("a timer that was stopped does not fire, one that is started again fires once") {
  Loop loop;
  int stopped = 0, again = 0;
  Timer a(loop, [&] { ++stopped; }), b(loop, [&] { ++again; });
  a.stop();  // never started
  a.start(0ms);
  a.stop();
  b.start(0ms);
  b.start(2ms);
  loop.run();
  CHECK(stopped == 0);
  CHECK(again == 1);
}

TEST_CASE("a timer counts from start(), not from the loop's last turn") {
  Loop loop;
  loop.turn();
  std::this_thread::sleep_for(30ms);  // the loop's own clock is now late by as much
  const auto started = loop.now();
  SteadyTime fired{};
  Timer timer(loop, [&] { fired = loop.now(); });
  timer.start(25ms);
  loop.run();
  CHECK(fired - started >= 15ms);  // far from zero; libuv counts in whole milliseconds
}

TEST_CASE("a timer may start itself, be moved, and go inside its own callback") {
  Loop loop;
  int fired = 0;
  std::optional<Timer> timer;
  timer.emplace(loop, [&] {
    if (++fired < 3)
      timer->start(0ms);
    else
      timer.reset();
  });
  timer->start(0ms);
  Timer moved = std::move(*timer);
  timer = std::move(moved);
  loop.run();
  CHECK(fired == 3);
  CHECK_FALSE(timer);
  {
    const Timer unused(loop, [] {});
  }
}

TEST_CASE("an owner that goes takes its running timer along") {
  Loop loop;
  int fired = 0;
  {
    Timer timer(loop, [&] { ++fired; });
    timer.start(0ms);
  }
  loop.run();
  CHECK(fired == 0);
}

TEST_CASE("signals arrive on the loop, and a Signal may go inside its own callback") {
  Loop loop;
  int heard = 0;
  std::optional<Signal> once;
  once.emplace(loop, SIGUSR1, [&] {
    ++heard;
    once.reset();
  });
  Signal other(loop, SIGUSR2, [] {});
  REQUIRE(::raise(SIGUSR1) == 0);
  CHECK(turn_until(loop, [&] { return heard == 1; }));
  CHECK_FALSE(once);
}

TEST_CASE("a wake crosses threads; several may become one") {
  Loop loop;
  int woken = 0;
  const auto thread = std::this_thread::get_id();
  Wake wake(loop, [&] {
    ++woken;
    CHECK(std::this_thread::get_id() == thread);
    loop.stop();
  });
  wake.keep_alive(true);
  std::thread sender([&] {
    for (int i = 0; i < 100; ++i) wake.send();
  });
  loop.run();  // returns by stop(): a wake that keeps alive waits for ever
  sender.join();
  CHECK(woken == 1);
}

TEST_CASE("a waiting wake keeps the loop running only when asked to") {
  Loop loop;
  Wake wake(loop, [] {});
  CHECK_FALSE(loop.turn());
  loop.run();  // returns at once
  wake.keep_alive(true);
  CHECK(loop.turn());
  wake.keep_alive(false);
  CHECK_FALSE(loop.turn());
}

TEST_CASE("a wake may go inside its own callback") {
  Loop loop;
  std::optional<Wake> wake;
  wake.emplace(loop, [&] { wake.reset(); });
  wake->keep_alive(true);
  wake->send();
  CHECK(turn_until(loop, [&] { return !wake; }));
}

TEST_CASE("a given loop is neither run nor closed by its guest") {
  uv_loop_t given;
  REQUIRE(uv_loop_init(&given) == 0);
  int fired = 0;
  {
    Loop one(&given), two(&given);
    CHECK(one.raw() == &given);
    Timer a(one, [&] { ++fired; }), b(two, [&] { ++fired; });
    a.start(0ms);
    b.start(0ms);
    CHECK(turn_until(one, [&] { return fired == 2; }));
  }
  CHECK(uv_loop_close(&given) == UV_EBUSY);  // negative control: the timers' handles still close
  uv_run(&given, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&given) == 0);
}

TEST_CASE("the scratch buffer is one, and large enough for a link's reads") {
  Loop loop;
  CHECK(loop.scratch().size() == 256 * 1024);
  CHECK(loop.scratch().data() == loop.scratch().data());
}

}  // namespace
}  // namespace peerhold
