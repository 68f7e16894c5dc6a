// Listeners: the sockets that peers connect to, one for each (address, port, interface), shared by
// the claims of any number of sessions and by the prefixes of [[listen]].
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/chain.hpp"
#include "config/config.hpp"
#include "net/listener.hpp"

namespace peerhold {

class Session;

class Listeners {
 public:
  // `scheduled_key`: of a chain, for [[listen]] prefixes. `children`: of a dynamic session.
  Listeners(Loop&, std::function<const Key*(const std::string& chain)> scheduled_key,
            std::function<std::vector<Session*>(const Session&)> children);
  ~Listeners();

  // Sessions whose claim could not be met, with why.
  using Lost = std::vector<std::pair<Session*, Error>>;
  // While holding, what is claimed and unclaimed is only written down; release() brings it to the
  // sockets in one go, and with it [[listen]] and keys that have changed.
  void hold();
  Lost release();
  void set_prefixes(std::vector<ListenConfig>);

  // Devices have come or gone. A socket stays bound to the device that there was when it was
  // opened, also when there is another of that name: such sockets are opened again.
  Lost host_changed();

  // The keys of a session's claim, or of a [[listen]] prefix, have changed. Between hold_keys() and
  // release_keys() that is only written down: a thousand claims of one socket move in one go.
  void hold_keys() { holding_keys_ = true; }
  void release_keys();
  void key_changed(const Session&);
  void keys_changed();

  Result<void> claim(Session&);
  void unclaim(Session&);

 private:
  struct Place;
  using Name = std::pair<Endpoint, std::string>;  // address:port, interface
  static Name name_of(const Session&);
  Result<void> update(const Name&, Place&);
  bool restore(const Name&, Place&, Lost&);
  std::vector<Claim> claims_of(const Name&, const Place&) const;

  Loop& loop_;
  std::function<const Key*(const std::string&)> scheduled_key_;
  std::function<std::vector<Session*>(const Session&)> children_;
  std::vector<ListenConfig> prefixes_;
  std::map<Name, std::unique_ptr<Place>> places_;
  bool holding_ = false, holding_keys_ = false;
};

}  // namespace peerhold
