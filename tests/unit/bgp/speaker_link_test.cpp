// Links to the peer come, collide and go: what is replayed, and when it is complete; timers; goodbyes.
#include <doctest/doctest.h>

#include "fake_host.hpp"

using namespace bgp;

namespace {

Open restarting_peer(bool notification = false) {
  Open open = peer_says();
  GracefulRestart restart;
  restart.notification = notification;
  restart.time_s = 120;
  restart.families[ipv4_unicast] = true;
  open.capabilities.graceful_restart = restart;
  return open;
}

Open our_open(ph_instance& host, ph_link link = PH_PEER) {
  const Buffer said = host.take_bytes(link);
  const auto first = std::get<Message>(first_message(said, max_message));
  REQUIRE(first.type == Type::open);
  return std::get<Open>(parse_open(first.body()));
}

Words peer_hears(ph_instance& host) {
  Words words = host.take(PH_PEER);
  std::erase(words, "KEEPALIVE");
  return words;
}

}  // namespace

TEST_CASE("a new link: what is held is announced again, then End-of-RIB; the app has gone with the old") {
  ph_instance host;
  host.open();
  peer_establishes(host);
  const ph_link app = app_attaches(host);
  host.feed(app, joined({announce("10.0.0.0/8", "127.0.0.11"), announce("10.1.0.0/16")}));
  host.take(PH_PEER);
  host.take(app);
  host.lost(PH_PEER);
  CHECK(!host.is_up(app));
  CHECK(host.take(app) == Words{});
  host.local = "192.0.2.77";
  peer_establishes(host);
  const Buffer said = host.take_bytes(PH_PEER);
  CHECK(words_of(said) ==
        Words{"OPEN", "KEEPALIVE", "+10.0.0.0/8", "+10.1.0.0/16", "eor ipv4-unicast"});
  // The next hop is the link's present address.
  const Buffer expected = announce("10.0.0.0/8", "192.0.2.77");
  CHECK(std::search(said.begin(), said.end(), expected.begin(), expected.end()) != said.end());
}

TEST_CASE("next hops: loopback is replaced, others stay; of the other family by next_hop6") {
  ph_instance host;
  host.lists["families"] = {"ipv4-unicast", "ipv6-unicast"};
  host.texts["next_hop6"] = "2001:db8::1";
  host.open();
  const std::vector<Family> both{ipv4_unicast, ipv6_unicast};
  peer_establishes(host, peer_says(both));
  const ph_link app = app_attaches(host, app_says(both));
  host.take(PH_PEER);
  host.feed(app, joined({announce("10.0.0.0/8", "127.0.0.11"), announce("10.1.0.0/16", "192.0.2.50"),
                         announce6("2001:db8:1::/48", "::1")}));
  CHECK(host.take_bytes(PH_PEER) ==
        joined({announce("10.0.0.0/8", "192.0.2.2"), announce("10.1.0.0/16", "192.0.2.50"),
                announce6("2001:db8:1::/48", "2001:db8::1")}));
  host.feed(PH_PEER, announce("10.0.0.0/8", "127.0.0.11"));
  const Buffer app_hears = host.take_bytes(app), untouched = announce("10.0.0.0/8", "127.0.0.11");
  CHECK(std::search(app_hears.begin(), app_hears.end(), untouched.begin(), untouched.end()) !=
        app_hears.end());
}

TEST_CASE("what a new link cannot carry is forgotten: a family, the width of AS numbers") {
  for (const bool narrow : {false, true}) {
    ph_instance host;
    host.lists["families"] = {"ipv4-unicast", "ipv6-unicast"};
    host.open();
    const std::vector<Family> both{ipv4_unicast, ipv6_unicast};
    peer_establishes(host, peer_says(both));
    const ph_link app = app_attaches(host, app_says(both));
    host.feed(app, joined({announce("10.0.0.0/8"), announce6("2001:db8:1::/48", "2001:db8::9")}));
    host.lost(PH_PEER);
    host.take(PH_PEER);
    Open changed = peer_says();
    if (narrow) changed.capabilities.four_octet_as.reset();
    peer_establishes(host, changed);
    CHECK(peer_hears(host) == (narrow ? Words{"OPEN", "eor ipv4-unicast"}
                                      : Words{"OPEN", "+10.0.0.0/8", "eor ipv4-unicast"}));
  }
}

TEST_CASE("R and F by how long ago the session was established") {
  for (const auto& [ago, restarting] : {std::pair{-1, false}, {1000, true}, {119000, true}, {121000, false}}) {
    for (const bool preserved : {true, false}) {
      ph_instance host;
      host.settings[PH_SET_ESTABLISHED_AGO_MS] = ago;
      host.numbers["forwarding"] = preserved ? 0 : 1;
      host.open();
      host.up(PH_PEER, PH_LINK_OUTGOING);
      const Open said = our_open(host);
      REQUIRE(said.capabilities.graceful_restart);
      CHECK(said.capabilities.graceful_restart->restarting == restarting);
      CHECK(said.capabilities.graceful_restart->families.at(ipv4_unicast) == (restarting && preserved));
    }
  }
}

TEST_CASE("after a restart End-of-RIB waits for the app's, for settle, at most for stale_time") {
  for (const int kind : {0, 1, 2, 3}) {
    CAPTURE(kind);
    ph_instance host;
    host.has_app = kind != 3;
    host.settings[PH_SET_ESTABLISHED_AGO_MS] = 5000;
    host.open();
    peer_establishes(host, restarting_peer());
    CHECK(peer_hears(host) == (kind == 3 ? Words{"OPEN", "eor ipv4-unicast"} : Words{"OPEN"}));
    if (kind == 3) continue;
    if (kind == 0) {
      for (int i = 0; i < 13; ++i) {
        host.feed(PH_PEER, keepalive());
        host.advance(10000);
        CHECK(peer_hears(host) == (i == 11 ? Words{"eor ipv4-unicast"} : Words{}));
      }
      continue;
    }
    // Before the app announces a thing, and after it.
    const ph_link app = app_attaches(host);
    host.advance(5000);
    if (kind == 1) host.feed(app, announce("10.0.0.0/8"));
    host.feed(app, end_of_rib(ipv4_unicast));
    CHECK(peer_hears(host) == (kind == 1 ? Words{"refresh ipv4-unicast", "+10.0.0.0/8"}
                                         : Words{"refresh ipv4-unicast"}));
    host.advance(24000);
    CHECK(peer_hears(host) == Words{});
    host.advance(2000);
    CHECK(peer_hears(host) == Words{"eor ipv4-unicast"});
  }
}

TEST_CASE("the peer's refresh without an app, with BoRR and EoRR where agreed; floods are one answer") {
  for (const bool enhanced : {false, true}) {
    ph_instance host;
    host.open();
    Open peer = peer_says(), says = app_says();
    peer.capabilities.enhanced_refresh = says.capabilities.enhanced_refresh = enhanced;
    peer_establishes(host, peer);
    const ph_link app = app_attaches(host, says);
    host.feed(app, announce("10.0.0.0/8"));
    host.fin(app);
    host.take(PH_PEER);
    host.feed(PH_PEER, refresh());
    const Words once = enhanced ? Words{"borr ipv4-unicast", "+10.0.0.0/8", "eorr ipv4-unicast"}
                                : Words{"+10.0.0.0/8"};
    CHECK(host.take(PH_PEER) == once);
    // A family that was not agreed to.
    host.feed(PH_PEER, refresh(0, ipv6_unicast));
    CHECK(host.take(PH_PEER) == Words{});
    CHECK(host.command(PH_CMD_REFRESH) == PH_OK);
    CHECK(host.take(PH_PEER) == once);
  }
}

TEST_CASE("a peer that ends the session: the app gets its NOTIFICATION, and nothing after it") {
  ph_instance host;
  host.open();
  peer_establishes(host);
  const ph_link app = app_attaches(host);
  host.take(app);
  host.feed(PH_PEER, cease_message(4, "moving"));
  CHECK(host.take(app) == Words{"6/4 moving"});
  CHECK(!host.is_up(app));
  CHECK(host.take_acts().front() == "fail " + std::to_string(PH_NOTIFICATION));
  peer_establishes(host);
  host.feed(PH_PEER, cease_message(2));
  CHECK(host.take_acts().back() == "fail " + std::to_string(PH_NOTIFICATION) + " slow");
}

// ---- collisions
namespace {

// Brings a connection so far: 0 up, 1 OpenConfirm, 2 Established.
void bring(ph_instance& host, ph_link link, int state, const Open& open, bool outgoing) {
  host.up(link, outgoing ? PH_LINK_OUTGOING : 0U);
  if (state > 0) host.feed(link, encode(open));
  if (state > 1) host.feed(link, keepalive());
}

}  // namespace

TEST_CASE("collisions, in every pair of states, whoever made which and whoever's identifier wins") {
  for (int first = 0; first < 3; ++first) {
    for (int second = 0; second < 3; ++second) {
      for (int which = 0; which < 8; ++which) {
        const bool first_ours = which & 1, ours_higher = which & 2, restarts = which & 4;
        CAPTURE(first);
        CAPTURE(second);
        CAPTURE(which);
        ph_instance host;
        host.open();
        Open open = restarts ? restarting_peer() : peer_says();
        open.identifier = ours_higher ? 0x01010101 : 0xDF010101;
        bring(host, PH_PEER, first, open, first_ours);
        bring(host, PH_RIVAL, second, open, !first_ours);
        if (second == 0) {  // nothing is known of the second yet
          CHECK(host.is_up(PH_PEER));
          CHECK(host.is_up(PH_RIVAL));
          host.feed(PH_PEER, joined({encode(open), keepalive()}));
          continue;
        }
        if (first == 2) {
          // Established: the newer one goes, unless it says that the peer has restarted.
          CHECK(host.established == (restarts && second == 2 ? 2 : 1));
          CHECK(!host.is_up(PH_RIVAL));
          CHECK(host.is_up(PH_PEER));
          if (!restarts) CHECK(host.take(PH_RIVAL).back() == "6/7");
        } else if (first == 1) {
          const bool first_stays = first_ours == ours_higher;
          CHECK(host.is_up(PH_PEER));
          CHECK(!host.is_up(PH_RIVAL));
          CHECK(host.established == (!first_stays && second == 2 ? 1 : 0));
          if (first_stays) CHECK(host.take(PH_RIVAL).back() == "6/7");
        } else {
          // The first has not sent its OPEN: it loses to one that is Established.
          CHECK(host.established == (second == 2 ? 1 : 0));
          CHECK(host.is_up(PH_PEER));
          CHECK(host.is_up(PH_RIVAL) == (second == 1));
          if (second == 1) {
            host.feed(PH_PEER, encode(open));
            CHECK(!host.is_up(PH_RIVAL));
          }
        }
        // Whatever happened, the one that is left is good.
        if (host.established == 0) host.feed(PH_PEER, joined({keepalive()}));
        CHECK(host.established >= 1);
        const ph_link app = app_attaches(host);
        host.feed(PH_PEER, announce("10.0.0.0/8"));
        CHECK(host.take(app).back() == "+10.0.0.0/8");
      }
    }
  }
}

TEST_CASE("two connections that the peer made: the newer one counts") {
  for (const bool old_speaks_first : {true, false}) {
    ph_instance host;
    host.open();
    bring(host, PH_PEER, old_speaks_first ? 1 : 0, peer_says(), false);
    bring(host, PH_RIVAL, 1, peer_says(), false);
    if (!old_speaks_first) host.feed(PH_PEER, encode(peer_says()));
    CHECK(!host.is_up(PH_RIVAL));
    host.feed(PH_PEER, keepalive());
    CHECK(host.established == 1);
  }
}

TEST_CASE("a rival that is Established at once, with routes behind its KEEPALIVE") {
  ph_instance host;
  host.open();
  host.up(PH_PEER, PH_LINK_OUTGOING);
  const ph_link app = host.app_up();
  host.feed(app, joined({encode(app_says()), keepalive()}));
  Buffer many = joined({encode(peer_says()), keepalive()});
  for (int i = 0; i < 2000; ++i) put(many, announce("10.0.0.0/8"));
  host.up(PH_RIVAL);
  host.feed(PH_RIVAL, many);
  CHECK(host.established == 1);
  // The app was admitted when the link was Established, with nothing read before it had its OPEN.
  host.feed(PH_PEER, announce("10.1.0.0/16"));
  CHECK(host.take(app).back() == "+10.1.0.0/16");
}

// ---- timers
TEST_CASE("hold time: 4 minutes for the OPEN, then what was agreed; keepalives at a third, with jitter") {
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
  std::uint64_t last = host.now;
  bool varies = false;
  std::uint64_t before = 0;
  for (int i = 0; i < 4000; ++i) {
    if (i % 100 == 0) host.feed(PH_PEER, keepalive());
    host.advance(100);
    const Words said = host.take(PH_PEER);
    if (said.empty()) continue;
    CHECK(said == Words{"KEEPALIVE"});
    const std::uint64_t took = host.now - last;
    CHECK(took >= 7500);
    CHECK(took <= 10100);
    varies |= before != 0 && took != before;
    before = took;
    last = host.now;
  }
  CHECK(varies);
  host.advance(31000);
  CHECK(host.take(PH_PEER).back() == "4/0");
  CHECK(host.take_acts().back() == "fail " + std::to_string(PH_HOLD_EXPIRED));
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
  CHECK(host.take(PH_PEER).back() == "8/0");
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

// ---- goodbyes
TEST_CASE("drain says what plugin.h's reasons mean, with N within a hard reset where it is for good") {
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
  CHECK(host.take(PH_PEER).back() == "6/2");
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
