// Two connections with the peer at once (RFC 4271 §6.8, RFC 4724 §4.2).
#include <doctest/doctest.h>

#include "fake_host.hpp"

using namespace bgp;

namespace {

// Brings a connection so far: 0 up, 1 OpenConfirm, 2 Established.
void bring(ph_instance& host, ph_link link, int state, const Open& open, bool outgoing) {
  host.up(link, outgoing ? std::uint32_t{PH_LINK_OUTGOING} : 0);
  const int promoted = host.promoted;
  if (state > 0) host.feed(link, encode(open));
  if (state > 1) host.feed(host.promoted > promoted ? PH_PEER : link, keepalive());
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
          if (!restarts) CHECK(last(host.take(PH_RIVAL)) == "6/7");
        } else if (first == 1) {
          const bool first_stays = first_ours == ours_higher;
          CHECK(host.is_up(PH_PEER));
          CHECK(!host.is_up(PH_RIVAL));
          CHECK(host.established == (!first_stays && second == 2 ? 1 : 0));
          if (first_stays) CHECK(last(host.take(PH_RIVAL)) == "6/7");
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
        host.feed(PH_PEER, keepalive());
        CHECK(host.established >= 1);
        const ph_link app = app_attaches(host);
        host.feed(PH_PEER, announce("10.0.0.0/8"));
        CHECK(last(host.take(app)) == "+10.0.0.0/8");
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
  CHECK(last(host.take(app)) == "+10.1.0.0/16");
}
