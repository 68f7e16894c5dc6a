// Keeper, the part about dynamic peers: a persistent session whose peer is a prefix gets a session
// of its own for each address that comes, NAME@ADDRESS.
#include <algorithm>

#include "keeper/dynamic.hpp"
#include "keeper/state.hpp"

namespace peerhold {

std::vector<Keeper::State::Slot*> Keeper::State::children_of(const std::string& parent) {
  std::vector<Slot*> out;
  for (Slot& slot : slots) {
    if (slot.parent == parent && !slot.removed) out.push_back(&slot);
  }
  return out;
}

Result<Session*> Keeper::State::child(Session& parent, const Address& peer) {
  const SessionConfig& of = parent.config();
  const std::string name = child_name(of.name, peer);
  std::size_t there = 0;
  auto behind = slots.end();
  for (auto it = slots.begin(); it != slots.end(); ++it) {
    if (it->session.get() == &parent) behind = std::next(it);
    if (it->parent != of.name) continue;
    behind = std::next(it);
    if (it->session->name() == name) {
      if (!it->removed) return it->session.get();
      return Error{"the session before this one is still saying goodbye", 0, Cause::resource};
    }
    if (!it->removed) ++there;
  }
  if (there >= of.max_dynamic) {
    return Error{"max_dynamic = " + std::to_string(of.max_dynamic) +
                     " peers are there already; raise it, or narrow the prefix",
                 0, Cause::resource};
  }
  Slot slot;
  slot.session = make(child_config(of, peer), true);
  slot.parent = of.name;
  Session* made = slots.insert(behind, std::move(slot))->session.get();
  made->start();
  return made;
}

void Keeper::State::forget(Session& child) {
  for (Slot& slot : slots) {
    if (slot.session.get() == &child && !slot.removed) {
      slot.remove(PH_BYE_REMOVED, "the peer has not come back; its session is forgotten");
    }
  }
}

void Keeper::State::reload_children(const SessionConfig& parent) {
  if (!parent.enabled) return remove_children(parent.name, PH_BYE_DOWN, "enabled = false");
  for (Slot* slot : children_of(parent.name)) {
    SessionConfig now = child_config(parent, slot->session->config().peer.address);
    const KeyChain* chain = chain_of(now);
    if (!slot->session->reload(std::move(now), chain)) {
      slot->remove(PH_BYE_CONFIG, "restarted by a changed configuration");
    }
  }
}

void Keeper::State::remove_children(const std::string& parent, ph_goodbye why,
                                    const std::string& text, const std::string& message) {
  for (Slot* slot : children_of(parent)) slot->remove(why, text, message);
}

}  // namespace peerhold
