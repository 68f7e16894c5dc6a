// What a relay decides, event by event.
#include "pair.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using relay::Acts;
using relay::End;
using relay::Pair;
using relay::Side;

namespace {

constexpr int peer = 0, app = 1;
constexpr relay::Rules per_client{}, persistent{.persistent = true};
constexpr relay::Rules with_header{.header = true};
constexpr relay::Rules persistent_reset{.persistent = true, .reset_on_app_loss = true};
const Acts nothing{};

Acts only(End on_peer, End on_app) {
  Acts acts;
  acts.end[peer] = on_peer;
  acts.end[app] = on_app;
  return acts;
}
Acts fin_to(int side) {
  Acts acts;
  acts.eof[side] = true;
  return acts;
}
Acts splice() {
  Acts acts;
  acts.splice = true;
  return acts;
}
Pair paired(relay::Rules rules) {
  Pair pair(rules);
  pair.up(Side::peer, false);
  pair.up(Side::app, true);
  if (rules.header) pair.header_sent();
  return pair;
}

}  // namespace

TEST_CASE("a pair relays when both ends are up, in either order") {
  for (const Side first : relay::both) {
    Pair pair(per_client);
    CHECK(pair.up(first, true) == nothing);
    CHECK_FALSE(pair.flows(first));
    CHECK(pair.up(other(first), false) == splice());
    CHECK(pair.flows(Side::peer));
    CHECK(pair.flows(Side::app));
  }
}

TEST_CASE("per-client: FINs pass one by one, and the second one ends the pair") {
  for (const Side first : relay::both) {
    auto pair = paired(per_client);
    CHECK(pair.eof(first) == fin_to(static_cast<int>(other(first))));
    CHECK(pair.flows(other(first)));
    Acts over = only(End::close, End::close);
    over.eof[static_cast<int>(first)] = true;
    CHECK(pair.eof(other(first)) == over);
    CHECK(pair.down(Side::peer, true, false) == nothing);
    CHECK(pair.down(Side::app, true, false) == nothing);
  }
}

TEST_CASE("per-client: a FIN waits for the bytes before it") {
  auto pair = paired(per_client);
  CHECK(pair.input(Side::app, 7) == nothing);
  CHECK(pair.eof(Side::app) == nothing);
  CHECK(pair.input(Side::app, 3) == nothing);
  CHECK(pair.input(Side::app, 0) == fin_to(peer));
}

TEST_CASE("per-client: a client that has said all before the link is up") {
  Pair pair(per_client);
  CHECK(pair.up(Side::app, false) == nothing);
  CHECK(pair.input(Side::app, 5) == nothing);
  CHECK(pair.eof(Side::app) == nothing);
  CHECK(pair.up(Side::peer, true) == nothing);  // no splice: its FIN was told already
  CHECK(pair.flows(Side::app));
  CHECK(pair.input(Side::app, 0) == fin_to(peer));

  Pair silent(per_client);
  silent.up(Side::app, false);
  CHECK(silent.eof(Side::app) == nothing);
  CHECK(silent.up(Side::peer, true) == fin_to(peer));
}

TEST_CASE("per-client: the end of one is the end of the other") {
  struct Row {
    bool clean, lost;
    std::size_t held;
    End other_end;
  };
  for (const Row& row : {Row{true, false, 0, End::close}, Row{false, false, 0, End::abort},
                         Row{true, true, 0, End::abort}, Row{true, false, 9, End::abort}}) {
    for (const Side gone : relay::both) {
      auto pair = paired(per_client);
      pair.input(Side::peer, row.held);
      const auto acts = pair.down(gone, row.clean, row.lost);
      CHECK(acts ==
            (gone == Side::peer ? only(End::none, row.other_end) : only(row.other_end, End::none)));
      CHECK_FALSE(pair.flows(Side::peer));
      CHECK(pair.down(other(gone), true, false) == nothing);
    }
  }
}

TEST_CASE("per-client: an app that cannot be reached is a reset for the client") {
  Pair pair(per_client);
  pair.up(Side::peer, false);
  CHECK(pair.down(Side::app, false, false) == only(End::abort, End::none));
}

TEST_CASE("per-client: an end that comes up too late is reset") {
  for (const Side gone : relay::both) {
    Pair pair(per_client);
    pair.up(gone, false);
    CHECK(pair.down(gone, true, false) == nothing);
    CHECK(pair.up(other(gone), true) ==
          (gone == Side::peer ? only(End::none, End::abort) : only(End::abort, End::none)));
  }
}

TEST_CASE("the PROXY header is sent before any byte, to an app that we connected to") {
  Acts header;
  header.header = true;
  Pair pair(with_header);
  pair.up(Side::peer, false);
  CHECK(pair.input(Side::peer, 4) == nothing);
  CHECK(pair.up(Side::app, true) == header);
  CHECK_FALSE(pair.flows(Side::peer));
  CHECK(pair.flows(Side::app));
  CHECK(pair.input(Side::peer, 6) == nothing);
  Acts sent = splice();
  sent.offer_peer = true;
  CHECK(pair.header_sent() == sent);
  CHECK(pair.flows(Side::peer));

  Pair incoming(with_header);
  incoming.up(Side::peer, true);
  CHECK(incoming.up(Side::app, false) == splice());
}

TEST_CASE("the peer's early FIN does not overtake the PROXY header") {
  Pair pair(with_header);
  pair.up(Side::peer, false);
  pair.eof(Side::peer);
  pair.up(Side::app, true);
  CHECK(pair.input(Side::peer, 0) == nothing);
  CHECK(pair.header_sent() == fin_to(app));
}

TEST_CASE("persistent: an app comes and goes, the link stays") {
  auto pair = paired(persistent);
  CHECK(pair.eof(Side::app) == only(End::none, End::close));
  CHECK_FALSE(pair.is_up(Side::app));
  CHECK(pair.input(Side::peer, 100) == nothing);
  CHECK_FALSE(pair.flows(Side::peer));
  CHECK(pair.up(Side::app, false) == splice());
  CHECK(pair.input(Side::peer, 0) == nothing);
  CHECK(pair.down(Side::app, false, true) == nothing);
  CHECK(pair.is_up(Side::peer));
  CHECK(pair.up(Side::app, false) == splice());
}

TEST_CASE("persistent: what a leaving app had sent goes out first") {
  Pair pair(persistent);
  pair.up(Side::app, false);
  pair.input(Side::app, 5);
  CHECK(pair.eof(Side::app) == nothing);
  CHECK(pair.is_up(Side::app));
  CHECK(pair.up(Side::peer, true) == nothing);
  CHECK(pair.input(Side::app, 0) == only(End::none, End::close));
}

TEST_CASE("persistent: on_app_loss = reset drops the link, once, and only a link that is there") {
  auto pair = paired(persistent_reset);
  Acts lost = only(End::none, End::close);
  lost.loss = relay::Loss::app_lost;
  CHECK(pair.eof(Side::app) == lost);

  auto reset = paired(persistent_reset);
  lost.end[app] = End::none;
  CHECK(reset.down(Side::app, false, false) == lost);

  Pair alone(persistent_reset);
  alone.up(Side::app, false);
  CHECK(alone.down(Side::app, false, false) == nothing);
}

TEST_CASE("persistent: the end of the link is a FIN to the app, a reset when bytes were lost") {
  auto pair = paired(persistent);
  CHECK(pair.down(Side::peer, false, false) == only(End::none, End::close));
  CHECK_FALSE(pair.is_up(Side::app));

  auto unsent = paired(persistent);
  CHECK(unsent.down(Side::peer, true, true) == only(End::none, End::abort));

  for (const Side side : relay::both) {
    auto held = paired(persistent);
    held.input(side, 1);
    CHECK(held.down(Side::peer, true, false) == only(End::none, End::abort));
  }

  auto again = paired(persistent);
  again.down(Side::peer, true, false);
  CHECK(again.up(Side::peer, true) == nothing);
  CHECK(again.up(Side::app, false) == splice());
}

TEST_CASE("persistent: a FIN of the peer ends the link when its bytes are with an app") {
  auto pair = paired(persistent);
  Acts over;
  over.loss = relay::Loss::peer_closed;
  CHECK(pair.eof(Side::peer) == over);

  Pair waiting(persistent);
  waiting.up(Side::peer, true);
  waiting.input(Side::peer, 8);
  CHECK(waiting.eof(Side::peer) == nothing);
  CHECK(waiting.up(Side::app, false) == nothing);
  CHECK(waiting.input(Side::peer, 0) == over);
}

TEST_CASE("idle: a pair ends, a persistent link only loses its app") {
  auto pair = paired(per_client);
  CHECK(pair.idle(false, true) == only(End::close, End::abort));
  CHECK(pair.down(Side::app, true, false) == nothing);  // the other one is ending already

  auto kept = paired(persistent);
  CHECK(kept.idle(true, false) == only(End::none, End::close));
  CHECK(kept.is_up(Side::peer));
  CHECK(kept.idle(false, false) == nothing);
}
