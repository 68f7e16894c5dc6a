// Links to the peer come and go: what is replayed on a new one, and when it is complete.
#include <doctest/doctest.h>

#include <algorithm>

#include "fake_host.hpp"

using namespace bgp;

namespace {

Open our_open(ph_instance& host, ph_link link = PH_PEER) {
  const Buffer said = host.take_bytes(link);
  const auto first = std::get<Message>(first_message(said, max_message));
  REQUIRE(first.type == Type::open);
  return std::get<Open>(parse_open(first.body()));
}

}  // namespace

TEST_CASE(
    "a new link: what is held is announced again, then End-of-RIB; the app has gone with the old") {
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
  host.feed(app,
            joined({announce("10.0.0.0/8", "127.0.0.11"), announce("10.1.0.0/16", "192.0.2.50"),
                    announce6("2001:db8:1::/48", "::1")}));
  CHECK(host.take_bytes(PH_PEER) ==
        joined({announce("10.0.0.0/8", "192.0.2.2"), announce("10.1.0.0/16", "192.0.2.50"),
                announce6("2001:db8:1::/48", "2001:db8::1")}));
  host.feed(PH_PEER, announce("10.0.0.0/8", "127.0.0.11"));
  const Buffer app_hears = host.take_bytes(app), untouched = announce("10.0.0.0/8", "127.0.0.11");
  CHECK(std::search(app_hears.begin(), app_hears.end(), untouched.begin(), untouched.end()) !=
        app_hears.end());
}

TEST_CASE("a loopback next hop that nothing replaces is told once, and passed as it is") {
  for (const bool given : {false, true}) {
    ph_instance host;
    host.lists["families"] = {"ipv4-unicast", "ipv6-unicast"};
    if (given) host.texts["next_hop6"] = "2001:db8::1";
    host.open();
    const std::vector<Family> both{ipv4_unicast, ipv6_unicast};
    peer_establishes(host, peer_says(both));
    const ph_link app = app_attaches(host, app_says(both));
    host.take(PH_PEER);
    for (int i = 0; i < 2; ++i) host.feed(app, announce6("2001:db8:1::/48", "::1"));
    const Buffer hop = announce6("2001:db8:1::/48", given ? "2001:db8::1" : "::1");
    CHECK(host.take_bytes(PH_PEER) == joined({hop, hop}));
    const auto told = std::ranges::count_if(
        host.logs, [](const std::string& line) { return line.find("next_hop6") != line.npos; });
    CHECK(told == (given ? 0 : 1));
  }
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
  for (const auto& [ago, restarting] :
       {std::pair{-1, false}, {1000, true}, {119000, true}, {121000, false}}) {
    for (const bool preserved : {true, false}) {
      ph_instance host;
      host.settings[PH_SET_ESTABLISHED_AGO_MS] = ago;
      host.numbers["forwarding"] = preserved ? 0 : 1;
      host.open();
      host.up(PH_PEER, PH_LINK_OUTGOING);
      const Open said = our_open(host);
      REQUIRE(said.capabilities.graceful_restart);
      CHECK(said.capabilities.graceful_restart->restarting == restarting);
      CHECK(said.capabilities.graceful_restart->families.at(ipv4_unicast) ==
            (restarting && preserved));
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

TEST_CASE(
    "the peer's refresh without an app, with BoRR and EoRR where agreed; floods are one answer") {
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
    // A peer that asks without end and reads nothing: what waits for it does not grow.
    host.lines[PH_PEER].buffer = 64;
    host.rate(PH_PEER, 0);
    for (int i = 0; i < 100; ++i) host.feed(PH_PEER, refresh());
    host.rate(PH_PEER, all_room);
    CHECK(host.take(PH_PEER).size() <= 4 * once.size());
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
  CHECK(last(host.take_acts()) == "fail " + std::to_string(PH_NOTIFICATION) + " slow");
}
