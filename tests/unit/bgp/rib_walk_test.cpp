// Walks over a Rib: what one sends is what is there, whatever happens between its chunks.
#include <doctest/doctest.h>

#include "rib_model.hpp"

using namespace bgp;
using namespace rib_model;

namespace {

Routes without(Routes routes, const std::set<Key>& gone) {
  std::erase_if(routes, [&gone](const auto& route) { return gone.contains(route.first); });
  return routes;
}
const auto refuse = [](Bytes) { return false; };

}  // namespace

TEST_CASE("what a walk sends makes an equal Rib, at every limit and with refusals") {
  MESSAGE("seed " << seed);
  for (std::uint32_t i = 0; i < 40; ++i) {
    Dice dice(seed + i);
    Model model;
    const Rib rib = dice.filled(model);
    const std::size_t limit = 100 + dice.roll(200);
    Rib peer;
    std::vector<Buffer> messages;
    Buffer refused;
    auto walk = rib.walk_all();
    for (int calls = 0; !walk.done() && calls < 10000; ++calls) {
      std::size_t taken = 0;
      const std::size_t most = dice.roll(4);
      rib.announce(walk, limit, most, [&](Bytes bytes) {
        const Buffer message(bytes.begin(), bytes.end());
        CHECK(message.size() <= limit);
        // What was refused is what is offered next.
        if (!refused.empty()) CHECK(message == refused);
        refused.clear();
        if (dice.roll(3) == 0) {
          refused = message;
          return false;
        }
        ++taken;
        messages.push_back(message);
        feed(peer, message);
        return true;
      });
      CHECK(taken <= most);
    }
    REQUIRE(walk.done());
    CHECK(all_of(peer) == model.routes);
    // The control: without its last message it is not equal.
    Rib poorer;
    messages.pop_back();
    for (const auto& message : messages) feed(poorer, message);
    CHECK(all_of(poorer) != model.routes);
  }
}

TEST_CASE("changes between the chunks: direct passes and the walk together make an equal Rib") {
  std::size_t only_direct_differs = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    Dice dice(seed + i);
    Model model;
    Rib rib = dice.filled(model), peer, direct;
    auto walk = rib.walk_all();
    for (int calls = 0; !walk.done() && calls < 10000; ++calls) {
      rib.announce(walk, 100, dice.roll(3), [&](Bytes message) {
        if (dice.roll(4) == 0) return false;
        feed(peer, message);
        return true;
      });
      for (auto changes = calls < 200 ? dice.roll(3) : 0; changes > 0; --changes) {
        const auto message = dice.update(model);
        feed(rib, message);
        feed(peer, message);
        feed(direct, message);
      }
      if (dice.roll(50) == 0) rib.apply(mark);
      if (dice.roll(100) == 0) {
        // A family goes, and comes back from nothing.
        for (const Family family : universe) {
          rib.apply({.kind = Record::Kind::forget_family, .family = family});
          peer.apply({.kind = Record::Kind::forget_family, .family = family});
        }
        model = {};
      }
    }
    REQUIRE(walk.done());
    CHECK(all_of(rib) == model.routes);
    CHECK(all_of(peer) == model.routes);
    only_direct_differs += all_of(direct) != model.routes;
  }
  CHECK(only_direct_differs > 50);  // the control: it was not the direct passes alone
}

TEST_CASE("a walk of stale routes withdraws exactly those") {
  std::size_t withdrawn = 0;
  for (std::uint32_t i = 0; i < 60; ++i) {
    Dice dice(seed + i);
    Model model;
    Rib rib = dice.filled(model), peer;
    for (auto walk = rib.walk_all(); !walk.done();)
      rib.announce(walk, 200, 10, [&](Bytes m) { return feed(peer, m); });
    const auto before = model;
    auto walk = i % 2 == 0 ? rib.walk_stale() : rib.walk_all();
    while (!walk.done())
      rib.withdraw(walk, i % 2 == 1, 80, 1 + dice.roll(3), [&](Bytes m) {
        CHECK(m.size() <= 80);
        return dice.roll(3) == 0 ? false : feed(peer, m);
      });
    CHECK(all_of(rib) == without(before.routes, before.stale));
    CHECK(all_of(peer) == all_of(rib));
    CHECK(rib.stale() == 0);
    withdrawn += before.stale.size();
  }
  CHECK(withdrawn > 500);
}

TEST_CASE("withdrawing meets neither what is announced nor what gets stale meanwhile") {
  for (std::uint32_t i = 0; i < 100; ++i) {
    Dice dice(seed + i);
    Model model;
    Rib rib = dice.filled(model), peer;
    for (auto walk = rib.walk_all(); !walk.done();)
      rib.announce(walk, 200, 10, [&](Bytes m) { return feed(peer, m); });
    // `doomed` loses, in the model, what is announced or withdrawn while the walk goes.
    const bool all = i % 2 == 0;
    Model doomed = model;
    if (all) doomed.mark_stale();
    doomed.routes.clear();
    auto walk = all ? rib.walk_all() : rib.walk_stale();
    for (int calls = 0; !walk.done() && calls < 10000; ++calls) {
      rib.withdraw(walk, false, 80, dice.roll(2), [&](Bytes m) { return feed(peer, m); });
      if (calls % 3 == 0 && calls < 60) {
        Dice same = dice;
        const auto message = dice.update(model);
        same.update(doomed);
        feed(rib, message);
        feed(peer, message);
      }
      if (calls % 10 == 5) rib.apply(mark);
    }
    REQUIRE(walk.done());
    CHECK(all_of(rib) == without(model.routes, doomed.stale));
    CHECK(all_of(peer) == all_of(rib));
  }
}

TEST_CASE("a walk of one family, of none, and over nothing") {
  Dice dice(seed);
  Model model;
  const Rib rib = dice.filled(model);
  for (const Family family : universe) {
    Routes expected = model.routes;
    std::erase_if(expected, [&](const auto& route) { return route.first.first != family; });
    CHECK_FALSE(expected.empty());
    CHECK(sent_by(rib, rib.walk(family)) == expected);
  }
  CHECK(rib.walk({25, 70}).done());
  CHECK(Rib().walk_all().done());
  CHECK(Rib().walk_stale().done());
  CHECK(Rib::Walk().done());
}

TEST_CASE("a large set of routes goes in chunks") {
  Rib rib;
  const PathAttributes attributes{{0x40, 1, 1, 0}, {}};
  constexpr std::uint32_t routes = 100000;
  for (std::uint32_t i = 0; i < routes; ++i) {
    Buffer key{32};
    put32(key, i);
    rib.apply(announcement(ipv4_unicast, key, attributes));
  }
  CHECK(rib.size() == routes);
  CHECK(rib.memory() < routes * 70);
  auto walk = rib.walk_all();
  std::size_t messages = 0, calls = 0;
  for (; !walk.done(); ++calls)
    rib.announce(walk, max_message, 5, [&](Bytes) { return ++messages; });
  CHECK(messages >= routes * 5 / max_message);
  CHECK(messages <= routes * 5 / max_message * 11 / 10);
  CHECK(calls >= messages / 5);

  // One stale route among many: found within bounded steps, a refusal changes nothing.
  rib.apply(mark);
  const Buffer lost{32, 0, 0, 1, 0};
  for (std::uint32_t i = 0; i < routes; ++i) {
    Buffer key{32};
    put32(key, i);
    if (key != lost) CHECK_FALSE(rib.apply(announcement(ipv4_unicast, key, attributes)));
  }
  CHECK(rib.stale() == 1);
  walk = rib.walk_stale();
  for (int i = 0; i < 20; ++i) rib.withdraw(walk, true, max_message, 5, refuse);
  CHECK_FALSE(walk.done());
  CHECK(rib.stale() == 1);
  Buffer sent;
  for (calls = 0; !walk.done(); ++calls)
    rib.withdraw(walk, true, max_message, 5, [&](Bytes m) {
      sent.assign(m.begin(), m.end());
      return true;
    });
  CHECK(std::get<Update>(parse_update(body(sent))).withdrawn.size() == lost.size());
  CHECK_FALSE(rib.has(ipv4_unicast, lost));
  CHECK(rib.size() == routes - 1);
  walk = rib.walk_all();
  while (!walk.done()) rib.withdraw(walk, false, max_message, 5, [](Bytes) { return true; });
  CHECK(rib.size() == 0);
  CHECK(rib.memory() < 1000);  // what had grown was given back
}

TEST_CASE("a route that no message of the limit holds is passed over, and counted once") {
  Rib rib;
  const PathAttributes wide{Buffer(5000, 1), {}}, narrow{{1}, {}};
  rib.apply(announcement(ipv4_unicast, Buffer{8, 10}, wide));
  rib.apply(announcement(ipv4_unicast, Buffer{8, 11}, narrow));
  rib.apply(announcement(ipv4_unicast, Buffer{8, 12}, wide));
  auto walk = rib.walk_all();
  std::size_t left_out = 0, sent = 0;
  for (int calls = 0; !walk.done() && calls < 10; ++calls)
    left_out += rib.announce(walk, max_message, 1, [&](Bytes) { return calls > 2 && ++sent > 0; });
  CHECK(walk.done());
  CHECK(left_out == 2);
  CHECK(sent == 1);
  CHECK(sent_by(rib, rib.walk_all(), max_extended).size() == 3);
}
