// Why there is no link, or none that passes: facts in, findings out, and the words for them. Pure:
// `peerhold doctor`, `peerhold probe` and `last_error` all judge and speak by this.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "auth/evidence.hpp"
#include "base/units.hpp"
#include "net/counters.hpp"

namespace peerhold {

// What is known of one session, or of an address that is probed.
struct Facts {
  std::string session;  // its name; empty: a probe
  // As people read them; the local ones are empty when no source is configured.
  std::string peer, peer_port;  // the address, or prefix; with its port, when it is dialled
  std::string source, listener_at;
  std::string chain;  // empty: not authenticated
  std::uint32_t expected = 0;
  bool dials = false, listens = false;
  std::optional<unsigned> ttl_security_hops;

  enum class Link : std::uint8_t { none, opening, established, stalled } link = Link::none;
  bool stopped_by_operator = false;
  bool rests = false;      // it has no link, and wants none now: per-client without a client
  std::string degraded;    // in the session's own words, in whatever state it is
  std::string app;         // the app's endpoint, when that is what it misses
  bool app_calls = false;  // … and the app connects there, not we
  std::optional<Error> last_error;  // of a session without a link
  bool kernel_has_md5 = true;
  bool key_valid = true;  // some key of the chain is valid now
  enum class Socket : std::uint8_t { none, open, no_room, closed } listener = Socket::none;

  bool captured = false;  // the wire was looked at; else it is not known who sends what
  Milliseconds watched{0};
  Evidence seen;
  AuthCounters dropped;  // by the whole host meanwhile

  std::string no_way;  // why nothing can leave this host for the peer

  // `reset`: accepted, and closed at once.
  enum class Dial : std::uint8_t { none, accepted, reset, refused, unreachable, silent };
  Dial signed_dial = Dial::none, unsigned_dial = Dial::none;
  std::string dial_text;  // of the signed one, when it failed otherwise than by silence
};

// The worst first.
enum class Finding : std::uint8_t {
  no_tcp_md5,
  key_limit,
  not_listening,
  no_route,
  rewritten,
  unknown_key,
  other_key,
  not_signing,
  unexpected_signature,
  too_far,
  port_closed,
  turned_away,
  refused,
  dropped,  // the kernel drops something, and who sends it is not known
  no_answer,
  nothing_comes,
  no_valid_key,
  last_error,
  stopped,
  degraded,
};
// What a dial that failed so has met.
Facts::Dial outcome(Cause);
bool taken(Facts::Dial);  // accepted, whatever came then
// Of what the whole host dropped, that which may have been this peer's.
AuthCounters relevant(const Facts&);
std::string_view to_string(Finding);  // "not-signing": what scripts see

std::vector<Finding> judge(const Facts&);
// One to four lines: what is so, why, what to do next.
std::vector<std::string> words(const Facts&, Finding);
// As many whole findings as fit, the worst first.
inline constexpr std::size_t most_lines = 5;

// `last_error` for a link that does not come up, or stalls: only of what the wire itself has shown.
std::optional<Error> error_of(const Facts&);

}  // namespace peerhold
