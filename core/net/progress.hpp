// Progress: what the kernel knows of one TCP connection (TCP_INFO), as far as keys are concerned:
// what fails the check never gets here, so what is accepted was signed with the key on the socket.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.hpp"

namespace peerhold {

struct Progress {
  Milliseconds since_accepted{0};  // the last segment from the far end that counted
  Milliseconds since_sent{0};      // the last data of ours
  Milliseconds round_trip{0};
  bool stuck = false;  // what we sent is sent again, or probes are not answered
  std::uint64_t bytes_received = 0;
  std::uint32_t window = 0;  // bytes that the far end may send at most
};

std::optional<Progress> progress_of(int fd);  // none: not a TCP connection

// While a key move is under way: retransmissions at most a second apart where the kernel can
// (TCP_RTO_MAX_MS), so that the connection goes on within a second of the other end's move; false:
// as the system has it. Only beside a TCP_USER_TIMEOUT: alone it makes the kernel give up after 15
// seconds.
void quick_retransmissions(int fd, bool quick);

}  // namespace peerhold
