// Dialer: one active open (RFC 9293) with its key on the socket before the first SYN.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/endpoint.hpp"
#include "loop/loop.hpp"
#include "net/connected.hpp"
#include "net/key.hpp"
#include "net/transport.hpp"

namespace peerhold {

struct DialRequest {
  Endpoint to;                   // TCP or UNIX
  std::optional<Endpoint> from;  // source address, port 0 = any
  const Key* key =
      nullptr;  // null: not authenticated. Copied into the socket before start() returns
  Transport transport;
  Milliseconds timeout{10000};
};

// Destroying it gives the attempt up. The callback runs exactly once, never from inside start(),
// and may destroy the Dialer. The error's cause is connect_refused, connect_timeout, unreachable,
// peer_reset (it accepted, and closed at once), resource (address, interface, port, key room on
// this host), or internal; its text names peer, time and what to look at.
class Dialer {
 public:
  using Done = std::function<void(Result<Connected>)>;
  static std::unique_ptr<Dialer> start(Loop&, const DialRequest&, Done);
  virtual ~Dialer() = default;
  // The key to sign with from the next SYN on (a changed key meets silence, not an error).
  virtual Result<void> rekey(const Key&) = 0;
  virtual Endpoint local() const = 0;
};

}  // namespace peerhold
