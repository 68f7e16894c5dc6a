// Socket options of links and listeners, as [session.transport] has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/units.hpp"

namespace peerhold {

struct Transport {
  std::optional<unsigned>
      ttl_security_hops;  // GTSM, RFC 5082: sent with 255, accepted from 256 - N; 1…254
  std::optional<Milliseconds> user_timeout;  // TCP_USER_TIMEOUT, RFC 5482
  std::optional<Milliseconds> keepalive;     // idle = interval, 3 probes
  std::optional<unsigned> dscp;              // 0…63
  std::string interface;                     // SO_BINDTODEVICE
  std::optional<unsigned> mss;
  std::string congestion = "auto";  // auto: first of cubic, reno that may be set, on signed links
  std::uint64_t buffer = 1 << 20;
  bool freebind = false;
  bool v6only = false;
  bool operator==(const Transport&) const = default;
};

// Before bind: the address may still be in TIME_WAIT from the link or listener before this one.
Result<void> reuse_address(int fd);
// Before bind: interface, freebind, v6only, mss, TCP_NODELAY. `family` 4 or 6.
Result<void> prepare_socket(int fd, int family, const Transport&);
// What may change while the link lives: GTSM, user timeout, keepalive, dscp, congestion. `has`:
// what the socket bears already, which costs no call; null: not known.
Result<void> apply_live(int fd, const Transport&, bool is_signed, const Transport* has = nullptr);
// The same on a socket of `family` 4 or 6 that was just made, where nothing is set.
Result<void> apply_new(int fd, int family, const Transport&, bool is_signed);
// The same on a socket that a listener with the options `inherited` has accepted.
Result<void> apply_accepted(int fd, const Transport&, bool is_signed, const Transport& inherited);

// Ends a TCP connection by RST, signed while its key is on the socket; works while another process
// holds a duplicate of the descriptor. On a UNIX socket nothing happens and
// the answer is false: close it.
bool abort_connection(int fd);

}  // namespace peerhold
