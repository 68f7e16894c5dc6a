// Counts keys by listener. Called by cli/run.cpp at start and after a reload.
#include "cli/key_room.hpp"

#include <algorithm>

namespace peerhold::cli {

std::vector<Crowded> crowded_listeners(const Config& config, std::size_t room) {
  std::map<std::string, std::size_t> keys;
  const auto name = [](const Endpoint& at, const std::string& interface) {
    return at.to_string() + (interface.empty() ? "" : " on " + interface);
  };
  const auto count = [&](const Endpoint& at, const std::string& interface) {
    // The first brings the random keys for whoever is not configured, one a family.
    const std::size_t strangers = at.address.family == 4 ? 1 : 2;
    auto& n = keys.try_emplace(name(at, interface), strangers).first->second;
    ++n;
  };
  for (const ListenConfig& listen : config.listens) count(listen.address, listen.interface);
  for (const SessionConfig& session : config.sessions) {
    if (!session.enabled || session.mode == Mode::active || session.keychain.empty()) continue;
    const Prefix who =
        session.peer_prefix ? *session.peer_prefix : Prefix::host(session.peer.address);
    const bool covered =
        std::any_of(config.listens.begin(), config.listens.end(), [&](const ListenConfig& listen) {
          return listen.keychain == session.keychain && listen.address == session.source &&
                 listen.prefix.length <= who.length && listen.prefix.contains(who.address);
        });
    if (!covered) count(session.source, session.transport.interface);
  }
  std::vector<Crowded> out;
  for (const auto& [listener, n] : keys)
    if (n > room) out.push_back({listener, n});
  return out;
}

}  // namespace peerhold::cli
