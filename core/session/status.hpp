// What an operator can know of a session, as plain values: `status`, `watch` and metrics are made
// from them. Made when asked for; nothing here is kept up to date meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cause.hpp"
#include "base/units.hpp"

namespace peerhold {

enum class SessionState : std::uint8_t {
  down,
  connecting,
  listening,
  opening,
  established,
  backoff,
  failed,
};
std::string_view to_string(SessionState);

enum class Health : std::uint8_t { ok, degraded, down };
std::string_view to_string(Health);

// How health_text begins when an app is configured, and none is attached; then ", 1204 routes" when
// that is held for it, then ": " and what the plugin has to say.
inline constexpr std::string_view app_is_absent = "no app is attached";

// One failure, as `last_error`, `last_down` and `recent_errors` show it.
struct Failure {
  Cause cause = Cause::internal;
  std::string text;
  WallTime at;
};

struct SessionStatus {
  std::string name, plugin, mode, peer, source, description;
  std::map<std::string, std::string> labels;
  SessionState state = SessionState::down;
  WallTime since;
  Milliseconds uptime{0};  // 0 unless established
  Health health = Health::down;
  std::string health_text;
  struct KeyUse {
    std::string chain, method = "tcp-md5", cause = "schedule";
    std::uint32_t id = 0;
    bool confirmed = true;  // false: a move is under way, the peer was not seen on it yet
  };
  // When each key of the chain was last seen to work, by direction.
  struct KeyWork {
    std::uint32_t id = 0;
    std::optional<WallTime> sent, received;
  };
  std::vector<KeyWork> key_work;
  std::optional<KeyUse> key;  // none: keychain = "none"
  std::size_t links = 0;
  std::string app_endpoint;  // empty: none configured
  std::size_t apps_attached = 0;
  std::optional<Milliseconds> app_absent;  // persistent with an app configured, none attached
  std::optional<Milliseconds> hold_left;   // bgp
  std::uint64_t attempts = 0, established_count = 0;
  std::optional<Milliseconds> retry_in;
  std::optional<Failure> last_error, last_down;
  std::vector<Failure> recent_errors;  // the last eight, newest first
  std::uint64_t peer_to_app = 0, app_to_peer = 0;
  std::string plugin_status;  // the plugin's JSON object, "{}" when it has none
  struct Metric {
    std::string name, label;  // empty: without a label
    std::int64_t value = 0;
  };
  std::vector<Metric> plugin_metrics;  // what its instances have counted, beside that object
};

}  // namespace peerhold
