// Address families (RFC 4760) and how the configuration and `status` name them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bgp {

struct Family {
  std::uint16_t afi = 0;
  std::uint8_t safi = 0;
  auto operator<=>(const Family&) const = default;
};

inline constexpr Family ipv4_unicast{1, 1};
inline constexpr Family ipv6_unicast{2, 1};

// "ipv4-unicast" "ipv4-multicast" "ipv4-labelled" "ipv4-vpn" "ipv4-flowspec" "ipv4-vpn-flowspec",
// the same for ipv6, "l2vpn-evpn"; any other is "afi/safi" in numbers ("16388/71"), both ways.
std::string to_string(Family);
std::optional<Family> parse_family(std::string_view);

}  // namespace bgp
