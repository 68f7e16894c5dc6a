// The kernel's counters of TCP-MD5 drops (/proc/net/netstat of this network namespace).
#pragma once

#include <cstdint>

namespace peerhold {

struct AuthCounters {
  std::uint64_t not_found = 0;    // TCPMD5NotFound: unsigned, but we expect a signature
  std::uint64_t unexpected = 0;   // TCPMD5Unexpected: signed, but we expect none
  std::uint64_t failure = 0;      // TCPMD5Failure: wrongly signed
  std::uint64_t ttl_dropped = 0;  // TCPMinTTLDrop: GTSM
};
AuthCounters read_auth_counters();
// What each has grown by.
AuthCounters drops_between(const AuthCounters& before, const AuthCounters& now);
std::uint64_t dropped_since(const AuthCounters& before, const AuthCounters& now);

}  // namespace peerhold
