// child_config: called when a dynamic peer comes, and for each that is there at a reload.
#include "keeper/dynamic.hpp"

namespace peerhold {

std::string child_name(const std::string& parent, const Address& peer) {
  return parent + "@" + peer.to_string();
}

SessionConfig child_config(const SessionConfig& parent, const Address& peer) {
  SessionConfig child = parent;
  child.name = child_name(parent.name, peer);
  child.peer = Endpoint{peer, 0, {}};
  child.peer_prefix.reset();
  child.enabled = true;  // it has come: the parent was up
  if (child.app && child.app->is_unix()) {
    child.app->path = expand_app_path(child.app->path, parent.name, peer.to_string());
  }
  child.app_shared = child.app && child.app == parent.app;
  return child;
}

}  // namespace peerhold
