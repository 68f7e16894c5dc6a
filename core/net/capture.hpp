// Capture: the TCP segments between some pairs of addresses, as they pass this host's devices
// (packet(7)). Read as they come, to find something out; or kept at rest: a short queue in the
// kernel that is full after some dozens and is emptied now and then, so that the first segment that
// went wrong on a quiet link is at hand, and a busy one costs next to nothing.
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
  // Not read on the loop any more, but by drain() alone. `room`: of the queue, in bytes.
  virtual void rest(int room) = 0;
  // Hands over what waits, at most so many segments; not from inside `seen`. False: there is more.
  virtual bool drain(int most) = 0;
};

}  // namespace peerhold
