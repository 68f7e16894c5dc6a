// What makes a session follow its peer to another key, and what does not.
#include "auth/follower.hpp"

#include <doctest/doctest.h>

namespace peerhold {
namespace {

using Does = FollowerDoes::What;
using Phase = Follower::Phase;
using std::chrono::milliseconds;

struct Watch {
  Follower f;
  Sight sight;
  std::vector<std::uint32_t> others{2, 3};

  Watch() {
    sight.now = SteadyTime(std::chrono::hours(1));
    sight.accepted = sight.now;
  }
  FollowerDoes after(int ms, bool failing = true) {
    sight.now += milliseconds(ms);
    sight.failing = failing;
    return look(f, sight, others);
  }
  void accept() { sight.accepted = sight.now; }
  void captured(std::uint32_t id, bool fresh) { hear(f, id, fresh, sight.now); }
  // Whatever is answered for so long; the first that is not `nothing`.
  FollowerDoes wait(int ms, bool failing = true) {
    for (int passed = 0; passed < ms; passed += 100)
      if (const FollowerDoes does = after(100, failing); does.what != Does::nothing) return does;
    return {};
  }
};

TEST_CASE("without capture: asked, no answer, then key after key until one is answered") {
  Watch w;
  CHECK(w.after(100, false).what == Does::nothing);
  CHECK(w.after(100).what == Does::ask);
  CHECK(w.after(1000).what == Does::nothing);
  FollowerDoes does = w.wait(500);
  CHECK(does.what == Does::attempt);
  CHECK(does.id == 2);
  does = w.wait(1900);
  CHECK(does.what == Does::attempt);
  CHECK(does.id == 3);
  w.after(500);
  w.accept();
  does = w.after(100);
  CHECK(does.what == Does::follow);
  CHECK(does.id == 0);  // the one that is tried
  CHECK(w.f == Follower{});
}

TEST_CASE("who answers under the present key is on it, whatever else arrives") {
  Watch w;
  CHECK(w.after(100).what == Does::ask);
  w.after(100);
  w.accept();
  CHECK(w.after(100).what == Does::settle);
  // A flood of wrong segments makes us ask less and less often, but not never.
  int asked = 0;
  for (int i = 0; i < 600; ++i) {
    if (w.after(100).what == Does::ask) ++asked;
    w.accept();
  }
  CHECK(asked >= 5);
  CHECK(asked <= 12);
  // Afterwards it is as at first.
  w.after(60000, false);
  CHECK(w.after(100).what == Does::ask);
}

TEST_CASE("no key is answered: back to the first, a rest, and another round") {
  Watch w;
  CHECK(w.after(100).what == Does::ask);
  CHECK(w.wait(2000).id == 2);
  CHECK(w.wait(2000).id == 3);
  CHECK(w.wait(2000).what == Does::give_up);
  CHECK(w.f.phase == Phase::quiet);
  CHECK(w.after(100).what == Does::nothing);
  CHECK(w.wait(9000).what == Does::ask);
  w.sight.failing = false;
}

TEST_CASE("with capture: new bytes under another key decide at once") {
  Watch w;
  w.sight.captures = true;
  CHECK(w.after(100).what == Does::nothing);  // failing alone says nothing here
  w.captured(3, true);
  const FollowerDoes does = w.after(50);
  CHECK(does.what == Does::follow);
  CHECK(does.id == 3);
}

TEST_CASE("with capture: what may be a repetition decides only when the peer does not answer") {
  Watch w;
  w.sight.captures = true;
  w.captured(3, false);
  CHECK(w.after(100).what == Does::ask);
  w.after(10);
  w.accept();  // it answers under our key: somebody has replayed an old segment
  w.sight.now += milliseconds(20);
  w.accept();
  CHECK(w.after(100).what == Does::settle);
  CHECK(!w.f.heard);
  w.after(60000, false);
  w.captured(3, false);
  CHECK(w.after(100).what == Does::ask);
  const FollowerDoes does = w.wait(1500);
  CHECK(does.what == Does::follow);
  CHECK(does.id == 3);
}

TEST_CASE("a replay on a link that works moves nothing, new or not") {
  Watch w;
  w.sight.captures = true;
  for (int i = 0; i < 100; ++i) {
    w.captured(2, i % 2 == 0);
    w.sight.now += milliseconds(50);
    w.accept();  // the peer goes on under the present key
    CHECK(w.after(50).what != Does::follow);
  }
}

TEST_CASE("a key that the peer may not be followed to is none") {
  Watch w;
  w.sight.captures = true;
  w.captured(9, true);
  CHECK(w.after(100).what == Does::nothing);
  w.others.clear();
  w.captured(2, true);
  CHECK(w.after(100).what == Does::nothing);
  w.sight.captures = false;
  CHECK(w.after(100).what == Does::nothing);
}

TEST_CASE("a stuck link is tried also where capture sees nothing of it") {
  Watch w;
  w.sight.captures = true;
  w.sight.stuck = true;
  CHECK(w.after(100).what == Does::ask);
  CHECK(w.wait(2000).what == Does::attempt);
  w.captured(3, false);  // and now it is seen
  const FollowerDoes does = w.after(100);
  CHECK(does.what == Does::follow);
  CHECK(does.id == 3);
}

TEST_CASE(
    "a link that is silent for long is tried though nothing fails, and not for ever in a row") {
  Watch w;
  w.sight.stuck = true;
  CHECK(w.wait(5000, false).what == Does::nothing);
  w.sight.silent = true;
  CHECK(w.after(100, false).what == Does::ask);
  CHECK(w.f.by_silence);
  CHECK(w.wait(2000, false).what == Does::attempt);
  CHECK(w.wait(2000, false).what == Does::attempt);
  CHECK(w.wait(2000, false).what == Does::give_up);
  CHECK(w.wait(2900, false).what == Does::nothing);  // the present key has its turn
  CHECK(w.wait(2000, false).what == Does::ask);
  w.after(100, false);
  w.accept();  // it was the wire
  w.sight.stuck = w.sight.silent = false;
  CHECK(w.after(100, false).what == Does::settle);
  CHECK(w.wait(20000, false).what == Does::nothing);
}

}  // namespace
}  // namespace peerhold
