// NOTIFICATION messages (RFC 4271 §4.5 and §6): codes, their names, and the texts they carry.
#pragma once

#include <string>
#include <string_view>

#include "wire.hpp"

namespace bgp {

struct Notification {
  std::uint8_t code = 0, subcode = 0;
  Buffer data;
  bool operator==(const Notification&) const = default;
};

namespace code {
inline constexpr std::uint8_t header = 1, open = 2, update = 3, hold_timer = 4, fsm = 5, cease = 6,
                              refresh = 7, send_hold = 8;  // 7: RFC 7313, 8: RFC 9687
}
namespace header_error {
inline constexpr std::uint8_t not_synchronized = 1, bad_length = 2, bad_type = 3;
}
namespace open_error {
inline constexpr std::uint8_t unsupported_version = 1, bad_peer_as = 2, bad_identifier = 3,
                              unsupported_parameter = 4, unacceptable_hold_time = 6,
                              unsupported_capability = 7, role_mismatch = 11;  // RFC 5492, RFC 9234
}
namespace fsm_error {  // RFC 6608
inline constexpr std::uint8_t unspecified = 0, in_open_sent = 1, in_open_confirm = 2,
                              in_established = 3;
}
namespace cease {  // RFC 4486, RFC 8538
inline constexpr std::uint8_t max_prefixes = 1, admin_shutdown = 2, peer_deconfigured = 3,
                              admin_reset = 4, connection_rejected = 5, config_change = 6,
                              collision = 7, out_of_resources = 8, hard_reset = 9;
}

// Cease with a shutdown communication (RFC 9003), cut to 255 bytes at a character's end. Only
// subcodes 2 and 4 carry one; for the others `communication` is not sent.
Notification cease_with(std::uint8_t subcode, std::string_view communication);
// RFC 8538: `inner` within Cease 6/9; and back. None where it is no hard reset or is malformed.
Notification hard_reset_of(const Notification& inner);
std::optional<Notification> inside_hard_reset(const Notification&);
// Of Cease 6/2 and 6/4, also inside of a hard reset; "" where there is none. Not escaped.
std::string communication_of(const Notification&);

// "Cease/Administrative Shutdown (6/2): "text"", "OPEN Message Error/Bad Peer AS (2/2): AS 64999":
// names from the IANA registry, what the data says where the RFC defines it, else its bytes in hex
// (at most 32). Control characters are escaped.
std::string describe(const Notification&);
// Would a retry meet the same? Bad peer AS, unsupported capability, role mismatch, Cease 6/1…6/3,
// also inside of a hard reset.
bool retry_cannot_cure(const Notification&);

}  // namespace bgp
