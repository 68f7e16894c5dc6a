// What two OPENs agree to: each capability as its RFC has it, roles (RFC 9234), identifiers (RFC
// 6286); and the OPEN that shows the peer to the app. Called by both sides of the plugin when an
// OPEN has come, and by the app's side before it sends its own.
#include <algorithm>
#include <array>

#include "open.hpp"

namespace bgp {
namespace {

constexpr std::array<std::string_view, 5> role_names{"provider", "rs", "rs-client", "customer",
                                                     "peer"};

// RFC 5492 §3: the data holds the capabilities that were missed, as an OPEN would.
Notification no_common_family(const std::vector<Family>& ours) {
  Notification n{code::open, open_error::unsupported_capability, {}};
  for (const auto& family : ours) {
    put8(n.data, 1);  // multiprotocol, RFC 4760 §8
    put8(n.data, 4);
    put16(n.data, family.afi);
    put8(n.data, 0);
    put8(n.data, family.safi);
  }
  return n;
}

// RFC 9234 §4.2
bool roles_agree(const Capabilities& ours, const Capabilities& theirs) {
  if (theirs.roles_differ) return false;
  return !ours.role || !theirs.role || roles_fit(*ours.role, *theirs.role);
}

std::uint8_t other_way(std::uint8_t direction) {
  return static_cast<std::uint8_t>((direction & add_path::receive ? add_path::send : 0) |
                                   (direction & add_path::send ? add_path::receive : 0));
}

std::uint8_t direction_of(const std::map<Family, std::uint8_t>& directions, Family family) {
  const auto found = directions.find(family);
  return found == directions.end() ? std::uint8_t{0} : found->second;
}

bool has(const std::vector<Family>& families, Family family) {
  return std::find(families.begin(), families.end(), family) != families.end();
}

}  // namespace

std::string_view to_string(Role role) {
  const auto index = static_cast<std::size_t>(role);
  return index < role_names.size() ? role_names[index] : "unknown";
}

std::optional<Role> parse_role(std::string_view text) {
  const auto found = std::find(role_names.begin(), role_names.end(), text);
  if (found == role_names.end()) return std::nullopt;
  return static_cast<Role>(found - role_names.begin());
}

// RFC 9234 §4.2, table 2. A number that is not assigned fits none.
bool roles_fit(Role ours, Role theirs) {
  switch (ours) {
    case Role::provider:
      return theirs == Role::customer;
    case Role::customer:
      return theirs == Role::provider;
    case Role::rs:
      return theirs == Role::rs_client;
    case Role::rs_client:
      return theirs == Role::rs;
    case Role::peer:
      return theirs == Role::peer;
  }
  return false;
}

// RFC 4760 §8: who says nothing speaks IPv4 unicast.
std::vector<Family> Capabilities::effective_families() const {
  return families.empty() ? std::vector{ipv4_unicast} : families;
}

std::variant<Agreement, Notification> agree(const Open& ours, const Open& theirs,
                                            std::optional<std::uint32_t> as) {
  // RFC 4271 §6.2
  if (as && *as != theirs.as) {
    Notification n{code::open, open_error::bad_peer_as, {}};
    put32(n.data, theirs.as);
    return n;
  }
  // RFC 6286 §2.2: between systems the same identifier is allowed.
  if (ours.as == theirs.as && ours.identifier == theirs.identifier)
    return Notification{code::open, open_error::bad_identifier, {}};
  const Capabilities &mine = ours.capabilities, &yours = theirs.capabilities;
  if (!roles_agree(mine, yours)) return Notification{code::open, open_error::role_mismatch, {}};

  Agreement both;
  const auto your_families = yours.effective_families();
  for (const auto& family : mine.effective_families())
    if (has(your_families, family)) both.families.push_back(family);
  // RFC 5492 §3
  if (both.families.empty()) return no_common_family(mine.effective_families());

  // RFC 4271 §4.2: the smaller one; that 0 is the smallest is what §4.4 wants as well.
  both.hold_time_s = std::min(ours.hold_time_s, theirs.hold_time_s);
  // RFC 7911 §4: one may send what the other receives.
  for (const auto& family : both.families) {
    const auto direction = static_cast<std::uint8_t>(
        direction_of(mine.add_path, family) & other_way(direction_of(yours.add_path, family)));
    if (direction != 0) both.add_path[family] = direction;
  }
  both.four_octet_as = mine.four_octet_as && yours.four_octet_as;              // RFC 6793 §4.1
  both.route_refresh = mine.route_refresh && yours.route_refresh;              // RFC 2918 §4
  both.enhanced_refresh = mine.enhanced_refresh && yours.enhanced_refresh;     // RFC 7313 §4
  both.extended_messages = mine.extended_messages && yours.extended_messages;  // RFC 8654 §4
  if (mine.graceful_restart) both.graceful_restart = yours.graceful_restart;
  // RFC 8538 §2
  both.hard_resets = both.graceful_restart && both.graceful_restart->notification &&
                     mine.graceful_restart->notification;
  if (mine.role) both.role = yours.role;
  return both;
}

Open open_for_app(const Open& from_peer, const Agreement& link, std::uint16_t hold_time_s) {
  Open open;
  open.as = from_peer.as;
  open.identifier = from_peer.identifier;
  open.hold_time_s = hold_time_s;
  auto& offer = open.capabilities;
  // RFC 4760 §8: without the peer's word for it nobody may send it IPv4 unicast in MP_REACH_NLRI.
  if (!from_peer.capabilities.families.empty()) offer.families = link.families;
  offer.route_refresh = link.route_refresh;
  offer.enhanced_refresh = link.enhanced_refresh;
  offer.extended_messages = link.extended_messages;
  if (link.four_octet_as) offer.four_octet_as = from_peer.as;
  // What we may send to the peer is what the peer receives.
  for (const auto& [family, direction] : link.add_path)
    offer.add_path[family] = other_way(direction);
  if (link.graceful_restart) {
    offer.graceful_restart = link.graceful_restart;
    offer.graceful_restart->notification = link.hard_resets;
    std::erase_if(offer.graceful_restart->families,
                  [&](const auto& entry) { return !has(link.families, entry.first); });
  }
  offer.role = link.role;
  open.has_capabilities = offer != Capabilities{};
  return open;
}

// Only what decides which bytes the app can read: graceful restart is the keeper's own promise, and
// a role binds what an app announces, not how it is written. The peer's refreshes are answered from
// what is held where the app cannot (GoBGP has no RFC 7313).
std::string lacking(const Agreement& peer, const Agreement& app) {
  std::string out;
  const auto add = [&](bool missing, const std::string& what) {
    if (missing) out += (out.empty() ? "" : ", ") + what;
  };
  for (const auto& family : peer.families) {
    const bool spoken = has(app.families, family);
    add(!spoken, to_string(family));
    // The app's side of the keeper stands for the peer: it sends what the peer's side receives.
    const auto wanted = other_way(direction_of(peer.add_path, family));
    const auto missing = wanted & ~direction_of(app.add_path, family);
    add(spoken && missing != 0, "add-path for " + to_string(family));
  }
  add(peer.four_octet_as && !app.four_octet_as, "four-octet AS numbers");
  add(peer.extended_messages && !app.extended_messages, "extended messages");
  return out;
}

}  // namespace bgp
