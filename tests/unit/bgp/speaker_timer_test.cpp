// Timers of the session, and how it says goodbye.
#include <doctest/doctest.h>

#include "fake_host.hpp"

using namespace bgp;

TEST_CASE(
    "hold time: 4 minutes for the OPEN, then what was agreed; keepalives at a third, with jitter") {
  ph_instance host;
  host.open();
  host.up(PH_PEER, PH_LINK_OUTGOING);
  host.take(PH_PEER);
  host.advance(239000);
  CHECK(host.is_up(PH_PEER));
  host.advance(2000);
  CHECK(host.take(PH_PEER) == Words{"4/0"});
  Open open = peer_says();
  open.hold_time_s = 30;
  peer_establishes(host, open);
  CHECK(host.user_timeout == 30000);
  host.take(PH_PEER);
  std::uint64_t sent_at = host.now;
  bool varies = false;
  std::uint64_t before = 0;
  for (int i = 0; i < 4000; ++i) {
    if (i % 100 == 0) host.feed(PH_PEER, keepalive());
    host.advance(100);
    const Words said = host.take(PH_PEER);
    if (said.empty()) continue;
    CHECK(said == Words{"KEEPALIVE"});
    const std::uint64_t took = host.now - sent_at;
    CHECK(took >= 7500);
    CHECK(took <= 10100);
    varies |= before != 0 && took != before;
    before = took;
    sent_at = host.now;
  }
  CHECK(varies);
  host.advance(31000);
  CHECK(last(host.take(PH_PEER)) == "4/0");
  CHECK(last(host.take_acts()) == "fail " + std::to_string(PH_HOLD_EXPIRED));
}

TEST_CASE("hold time 0: no keepalives, nothing expires") {
  ph_instance host;
  host.numbers["hold_time"] = 0;
  host.open();
  peer_establishes(host);
  CHECK(host.user_timeout == -1);
  host.take(PH_PEER);
  host.advance(std::int64_t{24} * 3600 * 1000);
  CHECK(host.take(PH_PEER) == Words{});
  CHECK(host.is_up(PH_PEER));
}

TEST_CASE("the send hold timer: a peer that talks but takes nothing for 8 minutes") {
  ph_instance host;
  host.open();
  peer_establishes(host);
  host.rate(PH_PEER, 0);
  int seconds = 0;
  for (; host.is_up(PH_PEER) && seconds < 2000; seconds += 20) {
    host.feed(PH_PEER, keepalive());
    host.advance(20000);
  }
  CHECK(seconds >= 480);
  CHECK(seconds <= 760);
  CHECK(last(host.take(PH_PEER)) == "8/0");
}

TEST_CASE("a message larger than transport.buffer finds room") {
  ph_instance host;
  host.settings[PH_SET_BUFFER] = 4096;
  host.numbers["extended_messages"] = 1;
  host.open();
  Open peer = peer_says(), says = app_says();
  peer.capabilities.extended_messages = says.capabilities.extended_messages = true;
  peer_establishes(host, peer);
  const ph_link app = app_attaches(host, says);
  host.take(PH_PEER);
  Buffer large = announce("10.0.0.0/8");
  for (unsigned i = 0; large.size() < 60000; ++i) {
    put8(large, 24);
    put8(large, 11);
    put16(large, i);
  }
  set16(large, 16, large.size());
  host.feed(app, large);
  CHECK(host.take_bytes(PH_PEER) == large);
}

TEST_CASE(
    "drain says what plugin.h's reasons mean, with N within a hard reset where it is for good") {
  struct Case {
    ph_goodbye why;
    const char *plain, *with_n;
  };
  const Case cases[] = {{PH_BYE_DOWN, "6/2 why", "6/9 6/2 why"},
                        {PH_BYE_RESET, "6/4 why", "6/4 why"},
                        {PH_BYE_CONFIG, "6/6", "6/6"},
                        {PH_BYE_REMOVED, "6/3", "6/9 6/3"},
                        {PH_BYE_STOP, "6/2 why", nullptr}};
  for (const Case& one : cases) {
    for (const bool n : {false, true}) {
      CAPTURE(one.plain);
      CAPTURE(n);
      ph_instance host;
      host.numbers["gr_notification"] = n;
      host.open();
      peer_establishes(host, n ? restarting_peer(true) : peer_says());
      host.take(PH_PEER);
      host.take_acts();
      CHECK(host.drain(one.why, "why") == PH_OK);
      const char* const expected = n ? one.with_n : one.plain;
      CHECK(host.take(PH_PEER) == (expected != nullptr ? Words{expected} : Words{}));
      CHECK(host.take_acts() == Words{"close peer"});
      CHECK(!host.is_up(PH_PEER));
    }
  }
  ph_instance host;
  host.numbers["on_stop"] = 1;
  host.open();
  peer_establishes(host, restarting_peer());
  host.drain(PH_BYE_STOP);
  CHECK(last(host.take(PH_PEER)) == "6/2");
}

TEST_CASE("drain in the middle of an OPEN, and with a rival") {
  ph_instance host;
  host.open();
  host.up(PH_PEER, PH_LINK_OUTGOING);
  host.up(PH_RIVAL);
  host.drain(PH_BYE_DOWN, "x");
  CHECK(host.take(PH_PEER) == Words{"OPEN", "6/2 x"});
  CHECK(host.take(PH_RIVAL) == Words{"OPEN", "6/2 x"});
  CHECK(host.lines.empty());
}
