// By which rules a session moves from key to key: lifetimes, the peer, operators, grace, clocks
// that are set.
#include "auth/key_choice.hpp"

#include <doctest/doctest.h>

#include "chains.hpp"

namespace peerhold {
namespace {

using What = KeyEvent::What;
using std::chrono::seconds;

// One session's choice, with the two clocks that it hears of.
struct Session {
  KeyChain chain;
  std::int64_t wall = 0, steady = 1000;
  bool trusted = true, linked = true;
  KeyChoice choice{};

  explicit Session(KeyChain of, std::int64_t now = 0) : chain(std::move(of)), wall(now) {
    choice = first_choice(chain, at(wall));
    if (trusted) tick();
  }
  KeyStep hear(What what, std::uint32_t id = 0) {
    return step(choice, chain, {what, at(wall), trusted, SteadyTime(seconds(steady)), linked, id});
  }
  KeyStep tick() { return hear(What::time); }
  KeyStep after(std::int64_t passed) {
    wall += passed;
    steady += passed;
    return tick();
  }
  void is(std::uint32_t id, KeyCause cause, bool moving) const {
    CHECK(choice.id == id);
    CHECK(to_string(choice.cause) == to_string(cause));
    CHECK(choice.moving == moving);
  }
};

KeyChain two(Rollover rollover = Rollover::follow) {
  return chain_of(rollover, {{1, {}, 200}, {2, 100, {}}});
}

TEST_CASE("a key is moved to at its start, and the peer is awaited") {
  Session s(two());
  s.is(1, KeyCause::schedule, false);
  CHECK(s.after(99) == KeyStep::none);
  CHECK(s.after(1) == KeyStep::moved);
  s.is(2, KeyCause::schedule, true);
  CHECK(s.after(5) == KeyStep::none);
  CHECK(s.hear(What::confirmed) == KeyStep::confirmed);
  s.is(2, KeyCause::schedule, false);
  CHECK(s.after(500) == KeyStep::none);
  s.is(2, KeyCause::schedule, false);
}

TEST_CASE("whom nobody follows goes back in `follow`, and stays and says so in `scheduled`") {
  Session follow(two());
  follow.after(100);
  CHECK(follow.after(9) == KeyStep::none);
  CHECK(follow.after(1) == KeyStep::moved);
  follow.is(1, KeyCause::fallback, false);
  CHECK(follow.after(60) == KeyStep::none);  // not again and again
  follow.is(1, KeyCause::fallback, false);
  CHECK(follow.hear(What::peer, 2) == KeyStep::moved);  // the peer is late, and comes
  follow.is(2, KeyCause::peer, true);

  Session scheduled(two(Rollover::scheduled));
  scheduled.after(100);
  CHECK(scheduled.after(10) == KeyStep::late);
  scheduled.is(2, KeyCause::schedule, true);
  CHECK(scheduled.choice.late);
  CHECK(scheduled.after(10) == KeyStep::none);  // said once
  CHECK(scheduled.hear(What::peer, 1) == KeyStep::none);
  CHECK(scheduled.hear(What::confirmed) == KeyStep::confirmed);
  CHECK(!scheduled.choice.late);
}

TEST_CASE("while the peer has time to come along, its old key is no news") {
  Session s(two());
  s.after(100);
  CHECK(s.hear(What::peer, 1) == KeyStep::none);
  s.is(2, KeyCause::schedule, true);
  // Another one than that of before is.
  Session three(chain_of(Rollover::follow, {{1, {}, {}}, {2, 100, {}}, {3, 150, {}}}));
  three.after(100);
  CHECK(three.hear(What::peer, 3) == KeyStep::moved);
  three.is(3, KeyCause::peer, true);
  CHECK(three.choice.before == 1);
}

TEST_CASE("the peer's choice counts within accept_tolerance, and as long as that lasts") {
  Session s(chain_of(Rollover::follow, {{1, {}, 200}, {2, 100, {}}}, 30));
  s.after(69);
  CHECK(s.hear(What::peer, 2) == KeyStep::none);  // 31 seconds before its start
  s.after(1);
  CHECK(s.hear(What::peer, 2) == KeyStep::moved);
  s.hear(What::confirmed);
  CHECK(s.after(30) == KeyStep::none);  // its start: nothing is moved a second time
  s.is(2, KeyCause::peer, false);
  CHECK(s.hear(What::peer, 1) == KeyStep::moved);
  s.hear(What::confirmed);
  CHECK(s.after(129) == KeyStep::none);
  CHECK(s.after(1) == KeyStep::moved);  // 30 seconds after the end of key 1
  s.is(2, KeyCause::schedule, true);
  CHECK(s.hear(What::peer, 1) == KeyStep::none);
  CHECK(s.hear(What::peer, 7) == KeyStep::none);  // of no chain of ours
}

TEST_CASE("a move after the peer that proves wrong is undone at once when the peer shows itself") {
  Session s(two());
  s.after(80);
  CHECK(s.hear(What::peer, 2) == KeyStep::moved);
  CHECK(s.hear(What::peer, 1) == KeyStep::moved);
  s.is(1, KeyCause::peer, false);
  CHECK(s.hear(What::peer, 2) == KeyStep::moved);
  CHECK(s.after(10) == KeyStep::moved);  // nobody is there
  s.is(1, KeyCause::fallback, false);
}

TEST_CASE("clocks that are set move no key twice or back") {
  Session s(two());
  s.after(100);
  s.hear(What::confirmed);
  s.wall = 50;  // set back
  CHECK(s.tick() == KeyStep::none);
  CHECK(s.after(49) == KeyStep::none);
  CHECK(s.after(1) == KeyStep::none);  // its start, again
  s.is(2, KeyCause::schedule, false);
  s.wall = -100000;
  CHECK(s.tick() == KeyStep::none);
  s.is(2, KeyCause::schedule, false);
  // Leap seconds step by one, at the very start.
  Session leap(two());
  leap.after(100);
  leap.wall -= 1;
  CHECK(leap.tick() == KeyStep::none);
  CHECK(leap.after(1) == KeyStep::none);
  leap.is(2, KeyCause::schedule, true);
  // Set forward over a whole key.
  Session far(chain_of(Rollover::follow, {{1, {}, 200}, {2, 100, 300}, {3, 200, {}}}));
  far.wall = 250;
  CHECK(far.tick() == KeyStep::moved);
  far.is(3, KeyCause::schedule, true);
}

TEST_CASE("a key that ends gives way to an older one that still is valid") {
  Session s(chain_of(Rollover::follow, {{1, {}, {}}, {2, 100, 200}}));
  s.after(100);
  s.hear(What::confirmed);
  CHECK(s.after(100) == KeyStep::moved);
  s.is(1, KeyCause::schedule, true);
}

TEST_CASE("nothing is moved by a clock that nobody vouches for") {
  Session s(two());
  s = Session(two());
  s.choice = first_choice(s.chain, at(0));
  s.trusted = false;
  CHECK(s.after(150) == KeyStep::none);
  s.is(1, KeyCause::schedule, false);
  s.trusted = true;
  CHECK(s.tick() == KeyStep::moved);
  s.is(2, KeyCause::schedule, true);
  // Started with a clock in the far future, which is then set right.
  Session future(two(), 0);
  future.choice = first_choice(future.chain, at(5000));
  CHECK(future.choice.id == 2);
  CHECK(future.tick() == KeyStep::moved);
  future.is(1, KeyCause::schedule, true);
}

TEST_CASE("an operator's choice lasts; when the peer does not come along it is taken back") {
  for (const Rollover rollover : {Rollover::follow, Rollover::scheduled, Rollover::manual}) {
    Session s(two(rollover));
    CHECK(s.hear(What::use, 2) == KeyStep::moved);
    s.is(2, KeyCause::operator_, true);
    CHECK(s.hear(What::use, 2) == KeyStep::none);
    CHECK(s.hear(What::confirmed) == KeyStep::confirmed);
    CHECK(s.after(150) == KeyStep::none);
    s.is(2, KeyCause::operator_, false);
    CHECK(s.hear(What::use, 1) == KeyStep::moved);
    CHECK(s.hear(What::peer, 2) == KeyStep::none);
    CHECK(s.after(10) == KeyStep::moved);
    s.is(2, KeyCause::fallback, false);
  }
  Session manual(two(Rollover::manual));
  CHECK(manual.after(150) == KeyStep::none);
  manual.is(1, KeyCause::schedule, false);
}

TEST_CASE("without a link there is nobody to wait for") {
  Session s(two());
  s.linked = false;
  CHECK(s.after(100) == KeyStep::moved);
  s.is(2, KeyCause::schedule, false);
  Session cut(two());
  cut.after(100);
  cut.is(2, KeyCause::schedule, true);
  cut.hear(What::unlinked);
  CHECK(cut.after(10) == KeyStep::none);
  cut.is(2, KeyCause::schedule, false);
}

TEST_CASE("a chain that is read again") {
  Session s(two());
  CHECK(s.hear(What::reloaded) == KeyStep::none);  // as it was
  s.chain = chain_of(Rollover::follow, {{1, {}, {}}, {3, -5, {}}});
  CHECK(s.hear(What::reloaded) == KeyStep::moved);
  s.is(3, KeyCause::schedule, true);
  s.hear(What::confirmed);
  s.chain = chain_of(Rollover::follow, {{4, {}, {}}});  // the key in use has left
  s.trusted = false;
  CHECK(s.hear(What::reloaded) == KeyStep::moved);
  s.is(4, KeyCause::schedule, true);
  s.trusted = true;
  CHECK(s.after(10) == KeyStep::late);  // there is none to go back to
  s.is(4, KeyCause::schedule, true);
}

TEST_CASE("a start that is put off in the file takes its move back, and comes again") {
  Session s(two());
  s.after(100);
  s.hear(What::confirmed);
  s.chain = chain_of(Rollover::follow, {{1, {}, 900}, {2, 500, {}}});
  CHECK(s.hear(What::reloaded) == KeyStep::moved);
  s.is(1, KeyCause::schedule, true);
  s.hear(What::confirmed);
  CHECK(s.after(399) == KeyStep::none);
  CHECK(s.after(1) == KeyStep::moved);
  s.is(2, KeyCause::schedule, true);
  // Read again with a clock that was set back meanwhile: as it was.
  s.hear(What::confirmed);
  s.wall = 50;
  CHECK(s.hear(What::reloaded) == KeyStep::none);
  s.is(2, KeyCause::schedule, false);
}

TEST_CASE("a peer that has come with a key of the chain is not awaited, in whatever mode") {
  Session s(two(Rollover::manual));
  CHECK(s.hear(What::came, 1) == KeyStep::none);
  CHECK(s.hear(What::came, 7) == KeyStep::none);  // of no chain
  s.is(1, KeyCause::schedule, false);
  CHECK(s.hear(What::came, 2) == KeyStep::moved);
  s.is(2, KeyCause::peer, false);
}

TEST_CASE("when no key is valid the last to end stays") {
  Session s(chain_of(Rollover::follow, {{1, {}, 50}, {2, 10, 100}}));
  s.after(20);
  s.hear(What::confirmed);
  CHECK(s.after(100000) == KeyStep::none);
  s.is(2, KeyCause::schedule, false);
}

}  // namespace
}  // namespace peerhold
