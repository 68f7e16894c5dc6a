// Connected: a stream socket that stands, with the names of its two ends.
//
// Who accepts or dials knows most of the names already, and each question to the kernel is paid for
// with every connection.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "loop/loop.hpp"

namespace peerhold {

// The name of a TCP socket's end as the kernel writes it, in little room. Unset for a UNIX socket.
class SocketName {
 public:
  SocketName() = default;
  SocketName(const sockaddr*, socklen_t);
  static SocketName local_of(int fd);
  static SocketName remote_of(int fd);
  explicit operator bool() const { return length_ != 0; }
  Endpoint endpoint() const;

 private:
  std::array<std::uint8_t, sizeof(sockaddr_in6)> bytes_{};
  std::uint8_t length_ = 0;
};

struct Connected {
  Fd fd;                               // connected and non-blocking
  SocketName local = {}, remote = {};  // unset: to be asked for
  Poll poll = {};                      // of who has dialled it, in the hands of nobody
};

}  // namespace peerhold
