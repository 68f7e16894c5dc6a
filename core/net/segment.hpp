// Segment: one TCP segment seen on the wire, and with which key it is signed. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/endpoint.hpp"
#include "base/secret.hpp"

namespace peerhold {

// A view of somebody's bytes: valid as long as they are. Everything in it is as the sender says;
// nothing but signed_with() makes it worth more.
struct Segment {
  enum Flag : std::uint8_t { fin = 1, syn = 2, rst = 4, ack_flag = 16 };

  Endpoint from, to;
  bool outgoing = false;  // this host sent it
  std::uint8_t flags = 0, ttl = 0;
  std::uint32_t seq = 0, ack = 0;
  std::size_t length = 0;  // of the payload

  // From an IPv4 or IPv6 packet. Nothing when it is no whole TCP segment: another protocol, a
  // fragment, a length that does not fit, a damaged option list.
  static std::optional<Segment> parse(std::span<const std::uint8_t> packet);

  bool is_signed() const { return !digest_.empty(); }
  // RFC 2385's digest over the captured bytes, with the addresses and ports as they are.
  bool signed_with(const Secret&) const;
  // The same with other addresses and ports: those that the segment had before somebody on the way
  // rewrote them.
  bool signed_with(const Secret&, const Endpoint& sent_from, const Endpoint& sent_to) const;

 private:
  std::span<const std::uint8_t> header_;   // with the options
  std::span<const std::uint8_t> payload_;  // empty for most
  std::span<const std::uint8_t> digest_;   // the MD5 option's 16 bytes, or nothing
};

}  // namespace peerhold
