// Listeners: owned by the Keeper; sessions come to it through Surroundings::claim.
#include "keeper/listeners.hpp"

#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <span>

#include "session/session.hpp"

namespace peerhold {

struct Listeners::Place {
  std::vector<Session*> sessions;
  std::unique_ptr<Listener> listener;
  Transport transport;  // as the listener has it
  unsigned device = 0;  // the index that its device had; 0: on no device
  // No room for one more key, when that was tried last: hundreds that wait for room would else try
  // all keys again with each of their retries.
  std::optional<Error> full;
  bool stale_keys = false;  // release_keys() brings them to the socket
  SteadyTime full_at{};
};

namespace {

constexpr auto try_again_after = std::chrono::seconds(1);

// What a socket that several sessions share can promise to all of them: the loosest
// GTSM bound, TTL 255 when any of them uses GTSM.
Transport shared_transport(const std::vector<Session*>& sessions) {
  Transport shared = sessions.front()->transport();
  bool any = false, all = true;
  unsigned loosest = 0;
  for (const Session* session : sessions) {
    const Transport own = session->transport();
    if (own.ttl_security_hops) {
      any = true;
      loosest = std::max(loosest, *own.ttl_security_hops);
    } else {
      all = false;
    }
    shared.freebind = shared.freebind || own.freebind;
  }
  shared.ttl_security_hops.reset();
  if (any) shared.ttl_security_hops = all ? loosest : 255;  // 255: sent with 255, accepted from 1
  return shared;
}

// Of the device that a listener of this name is bound to; 0: of none, or there is none now.
unsigned device_of(const std::pair<Endpoint, std::string>& name) {
  const std::string& device = name.second.empty() ? name.first.address.scope : name.second;
  return device.empty() ? 0 : if_nametoindex(device.c_str());
}

}  // namespace

Listeners::Listeners(Loop& loop, std::function<const Key*(const std::string&)> scheduled_key,
                     std::function<std::vector<Session*>(const Session&)> children)
    : loop_(loop), scheduled_key_(std::move(scheduled_key)), children_(std::move(children)) {}

Listeners::~Listeners() = default;

Listeners::Name Listeners::name_of(const Session& session) {
  return {session.config().source, session.config().transport.interface};
}

std::vector<Claim> Listeners::claims_of(const Name& name, const Place& place) const {
  std::vector<Claim> claims;
  struct Wide {
    Prefix prefix;
    std::string chain;
    const Key* key;
  };
  std::vector<Wide> wide;
  for (const ListenConfig& listen : prefixes_) {
    if (listen.address != name.first || listen.interface != name.second) continue;
    const Key* key = scheduled_key_(listen.keychain);
    if (key == nullptr) continue;
    claims.push_back({listen.prefix, key, false, nullptr});
    wide.push_back({listen.prefix, listen.keychain, key});
  }
  for (Session* session : place.sessions) {
    Claim claim{session->who(), session->key(), false, session};
    // The longest [[listen]] prefix around the peer decides whether a key of its own is needed.
    const Wide* around = nullptr;
    for (const Wide& one : wide) {
      if (!one.prefix.contains(claim.who.address) || one.prefix.length > claim.who.length) continue;
      if (around == nullptr || one.prefix.length > around->prefix.length) around = &one;
    }
    // One whose peer is on another key of the chain bears that itself, until they meet again.
    const bool same_prefix = around != nullptr && around->prefix == claim.who;
    if (around != nullptr && around->chain == session->config().keychain && claim.key != nullptr &&
        (same_prefix || around->key->id == claim.key->id)) {
      claim.key = nullptr;
      claim.covered = true;
      // The very prefix: the session is its owner.
      const auto same = std::ranges::find_if(
          claims, [&](const Claim& c) { return c.who == claim.who && c.owner == nullptr; });
      if (same != claims.end()) {
        same->owner = session;
        continue;
      }
    }
    const Key* common = claim.key;
    claims.push_back(claim);
    // Peers of a prefix that are on another key than the rest.
    if (common == nullptr || !session->config().peer_prefix) continue;
    std::map<Prefix, const Key*> own;
    const KeyChain* chain = session->keys().chain();
    for (const auto& [address, id] : session->keys().guests())
      if (const Key* key = chain->find(id)) own[Prefix::host(address)] = key;
    for (Session* child : children_(*session))
      if (child->key() != nullptr) own[child->who()] = child->key();
    for (const auto& [who, key] : own)
      if (key->id != common->id) claims.push_back({who, key, false, session});
  }
  return claims;
}

Result<void> Listeners::update(const Name& name, Place& place) {
  const Transport transport = shared_transport(place.sessions);
  if (place.listener && device_of(name) != place.device) place.listener.reset();
  if (!place.listener) {
    const bool keyed = place.sessions.front()->key() != nullptr;
    // Before it is opened: one that is made anew meanwhile is seen as another.
    place.device = device_of(name);
    auto opened = Listener::open(loop_, name.first, transport, keyed, [](Listener::Accepted from) {
      auto* session = static_cast<Session*>(from.owner);
      session->accepted(std::move(from));
    });
    if (!opened) return std::move(opened).error();
    place.listener = *std::move(opened);
    place.transport = transport;
  } else if (transport != place.transport) {
    if (Result<void> set = place.listener->set_transport(transport); !set) return set;
    place.transport = transport;
  }
  return place.listener->set_claims(claims_of(name, place));
}

void Listeners::hold() {
  holding_ = true;
}

Listeners::Lost Listeners::release() {
  holding_ = false;
  Lost lost;
  for (auto it = places_.begin(); it != places_.end();) {
    Place& place = *it->second;
    if (place.sessions.empty()) {
      it = places_.erase(it);
      continue;
    }
    it = restore(it->first, place, lost) ? std::next(it) : places_.erase(it);
  }
  return lost;
}

Listeners::Lost Listeners::host_changed() {
  Lost lost;
  if (holding_) return lost;  // release() is about to look
  for (auto it = places_.begin(); it != places_.end();) {
    Place& place = *it->second;
    // None: a claim has found the device gone before we were told.
    const bool stale = !place.listener || device_of(it->first) != place.device;
    it = !stale || restore(it->first, place, lost) ? std::next(it) : places_.erase(it);
  }
  return lost;
}

// False: nobody is served there any more.
bool Listeners::restore(const Name& name, Place& place, Lost& lost) {
  if (update(name, place)) return true;
  // As many as fit are served, the first ones first. In halves: thousands may be too many.
  std::set<const void*> keyed;
  for (const Claim& claim : claims_of(name, place))
    if (claim.key != nullptr) keyed.insert(claim.owner);
  const std::vector<Session*> all = std::move(place.sessions);
  place.sessions.clear();
  std::optional<Error> full;  // what the first one heard that found no room for its key
  const auto serve = [&](const auto& halves, std::span<Session* const> some) -> void {
    if (full && std::ranges::all_of(some, [&](Session* s) { return keyed.contains(s); })) {
      for (Session* session : some) lost.emplace_back(session, *full);
      return;
    }
    place.sessions.insert(place.sessions.end(), some.begin(), some.end());
    Result<void> done = update(name, place);
    if (done) return;
    place.sessions.resize(place.sessions.size() - some.size());
    if (some.size() > 1) {
      halves(halves, some.first(some.size() / 2));
      halves(halves, some.subspan(some.size() / 2));
      return;
    }
    if (done.error().code == ENOMEM && keyed.contains(some.front())) full = done.error();
    lost.emplace_back(some.front(), std::move(done).error());
  };
  serve(serve, all);
  return !place.sessions.empty();
}

void Listeners::release_keys() {
  holding_keys_ = false;
  if (holding_) return;  // release() is about to look
  for (auto& [name, place] : places_) {
    if (std::exchange(place->stale_keys, false) && place->listener) (void)update(name, *place);
  }
}

void Listeners::key_changed(const Session& session) {
  const auto found = places_.find(name_of(session));
  if (found == places_.end()) return;
  found->second->stale_keys = true;
  if (!holding_keys_) release_keys();
}

void Listeners::keys_changed() {
  for (auto& [name, place] : places_) place->stale_keys = true;
  if (!holding_keys_) release_keys();
}

Result<void> Listeners::claim(Session& session) {
  const Name name = name_of(session);
  auto& place = places_[name];
  if (!place) place = std::make_unique<Place>();
  if (holding_) {
    place->sessions.push_back(&session);
    return {};
  }
  if (place->full && loop_.now() - place->full_at < try_again_after) return *place->full;
  place->sessions.push_back(&session);
  Result<void> done = update(name, *place);
  place->full.reset();
  if (!done) {
    if (done.error().code == ENOMEM) {
      place->full = done.error();
      place->full->cause = Cause::resource;
      place->full_at = loop_.now();
    }
    std::erase(place->sessions, &session);
    if (place->sessions.empty()) places_.erase(name);
    if (done.error().cause == Cause::internal) done.error().cause = Cause::resource;
  }
  return done;
}

void Listeners::unclaim(Session& session) {
  for (auto it = places_.begin(); it != places_.end(); ++it) {
    Place& place = *it->second;
    if (std::erase(place.sessions, &session) == 0) continue;
    place.full.reset();
    if (holding_) return;
    if (place.sessions.empty()) {
      places_.erase(it);
    } else if (place.listener) {
      (void)update(it->first, place);  // removing needs no room; what fails leaves a key too many
    }
    return;
  }
}

void Listeners::set_prefixes(std::vector<ListenConfig> prefixes) {
  prefixes_ = std::move(prefixes);
}

}  // namespace peerhold
