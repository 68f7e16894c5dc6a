// A whole conversation is the same on every link however its bytes are cut, and however slowly the
// far ends take what is said to them.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "fake_host.hpp"

using namespace bgp;

namespace {

struct Cut {
  std::size_t first = 0;           // one cut after so many bytes of each turn; 0: none
  std::mt19937* random = nullptr;  // or pieces of any size ...
  std::size_t most = 40;           // ... up to this
};

struct Heard {
  Buffer peer, app;
  bool operator==(const Heard&) const = default;
};

void say(ph_instance& host, ph_link link, const Buffer& bytes, const Cut& cut) {
  Bytes rest = bytes;
  while (!rest.empty()) {
    std::size_t some = rest.size();
    if (cut.first != 0 && rest.size() == bytes.size()) some = std::min(some, cut.first);
    if (cut.random != nullptr)
      some = std::min<std::size_t>(
          some, std::uniform_int_distribution<std::size_t>(1, cut.most)(*cut.random));
    host.feed(link, rest.first(some));
    rest = rest.subspan(some);
  }
}

// `room`: what each far end takes at a time. The peer's link holds little, so that an app often
// meets no room.
Heard converse(const Cut& cut, std::size_t peer_room = all_room, std::size_t app_room = all_room) {
  ph_instance host;
  host.sees_status = false;
  host.settings[PH_SET_BUFFER] = 4096;
  host.open();
  Open peer = peer_says(), app = app_says();
  peer.capabilities.enhanced_refresh = app.capabilities.enhanced_refresh = true;
  host.up(PH_PEER, PH_LINK_OUTGOING, peer_room);
  say(host, PH_PEER, joined({encode(peer), keepalive()}), cut);
  const ph_link link = host.app_up(app_room);
  say(host, link, joined({encode(app), keepalive()}), cut);
  Buffer many;
  for (int i = 0; i < 100; ++i)
    put(many, announce(("10.0." + std::to_string(i) + ".0/24").c_str(),
                       i % 3 == 0 ? "127.0.0.11" : "192.0.2.9"));
  say(host, PH_PEER,
      joined({refresh(1), announce("172.16.0.0/16"), announce("172.17.0.0/16"), keepalive(),
              refresh(2), withdraw("172.16.0.0/16"), end_of_rib(ipv4_unicast)}),
      cut);
  say(host, link,
      joined({many, end_of_rib(ipv4_unicast), keepalive(), withdraw("10.0.3.0/24"), refresh()}),
      cut);
  say(host, PH_PEER, joined({refresh(1), announce("172.17.0.0/16"), refresh(2), refresh()}), cut);
  // Good routes, then one whose attributes overrun, in one breath.
  Buffer broken = announce("10.9.0.0/16");
  broken[header_size + 4 + 2] = 200;
  say(host, link, joined({announce("10.8.0.0/16"), broken}), cut);
  CHECK(!host.is_up(link));
  say(host, PH_PEER, refresh(), cut);
  say(host, PH_PEER, joined({announce("172.18.0.0/16"), cease_message(2, "bye")}), cut);
  CHECK(!host.is_up(PH_PEER));
  return {host.take_bytes(PH_PEER), host.take_bytes(link)};
}

}  // namespace

TEST_CASE("a conversation, as it is meant") {
  const Heard heard = converse({});
  const Words app = words_of(heard.app);
  CHECK(app == Words{"OPEN", "KEEPALIVE", "+172.16.0.0/16", "+172.17.0.0/16", "eor ipv4-unicast",
                     "-172.16.0.0/16", "eor ipv4-unicast", "borr ipv4-unicast", "+172.17.0.0/16",
                     "eorr ipv4-unicast", "refresh ipv4-unicast", "3/1"});
  const Words peer = words_of(heard.peer);
  REQUIRE(peer.size() == 4 + 100 + 2 + 1 + 2 + 100);
  CHECK(Words(peer.begin(), peer.begin() + 4) ==
        Words{"OPEN", "KEEPALIVE", "eor ipv4-unicast", "refresh ipv4-unicast"});
  CHECK(Words(peer.begin() + 104, peer.begin() + 108) ==
        Words{"-10.0.3.0/24", "refresh ipv4-unicast", "+10.8.0.0/16", "borr ipv4-unicast"});
  CHECK(peer.back() == "eorr ipv4-unicast");
}

TEST_CASE("... cut once in each turn, after any number of bytes") {
  const Heard whole = converse({});
  for (std::size_t at = 1; at < 160; ++at) {
    CAPTURE(at);
    REQUIRE(converse({at, nullptr}) == whole);
  }
}

TEST_CASE("... byte by byte") {
  std::mt19937 ones;
  CHECK(converse({0, &ones, 1}) == converse({}));
}

TEST_CASE("... in random pieces, with far ends that take one byte at a time, or any number") {
  const char* given = std::getenv("SEED");
  const unsigned seed =
      given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device()();
  MESSAGE("SEED=" << seed);
  std::mt19937 random(seed);
  const Heard whole = converse({});
  REQUIRE(converse({}, 1, all_room) == whole);
  REQUIRE(converse({}, all_room, 1) == whole);
  REQUIRE(converse({}, 1, 1) == whole);
  const auto room = [&]() -> std::size_t {
    return std::uniform_int_distribution<std::size_t>(1, 600)(random);
  };
  for (int i = 0; i < 30; ++i) REQUIRE(converse({0, &random}, room(), room()) == whole);
}

TEST_CASE("a peer that takes nothing for a while loses nothing, and holds the app back meanwhile") {
  ph_instance host;
  host.settings[PH_SET_BUFFER] = 4096;
  host.open();
  peer_establishes(host);
  const ph_link app = app_attaches(host);
  host.rate(PH_PEER, 0);
  host.take(PH_PEER);
  Buffer many;
  for (int i = 0; i < 200; ++i)
    put(many, announce(("10.0." + std::to_string(i) + ".0/24").c_str()));
  // The peer goes on talking: its hold timer is not what this is about.
  host.feed(app, many);
  const Words at_first = host.take(PH_PEER);
  CHECK(at_first.size() < 200);
  // The app's keepalives wait behind its routes; it is not taken for dead.
  for (int i = 0; i < 8; ++i) {
    host.feed(app, keepalive());
    host.feed(PH_PEER, keepalive());
    host.advance(20000);
  }
  CHECK(host.is_up(app));
  host.rate(PH_PEER, all_room);
  Words all = at_first;
  for (const auto& word : host.take(PH_PEER)) {
    if (word[0] == '+') all.push_back(word);
  }
  CHECK(all.size() == 200);
  CHECK(all.back() == "+10.0.199.0/24");
  // And it gets its goodbye although there is no room.
  host.rate(PH_PEER, 0);
  host.feed(app, joined({many, many}));
  host.take(PH_PEER);
  host.drain(PH_BYE_DOWN, "night");
  CHECK(last(host.take(PH_PEER)) == "6/2 night");
}
