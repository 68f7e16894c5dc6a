// OPEN (RFC 4271 §4.2, §6.2), its capabilities (RFC 5492) and what two OPENs agree to.
#pragma once

#include <map>
#include <variant>
#include <vector>

#include "message.hpp"

namespace bgp {

inline constexpr std::uint16_t as_trans = 23456;  // RFC 6793

enum class Role : std::uint8_t { provider, rs, rs_client, customer, peer };  // RFC 9234 §4.1
std::string_view to_string(Role);
std::optional<Role> parse_role(std::string_view);  // "provider" "rs" "rs-client" "customer" "peer"
// Do the two go together? provider–customer, rs–rs-client, peer–peer.
bool roles_fit(Role ours, Role theirs);

namespace add_path {  // RFC 7911 §4, as the sender of the OPEN sees it
inline constexpr std::uint8_t receive = 1, send = 2, both = 3;
}

struct GracefulRestart {            // RFC 4724 §3, RFC 8538 §2
  bool restarting = false;          // R
  bool notification = false;        // N
  std::uint16_t time_s = 0;         // 0…4095
  std::map<Family, bool> families;  // F: forwarding state was preserved
  bool operator==(const GracefulRestart&) const = default;
};

struct Capabilities {
  std::vector<Family> families;  // multiprotocol, RFC 4760, in the order given; none: IPv4 unicast
  bool route_refresh = false, enhanced_refresh = false, extended_messages = false;
  std::optional<std::uint32_t> four_octet_as;
  std::map<Family, std::uint8_t> add_path;
  std::optional<GracefulRestart> graceful_restart;
  std::optional<Role> role;
  bool roles_differ =
      false;  // more than one role capability, with different values (RFC 9234 §4.2)
  std::vector<std::pair<std::uint8_t, Buffer>> unknown;  // code, value; not written by encode()
  bool operator==(const Capabilities&) const = default;

  std::vector<Family> effective_families() const;  // {IPv4 unicast} when none was given
};

struct Open {
  std::uint32_t as = 0;  // from the four-octet capability where there is one
  std::uint16_t hold_time_s = 0;
  std::uint32_t identifier = 0;
  Capabilities capabilities;
  bool has_capabilities = true;  // false: an OPEN without any optional parameter of that kind
  bool operator==(const Open&) const = default;
};

Buffer encode(
    const Open&);  // extended optional parameters (RFC 9072) where 255 bytes do not suffice
// What RFC 4271 §6.2 and the RFCs of the capabilities refuse in any OPEN: version, length fields,
// hold time 1 and 2, identifier 0 (RFC 6286), AS 0 (RFC 7607), an unknown optional parameter.
// Malformed capabilities: 2/0, but for lengths that a capability's RFC tells to ignore.
std::variant<Open, Notification> parse_open(Bytes body);

// What holds on a connection once both OPENs are known.
struct Agreement {
  std::uint16_t hold_time_s = 0;            // the smaller; 0: no keepalives
  std::vector<Family> families;             // in our order
  std::map<Family, std::uint8_t> add_path;  // our side of it: what we may receive and send
  bool four_octet_as = false, route_refresh = false, enhanced_refresh = false,
       extended_messages = false;
  std::optional<GracefulRestart> graceful_restart;  // theirs, where ours was sent as well
  bool hard_resets = false;                         // both said N (RFC 8538)
  std::optional<Role> role;                         // theirs, where ours was sent as well
  std::size_t limit() const { return extended_messages ? max_extended : max_message; }
  bool operator==(const Agreement&) const = default;
};
// `as`: the AS that must be theirs; none: any. The Notification says why not: 2/2 with the AS that
// was seen, 2/3 our own identifier within the same AS (RFC 6286), 2/7 with our families as data
// where none is common, 2/11 roles.
std::variant<Agreement, Notification> agree(const Open& ours, const Open& theirs,
                                            std::optional<std::uint32_t> as);

// The OPEN for the app: the peer's AS and identifier, and exactly those capabilities that the
// peer's link has agreed to; never what peerhold does not know. hold_time_s is app_hold_time's.
Open open_for_app(const Open& from_peer, const Agreement&, std::uint16_t hold_time_s);
// What an app lacks that the peer was promised, in words ("ipv6-unicast, extended messages");
// empty: nothing. `app` is what open_for_app's OPEN and the app's own agreed to.
std::string lacking(const Agreement& peer, const Agreement& app);

}  // namespace bgp
