// bgp through its descriptor, on a host without sockets and clock: the ordinary course of a
// session.
#include <doctest/doctest.h>

#include "fake_host.hpp"

using namespace bgp;

TEST_CASE("a session: OPEN both ways, Established, UPDATEs and refreshes pass, End-of-RIB once") {
  ph_instance host;
  host.open();
  host.up(PH_PEER, PH_LINK_OUTGOING);
  CHECK(host.take(PH_PEER) == Words{"OPEN"});
  host.feed(PH_PEER, encode(peer_says()));
  CHECK(host.take(PH_PEER) == Words{"KEEPALIVE"});
  CHECK(host.established == 0);
  host.feed(PH_PEER, keepalive());
  CHECK(host.established == 1);
  CHECK(host.take(PH_PEER) == Words{"eor ipv4-unicast"});
  CHECK(host.user_timeout == 90000);
  const ph_link app = app_attaches(host);
  CHECK(host.take(app) == Words{"OPEN", "KEEPALIVE"});
  CHECK(host.take(PH_PEER) == Words{"refresh ipv4-unicast"});
  host.feed(PH_PEER, joined({announce("10.0.0.0/8"), announce("10.1.0.0/16")}));
  CHECK(host.take(app) == Words{"+10.0.0.0/8", "+10.1.0.0/16"});
  host.advance(2500);
  CHECK(host.take(app) == Words{"eor ipv4-unicast"});
  host.feed(app, joined({announce("192.0.2.0/24"), end_of_rib(ipv4_unicast), refresh()}));
  CHECK(host.take(PH_PEER) == Words{"+192.0.2.0/24", "refresh ipv4-unicast"});
  host.feed(PH_PEER, refresh());
  CHECK(host.take(app) == Words{"refresh ipv4-unicast"});
}
