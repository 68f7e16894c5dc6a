// The plugin's options, [session.bgp]: declared for the core, and read into plain values.
#pragma once

#include <peerhold/host.hpp>

#include <optional>
#include <string>
#include <vector>

#include "holding.hpp"
#include "open.hpp"
#include "update.hpp"

namespace bgp {

inline constexpr std::size_t option_count = 30;
extern const ph_option option_table[option_count];

struct Options {
  std::uint32_t local_as = 0;
  std::optional<std::uint32_t> peer_as;    // none: any
  std::optional<std::uint32_t> router_id;  // none: the IPv4 address of the first link
  std::uint16_t hold_time_s = 90, app_hold_time_s = 90;
  std::vector<Family> families;
  bool route_refresh = true, four_octet_as = true, extended_messages = false;
  std::uint8_t add_path = 0;  // of every family; 0: off
  std::optional<Role> role;
  std::optional<std::uint16_t> graceful_restart_s;
  bool forwarding_preserved = true, gr_notification = false;
  std::string shutdown_message;
  NextHopRule::What next_hop = NextHopRule::What::loopbacks;
  std::optional<std::array<std::uint8_t, 4>> next_hop4;  // given; else the link's local address
  std::optional<std::array<std::uint8_t, 16>> next_hop6;
  std::uint64_t app_backlog = 0;
  HoldRules holding;
  bool close_on_app_cease = false;
  std::size_t max_routes_held = 0, max_routes_kept = 0;
  enum class Keep : std::uint8_t { automatic, always, off } keep_peer_routes = Keep::automatic;
  bool graceful_stop = true;
  std::optional<Ms> delay_open, passive_timeout;
};

Options read_options(const ph::Config&);
// Contradictions, for `peerhold check`.
void check_options(const ph::Config&, const ph_open&);

std::string dotted(std::uint32_t identifier);  // "192.0.2.1"

}  // namespace bgp
