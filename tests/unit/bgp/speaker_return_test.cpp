// An app returns: what it does not announce again is withdrawn in time, and it gets the peer's
// table.
#include <doctest/doctest.h>

#include "fake_host.hpp"

using namespace bgp;

TEST_CASE("it returns: what it does not announce again goes at its End-of-RIB, not before settle") {
  for (const bool early : {false, true}) {
    ph_instance host;
    host.open();
    host.fin(announced(host));
    const ph_link app = app_attaches(host);
    CHECK(peer_hears(host) == Words{"refresh ipv4-unicast"});
    host.feed(app, announce("192.0.2.0/24"));
    if (early) host.feed(app, end_of_rib(ipv4_unicast));
    CHECK(peer_hears(host) == Words{"+192.0.2.0/24"});
    for (int i = 0; i < 2; ++i) {
      host.feed(app, keepalive());
      keep_peer_for(host, 14500);
    }
    CHECK(peer_hears(host) == Words{});
    CHECK(std::string(host.report().text) == "1 route that the app has not announced again");
    for (int i = 0; i < 4 && !early; ++i) {
      host.feed(app, keepalive());
      keep_peer_for(host, 20000);
    }
    CHECK(peer_hears(host) == Words{});
    keep_peer_for(host, 1500);
    if (!early) {
      host.feed(app, end_of_rib(ipv4_unicast));
    }
    CHECK(peer_hears(host) == Words{"-198.51.100.0/24"});
    CHECK(host.report().degraded == 0);
  }
}

TEST_CASE("stale_time ends the wait for an End-of-RIB") {
  ph_instance host;
  host.open();
  host.fin(announced(host));
  const ph_link app = app_attaches(host);
  peer_hears(host);
  for (int i = 0; i < 11; ++i) {
    host.feed(app, keepalive());
    keep_peer_for(host, 10000);
  }
  CHECK(peer_hears(host) == Words{});
  host.feed(app, keepalive());
  keep_peer_for(host, 10000);
  CHECK(peer_hears(host).size() == 2);
}

TEST_CASE("a returning app does not answer for what it has not announced again") {
  ph_instance host;
  host.open();
  host.fin(announced(host));
  const ph_link app = app_attaches(host);
  host.take(app);
  peer_hears(host);
  host.feed(PH_PEER, refresh());
  CHECK(host.take(app) == Words{});
  CHECK(peer_hears(host).size() == 2);
}

TEST_CASE(
    "the peer's table: a refresh of our own, its BoRR and EoRR swallowed, even of a former app's") {
  ph_instance host;
  host.open();
  Open peer = peer_says({ipv4_unicast, ipv6_unicast}),
       says = app_says({ipv4_unicast, ipv6_unicast});
  host.lists["families"] = {"ipv4-unicast", "ipv6-unicast"};
  host.close();
  host.open();
  peer.capabilities.enhanced_refresh = says.capabilities.enhanced_refresh = true;
  peer_establishes(host, peer);
  host.fin(app_attaches(host, says));
  const ph_link app = app_attaches(host, says);
  host.take(app);
  CHECK(host.take(PH_PEER).size() == 2 + 2 + 4);
  // A slow peer: nothing is said to be complete before it says so.
  host.advance(10000);
  for (int i = 0; i < 2; ++i) {
    CHECK(host.take(app) == Words{});
    host.feed(PH_PEER, joined({refresh(1), announce("10.0.0.0/8"), refresh(2)}));
    CHECK(host.take(app) ==
          (i == 0 ? Words{"+10.0.0.0/8"} : Words{"+10.0.0.0/8", "eor ipv4-unicast"}));
  }
  // The app's own passes.
  host.feed(app, refresh());
  CHECK(host.take(PH_PEER) == Words{"refresh ipv4-unicast"});
  host.feed(PH_PEER, joined({refresh(1), refresh(2)}));
  CHECK(host.take(app) == Words{"borr ipv4-unicast", "eorr ipv4-unicast"});
  host.feed(PH_PEER, joined({refresh(1, ipv6_unicast), refresh(2, ipv6_unicast)}));
  host.feed(PH_PEER, joined({refresh(1, ipv6_unicast), refresh(2, ipv6_unicast)}));
  CHECK(host.take(app) == Words{"eor ipv6-unicast"});
}

TEST_CASE("a refresh for which there was no room is sent when there is") {
  ph_instance host;
  host.settings[PH_SET_BUFFER] = 4096;
  host.open();
  const ph_link first = announced(host);
  host.rate(PH_PEER, 0);
  Buffer many;
  for (int i = 0; i < 200; ++i)
    put(many, announce(("10.0." + std::to_string(i) + ".0/24").c_str()));
  host.feed(first, many);
  host.lost(first);
  const ph_link app = app_attaches(host);
  host.take(app);
  host.feed(PH_PEER, keepalive());
  host.advance(5000);
  CHECK(host.take(app) == Words{});
  host.rate(PH_PEER, all_room);
  CHECK(last(host.take(PH_PEER)) == "refresh ipv4-unicast");
  host.advance(2500);
  CHECK(host.take(app) == Words{"eor ipv4-unicast"});
}

TEST_CASE("a kept copy where the peer has no route refresh") {
  ph_instance host;
  host.numbers["max_routes_kept"] = 2;
  host.open();
  peer_establishes(host, peer_says({ipv4_unicast}, false));
  host.feed(PH_PEER,
            joined({announce("10.0.0.0/8"), announce("10.1.0.0/16"), withdraw("10.0.0.0/8")}));
  const ph_link app = app_attaches(host, app_says({ipv4_unicast}, false));
  CHECK(host.take(app) == Words{"OPEN", "KEEPALIVE", "+10.1.0.0/16", "eor ipv4-unicast"});
  host.feed(PH_PEER, joined({announce("10.2.0.0/16"), announce("10.3.0.0/16")}));
  CHECK(host.take(app) == Words{"+10.2.0.0/16", "+10.3.0.0/16"});
  CHECK(host.logs.back().find("max_routes_kept") != std::string::npos);
}
