// Listener: one listening socket (address, port, interface) shared by any number of claims.
//
// A claim says: connections from `who`, signed with `key`, are mine. Longest prefix wins. A keyed
// listener gives every other address a random key, so that it meets silence; an accepted socket
// gets its claim's key again before anybody reads from it; one that matches no claim is closed and
// counted.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "loop/loop.hpp"
#include "net/connected.hpp"
#include "net/key.hpp"
#include "net/transport.hpp"

namespace peerhold {

struct Claim {
  Prefix who;
  const Key* key =
      nullptr;           // null: this listener is unauthenticated (never mixed with keyed ones), or
                         // the address is covered by a wider claim's key: see `covered`
  bool covered = false;  // signed by the key of a [[listen]] prefix; none of its own is installed
  void* owner = nullptr;  // handed back on accept; null: a prefix without a session (close, count)
};

class Listener {
 public:
  struct Accepted {
    Connected connected;
    Endpoint remote;  // the same as in `connected`, to be looked at
    void* owner;
    std::optional<std::uint32_t> key_id = {};  // of the key that has signed the handshake
    const Transport* inherited = nullptr;      // the listener's, until the callback returns
  };
  struct Counters {
    std::uint64_t accepted = 0, unclaimed = 0;
  };
  // `keyed`: whether claims bear keys; decides whether strangers meet silence. The socket listens
  // only after its first set_claims() succeeded. UNIX endpoints are always unkeyed, without claims.
  static Result<std::unique_ptr<Listener>> open(Loop&, const Endpoint& at, const Transport&,
                                                bool keyed,
                                                std::function<void(Accepted)> on_accept);
  virtual ~Listener() = default;  // retires the socket: shutdown, then close
  // The new set: keys that left are removed from the live socket, changed ones replaced, new ones
  // added. On an error nothing of the old set is lost and the text names the claim that did not
  // fit.
  virtual Result<void> set_claims(std::vector<Claim>) = 0;
  // What may change while it listens (apply_live): GTSM above all.
  virtual Result<void> set_transport(const Transport&) = 0;
  // Stops taking new connections without letting go of the port (drain).
  virtual void pause(bool) = 0;
  virtual const Endpoint& at() const = 0;
  virtual Counters counters() const = 0;
};

}  // namespace peerhold
