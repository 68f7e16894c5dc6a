// The names of address families, for configuration, `status` and logs. Called by whatever reads or
// prints a family. RFC 4760; the numbers are IANA's.
#include "family.hpp"

#include <array>
#include <charconv>

namespace bgp {
namespace {

struct Named {
  Family family;
  std::string_view name;
};

constexpr std::array<Named, 13> family_names{{
    {{1, 1}, "ipv4-unicast"},
    {{1, 2}, "ipv4-multicast"},
    {{1, 4}, "ipv4-labelled"},        // RFC 8277
    {{1, 128}, "ipv4-vpn"},           // RFC 4364
    {{1, 133}, "ipv4-flowspec"},      // RFC 8955
    {{1, 134}, "ipv4-vpn-flowspec"},  // RFC 8955 §8
    {{2, 1}, "ipv6-unicast"},
    {{2, 2}, "ipv6-multicast"},
    {{2, 4}, "ipv6-labelled"},
    {{2, 128}, "ipv6-vpn"},  // RFC 4659
    {{2, 133}, "ipv6-flowspec"},
    {{2, 134}, "ipv6-vpn-flowspec"},
    {{25, 70}, "l2vpn-evpn"},  // RFC 7432
}};

// The whole text, and nothing but digits.
template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string to_string(Family family) {
  for (const auto& known : family_names)
    if (known.family == family) return std::string(known.name);
  return std::to_string(family.afi) + '/' + std::to_string(family.safi);
}

std::optional<Family> parse_family(std::string_view text) {
  for (const auto& known : family_names)
    if (known.name == text) return known.family;
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto afi = number<std::uint16_t>(text.substr(0, slash));
  const auto safi = number<std::uint8_t>(text.substr(slash + 1));
  if (!afi || !safi) return std::nullopt;
  return Family{*afi, *safi};
}

}  // namespace bgp
