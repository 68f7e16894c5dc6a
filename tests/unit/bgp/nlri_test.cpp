// NLRI of every family that is known: where one ends, and which route it is.
#include <doctest/doctest.h>

#include <initializer_list>

#include "update.hpp"

using namespace bgp;

namespace {

constexpr Family labelled4{1, 4}, labelled6{2, 4}, vpn4{1, 128}, vpn6{2, 128}, flow4{1, 133},
    vpn_flow4{1, 134}, evpn{25, 70};

using Pairs = std::vector<std::pair<Buffer, Buffer>>;  // key, entry
struct Read {
  bool whole = false;
  Pairs pairs;
  bool operator==(const Read&) const = default;
};
Read read(Family family, bool add_path, const Buffer& nlri) {
  Read result;
  result.whole = each_nlri(family, add_path, nlri, [&](Bytes key, Bytes entry) {
    result.pairs.emplace_back(Buffer(key.begin(), key.end()), Buffer(entry.begin(), entry.end()));
  });
  return result;
}
Buffer operator+(Buffer a, const Buffer& b) {
  put(a, b);
  return a;
}
Buffer key_of(Family family, bool add_path, const Buffer& entry) {
  const auto got = read(family, add_path, entry);
  REQUIRE(got.whole);
  REQUIRE(got.pairs.size() == 1);
  CHECK(got.pairs[0].second == entry);
  return got.pairs[0].first;
}
const Buffer path7{0, 0, 0, 7}, rd{0, 0, 0xfd, 0xe8, 0, 0, 0, 1};

}  // namespace

TEST_CASE("prefixes: one after another, with and without path identifiers") {
  const Buffer a{0}, b{8, 10}, c{24, 192, 0, 2}, d{32, 192, 0, 2, 1};
  for (const Family family : {ipv4_unicast, Family{1, 2}, ipv6_unicast, Family{2, 2}}) {
    CHECK(read(family, false, a + b + c + d) == Read{true, {{a, a}, {b, b}, {c, c}, {d, d}}});
    const auto e = path7 + b, f = Buffer{0, 0, 0, 8} + b;
    CHECK(read(family, true, e + f) == Read{true, {{e, e}, {f, f}}});
  }
  CHECK(read(ipv6_unicast, false, Buffer{128} + Buffer(16, 1)).whole);
  CHECK(read(ipv4_unicast, false, {}) == Read{true, {}});
}

TEST_CASE("a prefix that overruns or is too long is told, and what came before was called") {
  const Buffer good{8, 10};
  for (const Buffer& tail : {Buffer{8}, Buffer{24, 1, 2}, Buffer{33, 1, 2, 3, 4, 5}}) {
    CHECK(read(ipv4_unicast, false, good + tail) == Read{false, {{good, good}}});
  }
  CHECK_FALSE(read(ipv6_unicast, false, Buffer{129} + Buffer(17, 1)).whole);
  CHECK_FALSE(read(ipv4_unicast, true, {0, 0, 7}).whole);
  CHECK_FALSE(read(ipv4_unicast, true, path7).whole);
}

TEST_CASE("bits behind a prefix's end are no part of it") {
  CHECK(key_of(ipv4_unicast, false, {9, 10, 0xff}) == Buffer{9, 10, 0x80});
  CHECK(key_of(ipv4_unicast, true, path7 + Buffer{9, 10, 0x80}) == path7 + Buffer{9, 10, 0x80});
  CHECK(key_of(ipv4_unicast, false, {16, 10, 0xff}) == Buffer{16, 10, 0xff});
  CHECK(key_of(labelled4, false, {24 + 7, 0, 1, 1, 0xff}) == Buffer{7, 0xfe});
}

TEST_CASE("labels are no part of a route's identity, however many there are") {
  const Buffer net{192, 0, 2}, bottom{0, 0x1f, 0x41}, more{0, 0x1f, 0x40};
  const Buffer key = Buffer{24} + net;
  CHECK(key_of(labelled4, false, Buffer{48} + bottom + net) == key);
  CHECK(key_of(labelled4, false, Buffer{72} + more + bottom + net) == key);
  CHECK(key_of(labelled4, false, Buffer{96} + more + more + bottom + net) == key);
  CHECK(key_of(labelled4, false, Buffer{48, 0x80, 0, 0} + net) == key);
  CHECK(key_of(labelled4, false, Buffer{48, 0, 0, 0} + net) == key);
  CHECK(key_of(labelled4, true, path7 + Buffer{48} + bottom + net) == path7 + key);
  CHECK(key_of(labelled6, false, Buffer{24} + bottom) == Buffer{0});
  CHECK(key_of(vpn4, false, Buffer{24 + 64 + 24} + bottom + rd + net) == Buffer{88} + rd + net);
  CHECK(key_of(vpn4, false, Buffer{136} + more + bottom + rd + net) == Buffer{88} + rd + net);
  const Buffer six(16, 0xfe);
  CHECK(key_of(vpn6, false, Buffer{216} + bottom + rd + six) == Buffer{192} + rd + six);
  // No bottom within the length; longer than an address; too short for a distinguisher.
  CHECK_FALSE(read(labelled4, false, Buffer{72} + more + more + net).whole);
  CHECK_FALSE(read(labelled4, false, {16, 0, 1}).whole);
  CHECK_FALSE(read(labelled4, false, Buffer{24 + 40} + bottom + Buffer(5, 1)).whole);
  CHECK_FALSE(read(vpn4, false, Buffer{80} + bottom + Buffer(7, 1)).whole);
  CHECK_FALSE(read(vpn4, false, Buffer{128} + bottom + rd + Buffer(5, 1)).whole);
}

TEST_CASE("a withdrawal bears one withdraw label, and names the same route") {
  const Buffer net{192, 0, 2}, bottom{0, 0x1f, 0x41}, more{0, 0x1f, 0x40}, none{0x80, 0, 0};
  struct Case {
    Family family;
    Buffer entry, expected;
  };
  for (const auto& [family, entry, expected] : std::initializer_list<Case>{
           {labelled4, Buffer{48} + bottom + net, Buffer{48} + none + net},
           {labelled4, Buffer{72} + more + bottom + net, Buffer{48} + none + net},
           {vpn4, Buffer{136} + more + bottom + rd + net, Buffer{112} + none + rd + net},
           {ipv4_unicast, Buffer{24} + net, Buffer{24} + net}}) {
    for (const Buffer& path : {Buffer{}, path7, Buffer{24, 24, 24, 24}}) {
      const bool add_path = !path.empty();
      const auto key = key_of(family, add_path, path + entry);
      const auto got = withdrawal_of(family, key, path + entry);
      CHECK(got == path + expected);
      CHECK(key_of(family, add_path, got) == key);
    }
  }
}

TEST_CASE("flowspec: lengths of one and of two bytes") {
  const Buffer small{3, 1, 0, 5}, large = Buffer{0xf0, 0xf0} + Buffer(240, 1);
  const Buffer huge = Buffer{0xff, 0xff} + Buffer(4095, 1);
  CHECK(read(flow4, false, small + large + huge) ==
        Read{true, {{small, small}, {large, large}, {huge, huge}}});
  CHECK(read({2, 133}, true, path7 + small).pairs.at(0).first == path7 + small);
  for (const Buffer& cut : {Buffer{3, 1, 0}, Buffer{0xf1}, Buffer{0xf1, 0}, Buffer{0xef, 1}})
    CHECK_FALSE(read(flow4, false, cut).whole);
  const auto with_rd = Buffer{11} + rd + Buffer{1, 0, 5};
  CHECK(key_of(vpn_flow4, false, with_rd) == with_rd);
  CHECK_FALSE(read(vpn_flow4, false, small).whole);
}

TEST_CASE("EVPN: labels, ESI and gateway are no part of a route's identity") {
  const Buffer esi_a(10, 0xa), esi_b(10, 0xb), tag{0, 0, 0, 5}, label{0, 1, 1}, mac(6, 0xcc);
  const Buffer ip{32, 10, 0, 0, 1};
  const auto route = [](std::uint8_t type, const Buffer& value) {
    return Buffer{type, static_cast<std::uint8_t>(value.size())} + value;
  };
  const auto mac_ip = [&](const Buffer& esi, const Buffer& address, const Buffer& labels) {
    return route(2, rd + esi + tag + Buffer{48} + mac + address + labels);
  };
  const auto key = key_of(evpn, false, mac_ip(esi_a, ip, label));
  CHECK(key == key_of(evpn, false, mac_ip(esi_b, ip, label)));
  CHECK(key == key_of(evpn, false, mac_ip(esi_a, ip, label + label)));
  CHECK(key != key_of(evpn, false, mac_ip(esi_a, {32, 10, 0, 0, 2}, label)));
  CHECK(key != key_of(evpn, false, mac_ip(esi_a, {0}, label)));
  const auto segment = [&](const Buffer& esi, const Buffer& l) {
    return key_of(evpn, true, path7 + route(1, rd + esi + tag + l));
  };
  CHECK(segment(esi_a, label) == segment(esi_a, {9, 9, 9}));
  CHECK(segment(esi_a, label) != segment(esi_b, label));
  const auto prefix = [&](const Buffer& esi, const Buffer& net, const Buffer& gateway) {
    return key_of(evpn, false, route(5, rd + esi + tag + net + gateway + label));
  };
  const Buffer net{24, 10, 1, 1, 0}, gateway(4, 1), other(4, 2);
  CHECK(prefix(esi_a, net, gateway) == prefix(esi_b, net, other));
  CHECK(prefix(esi_a, net, gateway) != prefix(esi_a, {24, 10, 1, 2, 0}, gateway));
  const auto multicast = route(3, rd + tag + ip);
  CHECK(key_of(evpn, false, multicast) == multicast);
  const auto odd = route(2, {1, 2, 3});  // not what a type 2 looks like
  CHECK(key_of(evpn, false, odd) == odd);
  CHECK_FALSE(read(evpn, false, {2}).whole);
  CHECK_FALSE(read(evpn, false, {2, 3, 1, 2}).whole);
}

TEST_CASE("a family that is not known is not delimited") {
  for (const Family family : {Family{16388, 71}, Family{1, 5}, Family{3, 1}, Family{25, 65}}) {
    CHECK_FALSE(knows_nlri(family));
    CHECK(read(family, false, {8, 10}) == Read{false, {}});
  }
  for (const Family family : {ipv4_unicast, labelled6, vpn6, flow4, vpn_flow4, evpn})
    CHECK(knows_nlri(family));
}

TEST_CASE("routes read as people write them") {
  CHECK(to_text(ipv4_unicast, false, Buffer{24, 192, 0, 2}) == "192.0.2.0/24");
  CHECK(to_text(ipv4_unicast, false, Buffer{0}) == "0.0.0.0/0");
  CHECK(to_text(ipv4_unicast, false, Buffer{9, 10, 0xff}) == "10.128.0.0/9");
  CHECK(to_text(ipv4_unicast, true, path7 + Buffer{24, 192, 0, 2}) == "192.0.2.0/24 path 7");
  CHECK(to_text(ipv6_unicast, false, Buffer{32, 0x20, 1, 0xd, 0xb8}) == "2001:db8::/32");
  CHECK(to_text(labelled4, false, Buffer{48, 0, 1, 1, 192, 0, 2}) == "192.0.2.0/24");
  const auto vpn = [](const Buffer& distinguisher) {
    return to_text(vpn4, false, Buffer{112, 0, 1, 1} + distinguisher + Buffer{192, 0, 2});
  };
  CHECK(vpn(rd) == "65000:1:192.0.2.0/24");
  CHECK(vpn({0, 1, 10, 0, 0, 1, 0, 9}) == "10.0.0.1:9:192.0.2.0/24");
  CHECK(vpn({0, 2, 0, 1, 0, 0, 0, 9}) == "65536:9:192.0.2.0/24");
  CHECK(vpn({0, 3, 0, 1, 0, 0, 0, 9}) == "0003000100000009:192.0.2.0/24");
  CHECK(to_text(flow4, false, Buffer{3, 1, 0, 5}) == "03010005");
  for (const Buffer& broken : {Buffer{}, Buffer{24, 1}, Buffer{33, 1, 2, 3, 4, 5}, Buffer{8, 1, 2}})
    CHECK(to_text(ipv4_unicast, false, broken).find('/') == std::string::npos);
}
