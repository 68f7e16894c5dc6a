// UPDATEs taken apart and put together.
#include "update.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace bgp;

namespace {

constexpr Family ipv4_vpn{1, 128}, evpn{25, 70};
const Buffer origin{0x40, 1, 1, 0}, next_hop{0x40, 3, 4, 192, 0, 2, 1};
const Buffer net_a{24, 198, 51, 100}, net_b{16, 10, 9};

Buffer operator+(Buffer a, const Buffer& b) {
  put(a, b);
  return a;
}
Buffer body_of(const Buffer& withdrawn, const Buffer& attributes, const Buffer& nlri) {
  Buffer body;
  put16(body, static_cast<std::uint32_t>(withdrawn.size()));
  put(body, withdrawn);
  put16(body, static_cast<std::uint32_t>(attributes.size()));
  return body + attributes + nlri;
}
Buffer attribute_of(std::uint8_t type, const Buffer& value) {
  return Buffer{0x80, type, static_cast<std::uint8_t>(value.size())} + value;
}
const Buffer v6_prefix{32, 0x20, 1, 0xd, 0xb8};
Buffer reach_value() {
  return Buffer{0, 2, 1, 16} + Buffer(16, 0xfe) + Buffer{0} + v6_prefix;
}
Update good(const Buffer& body) {
  const auto parsed = parse_update(body);
  REQUIRE(std::holds_alternative<Update>(parsed));
  return std::get<Update>(parsed);
}
Notification bad(const Buffer& body) {
  const auto parsed = parse_update(body);
  REQUIRE(std::holds_alternative<Notification>(parsed));
  return std::get<Notification>(parsed);
}
bool same(Bytes a, const Buffer& b) {
  return Buffer(a.begin(), a.end()) == b;
}
const Notification malformed_list{3, 1, {}};

std::vector<Buffer> announced(Family family, const PathAttributes& attributes,
                              const std::vector<Buffer>& entries, std::size_t limit,
                              std::size_t left_out = 0) {
  std::vector<Buffer> messages;
  const std::vector<Bytes> spans(entries.begin(), entries.end());
  CHECK(build_announcements(family, attributes, spans, limit, [&](Bytes m) {
          messages.emplace_back(m.begin(), m.end());
        }) == left_out);
  return messages;
}
Buffer body(const Buffer& message) {
  return {message.begin() + header_size, message.end()};
}
// Every message: within the limit, and a header that says so.
void check_sizes(const std::vector<Buffer>& messages, std::size_t limit) {
  for (const auto& m : messages) {
    CHECK(m.size() <= limit);
    CHECK((m[16] << 8 | m[17]) == static_cast<int>(m.size()));
    CHECK(m[18] == 2);
  }
}

}  // namespace

TEST_CASE("an UPDATE comes apart into its fields") {
  const auto bytes = body_of(net_b, origin + next_hop, net_a);
  const auto update = good(bytes);
  CHECK(same(update.withdrawn, net_b));
  CHECK(same(update.attributes, origin + next_hop));
  CHECK(same(update.nlri, net_a));
  CHECK_FALSE(update.reach);
  CHECK_FALSE(update.unreach);
  CHECK_FALSE(update.overrun);
}

TEST_CASE("MP attributes are found wherever they stand, with either form of length") {
  const auto value = reach_value();
  const Buffer longer = Buffer{0x90, 14, 0, static_cast<std::uint8_t>(value.size())} + value;
  for (const auto& reach : {attribute_of(14, value), longer}) {
    for (const bool first : {true, false}) {
      const auto bytes = body_of({}, first ? reach + origin : origin + reach, {});
      const auto update = good(bytes);
      REQUIRE(update.reach);
      CHECK(update.reach->family == ipv6_unicast);
      CHECK(same(update.reach->next_hop, Buffer(16, 0xfe)));
      CHECK(same(update.reach->nlri, v6_prefix));
    }
  }
}

TEST_CASE("lengths that contradict each other are 3/1") {
  for (const Buffer& bytes :
       {Buffer{}, Buffer{0}, Buffer{0, 0}, Buffer{0, 0, 0}, Buffer{0, 1, 0, 0}, Buffer{0, 0, 0, 1},
        Buffer{0, 3, 8, 10, 0}, Buffer{0xff, 0xff, 0, 0}, Buffer{0, 0, 0xff, 0xff}})
    CHECK(bad(bytes) == malformed_list);
  good({0, 0, 0, 0});  // the control
}

TEST_CASE("attributes that overrun: treat as withdrawn, for all that could be told") {
  for (const Buffer& tail : {Buffer{0x40}, Buffer{0x40, 5}, Buffer{0x40, 5, 1}, Buffer{0x50, 5, 0},
                             Buffer{0x50, 5, 0, 1}, Buffer{0xc0, 8, 8, 1, 2, 3, 4}}) {
    const auto bytes = body_of({}, origin + tail, net_a);
    const auto update = good(bytes);
    CHECK(update.overrun);
    CHECK(same(update.nlri, net_a));
  }
  const auto bytes = body_of({}, origin + Buffer{0xc0, 8, 4, 1, 2, 3, 4}, net_a);
  CHECK_FALSE(good(bytes).overrun);
}

TEST_CASE("MP attributes that overrun, or come twice, are 3/1") {
  for (const std::uint8_t type : {attribute::mp_reach, attribute::mp_unreach}) {
    CHECK(bad(body_of({}, origin + Buffer{0x80, type}, {})) == malformed_list);
    CHECK(bad(body_of({}, origin + Buffer{0x80, type, 9, 0, 2, 1}, {})) == malformed_list);
    const auto one = attribute_of(type, type == 14 ? reach_value() : Buffer{0, 2, 1});
    CHECK(bad(body_of({}, one + one, {})) == malformed_list);
    good(body_of({}, one, {}));
  }
  good(body_of({}, origin + origin, {}));  // others are the receiver's business
}

TEST_CASE("MP attributes that cannot be read are 3/9, with the attribute as data") {
  for (const Buffer& value :
       {Buffer{}, Buffer{0}, Buffer{0, 2}, Buffer{0, 2, 1}, Buffer{0, 2, 1, 4},
        Buffer{0, 2, 1, 4, 1, 2, 3, 4}, Buffer{0, 2, 1, 200, 1, 2, 3, 4, 0}}) {
    const auto attribute = attribute_of(14, value);
    CHECK(bad(body_of({}, origin + attribute, {})) == Notification{3, 9, attribute});
  }
  good(body_of({}, attribute_of(14, {0, 2, 1, 4, 1, 2, 3, 4, 0}), {}));
  CHECK(bad(body_of({}, attribute_of(15, {0, 2}), {})).subcode == 9);
}

TEST_CASE("End-of-RIB: what end_of_rib writes is one, and nothing else is") {
  for (const Family family : {ipv4_unicast, ipv6_unicast, ipv4_vpn, evpn}) {
    const auto message = end_of_rib(family);
    check_sizes({message}, max_message);
    const auto bytes = body(message);
    CHECK(good(bytes).end_of_rib() == family);
  }
  CHECK(end_of_rib(ipv4_unicast).size() == 23);
  const Buffer empty_unreach{0x90, 15, 0, 3, 0, 2, 1};
  CHECK(good(body_of({}, empty_unreach, {})).end_of_rib() == ipv6_unicast);
  for (const Buffer& other :
       {body_of(net_a, {}, {}), body_of({}, {}, net_a), body_of({}, origin, {}),
        body_of(net_a, empty_unreach, {}), body_of({}, empty_unreach, net_a),
        body_of({}, empty_unreach + origin, {}), body_of({}, origin + empty_unreach, {}),
        body_of({}, attribute_of(15, Buffer{0, 2, 1} + v6_prefix), {}),
        body_of({}, attribute_of(14, {0, 2, 1, 0, 0}), {}), body_of({}, {0x40}, {})})
    CHECK_FALSE(good(other).end_of_rib());
}

TEST_CASE("what came in the NLRI field goes out there, with the attributes as they stood") {
  const auto bytes = body_of({}, origin + next_hop, net_a + net_b);
  const auto attributes = attributes_of(good(bytes), false);
  CHECK(attributes == PathAttributes{origin + next_hop, {}});
  const auto messages = announced(ipv4_unicast, attributes, {net_a, net_b}, max_message);
  REQUIRE(messages.size() == 1);
  CHECK(body(messages[0]) == bytes);
}

TEST_CASE("what came by MP_REACH_NLRI goes out by it, as the first attribute, IPv4 unicast too") {
  for (const Family family : {ipv4_unicast, ipv6_unicast, evpn}) {
    Buffer value;
    put16(value, family.afi);
    put8(value, family.safi);
    const auto bytes =
        body_of({}, origin + attribute_of(14, value + Buffer{4, 9, 9, 9, 9, 0} + net_a), {});
    const auto attributes = attributes_of(good(bytes), true);
    CHECK(attributes == PathAttributes{origin, {9, 9, 9, 9}});
    const auto messages = announced(family, attributes, {net_a}, max_message);
    REQUIRE(messages.size() == 1);
    const auto out = body(messages[0]);
    const auto update = good(out);
    REQUIRE(update.reach);
    CHECK(update.attributes[1] == attribute::mp_reach);  // the first (RFC 7606 §5.1)
    CHECK(update.nlri.empty());
    CHECK(update.reach->family == family);
    CHECK(same(update.reach->nlri, net_a));
    CHECK(attributes_of(update, true) == attributes);
  }
  // Flowspec has no next hop (RFC 8955 §4), and no NLRI field either.
  const auto flow = announced({1, 133}, {origin, {}}, {{3, 1, 0, 0}}, max_message);
  CHECK(good(body(flow.at(0))).reach.has_value());
}

TEST_CASE("announcements are cut at the limit, and not before") {
  std::vector<Buffer> entries;
  for (std::uint8_t i = 0; i < 250; ++i) entries.push_back({24, 10, 0, i});
  for (const Family family : {ipv4_unicast, ipv6_unicast}) {
    const PathAttributes attributes{origin + next_hop,
                                    family == ipv4_unicast ? Buffer{} : Buffer(16, 1)};
    for (std::size_t limit = 70; limit < 600; ++limit) {
      const auto messages = announced(family, attributes, entries, limit);
      check_sizes(messages, limit);
      Buffer all;
      for (const auto& m : messages) {
        const auto bytes = body(m);
        const auto update = good(bytes);
        put(all, family == ipv4_unicast ? update.nlri : update.reach->nlri);
        if (&m != &messages.back()) CHECK(m.size() + 4 > limit);
      }
      Buffer expected;
      for (const auto& e : entries) put(expected, e);
      CHECK(all == expected);
    }
  }
}

TEST_CASE("a route for which no message has room is left out and counted") {
  const PathAttributes wide{Buffer(4073 - 3, 0), {}};  // 23 bytes of frame, and 3 are left
  const Buffer two{8, 10};
  CHECK(room_to_announce(ipv4_unicast, wide, max_message) == 3);
  CHECK(announced(ipv4_unicast, wide, {net_a, two, net_a, two}, max_message, 2).size() == 2);
  CHECK(announced(ipv4_unicast, wide, {net_a, two}, max_extended).size() == 1);
  const PathAttributes full{Buffer(4073, 0), {}}, over{Buffer(9000, 0), {}};
  CHECK(announced(ipv4_unicast, full, {net_a, two}, max_message, 2).empty());
  CHECK(announced(ipv6_unicast, over, {net_a, two}, max_message, 2).empty());
}

TEST_CASE("withdrawals: IPv4 unicast in its field, others by MP_UNREACH_NLRI, cut at the limit") {
  std::vector<Buffer> entries;
  for (std::uint8_t i = 0; i < 250; ++i) entries.push_back({24, 10, 0, i});
  const std::vector<Bytes> spans(entries.begin(), entries.end());
  Buffer expected;
  for (const auto& e : entries) put(expected, e);
  for (const Family family : {ipv4_unicast, ipv6_unicast}) {
    std::vector<Buffer> messages;
    const auto out = [&](Bytes m) { messages.emplace_back(m.begin(), m.end()); };
    CHECK(build_withdrawals(family, spans, 300, out) == 0);
    check_sizes(messages, 300);
    Buffer all;
    for (const auto& m : messages) {
      const auto bytes = body(m);
      const auto update = good(bytes);
      CHECK_FALSE(update.end_of_rib());
      CHECK(update.unreach.has_value() == (family != ipv4_unicast));
      put(all, family == ipv4_unicast ? update.withdrawn : update.unreach->nlri);
    }
    CHECK(all == expected);
    CHECK(build_withdrawals(family, spans, 26, out) == entries.size());
  }
}
