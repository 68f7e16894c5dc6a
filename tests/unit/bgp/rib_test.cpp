// Rib against a plain std::map, with random UPDATEs: what it knows, and its snapshots.
#include <doctest/doctest.h>

#include "rib_model.hpp"

using namespace bgp;
using namespace rib_model;

namespace {

// Puts the checksum of a snapshot behind it.
void seal(Buffer& snapshot) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const auto b : snapshot) sum = (sum ^ b) * 0x100000001b3;
  put32(snapshot, static_cast<std::uint32_t>(sum >> 32));
  put32(snapshot, static_cast<std::uint32_t>(sum));
}

void check_equal(const Rib& rib, const Model& model) {
  CHECK(all_of(rib) == model.routes);
  CHECK(rib.size() == model.routes.size());
  CHECK(rib.stale() == model.stale.size());
  std::set<Key> stale;
  for (const auto& [key, known] : sent_by(rib, rib.walk_stale())) stale.insert(key);
  CHECK(stale == model.stale);
  std::set<std::tuple<Family, Buffer, Buffer>> sets;
  std::map<Family, std::size_t> sizes;
  for (const auto& [key, known] : model.routes) {
    sets.emplace(key.first, known.attributes.plain, known.attributes.mp_next_hop);
    ++sizes[key.first];
    CHECK(rib.has(key.first, key.second));
  }
  CHECK(rib.attribute_sets() == sets.size());
  CHECK(rib.families().size() == sizes.size());
  for (const auto& [family, n] : sizes) CHECK(rib.size(family) == n);
}

}  // namespace

TEST_CASE("random UPDATEs do to a Rib what they do to a map") {
  MESSAGE("seed " << seed);
  Dice dice(seed);
  Rib rib;
  Model model;
  for (int round = 0; round < 3000; ++round) {
    const auto what = dice.roll(400);
    if (what < 4) {
      rib.apply(mark);
      model.mark_stale();
    } else if (what == 4) {
      const Family family = universe[dice.roll(4)];
      rib.apply({.kind = Record::Kind::forget_family, .family = family});
      std::erase_if(model.routes, [&](const auto& r) { return r.first.first == family; });
      std::erase_if(model.stale, [&](const auto& key) { return key.first == family; });
    } else if (what == 5) {
      rib.apply({.kind = Record::Kind::clear});
      model = {};
    } else {
      CHECK(feed(rib, dice.update(model)));
    }
    if (round % 20 == 0) check_equal(rib, model);
  }
  check_equal(rib, model);
  // The control: one byte of one route's attributes is seen.
  model.routes.begin()->second.attributes.plain.back() ^= 0x80;
  CHECK(all_of(rib) != model.routes);
}

TEST_CASE("apply says whether something changed") {
  Rib rib;
  const Buffer net{8, 10}, label_a{32, 0, 0, 1, 10}, label_b{32, 0, 1, 1, 10};
  const PathAttributes one{{1}, {}}, two{{2}, {}};
  CHECK(rib.apply(announcement(ipv4_unicast, net, one)));
  CHECK_FALSE(rib.apply(announcement(ipv4_unicast, net, one)));
  rib.apply(mark);
  CHECK(rib.stale() == 1);
  CHECK_FALSE(rib.apply(announcement(ipv4_unicast, net, one)));
  CHECK(rib.stale() == 0);
  CHECK(rib.apply(announcement(ipv4_unicast, net, two)));
  CHECK(rib.attribute_sets() == 1);
  CHECK(rib.apply({Record::Kind::announce, {1, 4}, net, label_a, &one}));
  CHECK_FALSE(rib.apply({Record::Kind::announce, {1, 4}, net, label_a, &one}));
  CHECK(rib.apply({Record::Kind::announce, {1, 4}, net, label_b, &one}));
  CHECK(rib.size() == 2);
  CHECK(rib.apply({.kind = Record::Kind::withdraw, .family = ipv4_unicast, .key = net}));
  CHECK_FALSE(rib.apply({.kind = Record::Kind::withdraw, .family = ipv4_unicast, .key = net}));
  CHECK(rib.apply({.kind = Record::Kind::forget_family, .family = {1, 4}}));
  CHECK_FALSE(rib.apply({.kind = Record::Kind::clear}));
  CHECK_FALSE(rib.apply({Record::Kind::announce, ipv4_unicast, net, {}, nullptr}));
  CHECK(rib.size() == 0);
}

TEST_CASE("UPDATEs with faults: treat as withdrawn, broken NLRI, families not known") {
  Rib rib;
  const auto on = [&rib](const Buffer& bytes) {
    return rib.apply(std::get<Update>(parse_update(bytes)), {});
  };
  CHECK(on({0, 0, 0, 4, 0x40, 1, 1, 0, 8, 10, 8, 11}));
  CHECK(rib.size() == 2);
  CHECK(on({0, 0, 0, 4, 0x40, 1, 9, 0, 8, 10, 8, 12}));  // RFC 7606 §4
  CHECK(rib.size() == 1);
  CHECK(rib.has(ipv4_unicast, Buffer{8, 11}));
  CHECK_FALSE(on({0, 0, 0, 4, 0x40, 1, 1, 0, 8, 13, 44, 10}));
  CHECK(rib.has(ipv4_unicast, Buffer{8, 13}));
  CHECK_FALSE(on({0, 4, 8, 13, 99, 1, 0, 4, 0x40, 1, 1, 0, 8, 14}));
  CHECK(rib.size() == 1);
  CHECK(on({0, 0, 0, 10, 0x80, 14, 7, 0x40, 4, 71, 0, 0, 1, 2}));
  CHECK(on({0, 2, 8, 11, 0, 4, 0x40, 1, 1, 0, 8, 11}));  // in both fields: announced
  CHECK(rib.size() == 1);
}

TEST_CASE("a snapshot makes an equal Rib, which gives the same bytes") {
  for (std::uint32_t i = 0; i < 30; ++i) {
    Dice dice(seed + i);
    Model model;
    Rib rib = dice.filled(model, i * 10);
    const auto bytes = rib.save();
    Rib copy = dice.filled(model = {}, 5);
    REQUIRE(copy.load(bytes));
    CHECK(all_of(copy) == all_of(rib));
    CHECK(copy.stale() == rib.stale());
    CHECK(sent_by(copy, copy.walk_stale()) == sent_by(rib, rib.walk_stale()));
    CHECK(copy.save() == bytes);
    model = {};  // the copy goes on as the original does
    for (int more = 0; more < 50; ++more) {
      const auto message = dice.update(model);
      feed(copy, message);
      feed(rib, message);
    }
    CHECK(all_of(copy) == all_of(rib));
    CHECK(copy.stale() == rib.stale());
  }
}

TEST_CASE("a damaged snapshot is told, leaves an empty Rib, and breaks nothing") {
  Dice dice(seed);
  Model model;
  const auto bytes = dice.filled(model, 40).save();
  Rib rib;
  CHECK(rib.load(bytes));  // the control
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(rib.load(Bytes(bytes).first(size)));
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 3) {
    auto damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CHECK_FALSE(rib.load(damaged));
    CHECK(rib.size() == 0);
  }
  // A route that stands twice; one without attributes before it.
  const Buffer head{'R', 'I', 'B', 1}, set{1, 0, 1, 1, 0, 1, 9, 0, 0}, one{2, 0, 2, 8, 10, 0, 0};
  const auto loads = [&rib, &head](std::initializer_list<Buffer> records) {
    Buffer snapshot = head;
    for (const Buffer& record : records) put(snapshot, record);
    seal(snapshot);
    return rib.load(snapshot);
  };
  CHECK(loads({}));
  CHECK(loads({set, one}));
  CHECK(rib.has(ipv4_unicast, Buffer{8, 10}));
  CHECK_FALSE(loads({set, one, one}));
  CHECK_FALSE(loads({set, one, set, one}));
  CHECK_FALSE(loads({one}));
  // With a checksum that is right again, whatever is taken holds together.
  int taken = 0;
  for (int round = 0; round < 20000; ++round) {
    Buffer damaged(bytes.begin(), bytes.end() - 8);
    for (auto left = dice.roll(3) + 1; left > 0; --left)
      damaged[dice.roll(static_cast<std::uint32_t>(damaged.size()))] = dice.byte(256);
    if (dice.roll(4) == 0) damaged.resize(dice.roll(static_cast<std::uint32_t>(damaged.size())));
    seal(damaged);
    if (!rib.load(damaged)) {
      CHECK(rib.size() == 0);
      continue;
    }
    ++taken;
    auto walk = rib.walk_all();
    rib.withdraw(walk, false, max_message, 1000000, [](Bytes) { return true; });
    CHECK(rib.size() == 0);
  }
  CHECK(taken > 0);
  CHECK(taken < 20000);
}
