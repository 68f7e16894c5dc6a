// Why a link, an attempt or an app connection ended: the codes of `last_error.code`, in the order
// of enum ph_cause in the plugin header (a static_assert in core/plugin holds them together).
#pragma once

#include <cstdint>
#include <string_view>

namespace peerhold {

enum class Cause : std::uint8_t {
  connect_refused,
  connect_timeout,
  unreachable,
  auth_mismatch,
  auth_missing,
  auth_unexpected,
  peer_closed,
  peer_reset,
  hold_expired,
  notification,
  framing,
  app_unreachable,
  user_timeout,
  admin,
  resource,
  internal,
};

// "connect-refused" … as scripts see it.
std::string_view to_string(Cause);

}  // namespace peerhold
