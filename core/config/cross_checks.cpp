// What only shows when the sections are seen together: names, shared listeners, app sockets.
// Called by the loader, last.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "config/sections.hpp"

namespace peerhold {

namespace {

using Listener = std::tuple<Address, std::uint16_t, std::string>;

std::string line_of(const Location& at) {
  return at.file + ':' + std::to_string(at.line);
}
// Where the session says `key`.
const Location& place(const SessionConfig& s, std::string_view key) {
  const Schema& schema = session_schema();
  for (std::size_t i = 0; i < schema.size(); ++i)
    if (schema[i].name == key) return s.printed.slots[i].at;
  return s.at;
}

std::string named(const SessionConfig& s) {
  return "session " + quoted(s.name);
}

Prefix prefix_of(const SessionConfig& s) {
  return s.peer_prefix ? *s.peer_prefix : Prefix::host(s.peer.address);
}

// The path as the kernel goes it: "/run//x" and "/run/./x" are "/run/x".
std::string plain_path(const std::string& path) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (!part.empty() && part != ".") out.append("/").append(part);
    at = end + 1;
  }
  return out;
}

// Does a socket that listens on `wide` take what comes to `one` as well? Then both cannot be.
bool covers(const Address& wide, bool v6only, const Address& one) {
  return wide.is_any() && (wide.family == one.family || (wide.family == 6 && !v6only));
}

// What stands on one (address, port, interface).
struct Shared {
  std::map<Prefix, std::string> peers;  // and who has them
  const SessionConfig* keyed = nullptr;
  const SessionConfig* open = nullptr;  // keychain = "none"
  const SessionConfig* first = nullptr;
};

class CrossCheck {
 public:
  CrossCheck(const KeeperConfig& keeper, std::vector<Diagnostic>& out)
      : keeper_(keeper), out_(out) {}

  void run(const std::vector<ReadSession>& sessions, const std::vector<ReadListen>& listens) {
    bool all_good = true;
    for (const ReadSession& s : sessions) {
      name(s.config);
      all_good = all_good && s.good;
      if (!s.good) continue;
      listener(s.config);
      app(s);
    }
    for (const ReadListen& l : listens)
      if (l.good) listen(l.config, all_good);
    for (const ReadSession& s : sessions)
      if (s.good && s.config.app && s.config.app_mode == AppMode::listen)
        app_against_listeners(s.config);
  }

 private:
  void name(const SessionConfig& s) {
    if (s.name.empty()) return;
    const auto [it, fresh] = names_.emplace(s.name, place(s, "name"));
    if (!fresh)
      complain(out_, place(s, "name"), named(s),
               "the name is taken by the session at " + line_of(it->second) + "; names are unique");
  }

  void listener(const SessionConfig& s) {
    if (s.mode == Mode::active) return;
    Shared& shared = listeners_[Listener(s.source.address, s.source.port, s.transport.interface)];
    const std::string socket = s.source.to_string();
    const auto [it, fresh] = shared.peers.emplace(prefix_of(s), named(s));
    if (!fresh)
      complain(out_, place(s, "peer"), named(s),
               "peer " + it->first.to_string() + " on " + socket + " is already the peer of " +
                   it->second + "; one listener knows its sessions by their peers");
    const SessionConfig*& mine = s.keychain.empty() ? shared.open : shared.keyed;
    if (!mine) mine = &s;
    if (const SessionConfig* other = s.keychain.empty() ? shared.keyed : shared.open)
      complain(out_, place(s, "keychain"), named(s),
               "keychain = \"none\" and keyed sessions cannot share the listener " + socket +
                   ", which " + named(*other) +
                   " uses too; give one of them another port or address");
    if (!shared.first) shared.first = &s;
    if (shared.first->v6only != s.v6only)
      complain(
          out_, place(s, "v6only"), named(s),
          "v6only differs from that of " + named(*shared.first) + ", and both listen on " + socket);
  }

  void listen(const ListenConfig& l, bool all_good) {
    const std::string where = "listen " + l.prefix.to_string();
    const auto it = listeners_.find(Listener(l.address.address, l.address.port, l.interface));
    if (it == listeners_.end()) {
      if (all_good)
        complain(out_, l.at, where,
                 "no session listens on " + l.address.to_string() +
                     (l.interface.empty() ? "" : " at device " + quoted(l.interface)) +
                     "; it must be the source of a passive session, with its port");
      return;
    }
    const auto [same, fresh] = it->second.peers.emplace(l.prefix, where);
    if (!fresh)
      complain(out_, l.at, where,
               "the prefix is already that of " + same->second + " on " + l.address.to_string());
    if (it->second.open)
      complain(out_, l.at, where,
               named(*it->second.open) + " on " + l.address.to_string() +
                   " has keychain = \"none\"; keyed and unkeyed cannot share a listener");
  }

  void app(const ReadSession& r) {
    const SessionConfig& s = r.config;
    if (!s.app || s.app_mode != AppMode::listen) return;
    Endpoint at = *s.app;
    at.path = plain_path(at.path);
    if (at.is_unix() && at.path == plain_path(keeper_.control))
      complain(out_, place(s, "app"), named(s),
               "app " + s.app->to_string() + " is the control socket; choose another path");
    const auto [it, fresh] = apps_.emplace(at, &r);
    if (fresh) return overlap(s);
    const ReadSession& other = *it->second;
    const bool shares = r.facts == other.facts && r.facts->shares_app && s.mode == Mode::active &&
                        other.config.mode == Mode::active;
    if (!shares)
      complain(out_, place(s, "app"), named(s),
               "app " + s.app->to_string() + " is already the app socket of " +
                   named(other.config) + ", and nothing tells their apps apart; give each its own");
  }

  // App sockets take both families on [::].
  void overlap(const SessionConfig& s) {
    if (s.app->is_unix()) return;
    const Address& a = s.app->address;
    auto& same_port = ports_[s.app->port];
    const SessionConfig*& mine =
        same_port[(a.family == 6 ? 2U : 0U) + static_cast<unsigned>(a.is_any())];
    if (!mine) mine = &s;
    for (const SessionConfig* other : same_port) {
      if (other == nullptr || other->app == s.app) continue;
      const Address& b = other->app->address;
      if (!covers(a, false, b) && !covers(b, false, a)) continue;
      complain(out_, place(s, "app"), named(s),
               "app " + s.app->to_string() + " and app " + other->app->to_string() + " of " +
                   named(*other) + " cannot both be listened on; choose another port");
      break;
    }
  }

  void app_against_listeners(const SessionConfig& s) {
    if (s.app->is_unix()) return;
    for (const auto& [key, shared] : listeners_)
      if (const Address& a = s.app->address;
          std::get<1>(key) == s.app->port &&
          (std::get<0>(key) == a || covers(std::get<0>(key), shared.first->v6only, a) ||
           covers(a, false, std::get<0>(key))))
        complain(out_, place(s, "app"), named(s),
                 "app " + s.app->to_string() + " is where " + named(*shared.first) +
                     " listens for its peer; choose another port");
  }

  const KeeperConfig& keeper_;
  std::vector<Diagnostic>& out_;
  std::map<std::string, Location> names_;
  std::map<Listener, Shared> listeners_;
  std::map<Endpoint, const ReadSession*> apps_;
  // By port, the first of each family that has an address and the first that is a wildcard: who
  // overlaps with any, overlaps with one of these.
  std::map<std::uint16_t, std::array<const SessionConfig*, 4>> ports_;
};

}  // namespace

void cross_check(const std::vector<ReadSession>& sessions, const std::vector<ReadListen>& listens,
                 const KeeperConfig& keeper, std::vector<Diagnostic>& out) {
  CrossCheck(keeper, out).run(sessions, listens);
}

}  // namespace peerhold
