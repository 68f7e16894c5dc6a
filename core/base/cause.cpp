// The words of `last_error.code`; scripts depend on them.
#include "base/cause.hpp"

namespace peerhold {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::connect_refused:
      return "connect-refused";
    case Cause::connect_timeout:
      return "connect-timeout";
    case Cause::unreachable:
      return "unreachable";
    case Cause::auth_mismatch:
      return "auth-mismatch";
    case Cause::auth_missing:
      return "auth-missing";
    case Cause::auth_unexpected:
      return "auth-unexpected";
    case Cause::peer_closed:
      return "peer-closed";
    case Cause::peer_reset:
      return "peer-reset";
    case Cause::hold_expired:
      return "hold-expired";
    case Cause::notification:
      return "notification";
    case Cause::framing:
      return "framing";
    case Cause::app_unreachable:
      return "app-unreachable";
    case Cause::user_timeout:
      return "user-timeout";
    case Cause::admin:
      return "admin";
    case Cause::resource:
      return "resource";
    case Cause::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace peerhold
