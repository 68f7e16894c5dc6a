// Takes a packet apart (RFC 791, 8200, 9293) and computes the digest of RFC 2385. Called by
// net/capture with what came by on the wire, which anybody may have sent: each length is compared
// before it is used. MD5 itself is libmd's.
#include "net/segment.hpp"

#include <md5.h>

#include <algorithm>
#include <cstring>

namespace peerhold {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t option_end = 0, option_nothing = 1, option_md5 = 19;
constexpr std::size_t digest_size = 16;
// IPv6 extension headers that may stand before TCP, and how many of them anybody sends.
constexpr std::uint8_t hop_by_hop = 0, routing = 43, destination_options = 60;
constexpr int most_extensions = 8;

std::uint16_t two(Bytes b, std::size_t at) {
  return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]);
}
std::uint32_t four(Bytes b, std::size_t at) {
  return std::uint32_t{two(b, at)} << 16 | two(b, at + 2);
}

struct Datagram {
  Address from, to;
  std::uint8_t ttl = 0;
  Bytes tcp;
};

Address address(std::uint8_t family, Bytes bytes) {
  Address out;
  out.family = family;
  std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  return out;
}

std::optional<Datagram> ipv4(Bytes b) {
  if (b.size() < 20) return std::nullopt;
  const std::size_t header = (b[0] & 15u) * 4, total = two(b, 2);
  if (header < 20 || total < header || b.size() < total) return std::nullopt;
  if (b[9] != protocol_tcp || (two(b, 6) & 0x3fff) != 0) return std::nullopt;  // or a fragment
  return Datagram{address(4, b.subspan(12, 4)), address(4, b.subspan(16, 4)), b[8],
                  b.subspan(header, total - header)};
}

std::optional<Datagram> ipv6(Bytes b) {
  if (b.size() < 40) return std::nullopt;
  const std::size_t length = two(b, 4);
  if (b.size() - 40 < length) return std::nullopt;
  Datagram out{address(6, b.subspan(8, 16)), address(6, b.subspan(24, 16)), b[7],
               b.subspan(40, length)};
  std::uint8_t next = b[6];
  for (int i = 0; next != protocol_tcp; ++i) {
    if (i == most_extensions || out.tcp.size() < 8) return std::nullopt;
    if (next != hop_by_hop && next != routing && next != destination_options) return std::nullopt;
    // RFC 8200 §8.1: while segments are left the digest covers another destination.
    if (next == routing && out.tcp[3] != 0) return std::nullopt;
    const std::size_t size = 8 + out.tcp[1] * std::size_t{8};
    if (out.tcp.size() < size) return std::nullopt;
    next = out.tcp[0];
    out.tcp = out.tcp.subspan(size);
  }
  return out;
}

// RFC 9293 §3.1. False: the list does not hold together, and no receiver would take it.
bool find_digest(Bytes options, Bytes& digest) {
  while (!options.empty() && options[0] != option_end) {
    if (options[0] == option_nothing) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options.size() < options[1]) return false;
    if (options[0] == option_md5 && options[1] == digest_size + 2)
      digest = options.subspan(2, digest_size);
    options = options.subspan(options[1]);
  }
  return true;
}

void update(MD5_CTX& md5, Bytes bytes) {
  if (!bytes.empty()) MD5Update(&md5, bytes.data(), bytes.size());
}

}  // namespace

std::optional<Segment> Segment::parse(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  const int version = packet[0] >> 4;
  const auto ip = version == 4   ? ipv4(packet)
                  : version == 6 ? ipv6(packet)
                                 : std::optional<Datagram>();
  if (!ip || ip->tcp.size() < 20) return std::nullopt;
  const Bytes tcp = ip->tcp;
  const std::size_t header = (tcp[12] >> 4) * std::size_t{4};
  if (header < 20 || tcp.size() < header) return std::nullopt;

  Segment out;
  if (!find_digest(tcp.subspan(20, header - 20), out.digest_)) return std::nullopt;
  out.from = {ip->from, two(tcp, 0), {}};
  out.to = {ip->to, two(tcp, 2), {}};
  out.seq = four(tcp, 4);
  out.ack = four(tcp, 8);
  out.flags = tcp[13];
  out.ttl = ip->ttl;
  out.header_ = tcp.first(header);
  out.payload_ = tcp.subspan(header);
  out.length = out.payload_.size();
  return out;
}

bool Segment::signed_with(const Secret& secret) const {
  return signed_with(secret, from, to);
}

// RFC 2385 §2.0: pseudo-header, header without options and with a checksum of zero, data, key. So
// nothing depends on who fills in the checksum, and when.
bool Segment::signed_with(const Secret& secret, const Endpoint& sent_from,
                          const Endpoint& sent_to) const {
  if (!is_signed() || !secret || sent_from.address.family != from.address.family ||
      sent_to.address.family != to.address.family)
    return false;
  const bool v4 = from.address.family == 4;
  const std::size_t size = v4 ? 4 : 16;
  const std::size_t total = header_.size() + payload_.size();

  MD5_CTX md5;
  MD5Init(&md5);
  update(md5, Bytes(sent_from.address.bytes).first(size));
  update(md5, Bytes(sent_to.address.bytes).first(size));
  if (v4) {
    const std::uint8_t tail[] = {0, protocol_tcp, static_cast<std::uint8_t>(total >> 8),
                                 static_cast<std::uint8_t>(total)};
    update(md5, tail);
  } else {
    const std::uint8_t tail[] = {static_cast<std::uint8_t>(total >> 24),
                                 static_cast<std::uint8_t>(total >> 16),
                                 static_cast<std::uint8_t>(total >> 8),
                                 static_cast<std::uint8_t>(total),
                                 0,
                                 0,
                                 0,
                                 protocol_tcp};
    update(md5, tail);
  }
  std::uint8_t bare[20];
  std::copy_n(header_.begin(), sizeof bare, bare);
  const auto put = [&](std::size_t at, std::uint16_t value) {
    bare[at] = static_cast<std::uint8_t>(value >> 8);
    bare[at + 1] = static_cast<std::uint8_t>(value);
  };
  put(0, sent_from.port);
  put(2, sent_to.port);
  put(16, 0);
  update(md5, bare);
  update(md5, payload_);
  secret.use([&](std::span<const unsigned char> key) { update(md5, key); });
  std::uint8_t ours[digest_size];
  MD5Final(ours, &md5);  // wipes the context, which has seen the key
  wipe(&md5, sizeof md5);
  // No secret can be learned from how long this takes: the digest is on the wire.
  return std::memcmp(ours, digest_.data(), digest_size) == 0;
}

}  // namespace peerhold
