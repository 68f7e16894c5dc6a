// Capture: the TCP segments between some pairs of addresses, as they pass this host's devices
// (packet(7)). It costs nothing measurable only while it is closed: open it to find something out.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "loop/loop.hpp"
#include "net/segment.hpp"

namespace peerhold {

class Capture {
 public:
  // Port 0 is any port on that side; an address that is not set or is 0.0.0.0 or :: is any address
  // (the latter of their family). `opening`: only what bears SYN.
  struct Pair {
    Endpoint local, peer;
    bool opening = false;
  };
  // Both directions, each segment once where it leaves or arrives; loopback too. Devices stacked on
  // each other (a bridge and its port) may show one twice. `seen` may destroy the Capture; the
  // Segment is valid until it returns. The error's code is EPERM without CAP_NET_RAW, and its text
  // says what to grant.
  static Result<std::unique_ptr<Capture>> open(Loop&, const std::vector<Pair>& only,
                                               std::function<void(const Segment&)> seen);
  virtual ~Capture() = default;
};

}  // namespace peerhold
