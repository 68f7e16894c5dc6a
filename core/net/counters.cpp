// The kernel's own count of what TCP-MD5 and GTSM dropped. Linux says nothing else about it
// since 6.11, so the texts of dial errors lean on this. Counted for the whole network namespace,
// not a socket.
#include "net/counters.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace peerhold {

AuthCounters read_auth_counters() {
  AuthCounters found;
  std::ifstream file("/proc/net/netstat");
  std::string names, values;
  // Pairs of lines: "TcpExt: name name …", then "TcpExt: value value …".
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with("TcpExt:")) continue;
    std::istringstream name_words(names), value_words(values);
    std::string name, group;
    std::uint64_t value = 0;
    name_words >> name;
    value_words >> group;
    while (name_words >> name && value_words >> value) {
      if (name == "TCPMD5NotFound") found.not_found = value;
      if (name == "TCPMD5Unexpected") found.unexpected = value;
      if (name == "TCPMD5Failure") found.failure = value;
      if (name == "TCPMinTTLDrop") found.ttl_dropped = value;
    }
  }
  return found;
}

AuthCounters drops_between(const AuthCounters& before, const AuthCounters& now) {
  return {now.not_found - before.not_found, now.unexpected - before.unexpected,
          now.failure - before.failure, now.ttl_dropped - before.ttl_dropped};
}

std::uint64_t dropped_since(const AuthCounters& before, const AuthCounters& now) {
  return (now.not_found - before.not_found) + (now.unexpected - before.unexpected) +
         (now.failure - before.failure);
}

}  // namespace peerhold
