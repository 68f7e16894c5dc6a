// Segments as a Linux kernel signed and sent them, and what must not be taken for one.
#include "net/segment.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace peerhold {
namespace {

using Packet = std::vector<std::uint8_t>;

// Both bear ten bytes, signed with "an old key".
constexpr std::string_view four =
    "450000467b3340004006c17b7f0000027f000001a03e06feaee7ceed819d0708a0180040fe3b0000010113"
    "12916cd21ed376b9dfe8b3329dd73d9981736f6d65206279746573";
constexpr std::string_view six =
    "600c82a700320640fd000000000000000000000000000002fd000000000000000000000000000001a03e06"
    "fea8a457280085973ba0180040fa3c0000010113127e018de5fa066291296c36f3b7e2dfb8736f6d652062"
    "79746573";

Packet bytes(std::string_view hex) {
  Packet out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

Secret secret(std::string text) {
  return *Secret::take({reinterpret_cast<unsigned char*>(text.data()), text.size()});
}

Endpoint at(std::string_view text) {
  return *Endpoint::parse(text);
}

TEST_CASE("a segment is read as it was sent") {
  const Packet packet = bytes(four);
  const auto s = Segment::parse(packet);
  REQUIRE(s);
  CHECK(s->from == at("127.0.0.2:41022"));
  CHECK(s->to == at("127.0.0.1:1790"));
  CHECK(s->seq == 0xaee7ceed);
  CHECK(s->ack == 0x819d0708);
  CHECK(s->flags == (Segment::ack_flag | 8));
  CHECK(s->ttl == 64);
  CHECK(s->length == 10);
  CHECK_FALSE(s->outgoing);

  const Packet other = bytes(six);
  const auto s6 = Segment::parse(other);
  REQUIRE(s6);
  CHECK(s6->from == at("[fd00::2]:41022"));
  CHECK(s6->to == at("[fd00::1]:1790"));
  CHECK(s6->ttl == 64);
  CHECK(s6->length == 10);
}

TEST_CASE("the key that signed is told from others") {
  const Secret right = secret("an old key");
  for (const auto hex : {four, six}) {
    CAPTURE(hex);
    const Packet packet = bytes(hex);
    const auto s = Segment::parse(packet);
    REQUIRE(s);
    CHECK(s->is_signed());
    CHECK(s->signed_with(right));
    CHECK_FALSE(s->signed_with(secret("an old kez")));
    CHECK_FALSE(s->signed_with(secret("an old key ")));
    CHECK_FALSE(s->signed_with(Secret()));
  }
}

TEST_CASE("each byte that is signed matters, and each that is not does not") {
  const Secret right = secret("an old key");
  const Packet packet = bytes(four);
  std::size_t harmless = 0;
  for (std::size_t i = 12; i < packet.size(); ++i) {
    CAPTURE(i);
    Packet changed = packet;
    changed[i] ^= 1;
    const auto s = Segment::parse(changed);
    if (!s) continue;                          // its form is broken
    const bool checksum = i == 36 || i == 37;  // filled in by whoever sends it last
    const bool options = i >= 40 && i < 60;    // not covered, but for the digest itself
    const bool still = s->is_signed() && s->signed_with(right);
    if (checksum) CHECK(still);
    if (!checksum && !options) CHECK_FALSE(still);
    harmless += still;
  }
  CHECK(harmless >= 2);
}

TEST_CASE("addresses that were rewritten on the way can be put back") {
  const Secret right = secret("an old key");
  for (const auto hex : {four, six}) {
    Packet packet = bytes(hex);
    const auto before = Segment::parse(packet);
    REQUIRE(before);
    const Endpoint from = before->from, to = before->to;
    const bool v4 = from.address.family == 4;
    packet[v4 ? 15 : 23] = 99;  // the source address, and its port
    packet[v4 ? 20 : 40] ^= 1;
    const auto s = Segment::parse(packet);
    REQUIRE(s);
    CHECK(s->from != from);
    CHECK_FALSE(s->signed_with(right));
    CHECK(s->signed_with(right, from, to));
    CHECK_FALSE(s->signed_with(right, to, from));
    CHECK_FALSE(s->signed_with(secret("another"), from, to));
    CHECK_FALSE(s->signed_with(right, at(v4 ? "[fd00::1]:1" : "127.0.0.1:1"), to));
  }
}

TEST_CASE("extension headers stand before IPv6's TCP") {
  Packet packet = bytes(six);
  const Packet hop{60, 0, 1, 4, 0, 0, 0, 0},
      options{6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  packet.insert(packet.begin() + 40, options.begin(), options.end());
  packet.insert(packet.begin() + 40, hop.begin(), hop.end());
  packet[6] = 0;
  packet[5] = static_cast<std::uint8_t>(packet[5] + hop.size() + options.size());
  const auto s = Segment::parse(packet);
  REQUIRE(s);
  CHECK(s->signed_with(secret("an old key")));

  packet[6] = 43;  // a routing header with segments left
  packet[43] = 1;
  CHECK_FALSE(Segment::parse(packet));
  packet[6] = 44;  // a fragment
  CHECK_FALSE(Segment::parse(packet));
}

TEST_CASE("what is no whole segment is none") {
  CHECK_FALSE(Segment::parse({}));
  for (const auto hex : {four, six}) {
    const Packet packet = bytes(hex);
    for (std::size_t n = 0; n < packet.size(); ++n) CHECK_FALSE(Segment::parse({packet.data(), n}));
    Packet longer = packet;  // the link layer's padding
    longer.resize(packet.size() + 6);
    const auto s = Segment::parse(longer);
    REQUIRE(s);
    CHECK(s->signed_with(secret("an old key")));
  }
  const auto changed = [](std::size_t i, int value) {
    Packet packet = bytes(four);
    packet[i] = static_cast<std::uint8_t>(value);
    return Segment::parse(packet).has_value();
  };
  CHECK(changed(8, 1));           // TTL: a control
  CHECK_FALSE(changed(9, 17));    // UDP
  CHECK_FALSE(changed(6, 0x20));  // the first of several fragments
  CHECK_FALSE(changed(7, 1));     // a later one
  CHECK_FALSE(changed(0, 0x44));  // a header of 16 bytes
  CHECK_FALSE(changed(0, 0x55));
  CHECK_FALSE(changed(32, 0x40));  // the same of TCP's
  CHECK_FALSE(changed(32, 0xf0));  // longer than the segment
  CHECK_FALSE(changed(43, 1));     // an option of one byte
  CHECK_FALSE(changed(43, 19));    // one that ends behind the header
}

TEST_CASE("an option of another length is no signature") {
  Packet packet = bytes(four);
  packet[43] = 17;
  packet[59] = 1;
  const auto s = Segment::parse(packet);
  REQUIRE(s);
  CHECK_FALSE(s->is_signed());
  CHECK_FALSE(s->signed_with(secret("an old key")));
}

}  // namespace
}  // namespace peerhold
