// The app goes, in every way and state, and what the peer sees of it; it returns; it is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "fake_host.hpp"

using namespace bgp;

namespace {

using Way = std::pair<const char*, std::function<void(ph_instance&, ph_link)>>;

const Way ways[] = {
    {"FIN", [](ph_instance& host, ph_link app) { host.fin(app); }},
    {"RST", [](ph_instance& host, ph_link app) { host.lost(app); }},
    {"NOTIFICATION",
     [](ph_instance& host, ph_link app) { host.feed(app, cease_message(2, "bye")); }},
    {"error",
     [](ph_instance& host, ph_link app) {
       host.feed(app, encode(Notification{3, 1, {}}));
     }},
    {"nonsense", [](ph_instance& host, ph_link app) { host.feed(app, Buffer(19, 7)); }},
    {"silence",
     [](ph_instance& host, ph_link) {
       for (int i = 0; i < 5; ++i) {
         host.feed(PH_PEER, keepalive());
         host.advance(20000);
       }
     }},
    {"stuck",
     [](ph_instance& host, ph_link app) {
       host.rate(app, 0);
       host.feed(PH_PEER, announce("10.77.0.0/16"));
       for (int i = 0; i < 3; ++i) {
         host.feed(app, keepalive());
         host.advance(10000);
       }
     }},
};

}  // namespace

TEST_CASE("an app that goes in any way: hold, withdraw, close") {
  const Words withdrawn{"-198.51.100.0/24", "-192.0.2.0/24"};
  for (const Way& way : ways) {
    for (int loss = 0; loss < 3; ++loss) {
      CAPTURE(way.first);
      CAPTURE(loss);
      ph_instance host;
      host.numbers["on_app_loss"] = loss;
      host.open();
      const ph_link app = announced(host);
      way.second(host, app);
      CHECK(!host.is_up(app));
      const Words seen = peer_hears(host);
      CHECK(host.is_up(PH_PEER) == (loss != 2));
      if (loss == 0) CHECK(seen == Words{});
      if (loss == 1) CHECK(seen.size() == 2);
      if (loss == 2) {
        REQUIRE(!seen.empty());
        CHECK(seen.back() == "6/2 the routing program behind this session is gone");
        CHECK(!host.wanted);
        host.app_up();
        CHECK(host.wanted);
      }
      const ph_report said = host.report();
      CHECK(said.held == (loss == 0 ? 2 : 0));
      CHECK((said.hold_left_ms > 0) == (loss == 0));
    }
  }
}

TEST_CASE("an app that goes before it was Established is no loss") {
  for (int stage = 0; stage < 3; ++stage) {
    for (const Way& way : ways) {
      CAPTURE(way.first);
      CAPTURE(stage);
      ph_instance host;
      host.numbers["on_app_loss"] = 2;
      host.open();
      if (stage > 0) peer_establishes(host);
      const ph_link app = host.app_up();
      if (stage == 2) host.feed(app, encode(app_says()));
      host.take(PH_PEER);
      if (std::string(way.first) == "stuck" && stage != 0) continue;
      way.second(host, app);
      if (stage > 0) {
        CHECK(!host.is_up(app));
        CHECK(host.is_up(PH_PEER));
        CHECK(peer_hears(host) == Words{});
      }
      CHECK(host.wanted);
    }
  }
}

TEST_CASE("the hold limit, and hold, release by the operator") {
  for (const bool closes : {false, true}) {
    ph_instance host;
    host.numbers["on_hold_limit"] = closes;
    host.open();
    host.fin(announced(host));
    keep_peer_for(host, 119000);
    CHECK(peer_hears(host) == Words{});
    keep_peer_for(host, 2000);
    CHECK(last(peer_hears(host)) ==
          (closes ? "6/2 the routing program behind this session is gone" : "-192.0.2.0/24"));
    CHECK(host.wanted == !closes);
  }
  ph_instance host;
  host.open();
  const ph_link app = announced(host);
  CHECK(host.command(PH_CMD_HOLD, 600000) == PH_OK);
  CHECK(host.reply == "2 routes will be held when the app leaves");
  host.fin(app);
  keep_peer_for(host, 590000);
  CHECK(peer_hears(host) == Words{});
  CHECK(host.command(PH_CMD_RELEASE) == PH_OK);
  CHECK(peer_hears(host).size() == 2);
  CHECK(host.command(PH_CMD_RELEASE) == PH_EINVAL);
  ph_instance one;
  one.open();
  peer_establishes(one);
  const ph_link only = app_attaches(one);
  one.feed(only, announce("192.0.2.0/24"));
  one.fin(only);
  CHECK(one.command(PH_CMD_HOLD, 60000) == PH_OK);
  CHECK(one.reply == "1 route is held");
  keep_peer_for(one, 61000);
  CHECK(std::ranges::count(one.events, "the hold ends; 1 route is withdrawn") == 1);
}

TEST_CASE("more than app_backlog: the app goes with Cease 6/8 and the peer notices nothing") {
  ph_instance host;
  host.numbers["app_backlog"] = 131072;
  host.sees_status = false;
  host.open();
  peer_establishes(host);
  const ph_link app = app_attaches(host, app_says(), 0);
  host.take(PH_PEER);
  Buffer many;
  for (int i = 0; i < 1000; ++i) put(many, announce("10.0.0.0/8"));
  while (host.is_up(app)) host.feed(PH_PEER, many);
  CHECK(last(host.take(app)) == "6/8");
  CHECK(host.take(PH_PEER) == Words{});
}

TEST_CASE("max_routes_held: Cease 6/1") {
  ph_instance host;
  host.numbers["max_routes_held"] = 2;
  host.open();
  const ph_link app = announced(host);
  host.feed(app, announce("10.0.0.0/8"));
  CHECK(host.take(app) == Words{"6/1"});
  CHECK(host.is_up(PH_PEER));
}

TEST_CASE("a second app: Cease 6/7, unless the first has been silent") {
  ph_instance host;
  host.open();
  const ph_link first = announced(host);
  const ph_link second = host.app_up();
  CHECK(host.take(second) == Words{"6/7"});
  CHECK(!host.is_up(second));
  host.feed(PH_PEER, keepalive());
  host.advance(31000);
  const ph_link third = app_attaches(host);
  CHECK(!host.is_up(first));
  CHECK(host.is_up(third));
  CHECK(peer_hears(host) == Words{"refresh ipv4-unicast"});
}

TEST_CASE("NLRI that cannot be delimited never reach the peer: 3/10 to the app that sent them") {
  ph_instance host;
  host.open();
  peer_establishes(host);
  const ph_link app = app_attaches(host);
  host.take(app);
  peer_hears(host);
  Buffer broken = announce("10.2.0.0/16");
  broken[broken.size() - 3] = 33;  // bits of an IPv4 prefix
  host.feed(app, joined({announce("10.1.0.0/16"), broken, announce("10.3.0.0/16")}));
  CHECK(host.take(app) == Words{"3/10"});
  CHECK(!host.is_up(app));
  CHECK(peer_hears(host) == Words{"+10.1.0.0/16"});
  CHECK(host.is_up(PH_PEER));
}

TEST_CASE("three errors in a row bar it until retry.max") {
  ph_instance host;
  host.open();
  announced(host);
  host.fin(1);
  for (int i = 0; i < 3; ++i) {
    const ph_link app = app_attaches(host);
    CHECK(host.is_up(app));
    host.feed(app, encode(Notification{3, 1, {}}));
  }
  const ph_link barred = host.app_up();
  CHECK(host.take(barred) == Words{"6/5"});
  keep_peer_for(host, 121000);
  CHECK(host.is_up(app_attaches(host)));
}

TEST_CASE("errors of an app that had stood for a while do not add up") {
  ph_instance host;
  host.open();
  peer_establishes(host);
  for (int i = 0; i < 5; ++i) {
    const ph_link app = app_attaches(host);
    CHECK(host.is_up(app));
    keep_peer_for(host, 40000);
    host.feed(app, encode(Notification{3, 1, {}}));
  }
}

TEST_CASE("an app waits 30 s for a link, in silence; a talkative one does not") {
  ph_instance host;
  host.open();
  const ph_link app = host.app_up();
  host.feed(app, encode(app_says()));
  host.advance(29000);
  CHECK(host.is_up(app));
  CHECK(host.take(app) == Words{});
  host.advance(2000);
  CHECK(!host.is_up(app));
  const ph_link other = host.app_up();
  host.feed(other, Buffer(70000, 0xFF));
  CHECK(!host.is_up(other));
  const ph_link patient = host.app_up();
  host.feed(patient, joined({encode(app_says()), keepalive()}));
  peer_establishes(host);
  CHECK(host.take(patient) == Words{"OPEN", "KEEPALIVE"});
}

TEST_CASE("an app's Cease: on_app_cease = close passes 6/2 and 6/3, a hard reset always") {
  for (const std::uint8_t subcode :
       {cease::admin_shutdown, cease::peer_deconfigured, cease::admin_reset}) {
    ph_instance host;
    host.numbers["on_app_cease"] = 1;
    host.open();
    host.feed(announced(host), cease_message(subcode, "bye"));
    CHECK(host.is_up(PH_PEER) == (subcode == cease::admin_reset));
    CHECK(host.wanted == (subcode == cease::admin_reset));
    if (subcode == cease::admin_shutdown) CHECK(last(peer_hears(host)) == "6/2 bye");
  }
  for (int loss = 0; loss < 3; ++loss) {
    ph_instance host;
    host.numbers["on_app_loss"] = loss;
    host.open();
    host.feed(announced(host), encode(hard_reset_of(cease_with(2, "bye"))));
    CHECK(!host.is_up(PH_PEER));
    host.app_up();
    CHECK(host.wanted);
  }
}

TEST_CASE("what lacks something that the peer was promised is turned away") {
  ph_instance host;
  host.open();
  peer_establishes(host);
  Open narrow = app_says();
  narrow.capabilities.four_octet_as.reset();
  const ph_link app = app_attaches(host, narrow);
  CHECK(last(host.take(app)) == "2/7");
  CHECK(host.status().find("four-octet AS numbers") != std::string::npos);
  // Without route refresh it is served, and the peer is answered in its stead.
  const ph_link plain = app_attaches(host, app_says({ipv4_unicast}, false));
  host.feed(plain, announce("10.0.0.0/8"));
  host.take(PH_PEER);
  host.feed(PH_PEER, refresh());
  CHECK(host.take(PH_PEER) == Words{"+10.0.0.0/8"});
}
