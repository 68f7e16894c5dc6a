// Next hops of the app on their way to the peer: its own loopback addresses mean nothing there.
// Called for every UPDATE that the app sends. RFC 4271 §5.1.3, RFC 4760 §3, RFC 2545 §3, RFC 4659
// §3.2.1, RFC 8950.
#include <algorithm>

#include "update.hpp"

namespace bgp {
namespace {

bool is_loopback(Bytes address) {
  if (address.size() == 4) return address[0] == 127;
  constexpr std::array<std::uint8_t, 15> zeros{};
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  // Some speakers write an IPv4 session's own address into IPv6 routes as an IPv4-mapped one.
  if (std::ranges::equal(address.first(12), mapped)) return address[12] == 127;
  return address[15] == 1 && std::ranges::equal(address.first(15), zeros);
}

// Where the address stands in a next hop, by its length: behind a route distinguisher in VPN
// families, and the first of two where a link-local one follows (RFC 2545 §3, RFC 4659 §3.2.1.1,
// RFC 8950 §4).
Bytes address_in(Bytes next_hop) {
  switch (next_hop.size()) {
    case 4:
    case 16:
      return next_hop;
    case 32:
      return next_hop.first(16);
    case 12:
      return next_hop.subspan(8);
    case 24:
    case 48:
      return next_hop.subspan(8, 16);
    default:
      return {};
  }
}

}  // namespace

bool rewrite_next_hops(std::span<std::uint8_t> message, const NextHopRule& rule, bool* missed) {
  if (rule.what == NextHopRule::What::untouched || message.size() < header_size) return false;
  const auto parsed = parse_update(message.subspan(header_size));
  const auto* update = std::get_if<Update>(&parsed);
  if (update == nullptr) return false;
  bool rewritten = false;
  const auto rewrite = [&](Bytes address) {
    if (address.empty()) return;
    if (rule.what == NextHopRule::What::loopbacks && !is_loopback(address)) return;
    const auto at = message.begin() + (address.data() - message.data());
    if (address.size() == 4 && rule.v4) {
      std::ranges::copy(*rule.v4, at);
    } else if (address.size() == 16 && rule.v6) {
      std::ranges::copy(*rule.v6, at);
    } else {
      if (missed != nullptr) *missed = true;
      return;
    }
    rewritten = true;
  };
  if (update->reach) rewrite(address_in(update->reach->next_hop));
  Reader list(update->attributes);
  while (const auto attribute = take_attribute(list))
    if (attribute->type == attribute::next_hop && attribute->value.size() == 4)
      rewrite(attribute->value);
  return rewritten;
}

}  // namespace bgp
