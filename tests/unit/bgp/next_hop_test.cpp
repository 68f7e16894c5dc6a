// Next hops on their way to the peer.
#include <doctest/doctest.h>

#include <initializer_list>

#include "update.hpp"

using namespace bgp;

namespace {

using What = NextHopRule::What;
const std::array<std::uint8_t, 4> four{192, 0, 2, 9};
const std::array<std::uint8_t, 16> six{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
const NextHopRule loopbacks{What::loopbacks, four, six}, always{What::always, four, six};
const Buffer four_bytes(four.begin(), four.end()), six_bytes(six.begin(), six.end());

Buffer operator+(Buffer a, const Buffer& b) {
  put(a, b);
  return a;
}
Buffer classic(const Buffer& next_hop) {
  Buffer message;
  const Buffer attributes = Buffer{0x40, 1, 1, 0, 0x40, 3, 4} + next_hop;
  const Buffer net{8, 10};
  const std::vector<Bytes> entries{net};
  build_announcements(ipv4_unicast, {attributes, {}}, entries, max_message,
                      [&](Bytes m) { message.assign(m.begin(), m.end()); });
  return message;
}
Buffer by_mp(Family family, const Buffer& next_hop) {
  Buffer message;
  const Buffer net{8, 10};
  const std::vector<Bytes> entries{net};
  build_announcements(family, {{0x40, 1, 1, 0}, next_hop}, entries, max_message,
                      [&](Bytes m) { message.assign(m.begin(), m.end()); });
  return message;
}
struct Outcome {
  bool rewritten, missed;
  bool operator==(const Outcome&) const = default;
};
Outcome rewrite(Buffer& message, const NextHopRule& rule) {
  Outcome outcome{};
  outcome.rewritten = rewrite_next_hops(message, rule, &outcome.missed);
  return outcome;
}
Buffer loop6() {
  Buffer address(16, 0);
  address[15] = 1;
  return address;
}
const Buffer mapped_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 11};
const Buffer link_local{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
const Buffer rd(8, 0);

}  // namespace

TEST_CASE("NEXT_HOP: the app's loopback addresses go, others stay") {
  for (const Buffer& own : {Buffer{127, 0, 0, 11}, Buffer{127, 255, 255, 255}}) {
    auto message = classic(own);
    CHECK(rewrite(message, loopbacks) == Outcome{true, false});
    CHECK(message == classic(four_bytes));
  }
  for (const Buffer& other : {Buffer{128, 0, 0, 1}, Buffer{126, 0, 0, 1}, Buffer{10, 127, 0, 1}}) {
    auto message = classic(other);
    CHECK(rewrite(message, loopbacks) == Outcome{false, false});
    CHECK(message == classic(other));
    CHECK(rewrite(message, always) == Outcome{true, false});
    CHECK(message == classic(four_bytes));
  }
  auto message = classic({127, 0, 0, 1});
  CHECK(rewrite(message, {What::untouched, four, six}) == Outcome{false, false});
  CHECK(message == classic({127, 0, 0, 1}));
}

TEST_CASE("MP_REACH_NLRI: each form of a next hop") {
  struct Case {
    Family family;
    Buffer before, after;
  };
  const Buffer own4{127, 0, 0, 1};
  for (const auto& [family, before, after] : std::initializer_list<Case>{
           {ipv4_unicast, own4, four_bytes},
           {ipv6_unicast, loop6(), six_bytes},
           {ipv6_unicast, mapped_loopback, six_bytes},
           {ipv6_unicast, loop6() + link_local, six_bytes + link_local},
           {{1, 128}, rd + own4, rd + four_bytes},
           {{2, 128}, rd + loop6(), rd + six_bytes},
           {{2, 128}, rd + loop6() + rd + link_local, rd + six_bytes + rd + link_local},
           {{16388, 71}, own4, four_bytes}}) {
    auto message = by_mp(family, before);
    CHECK(rewrite(message, loopbacks) == Outcome{true, false});
    CHECK(message == by_mp(family, after));
    CHECK(rewrite(message, loopbacks) == Outcome{false, false});
  }
  const Buffer mapped_other{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 127};
  for (const Buffer& other : {six_bytes, link_local, Buffer(16, 0), mapped_other, Buffer{},
                              Buffer{127, 0, 0}, Buffer(20, 127)}) {
    auto message = by_mp(ipv6_unicast, other);
    CHECK(rewrite(message, loopbacks) == Outcome{false, false});
    CHECK(message == by_mp(ipv6_unicast, other));
  }
}

TEST_CASE("a next hop for which there is no address stays and is told") {
  auto v6 = by_mp(ipv6_unicast, loop6());
  CHECK(rewrite(v6, {What::loopbacks, four, {}}) == Outcome{false, true});
  CHECK(v6 == by_mp(ipv6_unicast, loop6()));
  auto v4 = classic({127, 0, 0, 1});
  CHECK(rewrite(v4, {What::always, {}, six}) == Outcome{false, true});
  CHECK_FALSE(rewrite_next_hops(v4, {What::always, {}, six}));
}

TEST_CASE("messages that make no sense, or have no next hop, are left alone") {
  Buffer empty, garbage(30, 0xff), end = end_of_rib(ipv6_unicast);
  for (auto* message : {&empty, &garbage, &end}) {
    const auto before = *message;
    CHECK(rewrite(*message, always) == Outcome{false, false});
    CHECK(*message == before);
  }
}
