// A Rib as a plain std::map, and random UPDATEs for both.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "rib.hpp"

namespace rib_model {

using namespace bgp;

inline constexpr std::uint32_t seed = 20261123;
inline constexpr Family vpn4{1, 128}, flow4{1, 133};
inline const std::vector<Family> universe{ipv4_unicast, flow4, vpn4, ipv6_unicast};
inline const std::map<Family, bool> add_path{{ipv6_unicast, true}};

struct Known {
  Buffer entry;
  PathAttributes attributes;
  bool operator==(const Known&) const = default;
};
using Key = std::pair<Family, Buffer>;
using Routes = std::map<Key, Known>;
// The obvious thing: nothing shared, nothing clever.
struct Model {
  Routes routes;
  std::set<Key> stale;
  void announce(const Key& key, Known known) {
    routes[key] = std::move(known);
    stale.erase(key);
  }
  void withdraw(const Key& key) {
    routes.erase(key);
    stale.erase(key);
  }
  void mark_stale() {
    for (const auto& [key, known] : routes) stale.insert(key);
  }
};

inline Bytes body(Bytes message) {
  return message.subspan(header_size);
}
inline const Record mark{.kind = Record::Kind::mark_stale};
inline Record announcement(Family family, Bytes key, const PathAttributes& attributes) {
  return {Record::Kind::announce, family, key, {}, &attributes};
}
inline bool feed(Rib& rib, Bytes message) {
  const auto parsed = parse_update(body(message));
  REQUIRE(std::holds_alternative<Update>(parsed));
  return rib.apply(std::get<Update>(parsed), add_path);
}

// UPDATEs over few routes and few attributes, so that they meet each other.
class Dice {
 public:
  explicit Dice(std::uint32_t s) : rng_(s) {}
  std::uint32_t roll(std::uint32_t sides) { return static_cast<std::uint32_t>(rng_() % sides); }
  std::uint8_t byte(std::uint32_t sides) { return static_cast<std::uint8_t>(roll(sides)); }

  std::pair<Buffer, Buffer> route(Family family) {  // key, entry
    const std::uint8_t n = byte(40);
    if (family == ipv4_unicast) return {{24, 10, 0, n}, {24, 10, 0, n}};
    Buffer key{0, 0, 0, byte(3), 40, 0x20, 1, 0xd, 0xb8, n}, entry = key;
    if (family == flow4) {
      key = entry = Buffer(31, n);
      key[0] = entry[0] = 30;
    } else if (family == vpn4) {
      key = {88, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 10, 0, n};
      const bool two = roll(3) == 0;
      entry = {static_cast<std::uint8_t>(two ? 136 : 112)};
      if (two) put(entry, Buffer{1, 0, 0x10});
      put(entry, Buffer{0, byte(3), 1});
      put(entry, Bytes(key).subspan(1));
    }
    return {key, entry};
  }

  // A whole UPDATE; its meaning goes to the model without a look at the bytes.
  Buffer update(Model& model) {
    const std::uint8_t k = byte(6);
    const Buffer plain{0x40, 1, 1, static_cast<std::uint8_t>(k % 3), 0xc0, 8, 4, 0, 0, 0, k};
    Buffer withdrawn, nlri, unreach, reach, attributes;
    const auto fill = [&](Family family, Buffer& to, const PathAttributes* announced) {
      for (std::uint32_t left = roll(4); left > 0; --left) {
        const auto [key, entry] = route(family);
        put(to, announced != nullptr ? entry : withdrawal_of(family, key, entry));
        if (announced != nullptr)
          model.announce({family, key}, {entry, *announced});
        else
          model.withdraw({family, key});
      }
    };
    const PathAttributes classic{plain, {}}, mp{plain, Buffer(1 + byte(3), k)};
    const Family family = universe[roll(4)], gone = universe[roll(4)];
    fill(ipv4_unicast, withdrawn, nullptr);
    fill(gone, unreach, nullptr);
    fill(ipv4_unicast, nlri, &classic);
    fill(family, reach, &mp);
    const auto put_mp = [&](std::uint8_t type, Family f, const Buffer& next_hop, const Buffer& to) {
      const std::size_t size = 3 + next_hop.size() + to.size();
      attributes.insert(attributes.end(), {0x90, type});
      put16(attributes, static_cast<std::uint32_t>(size + (type == 14 ? 2 : 0)));
      put16(attributes, f.afi);
      put8(attributes, f.safi);
      if (type == 14) put8(attributes, static_cast<std::uint32_t>(next_hop.size()));
      put(attributes, next_hop);
      if (type == 14) put8(attributes, 0);
      put(attributes, to);
    };
    if (!reach.empty()) put_mp(14, family, mp.mp_next_hop, reach);
    put(attributes, plain);
    if (!unreach.empty()) put_mp(15, gone, {}, unreach);
    Buffer message;
    message.resize(header_size);  // of a vector made at that size g++ 12 thinks that it cannot grow
    put16(message, static_cast<std::uint32_t>(withdrawn.size()));
    put(message, withdrawn);
    put16(message, static_cast<std::uint32_t>(attributes.size()));
    put(message, attributes);
    put(message, nlri);
    finish_message(message, Type::update);
    return message;
  }

  // A Rib with some stale routes, and the model of it.
  Rib filled(Model& model, std::uint32_t updates = 150) {
    Rib rib;
    for (std::uint32_t i = 0; i < updates; ++i) {
      if (i == updates * 3 / 4) {
        rib.apply(mark);
        model.mark_stale();
      }
      CHECK(feed(rib, update(model)));
    }
    return rib;
  }

 private:
  std::mt19937 rng_;
};

// All that a walk sends, as routes; each at most once.
inline Routes sent_by(const Rib& rib, Rib::Walk walk, std::size_t limit = 200) {
  Routes routes;
  rib.announce(walk, limit, 1000000, [&](Bytes message) {
    CHECK(message.size() <= limit);
    const auto parsed = parse_update(body(message));
    const auto& update = std::get<Update>(parsed);
    const Family family = update.reach ? update.reach->family : ipv4_unicast;
    const bool path = family == ipv6_unicast;
    CHECK(each_nlri(family, path, update.reach ? update.reach->nlri : update.nlri,
                    [&](Bytes key, Bytes entry) {
                      const Known known{{entry.begin(), entry.end()},
                                        attributes_of(update, update.reach.has_value())};
                      const Key k{family, {key.begin(), key.end()}};
                      CHECK(routes.emplace(k, known).second);
                    }));
    return true;
  });
  CHECK(walk.done());
  return routes;
}
inline Routes all_of(const Rib& rib) {
  return sent_by(rib, rib.walk_all());
}

}  // namespace rib_model
